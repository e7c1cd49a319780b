use std::{fmt, io, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use orbitr_model::Problem;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Code(-1),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "status {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such program on this machine.
    #[error("the program {program} is not installed")]
    NotFound {
        /// Its name.
        program: String,
    },
    /// It could not be started.
    #[error("the program {program} could not be started")]
    Start {
        /// Its name.
        program: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// It ended with another status than 0.
    #[error("{program} ended with {status}{}", after_colon(stderr))]
    Failed {
        /// Its name.
        program: String,
        /// How it ended.
        status: Exit,
        /// The last lines of its standard error, at most 20 lines and 4 KiB.
        stderr: String,
    },
    /// It took too long and was ended.
    #[error("{program} was ended after {} seconds{}", limit.as_secs_f64(), after_colon(stderr))]
    TimedOut {
        /// Its name.
        program: String,
        /// The limit it passed.
        limit: Duration,
        /// The last lines of its standard error, at most 20 lines and 4 KiB.
        stderr: String,
    },
    /// It was ended because its caller asked for it.
    #[error("{program} was cancelled")]
    Cancelled {
        /// Its name.
        program: String,
    },
    /// Talking to it failed.
    #[error("the output of {program} could not be read")]
    Pipe {
        /// Its name.
        program: String,
        /// What the kernel said.
        source: io::Error,
    },
}

fn after_colon(text: &str) -> String {
    match text.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => format!(": {line}"),
        None => String::new(),
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let fragment = error.to_string();
        let mut chars = fragment.chars();
        let title: String = chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect();
        match error {
            Error::NotFound { .. } => {
                Self::new(503, "program-missing", title).then("Install it on this machine, then try again.")
            }
            Error::TimedOut { .. } => {
                Self::new(504, "program-timed-out", title).then("Try again; if it stays, look at the job's log.")
            }
            Error::Cancelled { .. } => Self::new(409, "cancelled", title),
            Error::Failed { stderr, .. } => Self::new(502, "program-failed", title).why(stderr),
            Error::Start { source, .. } | Error::Pipe { source, .. } => {
                Self::new(502, "program-failed", title).why(source.to_string())
            }
        }
    }
}
