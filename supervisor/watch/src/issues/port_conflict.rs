//! An app cannot come up because something else holds a port of it.

use orbitr_apps::AppView;
use orbitr_jobs::Failed;

use super::{Findings, Found, is_unclear, verbs, why};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

/// What a start fails with then.
const CODE: &str = "port-taken";

/// The start that failed for it, if that is why the app is not up.
pub(super) fn failed<'a>(facts: &'a Facts, app: &AppView) -> Option<&'a Failed> {
    facts.failed_start(app, &[CODE])
}

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    for app in facts.installed() {
        if is_unclear(app) {
            out.unclear(Kind::PortConflict, Some(Subject::App(app.id.clone())));
        } else if let Some(job) = failed(facts, app) {
            out.found.push(found(app, job));
        }
    }
}

fn found(app: &AppView, job: &Failed) -> Found {
    let problem = job.problem.as_ref();
    let said = problem.map(why).unwrap_or_default();
    let title = problem.map(|problem| problem.title.as_str()).unwrap_or_default();
    let port: String = title.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    Found::of(Kind::PortConflict, app, Severity::Bad, format!("A port of {} is held by something else", app.name))
        .explained(
            "Only one program can listen on a port of this machine, and another one was there first. Give the app another \
             port, which changes its address; or stop the other program, then start the app.",
        )
        .shown_by("Port", port)
        .shown_by("Why", said)
        .fix(Fix::MovePorts { app: app.id.clone() })
        .fixes(verbs(app))
        .fix(Fix::OpenJob { job: job.id, app: job.app.clone() })
}
