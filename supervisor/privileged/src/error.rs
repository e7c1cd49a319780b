//! Why an act did not do what it was asked, as types, and as people read it.

use std::{io, path::PathBuf};

use orbitr_host::disks;
use orbitr_model::{ByteSize, ImageVersion, PartUuid, Problem};

/// What helps where no stick will do.
const PLUG_IN: &str =
    "Plug one in that is formatted with FAT, exFAT, ext4 or btrfs, then try again. What is on it stays as it is.";

/// An act that did not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was found does not fit together; the machine changed meanwhile.
    #[error("the disks changed while they were looked at")]
    Changed,
    /// Asked to stop.
    #[error("it was stopped")]
    Stopped,
    /// What it was asked is no request.
    #[error("the request cannot be read: {0}")]
    Request(String),
    /// Which disk the box runs from cannot be told.
    #[error("the disk that this box runs from cannot be told")]
    NoBootDisk,
    /// There is no such disk.
    #[error("there is no disk {0}")]
    NoDisk(String),
    /// There is no such partition.
    #[error("there is no data partition {0}")]
    NoPartition(PartUuid),
    /// Two of them, and nobody said which.
    #[error("the data partition {0} is there more than once")]
    Twice(PartUuid),
    /// One is open.
    #[error("a data partition is open already")]
    Open,
    /// Somebody's data are in the way.
    #[error("{} may hold somebody's data", .0.display())]
    Occupied(PathBuf),
    /// The disk is too small, or read-only, or the one that runs.
    #[error("{disk} cannot be used: {why}")]
    Unfit {
        /// Its node.
        disk: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The serial number that was typed is another one.
    #[error("the serial number is not the one of {0}")]
    Serial(String),
    /// The recovery key does not fit.
    #[error("the recovery key does not open {}", .0.display())]
    Key(PathBuf),
    /// What is on the partition is nothing that a box makes.
    #[error("{}: {why}", device.display())]
    Foreign {
        /// Its node.
        device: PathBuf,
        /// What is there.
        why: String,
    },
    /// What was written is not what is read.
    #[error("{what} of {} reads back as something else", device.display())]
    Verify {
        /// Its node.
        device: PathBuf,
        /// Which part.
        what: String,
    },
    /// Nothing is plugged in that a file could be put onto.
    #[error("no USB stick is plugged in")]
    NoStick,
    /// Something is plugged in, and none of it will do: what, and why.
    #[error("{0}")]
    UnfitStick(String),
    /// More than one would do: which.
    #[error("it could go onto: {0}")]
    ManySticks(String),
    /// Nothing can be written to it.
    #[error("{0} can only be read")]
    StickReadOnly(String),
    /// There is no room on it.
    #[error("{stick} has {free} free, and {needed} are needed")]
    StickFull {
        /// Which one.
        stick: String,
        /// The room that there is.
        free: ByteSize,
        /// The room that it takes.
        needed: ByteSize,
    },
    /// It does not take what is written: it was pulled out, or fails.
    #[error("{stick}: {source}")]
    Stick {
        /// Which one.
        stick: String,
        /// What the kernel says.
        source: io::Error,
    },
    /// It does not give what is read: it was pulled out, or fails.
    #[error("{stick}: {source}")]
    StickUnread {
        /// Which one.
        stick: String,
        /// What the kernel says.
        source: io::Error,
    },
    /// There is no update on it.
    #[error("{0} has no file whose name is orbitr-VERSION.update")]
    NoUpdateOnStick(String),
    /// A version of the system that is not to be had.
    #[error("version {version}: {why}")]
    Version {
        /// Which.
        version: ImageVersion,
        /// Why not.
        why: &'static str,
    },
    /// What was served as a version is not signed by whoever the image trusts, or is not what was signed.
    #[error("version {0} is not signed with a key that this box trusts, or is not what was signed")]
    Untrusted(ImageVersion),
    /// The image was built without a key for updates.
    #[error("this image was built without a key for updates")]
    NoKeys,
    /// Docker does not come up.
    #[error("Docker does not answer: {0}")]
    NoDocker(String),
    /// There is no store of Docker to do anything about.
    #[error("there is no store of Docker at {}", .0.display())]
    NoStore(PathBuf),
    /// The health gate does not let the version that runs pass.
    #[error("{title}: {detail}")]
    Unhealthy {
        /// The stable code.
        code: &'static str,
        /// What it was.
        title: &'static str,
        /// What was seen.
        detail: String,
    },
    /// A program of the system did not do its work.
    #[error("{what}")]
    Program {
        /// What was to be done.
        what: &'static str,
        /// Why it was not.
        source: orbitr_host::exec::Error,
    },
    /// A disk.
    #[error(transparent)]
    Disk(disks::Error),
    /// A file.
    #[error("{what}: {source}")]
    Io {
        /// What was to be done.
        what: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    pub(crate) fn program(what: &'static str) -> impl FnOnce(orbitr_host::exec::Error) -> Self {
        move |source| match source {
            orbitr_host::exec::Error::Cancelled { .. } => Self::Stopped,
            source => Self::Program { what, source },
        }
    }
}

impl From<disks::Error> for Error {
    fn from(error: disks::Error) -> Self {
        if error.is_cancelled() { Self::Stopped } else { Self::Disk(error) }
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let because = |status, code: &str, title: &str| Self::new(status, code, title).why(format!("{error}."));
        match error {
            Error::Changed => because(409, "disks-changed", "The disks changed meanwhile").then("Try again."),
            Error::Stopped => {
                because(409, "act-stopped", "It was stopped").then("Start it again: it goes on where it was.")
            }
            Error::Request(_) => because(422, "request-wrong", "The request cannot be read"),
            Error::NoBootDisk => because(409, "boot-disk-unknown", "The disk that this box runs from cannot be told")
                .then("Unplug other disks that hold Orbitr OS, then restart the box."),
            Error::NoDisk(_) => because(404, "disk-not-found", "The disk is not there").then("Look at the list again."),
            Error::NoPartition(_) => because(404, "data-not-found", "The data partition is not there")
                .then("Plug its disk in, then look again."),
            Error::Twice(_) => because(409, "data-ambiguous", "Two data partitions cannot be told apart")
                .then("Choose one of them, or unplug the disk that is the copy."),
            Error::Open => because(409, "data-open", "A data partition is open already"),
            Error::Occupied(_) => because(409, "data-occupied", "There may be data on this disk")
                .then("Open what is there, or erase it with the machine's serial number, then try again."),
            Error::Unfit { .. } => because(409, "disk-unfit", "The disk cannot be used").then("Choose another one."),
            Error::Serial(_) => {
                let mut problem = Self::field("serial", "This is not the serial number.").why(format!("{error}."));
                problem.code = "serial-wrong".to_owned();
                problem.then("Nothing was changed. Read it again and type it as it stands there.")
            }
            Error::Key(_) => {
                let mut problem = Self::field("key", "This key does not open it.");
                problem.code = "recovery-key-wrong".to_owned();
                problem.then("Read it again from where you wrote it down.")
            }
            Error::Foreign { .. } => because(409, "data-unreadable", "The partition holds nothing that a box can read")
                .then("Nothing was changed. If it is an old disk of yours, look at it with another computer."),
            Error::Verify { .. } => because(502, "install-unverified", "The copy is not what was written")
                .then("The disk may be failing. Try again, or choose another one."),
            Error::NoStick => because(404, "stick-missing", "No USB stick is plugged in").then(PLUG_IN),
            Error::UnfitStick(_) => because(409, "stick-unfit", "What is plugged in cannot be used").then(PLUG_IN),
            Error::ManySticks(_) => because(409, "stick-ambiguous", "More than one USB stick could be meant")
                .then("Leave one plugged in, with one partition that can be written to, then try again."),
            Error::StickReadOnly(_) => because(409, "stick-read-only", "Nothing can be written to the stick")
                .then("Look for a switch on it. If there is none, its file system may be damaged: take another stick."),
            Error::StickFull { .. } => {
                because(409, "stick-full", "There is no room on the stick").then("Take another one.")
            }
            Error::Stick { .. } => because(502, "stick-failed", "The stick did not take what was written")
                .then("Leave it plugged in until the screen says that it is done. If it stays, take another stick."),
            Error::StickUnread { .. } => because(502, "stick-unread", "The stick could not be read")
                .then("Leave it plugged in until the update is here. If it stays, take another stick."),
            Error::NoUpdateOnStick(_) => because(404, "stick-without-update", "There is no update on the stick")
                .then("Put the file orbitr-VERSION.update onto it, in no folder, then try again."),
            Error::Version { .. } => because(409, "version-refused", "This version cannot be used")
                .then("Nothing was changed. Look at the list of versions again."),
            Error::Untrusted(_) => because(502, "update-untrusted", "The update is not what was signed")
                .then("Nothing was installed. Download it again, from where Orbitr OS is released."),
            Error::NoKeys => because(409, "update-keys-missing", "This image takes no updates")
                .then("Install a released image, or build one with a key (docs/image.md)."),
            Error::NoDocker(_) => because(503, "docker-not-up", "Docker did not come up with a new store")
                .then("The old store is kept. Look at the last lines of docker.service and containerd.service."),
            Error::NoStore(_) => because(409, "store-missing", "There is no store of Docker here")
                .then("It is on the data partition: open that first."),
            Error::Unhealthy { code, title, detail } => Self::new(503, code, *title).why(detail.clone()),
            Error::Program { what, source } => {
                Self::new(502, "program-failed", format!("{what} did not work")).why(source.to_string())
            }
            Error::Disk(inner) => Self::new(502, "disk-failed", "A disk did not do what was asked")
                .why(inner.to_string())
                .then("Try again. If it stays, the disk or its cable may be failing."),
            Error::Io { what, .. } => because(502, "machine-failed", &format!("{what} did not work")),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}
