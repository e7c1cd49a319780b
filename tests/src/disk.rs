//! Disks that a test makes, pulls out, and takes the power from.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::Engine;

const SIZE: u64 = 512 << 20;

/// A disk of its own in a file, mounted. Needs root and a loop device, as the testbed does.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
    at: PathBuf,
}

impl Disk {
    /// An empty one with this file system, mounted at a place of its own.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        // Not below /tmp, which is memory on some machines.
        let folder = tempfile::Builder::new().prefix("orbitr-disk-").tempdir_in("/var/tmp").unwrap();
        let at = folder.path().join("big");
        Self::make(kind, folder, at)
    }

    /// The same, mounted there.
    #[must_use]
    pub fn at(kind: &str, at: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("orbitr-disk-").tempdir_in("/var/tmp").unwrap();
        Self::make(kind, folder, at.to_owned())
    }

    fn make(kind: &str, folder: TempDir, at: PathBuf) -> Self {
        let disk = Self { folder, at };
        fs::File::create(disk.file()).unwrap().set_len(SIZE).unwrap();
        run(&format!("mkfs.{kind}"), &["-q".as_ref(), disk.file().as_os_str()]);
        fs::create_dir_all(&disk.at).unwrap();
        disk.connect();
        disk
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// Where it is mounted.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.at
    }

    /// The same as text.
    #[must_use]
    pub fn path(&self) -> String {
        self.at.to_str().unwrap().to_owned()
    }

    /// Mounts it.
    pub fn connect(&self) {
        run("mount", &["-o".as_ref(), "loop".as_ref(), self.file().as_os_str(), self.at.as_os_str()]);
    }

    /// Takes it away, whoever uses it.
    pub fn pull_out(&self) {
        run("umount", &["--lazy".as_ref(), self.at.as_os_str()]);
    }

    /// Everything that was written and not brought onto the disk is lost: what the file system has in memory never was on
    /// it. Nothing may run that works on it besides these containers, which end as with the power.
    pub fn lose_power(&self, containers: &[&str]) {
        let (now, then) = (self.file(), self.folder.path().join("then"));
        // The copy is of one moment only if nothing came onto the disk meanwhile.
        loop {
            let changed = || fs::metadata(&now).unwrap().modified().unwrap();
            let before = changed();
            run("cp", &["--sparse=always".as_ref(), now.as_os_str(), then.as_os_str()]);
            if changed() == before {
                break;
            }
        }
        for container in containers {
            Engine::succeeds(&["kill", container]);
        }
        run("umount", &[self.at.as_os_str()]);
        fs::rename(then, now).unwrap();
        self.connect();
    }

    /// What is on it besides what its file system made.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.at).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "lost+found").collect()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.at).output());
        // It may have been another one's folder, which could not be removed with this in it.
        drop(fs::remove_dir(&self.at));
        drop(self.at.parent().map(fs::remove_dir));
    }
}

fn run(program: &str, arguments: &[&std::ffi::OsStr]) {
    let done = Command::new(program).args(arguments).output().unwrap();
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}
