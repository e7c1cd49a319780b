//! How a verb ends.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    process::ExitCode,
};

use orbitr_model::Problem;

use super::output::{Output, clean};

/// The exit codes. They do not change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// The operation failed: the job failed or was cancelled, or the box has a problem.
    Failed = 1,
    /// The arguments, or the input that they give, are wrong.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// Not permitted, or not signed in.
    NotPermitted = 4,
    /// The supervisor cannot be reached.
    Unreachable = 5,
    /// Something is in the way: another job, another state, too many tries.
    Conflict = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a verb did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was typed, or the file that it names, is wrong.
    #[error("{0}")]
    Usage(String),
    /// The supervisor refused, and says why.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// Nobody answers.
    #[error("{what}: {why}")]
    Unreachable {
        /// Who does not answer.
        what: String,
        /// What was tried last.
        why: String,
    },
    /// The job that was waited for failed; the problem as people read it.
    #[error("{0}")]
    Job(String),
    /// This program cannot go on.
    #[error("{0}")]
    Local(String),
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Problem(problem) => exit_of(problem.status),
            Self::Unreachable { .. } => Exit::Unreachable,
            Self::Job(_) | Self::Local(_) | Self::Output(_) => Exit::Failed,
        }
    }

    /// Says it on standard error and gives the exit code. A reader who has read enough (`| head`) is no
    /// failure and hears nothing.
    pub(super) fn tell(&self, out: &Output) -> ExitCode {
        if let Self::Output(error) = self
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            return Exit::Done.into();
        }
        let text = match self {
            Self::Problem(problem) if out.is_json() => {
                format!("{}\n", serde_json::to_string_pretty(problem).unwrap_or_default())
            }
            Self::Problem(problem) => format!("orbitr: {}", in_lines(problem)),
            Self::Job(lines) => format!("orbitr: {lines}"),
            other => format!("orbitr: {}\n", clean(&other.to_string())),
        };
        // Nobody can be told that nobody can be told.
        let _ = io::stderr().write_all(text.as_bytes());
        self.exit().into()
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

const fn exit_of(status: u16) -> Exit {
    match status {
        400 | 413 | 415 | 422 => Exit::Usage,
        404 | 410 => Exit::NotFound,
        401 | 403 => Exit::NotPermitted,
        409 | 412 | 423 | 429 | 503 => Exit::Conflict,
        _ => Exit::Failed,
    }
}

/// A problem as people read it: what happened, why, what to do next, the wrong fields.
pub(super) fn in_lines(problem: &Problem) -> String {
    let mut text = format!("{}\n", clean(problem.title.trim_end_matches('.')));
    for part in [&problem.detail, &problem.next] {
        if !part.is_empty() {
            let _ = writeln!(text, "  {}", clean(part));
        }
    }
    for field in &problem.fields {
        let _ = writeln!(text, "  {}: {}", clean(&field.field), clean(&field.message));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_exit_code() {
        for (status, exit) in [
            (422, Exit::Usage),
            (404, Exit::NotFound),
            (401, Exit::NotPermitted),
            (403, Exit::NotPermitted),
            (409, Exit::Conflict),
            (429, Exit::Conflict),
            (500, Exit::Failed),
        ] {
            assert_eq!(Failure::from(Problem::new(status, "x", "x")).exit(), exit, "{status}");
        }
    }

    #[test]
    fn a_problem_says_what_why_and_what_next() {
        let mut problem =
            Problem::field("inputs.port", "5432 is taken").why("Another app has it.").then("Choose 5433.");
        problem.title = "Some of the input\u{1b}[31m is not right".to_owned();
        insta::assert_snapshot!(in_lines(&problem), @r"
        Some of the input·[31m is not right
          Another app has it.
          Choose 5433.
          inputs.port: 5432 is taken
        ");
    }
}
