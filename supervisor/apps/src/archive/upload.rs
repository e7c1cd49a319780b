//! An archive that somebody brings: written to the disk as it comes, then looked at.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use orbitr_access::{Permit, action::ManageArchives};
use orbitr_model::{ByteSize, ProjectId, deed};
use uuid::Uuid;

use super::{
    Archive, Origin, check, file, folder,
    ops::{UPLOADED, about, remove},
    part, rows,
    sums::Counted,
};
use crate::{
    Apps, Error,
    work::{Hands, blocking},
};

/// Those that are being written: nobody tidies them away.
static COMING: Mutex<BTreeSet<Uuid>> = Mutex::new(BTreeSet::new());
/// Between two looks at the disk's room.
const PIECE: u64 = 8 << 20;

fn coming() -> MutexGuard<'static, BTreeSet<Uuid>> {
    COMING.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn is_coming(id: Uuid) -> bool {
    coming().contains(&id)
}

/// An upload under way. Dropped before its end, it leaves nothing.
pub struct Upload {
    hands: Hands,
    id: Uuid,
    project: ProjectId,
    /// None while a piece is being written.
    out: Option<Counted<BufWriter<File>>>,
    looked: u64,
    kept: bool,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        coming().remove(&self.id);
        if !self.kept {
            let (one, other) = (part(&self.hands.root, self.id), file(&self.hands.root, self.id));
            // Whoever uploads may have hung up. What stays all the same goes with the next start.
            let _ = remove(&one).and_then(|()| remove(&other));
        }
    }
}

impl Apps {
    /// Begins to take an archive in.
    ///
    /// # Errors
    /// The file cannot be made.
    pub async fn upload(&self, permit: &Permit<ManageArchives>) -> Result<Upload, Error> {
        let (id, root) = (Uuid::now_v7(), self.hands.root.clone());
        coming().insert(id);
        let mut upload =
            Upload { hands: self.hands.clone(), id, project: *permit.resource(), out: None, looked: 0, kept: false };
        let made = blocking(move || {
            let (at, path) = (folder(&root), part(&root, id));
            orbitr_host::files::make_dir(&at, 0o700)
                .map_err(Error::file(format!("making the folder {}", at.display())))?;
            let mut options = std::fs::OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600).open(&path);
            file.map_err(Error::file(format!("writing {}", path.display())))
        });
        upload.out = Some(Counted::new(BufWriter::new(made.await?)));
        Ok(upload)
    }

    /// Takes what has come in as a whole archive, if it is one.
    ///
    /// # Errors
    /// It is no archive of an app, or one that this release cannot read.
    pub async fn uploaded(&self, permit: &Permit<ManageArchives>, mut upload: Upload) -> Result<Archive, Error> {
        let (id, root) = (upload.id, self.hands.root.clone());
        let Some(out) = upload.out.take() else { return Err(check::odd("it did not come in as a whole")) };
        let read = blocking(move || {
            let (from, to) = (part(&root, id), file(&root, id));
            let failed = |error| Error::file(format!("writing {}", from.display()))(error);
            let (out, size, sha256) = out.finish();
            let out = out.into_inner().map_err(|error| failed(error.into_error()))?;
            out.sync_all().map_err(failed)?;
            let (_, head) = check::open(&from)?;
            std::fs::rename(&from, &to).and_then(|()| orbitr_host::files::sync_dir(&folder(&root))).map_err(failed)?;
            Ok((size, sha256, head.contents))
        });
        let (size, sha256, contents) = read.await?;
        let now = orbitr_store::time::now();
        let archive = Archive {
            id,
            project: upload.project,
            origin: Origin::Uploaded,
            contents,
            size: ByteSize(size),
            sha256,
            made_by: permit.actor().clone(),
            created: now,
            expires: now.checked_add(UPLOADED).ok(),
        };
        let event = about(&archive, deed::ARCHIVE_UPLOAD, permit.actor().clone(), permit.address());
        let row = archive.clone();
        let write = move |tx: &mut orbitr_store::Tx<'_>| {
            rows::insert(tx, &row)?;
            tx.event(event)?;
            Ok::<_, Error>(())
        };
        self.hands.store.write(write).await?;
        upload.kept = true;
        Ok(archive)
    }
}

impl Upload {
    /// Writes one more piece.
    ///
    /// # Errors
    /// The disk is full.
    pub async fn write(&mut self, piece: impl AsRef<[u8]> + Send + 'static) -> Result<(), Error> {
        let Some(mut out) = self.out.take() else { return Err(check::odd("a piece of it could not be written")) };
        let (root, before) = (self.hands.root.clone(), self.looked);
        let (out, looked) = blocking(move || {
            let failed = |error| Error::file("writing an archive")(error);
            let mut looked = before;
            if out.length() >= looked {
                super::check::room(&folder(&root), PIECE).map_err(failed)?;
                looked = out.length() + PIECE;
            }
            out.write_all(piece.as_ref()).map_err(failed)?;
            Ok((out, looked))
        })
        .await?;
        (self.out, self.looked) = (Some(out), looked);
        Ok(())
    }
}
