//! btrfs: making it, its subvolumes, its size.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::Error;
use crate::exec::{Command, Output};

const LIMIT: Duration = Duration::from_secs(5 * 60);
const MAKE: &str = "Making the file system";
const SUBVOLUME: &str = "Making a subvolume";
const DELETE: &str = "Deleting a subvolume";
const RESIZE: &str = "Growing the file system";

/// Where the first superblock is, and where in it its magic and the size of the whole file system are
/// (btrfs(5), on-disk format).
const SUPERBLOCK: u64 = 64 * 1024;
const MAGIC: (usize, &[u8; 8]) = (0x40, b"_BHRfS_M");
const TOTAL_BYTES: usize = 0x70;

/// Formats a device, whatever it holds.
///
/// # Errors
/// The device is too small or cannot be written.
pub async fn make(device: &Path, label: &str, cancel: &CancellationToken) -> Result<(), Error> {
    let command = Command::new("mkfs.btrfs").args(["--quiet", "--force", "--label", label]).arg(device).limit(LIMIT);
    command.run(cancel).await.and_then(Output::success).map_err(Error::program(MAKE))?;
    Ok(())
}

/// Makes a subvolume in a mounted file system.
///
/// # Errors
/// It is there already, or the disk is full.
pub async fn create_subvolume(path: &Path, cancel: &CancellationToken) -> Result<(), Error> {
    let command = Command::new("btrfs").args(["subvolume", "create"]).arg(path);
    command.run(cancel).await.and_then(Output::success).map_err(Error::program(SUBVOLUME))?;
    Ok(())
}

/// Deletes a subvolume with everything in it; it is gone from the folder at once, and on the disk when this returns.
///
/// # Errors
/// It is none, or something in it is in use.
pub async fn delete_subvolume(path: &Path, cancel: &CancellationToken) -> Result<(), Error> {
    let command = Command::new("btrfs").args(["subvolume", "delete", "--commit-after"]).arg(path).limit(LIMIT);
    command.run(cancel).await.and_then(Output::success).map_err(Error::program(DELETE))?;
    Ok(())
}

/// Makes a writable snapshot of a subvolume; what was written to it by then is in it.
///
/// # Errors
/// It is none, or the program is not there.
pub async fn snapshot(
    of: &Path,
    to: &Path,
    limit: Duration,
    cancel: &CancellationToken,
) -> Result<(), crate::exec::Error> {
    let command = Command::new("btrfs").args(["subvolume", "snapshot", "--"]).arg(of).arg(to).limit(limit);
    command.run(cancel).await.and_then(Output::success).map(drop)
}

/// Lets a mounted file system have the whole of its device.
///
/// # Errors
/// As the file system says.
pub async fn fill(mounted: &Path, cancel: &CancellationToken) -> Result<(), Error> {
    let command = Command::new("btrfs").args(["filesystem", "resize", "max"]).arg(mounted).limit(LIMIT);
    command.run(cancel).await.and_then(Output::success).map_err(Error::program(RESIZE))?;
    Ok(())
}

/// How many bytes the file system on a device has, as its superblock says; none when it is no btrfs. Blocks.
///
/// # Errors
/// The device cannot be read.
pub fn size(device: &Path) -> io::Result<Option<u64>> {
    let mut block = [0_u8; 4096];
    let mut file = File::open(device)?;
    file.seek(SeekFrom::Start(SUPERBLOCK))?;
    file.read_exact(&mut block)?;
    let (at, magic) = MAGIC;
    if block.get(at..at + magic.len()) != Some(magic.as_slice()) {
        return Ok(None);
    }
    let bytes = block.get(TOTAL_BYTES..TOTAL_BYTES + 8).and_then(|bytes| bytes.try_into().ok());
    Ok(bytes.map(u64::from_le_bytes))
}
