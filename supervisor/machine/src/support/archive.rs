//! A compressed tar archive, made in memory.

use std::io;

use flate2::{Compression, write::GzEncoder};
use orbitr_model::Timestamp;
use orbitr_store::tar;

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
        tar::entry(&path, text.len() as u64, self.now.as_second(), text, &mut self.out)
    }

    pub(crate) fn finish(mut self) -> io::Result<Vec<u8>> {
        tar::end(&mut self.out)?;
        self.out.finish()
    }
}
