//! What people are told when a job cannot do what was wanted.

use std::time::Duration;

use orbitr_model::{JobId, JobState, Problem};

/// Why a job cannot be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A step that cannot be taken back has begun.
    #[error("it is past the point where it can be taken back")]
    PastNoReturn,
    /// It failed and is being undone already.
    #[error("it failed and is being taken back already")]
    AlreadyUndoing,
    /// It has ended.
    #[error("it has already {}", .0.as_str())]
    Ended(JobState),
}

impl Refusal {
    pub(crate) fn problem(self) -> Problem {
        match self {
            Self::PastNoReturn => Problem::new(409, "job-past-cancel", "This job can no longer be cancelled")
                .why("It has begun a step that cannot be taken back, so it now goes on to its end.")
                .then("Wait until it is done."),
            Self::AlreadyUndoing => Problem::new(409, "job-being-undone", "This job is being taken back already")
                .why("One of its steps failed.")
                .then("Wait until it has ended."),
            Self::Ended(_) => {
                Problem::new(409, "job-ended", "This job has already ended").why("There is nothing left to cancel.")
            }
        }
    }
}

pub(crate) fn unknown_job(id: JobId) -> Problem {
    Problem::not_found("job", id)
}

/// The job belongs to a kind that this release does not have.
pub(crate) fn unknown_kind(kind: &str) -> Problem {
    Problem::new(501, "job-kind-unknown", "This version of Orbitr cannot do this job")
        .why(format!("The job is of the kind «{kind}», which this version does not know; another version began it."))
        .then("Start it again from its page.")
}

/// The arguments were written by a release that meant them differently.
pub(crate) fn unreadable_arguments(kind: &str, error: &serde_json::Error) -> Problem {
    Problem::new(501, "job-arguments-unreadable", "This version of Orbitr cannot read what this job should do")
        .why(format!("The arguments of «{kind}» were written by another version: {error}."))
        .then("Start it again from its page.")
}

/// A kind whose steps have the same name twice.
pub(crate) fn doubled_step(kind: &str, step: &str) -> Problem {
    Problem::new(500, "job-steps-invalid", "Orbitr has a defect in this kind of job")
        .why(format!("The kind «{kind}» has two steps named «{step}»."))
        .then("Nothing was changed. Please report it.")
}

/// A step took longer than its limit.
pub(crate) fn time_limit(title: &str, limit: Duration) -> Problem {
    Problem::new(504, "job-step-time-limit", format!("«{title}» took too long"))
        .why(format!("It was stopped after {}.", span(limit)))
        .then("Try again; the job's log says how far it came.")
}

/// A step was stopped because somebody cancelled the job; never shown, the job ends as cancelled.
pub(crate) fn cancelled() -> Problem {
    Problem::new(409, "job-cancelled", "The job was cancelled")
}

/// A step that was begun again and again and never came to an end.
pub(crate) fn crash_loop(title: &str, tries: u32) -> Problem {
    Problem::new(500, "job-step-restarts", format!("«{title}» was begun {tries} times and never came to an end"))
        .why("Each time the supervisor stopped while it was at it.")
        .then("Look into the job's log and the supervisor's log for what happened at that moment.")
}

/// Taking back a step failed for good.
pub(crate) fn undo_given_up(first: Option<Problem>, title: &str, reason: &Problem) -> Problem {
    let why = first.unwrap_or_else(cancelled);
    Problem::new(500, "job-undo-failed", format!("{}, and «{title}» could not be taken back", why.title))
        .why(format!("{}. Taking back «{title}»: {}", clean(&why.to_string()), clean(&reason.to_string())))
        .then("Something of this job is still there. Put right what stopped it, then remove what is left.")
}

fn clean(text: &str) -> &str {
    text.trim_end_matches('.')
}

/// A time as people say it, in whole seconds or minutes.
pub(crate) fn span(time: Duration) -> String {
    let (count, unit) = match time.as_secs() {
        0 => return format!("{} ms", time.as_millis()),
        seconds if seconds >= 120 => (seconds / 60, "minute"),
        seconds => (seconds, "second"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}
