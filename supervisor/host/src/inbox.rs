//! Files that a less trusted user hands to root.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use nix::fcntl::OFlag;

/// Takes the file: reads it and removes it. None when there is none. It must be a regular file of this owner, have one name,
/// and hold at most `most` bytes; a link is not followed and a pipe is not waited for. Blocks.
///
/// # Errors
/// It is anything else, or cannot be read; it is removed then, too.
pub fn take(path: &Path, owner: u32, most: u64) -> io::Result<Option<Vec<u8>>> {
    let read = read(path, owner, most);
    if !matches!(read, Ok(None)) {
        // A folder in its place stays; nothing is lost by that.
        let _ = fs::remove_file(path);
    }
    read
}

/// As [`take`] for what is too long to be held in memory: opens the file and removes its name. Whoever wrote it may still
/// write to it while it is read.
///
/// # Errors
/// As [`take`].
pub fn take_open(path: &Path, owner: u32, most: u64) -> io::Result<Option<File>> {
    let opened = open(path, owner).and_then(|file| match file {
        Some(file) if file.metadata()?.len() > most => too_long(),
        file => Ok(file),
    });
    if !matches!(opened, Ok(None)) {
        let _ = fs::remove_file(path);
    }
    opened
}

/// As [`take`], and leaves it where it is.
///
/// # Errors
/// As [`take`].
pub fn read(path: &Path, owner: u32, most: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = open(path, owner)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return too_long();
    }
    Ok(Some(bytes))
}

fn wrong<T>(why: &str) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidData, why.to_owned()))
}

fn too_long<T>() -> io::Result<T> {
    wrong("it is too long")
}

/// The file, if it is there and is what it must be.
fn open(path: &Path, owner: u32) -> io::Result<Option<File>> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    if !found.is_file() {
        return wrong("it is no regular file");
    }
    if found.uid() != owner || found.nlink() > 1 {
        return wrong("it belongs to somebody else");
    }
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_a_plain_file_of_the_right_owner_is_taken_and_only_once() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("act.json"), dir.path().join("other"));
        let me = fs::metadata(dir.path()).unwrap().uid();
        assert_eq!(take(&path, me, 10).unwrap(), None);

        fs::write(&path, "asked").unwrap();
        assert_eq!(take(&path, me, 10).unwrap().unwrap(), b"asked");
        assert!(!path.exists());

        fs::write(&other, "secret").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(take(&path, me, 10).is_err(), "a link");
        assert!(other.exists() && !path.exists());

        fs::hard_link(&other, &path).unwrap();
        assert!(take(&path, me, 10).is_err(), "a second name of another file");
        fs::write(&path, "much too long").unwrap();
        assert!(take(&path, me, 10).is_err());
        fs::write(&path, "asked").unwrap();
        assert!(take(&path, me + 1, 10).is_err(), "somebody else's");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(take(&path, me, 10).is_err(), "a pipe");
        fs::create_dir(&path).unwrap();
        assert!(take(&path, me, 10).is_err(), "a folder");
    }

    #[test]
    fn what_is_long_is_opened_under_the_same_rules_and_loses_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("bundle"), dir.path().join("other"));
        let me = fs::metadata(dir.path()).unwrap().uid();
        assert!(take_open(&path, me, 10).unwrap().is_none());

        fs::write(&path, "a bundle").unwrap();
        let mut text = String::new();
        take_open(&path, me, 10).unwrap().unwrap().read_to_string(&mut text).unwrap();
        assert!(text == "a bundle" && !path.exists());

        fs::write(&other, "secret").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(take_open(&path, me, 10).is_err(), "a link");
        assert!(other.exists() && !path.exists());
        fs::write(&path, "much too long").unwrap();
        assert!(take_open(&path, me, 10).is_err() && !path.exists());
        fs::write(&path, "a bundle").unwrap();
        assert!(take_open(&path, me + 1, 10).is_err(), "somebody else's");
    }
}
