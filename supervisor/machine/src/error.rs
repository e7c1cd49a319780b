//! What can go wrong with the machine's operations, as types.

use orbitr_model::{FieldError, Problem};

/// An operation of this room that did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Some of the input is not right.
    #[error("the input is not right")]
    Invalid(Vec<FieldError>),
    /// Somebody else changed the settings since they were read.
    #[error("the settings are at version {now}, not {expected}")]
    ChangedMeanwhile {
        /// The version that the caller saw.
        expected: u64,
        /// The version that there is.
        now: u64,
    },
    /// A setting in the database is not what any version of Orbitr writes.
    #[error("the setting {0} cannot be read")]
    Unreadable(&'static str),
    /// The kernel does not give the machine's figures or addresses.
    #[error("the machine does not answer")]
    Host(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database.
    #[error("the database")]
    Store(#[from] orbitr_store::Error),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(fields) => Self::invalid(fields),
            Error::ChangedMeanwhile { .. } => {
                Self::new(412, "changed-meanwhile", "The settings have changed since you looked")
                    .why("Somebody else saved them in the meantime.")
                    .then("Look at them again and decide again.")
            }
            Error::Store(error) => error.into(),
            Error::Unreadable(_) | Error::Host(_) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "machine operation failed");
                Self::internal()
            }
        }
    }
}
