//! Bytes of a device. Everything here blocks: call it on a blocking thread.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

const PIECE: usize = 1024 * 1024;

/// Whether so many bytes at the beginning of a device are all zeros.
///
/// # Errors
/// It cannot be read, or is shorter.
pub fn is_blank(device: &Path, bytes: u64) -> io::Result<bool> {
    let mut file = File::open(device)?.take(bytes);
    let (mut piece, mut seen) = (vec![0; PIECE], 0);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return if seen == bytes { Ok(true) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        if piece.iter().take(read).any(|byte| *byte != 0) {
            return Ok(false);
        }
        seen += read as u64;
    }
}

/// Writes zeros from one byte on, and waits until they are on the disk.
///
/// # Errors
/// It cannot be written.
pub fn zero(device: &Path, from: u64, bytes: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(device)?;
    file.seek(SeekFrom::Start(from))?;
    let zeros = vec![0; PIECE];
    let mut left = bytes;
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        file.write_all(zeros.get(..now).unwrap_or_default())?;
        left -= now as u64;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_single_bit_makes_it_not_blank_and_zeros_stay_where_they_belong() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk");
        std::fs::write(&path, vec![1; 3 * PIECE]).unwrap();
        assert!(!is_blank(&path, PIECE as u64).unwrap());
        zero(&path, PIECE as u64, PIECE as u64 + 1).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.iter().filter(|byte| **byte == 0).count(), PIECE + 1);
        assert_eq!((bytes[PIECE - 1], bytes[PIECE], bytes[2 * PIECE], bytes[2 * PIECE + 1]), (1, 0, 0, 1));
        zero(&path, 0, PIECE as u64).unwrap();
        assert!(is_blank(&path, 2 * PIECE as u64 + 1).unwrap());
        assert!(!is_blank(&path, 2 * PIECE as u64 + 2).unwrap());
        assert!(is_blank(&path, 9 * PIECE as u64).is_err() || !is_blank(&path, 9 * PIECE as u64).unwrap());
    }
}
