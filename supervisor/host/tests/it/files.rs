//! Files that are whole or not there.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use orbitr_host::files;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_whole_with_the_mode_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    files::write(&path, b"one", 0o640).unwrap();
    files::write(&path, b"two", 0o600).unwrap();
    assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"two".to_vec(), 0o600));
    assert_eq!(names(dir.path()), ["secret"]);
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("folder");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("inside"), "x").unwrap();
    assert!(files::write(&path, b"not over a folder", 0o600).is_err());
    assert_eq!(names(dir.path()), ["folder"]);
    assert!(files::write(&dir.path().join("no/where"), b"x", 0o600).is_err());
}

#[test]
fn a_link_is_replaced_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (target, link) = (dir.path().join("target"), dir.path().join("link"));
    fs::write(&target, "theirs").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    files::write(&link, b"ours", 0o600).unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"theirs");
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
    std::os::unix::fs::symlink(&target, dir.path().join("other")).unwrap();
    files::remove(&dir.path().join("other")).unwrap();
    assert!(target.exists());
}

#[test]
fn folders_are_made_with_the_mode_asked_for_and_removed_with_what_is_in_them() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a/b/c");
    files::make_dir(&deep, 0o750).unwrap();
    files::make_dir(&deep, 0o700).unwrap();
    assert_eq!((mode(&deep), mode(&dir.path().join("a"))), (0o750, 0o750));
    fs::write(deep.join("file"), "x").unwrap();
    assert!(files::make_dir(&deep.join("file"), 0o700).is_err());
    files::remove(&dir.path().join("a")).unwrap();
    files::remove(&dir.path().join("a")).unwrap();
    assert!(names(dir.path()).is_empty());
}
