//! The last change of an app failed: an update, a roll-back, or other settings.

use orbitr_apps::AppView;
use orbitr_jobs::Failed;

use super::{Findings, Found, why};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity},
};

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    for job in &facts.failed_changes {
        // What it left behind is told by another kind.
        let left = facts.not_undone.iter().any(|other| other.id == job.id);
        let app = facts.installed().find(|app| Some(&app.id) == job.app.as_ref());
        if let Some(app) = app.filter(|_| !left) {
            out.found.push(found(app, job));
        }
    }
}

fn found(app: &AppView, job: &Failed) -> Found {
    let id = app.id.clone();
    let mut found = Found::of(Kind::AppUpdateFailed, app, Severity::Warning, format!("«{}» has failed", job.title))
        .explained(format!(
            "{} is as it was before: its version, its settings and its data. What the job had done is taken back.",
            app.name
        ))
        .since(job.ended);
    if let Some(problem) = &job.problem {
        found = found.shown_by("Why", why(problem)).shown_by("What helps", problem.next.as_str());
        found = found.shown_by("Code", problem.code.as_str());
    }
    found = found.fix(Fix::OpenJob { job: job.id, app: job.app.clone() });
    if app.update.is_some() { found.fix(Fix::OpenUpdate { app: id }) } else { found.fix(Fix::OpenSettings { app: id }) }
}
