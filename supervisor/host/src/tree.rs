//! Copies of whole folders, as cheaply as their file system makes them: a snapshot where the folder is a btrfs subvolume,
//! shared blocks where the file system knows those (btrfs, xfs), and else every byte.

use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::statfs::{BTRFS_SUPER_MAGIC, statfs};
use tokio_util::sync::CancellationToken;

use crate::{
    disks::btrfs,
    exec::{self, Command, Output},
    figures, files,
};

/// The number of a subvolume's topmost folder, on every btrfs.
const TOP_OF_A_SUBVOLUME: u64 = 256;
/// Nothing is copied that would leave less room than this on the file system.
const RESERVE: u64 = 64 << 20;
/// Where room is counted: `st_blocks` is in these, whatever the file system's own (stat(2)).
const BLOCK: u64 = 512;

/// How a copy was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// As a snapshot, at once.
    Snapshot,
    /// File by file, their contents shared until one side changes them.
    Shared,
    /// Byte by byte.
    Bytes,
}

/// Why a folder was not copied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk has no room for another one.
    #[error("{from} needs {needed} bytes, and {available} are free", from = from.display())]
    NoRoom {
        /// What was to be copied.
        from: PathBuf,
        /// How many bytes it takes.
        needed: u64,
        /// How many bytes there are besides a reserve.
        available: u64,
    },
    /// A program that copies failed.
    #[error("copying {from} failed", from = from.display())]
    Program {
        /// What was to be copied.
        from: PathBuf,
        /// Why.
        source: exec::Error,
    },
    /// What was copied is not what is there.
    #[error("the copy of {from} has {found} bytes, and should have {expected}", from = from.display())]
    Differs {
        /// What was to be copied.
        from: PathBuf,
        /// How many bytes its files have.
        expected: u64,
        /// How many those of the copy have.
        found: u64,
    },
    /// A file could not be handled.
    #[error("copying {from} failed", from = from.display())]
    File {
        /// What was to be copied.
        from: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Makes an empty folder of which copies cost nothing, where the file system can do that: a btrfs subvolume; else a plain
/// one. The folder above is there; one that is there itself stays as it is. Its mode is 0755.
///
/// # Errors
/// Whatever the kernel says.
pub async fn make(path: &Path, cancel: &CancellationToken) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().unwrap_or(path);
    // Without the program, or without its consent, a plain folder does as well.
    if is_btrfs(above) && btrfs::create_subvolume(path, cancel).await.is_ok() {
        return files::sync_dir(above);
    }
    files::make_dir(path, 0o755)
}

/// Copies a folder with owners, modes, times, links, sparse files and extended attributes to a place where nothing is, on
/// the same file system, and has all of it on the disk when it returns. What it made before it failed is left there.
///
/// # Errors
/// There is no room, the limit passed, it was cancelled, or a file cannot be read or written.
pub async fn copy(from: &Path, to: &Path, limit: Duration, cancel: &CancellationToken) -> Result<Copied, Error> {
    let file = |source| Error::File { from: from.to_owned(), source };
    let program = |source| Error::Program { from: from.to_owned(), source };
    if is_subvolume(from) {
        let done = btrfs::snapshot(from, to, limit, cancel).await;
        match done {
            Ok(()) => return Ok(Copied::Snapshot),
            Err(exec::Error::Cancelled { .. }) => return done.map_err(program).map(|()| Copied::Snapshot),
            // As below: a copy is as good, only slower.
            Err(error) => tracing::info!(%error, "no snapshot of a subvolume: copying it"),
        }
        blocking(to, files::remove).await.map_err(file)?;
    }
    let shared = cp("always", from, to, limit, cancel).await;
    let how = match shared {
        Ok(()) => Copied::Shared,
        Err(error @ (exec::Error::Cancelled { .. } | exec::Error::TimedOut { .. })) => return Err(program(error)),
        Err(_) => {
            blocking(to, files::remove).await.map_err(file)?;
            room_for(from, to).await?;
            cp("never", from, to, limit, cancel).await.map_err(program)?;
            Copied::Bytes
        }
    };
    blocking(to, sync_all).await.map_err(file)?;
    Ok(how)
}

/// Copies a folder to a place on any file system where nothing is, byte by byte, as [`copy`] does; where there are
/// subvolumes it becomes one, so that copies of it will cost nothing. What it made before it failed is left there.
///
/// # Errors
/// As [`copy`], and [`Error::Differs`] where the copy is not as long as what was copied.
pub async fn copy_across(from: &Path, to: &Path, limit: Duration, cancel: &CancellationToken) -> Result<(), Error> {
    let file = |source| Error::File { from: from.to_owned(), source };
    room_for(from, to).await?;
    make(to, cancel).await.map_err(file)?;
    cp("auto", from, to, limit, cancel).await.map_err(|source| Error::Program { from: from.to_owned(), source })?;
    blocking(to, sync_all).await.map_err(file)?;
    let expected = blocking(from, |from| Ok(length(from))).await.map_err(file)?;
    let found = blocking(to, |to| Ok(length(to))).await.map_err(file)?;
    if expected == found { Ok(()) } else { Err(Error::Differs { from: from.to_owned(), expected, found }) }
}

async fn cp(
    reflink: &str,
    from: &Path,
    to: &Path,
    limit: Duration,
    cancel: &CancellationToken,
) -> Result<(), exec::Error> {
    let command = Command::new("cp").args(["--archive", "--no-target-directory", "--sparse=auto"]);
    let command = command.arg(format!("--reflink={reflink}")).arg("--").arg(from).arg(to).limit(limit);
    command.run(cancel).await.and_then(Output::success).map(drop)
}

async fn room_for(from: &Path, to: &Path) -> Result<(), Error> {
    let above = to.parent().unwrap_or(to).to_owned();
    let look = move |from: &Path| Ok((taken(from), figures::disk(&above).map_err(io::Error::other)?));
    let (needed, disk) = blocking(from, look).await.map_err(|source| Error::File { from: from.to_owned(), source })?;
    let available = disk.available.saturating_sub(RESERVE);
    if needed > available {
        return Err(Error::NoRoom { from: from.to_owned(), needed, available });
    }
    Ok(())
}

fn is_btrfs(path: &Path) -> bool {
    statfs(path).is_ok_and(|stat| stat.filesystem_type() == BTRFS_SUPER_MAGIC)
}

fn is_subvolume(path: &Path) -> bool {
    is_btrfs(path)
        && std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && meta.ino() == TOP_OF_A_SUBVOLUME)
}

fn sync_all(path: &Path) -> io::Result<()> {
    nix::unistd::syncfs(std::fs::File::open(path)?).map_err(io::Error::from)
}

/// What a folder takes on the disk, in bytes, shared blocks counted like others; what cannot be read counts as nothing. Blocks.
#[must_use]
pub fn taken(folder: &Path) -> u64 {
    sum(folder, &|meta| meta.blocks().saturating_mul(BLOCK))
}

/// How long the files in a folder are together, in bytes; what cannot be read counts as nothing. Blocks.
#[must_use]
pub fn length(folder: &Path) -> u64 {
    sum(folder, &std::fs::Metadata::len)
}

fn sum(folder: &Path, of: &dyn Fn(&std::fs::Metadata) -> u64) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => sum(&entry.path(), of),
            Ok(meta) => of(&meta),
            Err(_) => 0,
        })
        .sum()
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || work(&path)).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
