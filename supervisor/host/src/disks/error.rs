//! Why a disk could not be read or changed.

use std::io;

use orbitr_model::Problem;

use crate::exec;

/// Something about a disk that did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program did not do its work.
    #[error("{what}: {source}")]
    Program {
        /// What was to be done.
        what: &'static str,
        /// Why it was not.
        source: exec::Error,
    },
    /// A program did its work and nobody understands what it says.
    #[error("{what}: its answer cannot be read: {detail}")]
    Unreadable {
        /// What was to be done.
        what: &'static str,
        /// What is wrong with the answer.
        detail: String,
    },
    /// The kernel says no.
    #[error("{what}: {source}")]
    Io {
        /// What was to be done.
        what: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
}

impl Error {
    pub(super) fn program(what: &'static str) -> impl FnOnce(exec::Error) -> Self {
        move |source| Self::Program { what, source }
    }

    pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    pub(super) fn unreadable(what: &'static str, detail: impl ToString) -> Self {
        Self::Unreadable { what, detail: detail.to_string() }
    }

    /// Whether it was ended because its caller asked for it.
    #[must_use]
    pub const fn is_cancelled(&self) -> bool {
        matches!(self, Self::Program { source: exec::Error::Cancelled { .. }, .. })
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        let (what, inner) = match error {
            Error::Program { what, source } => (what, Self::from(source)),
            Error::Unreadable { what, .. } => (what, Self::new(502, "disk-tool-unreadable", "")),
            Error::Io { what, .. } => (what, Self::new(502, "disk-failed", "")),
        };
        let next = if inner.next.is_empty() {
            "Try again. If it stays, the disk or its cable may be failing.".to_owned()
        } else {
            inner.next
        };
        Self::new(inner.status, &inner.code, format!("{what} did not work")).why(detail).then(next)
    }
}
