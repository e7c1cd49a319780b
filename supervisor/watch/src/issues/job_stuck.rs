//! A job is at a step, or in the queue, for far longer than it should.

use std::time::Duration;

use orbitr_jobs::{LateStep, Overdue};
use orbitr_model::JobState;

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    for job in &facts.overdue {
        out.found.push(found(facts, job));
    }
}

fn found(facts: &Facts, job: &Overdue) -> Found {
    let title = match (&job.step, job.state) {
        (None, _) => format!("«{}» waits for its turn for too long", job.title),
        (Some(_), JobState::Undoing) => format!("Taking «{}» back takes too long", job.title),
        (Some(_), _) => format!("«{}» takes too long", job.title),
    };
    let mut found = Found::new(Kind::JobStuck, Subject::Job(job.id), Severity::Warning, title).since(job.since);
    found.about = format!("«{}»", job.title);
    found.app = job.app.clone().filter(|app| facts.app(app).is_some());
    found = match &job.step {
        Some(step) => at_a_step(found, step),
        None => found
            .explained("Another job has to end first. Look at that one; cancel this one if it is not wanted any more.")
            .shown_by(
                "Waits for",
                job.behind.clone().unwrap_or_else(|| "a place among the jobs that are at work".to_owned()),
            ),
    };
    let cancel = job.cancellable.then(|| Fix::CancelJob { job: job.id, app: job.app.clone() });
    found.fixes(cancel).fix(Fix::OpenJob { job: job.id, app: job.app.clone() })
}

fn at_a_step(found: Found, step: &LateStep) -> Found {
    let tries = if step.tries > 1 { step.tries.to_string() } else { String::new() };
    found
        .explained(
            "It is at one step for far longer than that may take. Its log says what it waits for. What a job that is \
             cancelled has done is taken back.",
        )
        .shown_by("Step", step.title.as_str())
        .shown_by("Longest time of one try", length(step.limit))
        .shown_by("Tries", tries)
}

fn length(limit: Duration) -> String {
    match limit.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}
