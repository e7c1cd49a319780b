//! Checksums, taken while bytes go by.

use std::io::{self, Read, Write};

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;

/// Counts and hashes what is written.
pub(super) struct Counted<W> {
    to: W,
    hash: Context,
    length: u64,
}

impl<W> Counted<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, hash: Context::new(&SHA256), length: 0 }
    }

    /// What is behind it, the length and the hash.
    pub(super) fn finish(self) -> (W, u64, String) {
        (self.to, self.length, HEXLOWER.encode(self.hash.finish().as_ref()))
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.to.read(bytes)?;
        self.hash.update(bytes.get(..read).unwrap_or_default());
        self.length += read as u64;
        Ok(read)
    }
}

/// A line of `SHA256SUMS`, as `sha256sum --check` reads it: a name with a line end or a backslash is written otherwise, and
/// the line begins with a backslash then.
pub(super) fn line(hash: &str, path: &[u8]) -> Vec<u8> {
    let odd = path.iter().any(|byte| matches!(byte, b'\n' | b'\r' | b'\\'));
    let mut line = if odd { b"\\".to_vec() } else { Vec::new() };
    line.extend_from_slice(hash.as_bytes());
    line.extend_from_slice(b"  ");
    for byte in path {
        match byte {
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\\' => line.extend_from_slice(b"\\\\"),
            byte => line.push(*byte),
        }
    }
    line.push(b'\n');
    line
}
