//! The ESP of the new disk: the boot files of the version that runs, as if it had never been started.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use orbitr_host::{
    disks::mount,
    exec::{Command, Output},
    files,
};

use crate::{Error, Run};

const WHAT: &str = "Copying the boot files";
/// What belongs to the disk that runs, or to its being a stick.
const NOT_COPIED: [&str; 3] = ["orbitr", "loader/random-seed", "loader/addons"];
const KERNELS: &str = "EFI/Linux";
/// How often a version is tried before the one before is started (overlays/image/root/etc/kernel/tries).
const TRIES: &str = "+3";

/// Formats it and copies.
pub(super) async fn fill(run: &Run, esp: &Path) -> Result<(), Error> {
    let kind = run.places.esp_kind.clone();
    let name: &[&str] = if kind == "vfat" { &["-F", "32", "-n", "ORBITR-ESP"] } else { &["-F", "-q"] };
    let format = Command::new(format!("mkfs.{kind}")).args(name).arg(esp).run(&run.cancel).await;
    format.and_then(Output::success).map_err(Error::program("Formatting the boot partition"))?;
    let from = run.places.esp.clone();
    mounted(run, esp, "rw", move |top| {
        for (path, source) in wanted(&from)? {
            let target = top.join(path);
            files::make_dir(target.parent().unwrap_or(top), 0o700)?;
            fs::copy(source, &target)?;
            fs::File::open(&target)?.sync_all()?;
        }
        files::sync_dir(top)
    })
    .await
}

/// Compares, from the disk itself.
pub(super) async fn verify(run: &Run, esp: &Path) -> Result<(), Error> {
    let flush = Command::new("blockdev").arg("--flushbufs").arg(esp).run(&run.cancel).await;
    flush.and_then(Output::success).map_err(Error::program("Reading the disk back"))?;
    let from = run.places.esp.clone();
    let differs = mounted(run, esp, "ro", move |top| {
        for (path, source) in wanted(&from)? {
            if !same(&source, &top.join(&path))? {
                return Ok(Some(path.to_string_lossy().into_owned()));
            }
        }
        Ok(None)
    })
    .await?;
    match differs {
        Some(what) => Err(Error::Verify { device: esp.to_owned(), what }),
        None => Ok(()),
    }
}

async fn mounted<T: Send + 'static>(
    run: &Run,
    esp: &Path,
    options: &str,
    act: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let top = run.places.work.join("esp");
    files::make_dir(&top, 0o700).map_err(Error::io(WHAT))?;
    mount::mount(esp, &top, &run.places.esp_kind, options, &run.cancel).await?;
    let inside = top.clone();
    let done = tokio::task::spawn_blocking(move || act(&inside)).await;
    mount::unmount(&top, &run.cancel).await?;
    done.map_err(|_| Error::Stopped)?.map_err(Error::io(WHAT))
}

/// Every file that the new disk gets, and where it comes from.
fn wanted(from: &Path) -> io::Result<BTreeMap<PathBuf, PathBuf>> {
    let (mut files, mut todo) = (BTreeMap::new(), vec![PathBuf::new()]);
    let running = running_kernel(from);
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(from.join(&folder))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let path = folder.join(entry.file_name());
            if NOT_COPIED.iter().any(|left| path == Path::new(left)) {
                continue;
            }
            if kind.is_dir() {
                todo.push(path);
            } else if folder != Path::new(KERNELS) {
                files.insert(path, entry.path());
            } else if running.as_ref().is_none_or(|running| uncounted(&entry.path()) == uncounted(running)) {
                files.insert(folder.join(counted(&entry.path())), entry.path());
            }
        }
    }
    Ok(files)
}

/// The kernel of the version that runs, where the image says which that is; of an older version, slot A holds nothing.
fn running_kernel(from: &Path) -> Option<PathBuf> {
    let version = orbitr_host::facts::image_version()?;
    let found = fs::read_dir(from.join(KERNELS)).ok()?.flatten().map(|entry| entry.path());
    found.into_iter().find(|path| uncounted(path) == format!("orbitr_{version}"))
}

/// `orbitr_1.2+2-1.efi` without what systemd-boot counts: `orbitr_1.2`.
fn uncounted(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    stem.split_once('+').map_or(stem.clone(), |(name, _)| name.to_owned())
}

/// Its name with all its tries ahead.
fn counted(path: &Path) -> String {
    format!("{}{TRIES}.efi", uncounted(path))
}

fn same(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (fs::File::open(one)?, fs::File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let read = one.read(&mut a)?;
        let part = b.get_mut(..read).unwrap_or_default();
        other.read_exact(part)?;
        if read == 0 {
            return Ok(true);
        }
        if a.get(..read) != Some(&*part) {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_new_disk_gets_the_boot_files_with_all_tries_ahead_and_nothing_of_this_machine() {
        let esp = tempfile::tempdir().unwrap();
        for file in [
            "EFI/BOOT/BOOTX64.EFI",
            "EFI/Linux/orbitr_1.2+2-1.efi",
            "loader/loader.conf",
            "loader/random-seed",
            "loader/addons/live.addon.efi",
            "orbitr/machine-id",
            "orbitr/data",
        ] {
            let path = esp.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        let names: Vec<String> =
            wanted(esp.path()).unwrap().keys().map(|path| path.to_string_lossy().into_owned()).collect();
        assert_eq!(names, ["EFI/BOOT/BOOTX64.EFI", "EFI/Linux/orbitr_1.2+3.efi", "loader/loader.conf"]);
    }
}
