//! A compressed tar archive (POSIX.1-1988 «ustar» in gzip), made in memory.

use std::io::{self, Write};

use flate2::{Compression, write::GzEncoder};
use orbitr_model::Timestamp;

const BLOCK: usize = 512;

/// The archive while it is made.
pub(crate) struct Archive {
    out: GzEncoder<Vec<u8>>,
    /// The folder that everything is in.
    folder: String,
    now: Timestamp,
}

impl Archive {
    pub(crate) fn new(folder: &str, now: Timestamp) -> Self {
        Self { out: GzEncoder::new(Vec::new(), Compression::default()), folder: folder.to_owned(), now }
    }

    /// Adds a file.
    pub(crate) fn add(&mut self, name: &str, text: &[u8]) -> io::Result<()> {
        let path = format!("{}/{name}", self.folder);
        self.out.write_all(&header(&path, text.len(), self.now.as_second())?)?;
        self.out.write_all(text)?;
        let rest = (BLOCK - text.len() % BLOCK) % BLOCK;
        self.out.write_all(&vec![0; rest])
    }

    pub(crate) fn finish(mut self) -> io::Result<Vec<u8>> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.finish()
    }
}

fn header(path: &str, size: usize, mtime: i64) -> io::Result<[u8; BLOCK]> {
    if path.len() >= 100 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a name is too long for the archive"));
    }
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| {
        for (to, from) in header.iter_mut().skip(at).zip(text.bytes()) {
            *to = from;
        }
    };
    put(0, path);
    put(100, "0000600");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{size:011o}"));
    put(136, &format!("{:011o}", mtime.max(0)));
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
