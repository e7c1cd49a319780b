//! Files that are either the old one or the new one after a power cut, never half of each.
//!
//! Everything here blocks for as long as the disk takes: call it on a blocking thread.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{self, Write},
    os::{
        fd::AsRawFd,
        unix::fs::{OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

/// Replaces `path` by a file with these contents and this mode (for example `0o600`), whole or not at
/// all: written beside it, synced, renamed over it, and the folder synced.
///
/// # Errors
/// The folder is missing, the disk is full, or whatever else the kernel says; the old file is untouched
/// then and nothing is left beside it.
pub fn write(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let temporary = beside(path)?;
    let written =
        write_new(&temporary, contents, mode).and_then(|file| std::fs::rename(&temporary, path).map(|()| file));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    // FAT keeps a file's size and place in its name's entry, and a rename makes a new entry without them: until they are
    // written there, a power cut leaves an empty file. Where nothing is to be written this costs nothing.
    written?.sync_all()?;
    sync_dir(parent(path))
}

/// Makes a folder and the missing ones above it, each of the new ones with this mode, and syncs the
/// folders that hold them. One that is already there keeps its mode.
///
/// # Errors
/// Whatever the kernel says; something that is there and is not a folder is one.
pub fn make_dir(path: &Path, mode: u32) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = parent(path);
    if above != path {
        make_dir(above, mode)?;
    }
    match std::fs::create_dir(path) {
        Ok(()) => {
            // Asked for by name, because the process's umask would take bits away.
            std::fs::set_permissions(path, Permissions::from_mode(mode))?;
            sync_dir(above)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes a folder with everything in it, or a file, and syncs the folder that held it. What is not
/// there is already removed. A symbolic link is removed, not followed.
///
/// # Errors
/// Whatever the kernel says.
pub fn remove(path: &Path) -> io::Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(what) if what.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => sync_dir(parent(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens something below a folder for reading, without following any link on the way to it; never waits for the other end
/// of a pipe. An empty path is the folder itself.
///
/// # Errors
/// It is not there, is or goes over a link, leads out of the folder, or cannot be read.
pub fn open_beneath(folder: &Path, below: &Path) -> io::Result<File> {
    let folder = File::open(folder)?;
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
    Ok(File::from(openat2(&folder, below, how)?))
}

/// What is in a folder that is open.
///
/// # Errors
/// Whatever the kernel says.
pub fn entries(folder: &File) -> io::Result<std::fs::ReadDir> {
    std::fs::read_dir(format!("/proc/self/fd/{}", folder.as_raw_fd()))
}

/// Makes the names in a folder survive a power cut.
///
/// # Errors
/// Whatever the kernel says.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn write_new(path: &Path, contents: &[u8], mode: u32) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(contents)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()?;
    Ok(file)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => path,
    }
}

/// A name in the same folder that nobody else uses, so that the rename stays within one file system.
fn beside(path: &Path) -> io::Result<PathBuf> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file's path"))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}-{}.new", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let path = path.with_file_name(temporary);
    // Left by a process with the same id that was killed: not ours to keep, and in our way.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(path),
    }
}
