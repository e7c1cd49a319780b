//! What can go wrong with this room's operations, as types.

use orbitr_model::Problem;

/// An operation of this room that did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such issue now.
    #[error("there is no issue {0}")]
    Unknown(String),
    /// The apps cannot be looked at.
    #[error("the apps")]
    Apps(#[from] orbitr_apps::Error),
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
            Error::Unknown(id) => Self::not_found("issue", id)
                .why("It may be over by now.")
                .then("The list of issues shows what there is."),
            Error::Apps(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}
