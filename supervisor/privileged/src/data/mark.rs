//! The marks at the top of a data partition: who made it, and whether that was finished.

use std::{fs, io, path::Path};

use orbitr_host::{files, inbox};
use orbitr_model::{PartUuid, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Error;

const FILE: &str = "orbitr-data.json";
const LONGEST: u64 = 64 * 1024;
/// Root owns the mark.
const ROOT: u32 = 0;

/// The subvolumes of a data partition.
pub(crate) const SUBVOLUMES: [&str; 6] = ["@orbitr", "@system", "@systemd", "@log", "@docker", "@containerd"];
/// Subvolumes within subvolumes.
pub(crate) const INNER: [&str; 2] = ["@orbitr/apps", "@orbitr/snapshots"];
/// Plain folders within them.
pub(crate) const FOLDERS: [&str; 1] = ["@log/journal"];

/// `orbitr-data.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) version: u32,
    pub(crate) partuuid: PartUuid,
    pub(crate) machine_id: String,
    pub(crate) made_at: Timestamp,
    pub(crate) complete: bool,
}

impl Mark {
    /// The mark at the top of a mounted file system; none when there is none that can be read. Blocks.
    pub(crate) fn read(top: &Path) -> Option<Self> {
        let bytes = inbox::read(&top.join(FILE), ROOT, LONGEST).ok()??;
        let mark: Self = serde_json::from_slice(&bytes).ok()?;
        let machine = mark.machine_id.len() == 32 && mark.machine_id.bytes().all(|b| b.is_ascii_hexdigit());
        (mark.version == 1 && machine).then_some(mark)
    }

    /// Blocks until it is on the disk.
    pub(crate) fn write(&self, top: &Path) -> Result<(), Error> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::Request(error.to_string()))?;
        files::write(&top.join(FILE), &bytes, 0o644).map_err(Error::io("Marking the data partition"))
    }
}

/// Whether there is nothing but what `make-data` makes before it is finished. Blocks.
pub(crate) fn is_bare(top: &Path) -> io::Result<bool> {
    let known = |path: &str| SUBVOLUMES.contains(&path) || INNER.contains(&path) || FOLDERS.contains(&path);
    let mut todo = vec![String::new()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(top.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let is_mark = path == FILE || (path.starts_with(&format!(".{FILE}.")) && path.ends_with(".new"));
            if is_mark && entry.file_type()?.is_file() {
                continue;
            }
            if !known(&path) || !entry.file_type()?.is_dir() {
                return Ok(false);
            }
            todo.push(path);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_foreign_file_makes_it_somebodys() {
        let top = tempfile::tempdir().unwrap();
        assert!(is_bare(top.path()).unwrap());
        for folder in SUBVOLUMES.iter().chain(&INNER).chain(&FOLDERS) {
            fs::create_dir_all(top.path().join(folder)).unwrap();
        }
        fs::write(top.path().join(FILE), "{").unwrap();
        assert!(is_bare(top.path()).unwrap());
        for file in ["x", "@orbitr/db", "@orbitr/apps/web", "@log/journal/system.journal", "@docker/.hidden"] {
            fs::write(top.path().join(file), "").unwrap();
            assert!(!is_bare(top.path()).unwrap(), "{file}");
            fs::remove_file(top.path().join(file)).unwrap();
        }
        std::os::unix::fs::symlink("/", top.path().join("@system/link")).unwrap();
        assert!(!is_bare(top.path()).unwrap());
    }
}
