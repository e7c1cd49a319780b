//! Snapshots of an app's data: taken before anything that may change it, and put back when that fails.
//!
//! In the app's folder: `snapshots/<number>/` is the data as it was before release `<number>` took it over. Each step here
//! can be cut off anywhere and done again: a folder gets its name only when it is whole, and a name that is taken says that
//! the work is done.

use std::{path::Path, time::Duration};

use orbitr_host::{files, tree};
use orbitr_jobs::{StepContext, StepError};
use orbitr_model::{AppId, ByteSize, Problem};

use crate::{
    Error,
    adopt::Move,
    folder::AppFolder,
    model::Snapshot,
    rows,
    work::{Hands, Loaded, blocking},
};

/// How long one copy may take: a terabyte from disk to disk takes hours.
pub(crate) const COPY: Duration = Duration::from_secs(6 * 60 * 60);

impl Hands {
    /// Keeps the data as it is now, before `loaded`'s release gets hold of it.
    pub(crate) async fn take_snapshot(
        &self,
        cx: &StepContext,
        loaded: &Loaded,
        of: orbitr_model::ReleaseId,
    ) -> Result<(), StepError> {
        let (folder, number) = (&loaded.folder, loaded.release.number);
        folder.check().await?;
        let to = folder.snapshot(number);
        if !to.is_dir() {
            let how = self.copy_data(cx, folder, &folder.data(), &to).await?;
            cx.log(match how {
                tree::Copied::Snapshot => "The data is kept as a snapshot",
                tree::Copied::Shared => {
                    "A copy of the data is kept, which takes room only for what changes from now on"
                }
                tree::Copied::Bytes => "A copy of the data is kept",
            });
        }
        let size = blocking(move || Ok(tree::length(&to))).await?;
        let snapshot = Snapshot {
            number,
            release: of,
            size: ByteSize(size),
            reason: loaded.release.reason.clone(),
            created: orbitr_store::time::now(),
        };
        let app = loaded.app.id.clone();
        Ok(self.store.write(move |tx| rows::set_snapshot(tx, &app, &snapshot)).await?)
    }

    /// Makes the data what it was when `take_snapshot` kept it; the snapshot is used up. Nothing to do where there is none.
    pub(crate) async fn put_data_back(&self, cx: &StepContext, loaded: &Loaded) -> Result<(), Error> {
        let (folder, number) = (loaded.folder.clone(), loaded.release.number);
        folder.check().await?;
        let back = blocking(move || folder.put_back(number)).await?;
        if back {
            cx.log("The data is as it was before");
        }
        let (app, number) = (loaded.app.id.clone(), loaded.release.number);
        self.store.write(move |tx| rows::delete_snapshot(tx, &app, number)).await
    }

    /// Makes the data what it was in an older snapshot, which stays.
    pub(crate) async fn use_snapshot(&self, cx: &StepContext, loaded: &Loaded, number: u32) -> Result<(), StepError> {
        let folder = &loaded.folder;
        folder.check().await?;
        let (from, to) = (folder.snapshot(number), folder.incoming());
        if !from.is_dir() {
            let gone = Problem::new(410, "snapshot-gone", "The snapshot is not there any more")
                .why(format!("{} is missing.", from.display()));
            return Err(StepError::lasting(gone));
        }
        let at = folder.clone();
        blocking(move || at.begin_swap()).await?;
        self.copy_data(cx, folder, &from, &to).await?;
        let at = folder.clone();
        blocking(move || at.swap_in()).await?;
        cx.log("The data is what it was then");
        Ok(())
    }

    /// Deletes one, for good.
    pub(crate) async fn forget_snapshot(&self, app: &AppId, number: u32) -> Result<(), Error> {
        let (folder, id) = (self.folder(app), app.clone());
        // The row first: a folder without one is only room that is lost until the next change.
        folder.check().await?;
        self.store.write(move |tx| rows::delete_snapshot(tx, &id, number)).await?;
        blocking(move || folder.remove_snapshot(number)).await
    }

    /// Copies an app's data to be another app's. Nothing to do where that has data already: it was copied whole, and nobody
    /// has worked with it yet.
    pub(crate) async fn copy_into(&self, cx: &StepContext, from: &Path, folder: &AppFolder) -> Result<(), StepError> {
        let to = folder.data();
        if to.is_dir() {
            return Ok(());
        }
        let source = from.to_owned();
        blocking(move || make(&source)).await?;
        let (half, above) = (folder.half(), to.parent().map(Path::to_owned));
        let at = half.clone();
        blocking(move || {
            remove(&at)?;
            above.as_deref().map_or(Ok(()), make)
        })
        .await?;
        tree::copy(from, &half, COPY, cx.token()).await.map_err(|error| StepError::from(Error::from(error)))?;
        blocking(move || rename(&half, &to)).await?;
        cx.log("The data is copied");
        Ok(())
    }

    /// Copies folders to be the volumes of an app that has no data yet.
    pub(crate) async fn gather_into(
        &self,
        cx: &StepContext,
        moves: &[Move],
        folder: &AppFolder,
    ) -> Result<(), StepError> {
        let (half, to) = (folder.half(), folder.data());
        if to.is_dir() {
            return Ok(());
        }
        let (at, above) = (half.clone(), to.parent().map(Path::to_owned));
        blocking(move || {
            remove(&at)?;
            above.as_deref().map_or(Ok(()), make)
        })
        .await?;
        tree::make(&half, cx.token()).await.map_err(Error::file(format!("making {}", half.display())))?;
        for Move { from, volume } in moves {
            cx.log(&format!("Copying {} into the volume {volume}", from.display()));
            let copied = tree::copy(from, &half.join(volume), COPY, cx.token()).await;
            copied.map_err(|error| StepError::from(Error::from(error)))?;
        }
        blocking(move || rename(&half, &to)).await?;
        cx.log("The data is copied");
        Ok(())
    }

    /// Keeps the data as it is now, to be exported.
    pub(crate) async fn copy_to_export(&self, cx: &StepContext, folder: &AppFolder) -> Result<(), StepError> {
        folder.check().await?;
        let to = folder.exported();
        if !to.is_dir() {
            self.copy_data(cx, folder, &folder.data(), &to).await?;
            cx.log("The data is kept as it is now");
        }
        Ok(())
    }

    /// A copy that has its name only when it is whole.
    async fn copy_data(
        &self,
        cx: &StepContext,
        folder: &AppFolder,
        from: &Path,
        to: &Path,
    ) -> Result<tree::Copied, StepError> {
        let half = folder.half();
        let (at, data, above) = (half.clone(), folder.data(), to.parent().map(Path::to_owned));
        blocking(move || {
            remove(&at)?;
            make(&data)?;
            above.as_deref().map_or(Ok(()), make)
        })
        .await?;
        let how =
            tree::copy(from, &half, COPY, cx.token()).await.map_err(|error| StepError::from(Error::from(error)))?;
        let to = to.to_owned();
        blocking(move || rename(&half, &to)).await?;
        Ok(how)
    }
}

/// The same, on the disk.
impl AppFolder {
    /// Whether there was anything to put back.
    fn put_back(&self, number: u32) -> Result<bool, Error> {
        let (snapshot, data, outgoing) = (self.snapshot(number), self.data(), self.outgoing());
        remove(&self.half())?;
        remove(&self.incoming())?;
        let there = snapshot.is_dir();
        if there {
            if data.is_dir() {
                remove(&outgoing)?;
                rename(&data, &outgoing)?;
            }
            rename(&snapshot, &data)?;
        }
        remove(&outgoing)?;
        remove_empty(&self.snapshots());
        Ok(there)
    }

    /// What an earlier try has left half done is as it was before it.
    fn begin_swap(&self) -> Result<(), Error> {
        if !self.data().is_dir() && self.outgoing().is_dir() {
            rename(&self.outgoing(), &self.data())?;
        }
        remove(&self.outgoing())?;
        remove(&self.incoming())
    }

    fn swap_in(&self) -> Result<(), Error> {
        if self.data().is_dir() {
            rename(&self.data(), &self.outgoing())?;
        }
        rename(&self.incoming(), &self.data())?;
        remove(&self.outgoing())
    }

    /// Takes away what has none of these numbers: the box was killed between a snapshot's row and its folder, and nobody
    /// would ever miss the folder.
    pub(crate) fn keep_snapshots(&self, numbers: &[u32]) -> Result<(), Error> {
        let folder = self.snapshots();
        // Nothing to read is nothing to take away.
        let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(()) };
        let found = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        for left in found.filter(|number| !numbers.contains(number)) {
            remove(&self.snapshot(left))?;
        }
        remove_empty(&folder);
        Ok(())
    }

    /// Takes one snapshot away for good.
    pub(crate) fn remove_snapshot(&self, number: u32) -> Result<(), Error> {
        remove(&self.snapshot(number))?;
        remove_empty(&self.snapshots());
        Ok(())
    }
}

pub(crate) fn make(path: &Path) -> Result<(), Error> {
    files::make_dir(path, 0o755).map_err(Error::file(format!("making the folder {}", path.display())))
}

pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match files::remove(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(Error::file(format!("removing {}", path.display()))),
    }
}

pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    let moved = std::fs::rename(from, to).and_then(|()| to.parent().map_or(Ok(()), files::sync_dir));
    moved.map_err(Error::file(format!("renaming {} to {}", from.display(), to.display())))
}

/// Only tidiness: one with something in it stays.
fn remove_empty(folder: &Path) {
    let _ = std::fs::remove_dir(folder);
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    fn folder() -> (tempfile::TempDir, AppFolder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = AppFolder::new(dir.path(), &"shop".parse().unwrap());
        fs::create_dir_all(folder.data()).unwrap();
        fs::create_dir_all(folder.snapshots()).unwrap();
        (dir, folder)
    }

    fn put(at: &PathBuf, text: &str) {
        fs::create_dir_all(at).unwrap();
        fs::write(at.join("row"), text).unwrap();
    }

    fn row(folder: &AppFolder) -> String {
        fs::read_to_string(folder.data().join("row")).unwrap()
    }

    #[test]
    fn data_is_put_back_from_wherever_an_earlier_try_was_cut_off() {
        for cut in 0..4 {
            let (_dir, folder) = folder();
            put(&folder.data(), "new");
            put(&folder.snapshot(2), "old");
            if cut >= 1 {
                fs::rename(folder.data(), folder.outgoing()).unwrap();
            }
            if cut >= 2 {
                fs::rename(folder.snapshot(2), folder.data()).unwrap();
            }
            if cut >= 3 {
                fs::remove_dir_all(folder.outgoing()).unwrap();
            }
            assert_eq!(folder.put_back(2).unwrap(), cut < 2);
            assert_eq!(row(&folder), "old", "cut off after {cut}");
            assert!(!folder.outgoing().exists() && !folder.snapshots().exists());
            assert!(!folder.put_back(2).unwrap(), "a second time there is nothing to do");
            assert_eq!(row(&folder), "old");
        }
    }

    #[test]
    fn a_snapshot_that_no_row_names_goes_and_others_stay() {
        let (_dir, folder) = folder();
        for number in [2, 12, 13] {
            put(&folder.snapshot(number), "then");
        }
        folder.keep_snapshots(&[12, 13]).unwrap();
        assert!(!folder.snapshot(2).exists());
        assert!(folder.snapshot(12).exists() && folder.snapshot(13).exists());
        folder.keep_snapshots(&[]).unwrap();
        assert!(!folder.snapshots().exists());
        folder.keep_snapshots(&[]).unwrap();
    }

    #[test]
    fn data_is_swapped_from_wherever_an_earlier_try_was_cut_off() {
        for cut in 0..4 {
            let (_dir, folder) = folder();
            put(&folder.data(), "now");
            put(&folder.incoming(), "then");
            if cut >= 1 {
                fs::rename(folder.data(), folder.outgoing()).unwrap();
            }
            if cut >= 2 {
                fs::rename(folder.incoming(), folder.data()).unwrap();
            }
            if cut >= 3 {
                fs::remove_dir_all(folder.outgoing()).unwrap();
            }
            // the step begins anew, with another copy
            folder.begin_swap().unwrap();
            assert!(folder.data().is_dir(), "never without data");
            put(&folder.incoming(), "then");
            folder.swap_in().unwrap();
            assert_eq!(row(&folder), "then", "cut off after {cut}");
            assert!(!folder.outgoing().exists());
        }
    }
}
