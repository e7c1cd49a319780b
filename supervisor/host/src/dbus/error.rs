//! Why a call over the bus did not do its work, and how that is told.

use std::{io::ErrorKind, time::Duration};

use orbitr_model::Problem;
use zbus::fdo;

/// A call that did not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// This machine has no system bus, or it does not let us in.
    #[error("there is no system bus: {detail}")]
    NoBus {
        /// What the system says.
        detail: String,
    },
    /// The bus is there, the service is not, and cannot be started.
    #[error("{what}: the service is not there: {detail}")]
    NoService {
        /// What was asked.
        what: &'static str,
        /// What the bus says.
        detail: String,
    },
    /// polkit or the service says no.
    #[error("{what}: refused: {detail}")]
    Denied {
        /// What was asked.
        what: &'static str,
        /// What it says.
        detail: String,
    },
    /// There is no such unit, or no such object.
    #[error("{what}: there is no such thing: {detail}")]
    Unknown {
        /// What was asked.
        what: &'static str,
        /// What it says.
        detail: String,
    },
    /// No answer in time.
    #[error("{what}: no answer within {limit:?}")]
    TimedOut {
        /// What was asked.
        what: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// The connection or the service went away before it answered.
    #[error("{what}: the service went away before it answered")]
    Lost {
        /// What was asked.
        what: &'static str,
    },
    /// Anything else that the service says.
    #[error("{what}: {detail}")]
    Failed {
        /// What was asked.
        what: &'static str,
        /// What it says.
        detail: String,
    },
}

impl Error {
    pub(super) fn of(what: &'static str, limit: Duration, error: zbus::Error) -> Self {
        match error {
            zbus::Error::InputOutput(error) => match error.kind() {
                ErrorKind::TimedOut => Self::TimedOut { what, limit },
                _ => Self::Lost { what },
            },
            zbus::Error::FDO(error) => Self::of_fdo(what, limit, *error),
            zbus::Error::MethodError(name, detail, _) => {
                let detail = detail.unwrap_or_default();
                match name.as_str().rsplit('.').next().unwrap_or_default() {
                    "NoSuchUnit" | "NoSuchLink" | "LoadFailed" => Self::Unknown { what, detail },
                    "InteractiveAuthorizationRequired" | "AccessDenied" | "NotAuthorized" => {
                        Self::Denied { what, detail }
                    }
                    _ => Self::Failed { what, detail: format!("{detail} ({name})") },
                }
            }
            other => Self::Failed { what, detail: other.to_string() },
        }
    }

    fn of_fdo(what: &'static str, limit: Duration, error: fdo::Error) -> Self {
        use fdo::Error as E;
        match error {
            E::ServiceUnknown(detail)
            | E::NameHasNoOwner(detail)
            | E::SpawnExecFailed(detail)
            | E::SpawnFailed(detail)
            | E::SpawnServiceNotFound(detail)
            | E::SpawnChildExited(detail) => Self::NoService { what, detail },
            E::AccessDenied(detail) | E::AuthFailed(detail) | E::InteractiveAuthorizationRequired(detail) => {
                Self::Denied { what, detail }
            }
            E::UnknownObject(detail) | E::FileNotFound(detail) => Self::Unknown { what, detail },
            E::NoReply(detail) if detail.contains("disconnected") => Self::Lost { what },
            E::NoReply(_) | E::Timeout(_) | E::TimedOut(_) => Self::TimedOut { what, limit },
            E::Disconnected(_) | E::NoServer(_) => Self::Lost { what },
            E::ZBus(error) => Self::of(what, limit, error),
            other => Self::Failed { what, detail: other.to_string() },
        }
    }

    /// Whether the machine lacks what was asked, which is a fact about the machine and no failure.
    #[must_use]
    pub const fn is_absence(&self) -> bool {
        matches!(self, Self::NoBus { .. } | Self::NoService { .. })
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NoBus { detail } => Self::new(409, "needs-systemd", "This needs systemd")
                .why(format!("This machine has no system bus ({detail})."))
                .then("It works on Orbitr OS, and in hosted mode on a machine that systemd runs."),
            Error::NoService { what, detail } => {
                Self::new(409, "needs-service", format!("{what}: the service for it is not on this machine"))
                    .why(detail)
                    .then("It works on Orbitr OS.")
            }
            Error::Denied { what, detail } => {
                Self::new(409, "machine-refuses", format!("{what}: this machine does not let Orbitr do it"))
                    .why(format!("In hosted mode Orbitr is a service without that right. The system says: {detail}"))
                    .then("Do it as root on the machine itself; on Orbitr OS it works from here.")
            }
            Error::Unknown { what, detail } => {
                Self::new(404, "unit-not-found", format!("{what}: there is no such thing")).why(detail)
            }
            Error::TimedOut { what, limit } => {
                Self::new(504, "machine-slow", format!("{what}: no answer within {} s", limit.as_secs().max(1)))
                    .then("Look at what the machine is doing, and try again.")
                    .retry_after(30)
            }
            Error::Lost { what } => {
                Self::new(503, "machine-service-lost", format!("{what}: the service went away before it answered"))
                    .why("Whether it still happened cannot be told.")
                    .then("Look at the state, then try again.")
                    .retry_after(5)
            }
            Error::Failed { what, detail } => {
                Self::new(502, "machine-service-failed", format!("{what}: it did not work"))
                    .why(detail)
                    .then("The journal of that service says more.")
            }
        }
    }
}
