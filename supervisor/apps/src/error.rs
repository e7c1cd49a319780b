//! What can go wrong with apps, and what people are told.

use orbitr_model::{AppId, ExtensionId, FieldError, Problem, ReleaseId, Role};

use crate::model::HostPort;

/// An error of the room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No app has this id.
    #[error("there is no app «{0}»")]
    NotFound(AppId),
    /// The catalog has no such extension.
    #[error("there is no extension «{0}»")]
    NoExtension(ExtensionId),
    /// A row that should be there is not.
    #[error("release {0} is gone")]
    ReleaseGone(ReleaseId),
    /// The app has no such release.
    #[error("{app} has no release {number}")]
    NoRelease {
        /// The app.
        app: AppId,
        /// The release.
        number: u32,
    },
    /// A snapshot has no such file or folder.
    #[error("there is no «{path}» in this snapshot of {app}")]
    NoFile {
        /// The app.
        app: AppId,
        /// The path below its data.
        path: String,
    },
    /// There is no such snapshot of an app's data.
    #[error("{app} has no snapshot {number}")]
    SnapshotGone {
        /// The app.
        app: AppId,
        /// The snapshot.
        number: u32,
    },
    /// There is no such archive.
    #[error("there is no archive {0}")]
    ArchiveGone(uuid::Uuid),
    /// A job reads or writes the archive.
    #[error("a job uses the archive")]
    ArchiveBusy(uuid::Uuid),
    /// A file is no archive, or not to be trusted.
    #[error("the archive cannot be used: {0}")]
    Archive(String),
    /// An archive brings an extension that the store does not have.
    #[error("{0} is not in the store as it is in the archive")]
    Unknown(ExtensionId),
    /// Some inputs are not right.
    #[error("some inputs are not right")]
    Inputs(Vec<FieldError>),
    /// The id is in use.
    #[error("the app id «{0}» is in use")]
    IdTaken(AppId),
    /// The extension allows one app only, and there is one.
    #[error("{extension} can be installed once, and «{app}» is there")]
    OneOnly {
        /// The extension.
        extension: ExtensionId,
        /// The app that is there.
        app: AppId,
    },
    /// A host port is in use.
    #[error("port {} is in use", port.port)]
    PortTaken {
        /// The port.
        port: HostPort,
        /// The app that holds it, if it is one of ours.
        by: Option<AppId>,
    },
    /// A port of an app is in use while it comes up.
    #[error("port {port} is already in use")]
    PortHeld {
        /// The port.
        port: u16,
        /// Who holds it, as a sentence.
        by: String,
    },
    /// Docker holds a port for a container that is gone.
    #[error("Docker does not let go of port {port}")]
    PortNotFreed {
        /// The port.
        port: u16,
    },
    /// The app is not in a state in which this can be done.
    #[error("{app} {why}")]
    WrongState {
        /// The app.
        app: AppId,
        /// Why not, for example «is being removed».
        why: String,
    },
    /// A Compose project cannot be taken over.
    #[error("the Compose project cannot be taken over")]
    NotAdoptable(
        /// Why not, in sentences.
        Vec<String>,
    ),
    /// What an app needs is stopped.
    #[error("{app} needs an app that is stopped")]
    NeedsStopped {
        /// The app.
        app: AppId,
        /// What it needs.
        needs: Vec<String>,
    },
    /// Other apps need it.
    #[error("other apps need {app}")]
    Needed {
        /// The app.
        app: AppId,
        /// Those that need it, by name.
        by: Vec<String>,
    },
    /// There is nothing to look at that an action gave.
    #[error("there is nothing to look at")]
    ResultGone,
    /// The extension means this action for others.
    #[error("this action is not for the role {}", .0.as_str())]
    NotForRole(Role),
    /// Another job changes the app.
    #[error("a job is changing {0}")]
    Busy(AppId),
    /// In safe mode nothing is started.
    #[error("safe mode is on")]
    SafeMode,
    /// Data would be deleted without its name typed in.
    #[error("deleting the data of {0} needs its id typed in")]
    Unconfirmed(AppId),
    /// The extension cannot run on this box.
    #[error("{extension} cannot run here")]
    Unsupported {
        /// The extension.
        extension: ExtensionId,
        /// Each reason, as a sentence.
        reasons: Vec<String>,
    },
    /// The data is on a disk that is not there.
    #[error("the disk with the data of the app is not there")]
    DiskMissing {
        /// Where the data is.
        at: std::path::PathBuf,
    },
    /// The data is on a disk that takes longer than 10 s to say whether it is there.
    #[error("the disk with the data of the app does not answer")]
    DiskSilent {
        /// Where the data is.
        at: std::path::PathBuf,
    },
    /// The data cannot be copied.
    #[error("the data cannot be copied")]
    Copy(#[from] orbitr_host::tree::Error),
    /// The extension's Compose text or our override is not right.
    #[error("the Compose project is not right: {0}")]
    Compose(String),
    /// The release's text cannot be read by this version.
    #[error("the extension's text cannot be read: {0}")]
    Manifest(String),
    /// A file could not be written, read or removed.
    #[error("{what}")]
    File {
        /// What was tried, with the path.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Docker or Compose said no.
    #[error("Docker refused")]
    Docker(#[from] orbitr_docker::Error),
    /// A job could not be started.
    #[error("a job could not be started")]
    Jobs(#[from] orbitr_jobs::Error),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] orbitr_store::Error),
    /// Access failed.
    #[error("access failed")]
    Access(#[from] orbitr_access::Error),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Error {
    pub(crate) fn file(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::File { what, source }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let title = capitalised(&error.to_string());
        match error {
            Error::NotFound(id) => Self::not_found("app", id),
            Error::NoExtension(id) => Self::not_found("extension", id).then("The store lists what there is."),
            Error::ReleaseGone(id) => Self::not_found("release", id),
            Error::NoRelease { number, .. } => Self::not_found("release", number),
            Error::NoFile { path, .. } => Self::not_found("file", path),
            Error::SnapshotGone { .. } => Self::new(410, "snapshot-gone", title)
                .why("Somebody deleted it, or newer ones took its place.")
                .then("The history of the app lists those that there are."),
            Error::ResultGone => Self::new(410, "result-gone", title)
                .why("The action has not ended, gave nothing of that kind, or somebody has looked at it already.")
                .then("Run the action again for a new one."),
            Error::NotForRole(_) => Self::new(403, "not-allowed", title),
            Error::ArchiveGone(_) => Self::new(410, "archive-gone", title)
                .why("Somebody deleted it, or its time was over.")
                .then("The list of archives shows those that there are."),
            Error::ArchiveBusy(_) => Self::new(409, "archive-busy", title).then("Wait for the job, or cancel it."),
            Error::Archive(why) => Self { title: "The archive cannot be used".to_owned(), ..Self::field("archive", why) },
            Error::Unknown(_) => Self::new(403, "extension-unknown", title)
                .why("An extension tells what its app may do on this box, and this one came with the file.")
                .then("An admin of the box may install it."),
            Error::Inputs(fields) => Self::invalid(fields),
            Error::IdTaken(id) => Self::field("app", format!("«{id}» is in use; choose another id")),
            Error::OneOnly { .. } => Self::new(409, "extension-installed-once", title),
            Error::PortTaken { port, by } => {
                let who = by.map_or_else(|| "something else on this box".to_owned(), |app| format!("the app «{app}»"));
                Self::new(409, "port-taken", title)
                    .why(format!("Port {}/{} is held by {who}.", port.port, port.protocol.as_str()))
                    .then("Choose another port.")
            }
            Error::PortHeld { by, .. } => Self::new(409, "port-taken", title)
                .why(by)
                .then("Choose another port, or stop what uses this one."),
            Error::PortNotFreed { .. } => Self::new(409, "port-not-freed", title)
                .why("It holds the port for a container that is gone. That is left when Docker is killed while it starts one.")
                .then("Restart Docker: nothing else makes it forget. Every app is away for some seconds meanwhile."),
            Error::WrongState { .. } => Self::new(409, "app-wrong-state", title),
            Error::NotAdoptable(why) => Self::new(409, "project-not-adoptable", title).why(why.join(" ")),
            Error::NeedsStopped { needs, .. } => {
                Self::new(409, "app-needs-stopped", title)
                    .why(format!("It cannot work without {}.", needs.join(", ")))
                    .then("Start that first, or ask somebody who may.")
            }
            Error::Needed { by, .. } => Self::new(409, "app-needed", title)
                .why(format!("Without it these do not work: {}.", by.join(", ")))
                .then("Remove them first, with their data; then it can go."),
            Error::Busy(_) => Self::new(409, "app-busy", title).then("Wait for the job, or cancel it."),
            Error::SafeMode => Self::new(409, "safe-mode", title)
                .why("Apps stay stopped in safe mode, so that you can look at what is wrong with the box.")
                .then("Leave safe mode first: on the page Rescue, on the box's own screen, or with «orbitr safe-mode off»."),
            Error::Unconfirmed(id) => Self::field("confirm", format!("type «{id}» to delete its data")),
            Error::Unsupported { reasons, .. } => {
                Self::new(409, "extension-unsupported", title).why(reasons.join(". "))
            }
            Error::DiskMissing { at } => Self::new(409, "disk-missing", title)
                .why(format!("{} does not exist: the disk is not connected, or not mounted where it was.", at.display()))
                .then("Connect the disk; what is wanted up comes up by itself then."),
            Error::DiskSilent { at } => Self::new(503, "disk-silent", title)
                .why(format!("{} cannot be looked at: the disk, or the machine that lends it, hangs.", at.display()))
                .then("See to the disk; what is wanted up comes up by itself when it answers."),
            Error::Copy(error) => copy_problem(error),
            Error::Compose(why) => Self::new(500, "compose-refused", "Compose does not take the app's files").why(why),
            Error::Manifest(why) => {
                Self::new(500, "manifest-unreadable", "The app's extension cannot be read").why(why)
            }
            Error::File { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Self::new(507, "disk-full", "The disk is full").why(title).then("Free some space and try again.")
            }
            Error::File { what, source } => Self::new(500, "file-failed", "A file of the app could not be handled")
                .why(format!("{what}: {source}.")),
            Error::Docker(error) => error.into(),
            Error::Jobs(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Access(error) => error.into(),
        }
    }
}

fn copy_problem(error: orbitr_host::tree::Error) -> Problem {
    use orbitr_host::tree::Error as Tree;
    match error {
        Tree::NoRoom { needed, available, .. } => {
            let (needed, available) = (orbitr_model::ByteSize(needed), orbitr_model::ByteSize(available));
            Problem::new(507, "disk-full", "The disk has no room for a copy of the data")
                .why(format!("The copy needs {needed}, and {available} are free."))
                .then("Free some space and try again. On btrfs and XFS a copy takes no room of its own.")
        }
        Tree::Program { source: orbitr_host::exec::Error::Cancelled { .. }, .. } => {
            orbitr_docker::Error::Cancelled.into()
        }
        Tree::Program { ref source, .. } => {
            Problem::new(500, "copy-failed", "The data could not be copied").why(format!("{error}: {source}."))
        }
        Tree::Differs { .. } => Problem::new(500, "copy-failed", "The data could not be copied")
            .why(format!("{}.", capitalised(&error.to_string())))
            .then("Look for errors of the disk in the machine's journal."),
        Tree::File { ref source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
            Problem::new(507, "disk-full", "The disk is full").then("Free some space and try again.")
        }
        Tree::File { ref source, .. } => {
            Problem::new(500, "copy-failed", "The data could not be copied").why(format!("{error}: {source}."))
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
