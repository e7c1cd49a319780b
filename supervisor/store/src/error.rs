//! What can go wrong with the database, as types.

use std::io;

use orbitr_model::{Problem, RecoveryReason};
use rusqlite::ErrorCode;

/// A read or write that did not happen. A write that fails has changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk has no room for the change (`SQLITE_FULL`).
    #[error("the disk is full")]
    DiskFull,
    /// SQLite found the file damaged while the box runs.
    #[error("the database is damaged")]
    Damaged(#[source] rusqlite::Error),
    /// Any other failure that SQLite reports.
    #[error("the database refused the operation")]
    Sqlite(#[source] rusqlite::Error),
    /// The store is closed: the supervisor stops.
    #[error("the database is closed")]
    Closed,
    /// The closure given to `read` or `write` panicked; its transaction is rolled back.
    #[error("an operation on the database panicked")]
    Panicked,
    /// An event's detail is larger than [`crate::events::DETAIL_MAX_BYTES`] or is not an object.
    #[error("the detail of event {action} is not a JSON object of at most 8 KiB")]
    EventDetail {
        /// The event's action.
        action: String,
    },
    /// A secret's name is empty, longer than 200 bytes, or holds control characters.
    #[error("a secret cannot have this name")]
    SecretName,
    /// A secret cannot be opened with any key of this box.
    #[error("the secret {name} cannot be opened with this box's key")]
    SecretUnreadable {
        /// The secret's name.
        name: String,
    },
    /// The cryptographic library refused an operation that always works; in practice never seen.
    #[error("a cryptographic operation failed")]
    Crypto,
    /// A page's cursor is not one that this list gave out.
    #[error("the cursor is not one of this list")]
    Cursor,
    /// A file of the store could not be read or written.
    #[error("{doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Io { doing, source },
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error),
            _ => Self::Sqlite(error),
        }
    }
}

impl From<aws_lc_rs::error::Unspecified> for Error {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Crypto
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::DiskFull => Self::new(507, "disk-full", "The disk of this box is full")
                .why("The change could not be saved, so nothing was changed.")
                .then("Free some space, for example by removing an app you do not need, and try again."),
            Error::Damaged(_) => {
                log(&error);
                Self::new(500, "database-damaged", "The database of this box is damaged")
                    .why("The disk may be failing. The supervisor's log has the details.")
                    .then("Restart Orbitr: it then offers to go back to a kept copy.")
            }
            Error::Closed => Self::new(503, "shutting-down", "Orbitr is shutting down")
                .why("The change was not made.")
                .then("Try again when it is back.")
                .retry_after(5),
            Error::Cursor => Self::field("cursor", "This is not a cursor of this list. Start again without one."),
            error => {
                log(&error);
                Self::internal()
            }
        }
    }
}

/// The reader of a problem gets no internals; the log does.
fn log(error: &Error) {
    tracing::error!(error = chain(error), "database operation failed");
}

/// An error with its causes in one line.
pub(crate) fn chain(error: &Error) -> String {
    let mut chain = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        source = cause.source();
    }
    chain
}

/// Why the store did not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The database cannot be used as it is; the owner chooses how to go on.
    #[error("the database cannot be used ({})", reason(.0))]
    Recovery(RecoveryReason),
    /// Another process has this state directory open.
    #[error("another Orbitr uses this state directory")]
    InUse,
    /// The disk, not the database: no room, no permission, no directory. Nothing was changed.
    #[error("the database could not be opened")]
    Io(#[source] Error),
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        match error {
            Error::Damaged(cause) => Self::Recovery(RecoveryReason::Corrupt { detail: cause.to_string() }),
            error => Self::Io(error),
        }
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Recovery(why) => Self::new(409, "database-unusable", "The database cannot be used")
                .why(capital(&reason(&why)))
                .then("Choose another copy, or start over."),
            OpenError::InUse => Self::new(409, "database-in-use", "Another Orbitr uses this database")
                .why("The supervisor may still be running.")
                .then("Stop it and try again."),
            OpenError::Io(error) => error.into(),
        }
    }
}

/// What is wrong, as a sentence fragment.
fn reason(why: &RecoveryReason) -> String {
    match why {
        RecoveryReason::Corrupt { detail } => format!("it is damaged: {detail}"),
        RecoveryReason::Incomplete { missing } => format!("it is incomplete, it has no {missing}"),
        RecoveryReason::TooNew { found, known } => {
            format!("a newer Orbitr wrote it: it has schema {found}, and this one knows up to {known}")
        }
        RecoveryReason::KeyMismatch { detail } => format!("the box key does not fit: {detail}"),
        RecoveryReason::CrashLoop { times } => format!("the supervisor crashed {times} times with it"),
        RecoveryReason::MigrationFailed { detail } => format!("bringing it to this version failed: {detail}"),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}
