//! A job failed and left something behind that it could not take back.

use orbitr_apps::Phase;
use orbitr_jobs::Failed;

use super::{Findings, Found, why};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    for job in &facts.not_undone {
        // What belonged to an app that is gone went with it.
        if job.app.as_ref().is_none_or(|app| facts.app(app).is_some()) {
            out.found.push(found(facts, job));
        }
    }
}

fn found(facts: &Facts, job: &Failed) -> Found {
    let title = format!("«{}» has failed, and not all of it was taken back", job.title);
    let mut found = Found::new(Kind::JobNotUndone, Subject::Job(job.id), Severity::Bad, title).since(job.ended);
    found.about = format!("«{}»", job.title);
    if let Some(problem) = &job.problem {
        found = found.shown_by("Why", why(problem)).shown_by("What helps", problem.next.as_str());
    }
    found = found.fix(Fix::OpenJob { job: job.id, app: job.app.clone() });
    let Some(app) = job.app.as_ref().and_then(|app| facts.app(app)) else {
        return found
            .explained("The job's log says how far it came and what is left. Dismiss this when that is mended.");
    };
    found.app = Some(app.id.clone());
    if app.phase == Phase::Installing {
        found
            .explained("It was never installed as a whole. Remove it, then install it again.")
            .fix(Fix::OpenRemoval { app: app.id.clone() })
    } else {
        found
            .explained(
                "It may be between two states. The job's log says how far it came; starting it often brings it back.",
            )
            .fixes(super::verbs(app))
            .fix(Fix::OpenApp { app: app.id.clone() })
    }
}
