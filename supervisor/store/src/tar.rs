//! A tar archive (POSIX.1-1988 «ustar») of a few files, so that any computer can open what the box hands out: an export
//! of the database, a support bundle.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

const BLOCK: usize = 512;
/// What 11 octal digits hold: 8 GiB.
const MAX_BYTES: u64 = 0o77_777_777_777;

/// Writes the files, under their names without their folders.
pub(crate) fn write(files: &[PathBuf], out: &mut dyn Write) -> io::Result<()> {
    for path in files {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        entry(&name, metadata.len(), metadata.mtime(), file, out)?;
    }
    end(out)?;
    out.flush()
}

/// Writes one file of `size` bytes, last changed at `mtime` (seconds since 1970; what is before counts as then).
///
/// # Errors
/// The name is longer than 99 bytes, the file larger than 8 GiB or shorter than `size`, or the archive cannot be written.
pub fn entry(name: &str, size: u64, mtime: i64, content: impl Read, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&header(name, size, u64::try_from(mtime).unwrap_or(0))?)?;
    // Never more than the header says, also when the file grows meanwhile.
    let copied = io::copy(&mut content.take(size), out)?;
    if copied != size {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file shrank while it was exported"));
    }
    let rest = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    io::copy(&mut io::repeat(0).take(rest), out)?;
    Ok(())
}

/// Writes what stands behind the last file.
///
/// # Errors
/// The archive cannot be written.
pub fn end(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

fn header(name: &str, size: u64, mtime: u64) -> io::Result<[u8; BLOCK]> {
    if size > MAX_BYTES || name.len() >= 100 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a file or its name is too large for the archive"));
    }
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| {
        for (to, from) in header.iter_mut().skip(at).zip(text.bytes()) {
            *to = from;
        }
    };
    put(0, name);
    put(100, "0000600");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{size:011o}"));
    put(136, &format!("{mtime:011o}"));
    // The checksum is taken with spaces in its own place.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar");
    put(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    for (to, from) in header.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").bytes()) {
        *to = from;
    }
    Ok(header)
}
