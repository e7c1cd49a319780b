//! What can go wrong around jobs; what goes wrong inside a step is a [`StepError`](crate::StepError).

use std::io;

use orbitr_model::{JobId, Problem};
use orbitr_store as store;

use crate::{machine::Illegal, problem, problem::Refusal};

/// An operation on jobs that did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database refused.
    #[error("the database refused the operation on a job")]
    Store(#[from] store::Error),
    /// No such job.
    #[error("there is no job {0}")]
    Unknown(JobId),
    /// The job cannot be cancelled.
    #[error("the job cannot be cancelled: {0}")]
    Refused(Refusal),
    /// The arguments cannot be written as JSON.
    #[error("the arguments of a job of kind {kind} cannot be written as JSON")]
    Arguments {
        /// The job's kind.
        kind: &'static str,
        /// What JSON says.
        #[source]
        source: serde_json::Error,
    },
    /// Two kinds with one name were given to the builder.
    #[error("the kind {0} is there twice")]
    KindTwice(&'static str),
    /// The folder of logs or a log cannot be used.
    #[error("{doing}")]
    Log {
        /// What was being done.
        doing: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A defect: a change of state that is not allowed.
    #[error("a job's state does not allow a change")]
    Illegal(#[from] Illegal),
}

impl Error {
    pub(crate) fn log(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Log { doing, source }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::Unknown(id) => problem::unknown_job(id),
            Error::Refused(refusal) => refusal.problem(),
            error => {
                tracing::error!(error = chain(&error), "operation on jobs failed");
                Self::internal()
            }
        }
    }
}

/// An error with all its causes in one line, for the supervisor's log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
