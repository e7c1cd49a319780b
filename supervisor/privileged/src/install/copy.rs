//! Partitions, block by block: written where they differ, and read back.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use orbitr_host::exec::{Command, Output};

use crate::{Error, Run};

const PIECE: usize = 4 * 1024 * 1024;
/// erofs's superblock: where it is, its magic, and in it the power of its block size and the number of its blocks
/// (kernel, erofs_fs.h).
const SUPERBLOCK: u64 = 1024;
const MAGIC: [u8; 4] = 0xE0F5_E1E2_u32.to_le_bytes();
const BLOCK_BITS: usize = 12;
const BLOCKS: usize = 36;

/// How much of a partition is used: an erofs says so itself, of anything else it is all.
fn used(device: &Path) -> io::Result<u64> {
    let mut file = File::open(device)?;
    let whole = file.seek(SeekFrom::End(0))?;
    let mut block = [0_u8; 64];
    file.seek(SeekFrom::Start(SUPERBLOCK))?;
    file.read_exact(&mut block)?;
    if !block.starts_with(&MAGIC) {
        return Ok(whole);
    }
    let bits = block.get(BLOCK_BITS).copied().unwrap_or_default();
    let blocks = block.get(BLOCKS..BLOCKS + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    let size = u64::from(blocks.unwrap_or_default()).checked_shl(bits.into()).unwrap_or(whole);
    Ok(if size == 0 { whole } else { size.min(whole) })
}

/// Copies what a partition uses onto another one; says how many bytes that are. What is equal already is not written, so
/// that a copy that was cut off goes on.
pub(super) async fn blocks(run: &Run, from: &Path, to: &Path, part: (f64, f64)) -> Result<u64, Error> {
    walk(run, from, to, part, true).await
}

/// Compares, from the disk itself.
pub(super) async fn verify(run: &Run, from: &Path, to: &Path, part: (f64, f64)) -> Result<u64, Error> {
    // What the kernel remembers of the device would only prove its memory.
    let flush = Command::new("blockdev").arg("--flushbufs").arg(to).run(&run.cancel).await;
    flush.and_then(Output::success).map_err(Error::program("Reading the disk back"))?;
    walk(run, from, to, part, false).await
}

async fn walk(run: &Run, from: &Path, to: &Path, part: (f64, f64), write: bool) -> Result<u64, Error> {
    let (run, from, to) = (run.clone(), from.to_owned(), to.to_owned());
    let done = tokio::task::spawn_blocking(move || walk_blocking(&run, &from, &to, part, write)).await;
    done.map_err(|_| Error::Stopped)?
}

fn walk_blocking(run: &Run, from: &Path, to: &PathBuf, part: (f64, f64), write: bool) -> Result<u64, Error> {
    let failed = |what| Error::io(what);
    let size = used(from).map_err(failed("Reading the system"))?;
    let mut source = File::open(from).map_err(failed("Reading the system"))?;
    let mut target = OpenOptions::new().read(true).write(write).open(to).map_err(failed("Writing to the disk"))?;
    let (mut want, mut have) = (vec![0; PIECE], vec![0; PIECE]);
    let mut at = 0;
    while at < size {
        let now = usize::try_from(size - at).unwrap_or(PIECE).min(PIECE);
        let (want, have) = (want.get_mut(..now).unwrap_or_default(), have.get_mut(..now).unwrap_or_default());
        source.read_exact(want).map_err(failed("Reading the system"))?;
        target.read_exact(have).map_err(failed("Reading the disk"))?;
        if want != have {
            if !write {
                return Err(Error::Verify { device: to.clone(), what: format!("byte {at} or one after it") });
            }
            let back = target.seek(SeekFrom::Start(at)).and_then(|_| target.write_all(want));
            back.map_err(failed("Writing to the disk"))?;
        }
        at += now as u64;
        #[expect(clippy::cast_precision_loss, reason = "a fraction for people")]
        run.fraction(part.0 + (part.1 - part.0) * (at as f64 / size as f64))?;
    }
    if write {
        target.sync_all().map_err(failed("Writing to the disk"))?;
    }
    Ok(size)
}
