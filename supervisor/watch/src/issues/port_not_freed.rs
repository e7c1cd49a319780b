//! An app cannot come up because Docker holds a port of it for a container that is gone.
//!
//! An engine that is killed while it starts a container takes the port again when it comes back, and no container has it
//! (moby/libnetwork, seen with 20.10 to 26.1). Only its next start forgets it.

use orbitr_apps::AppView;
use orbitr_jobs::Failed;

use super::{Findings, Found, docker_down, is_unclear, verbs, why};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

/// What a start fails with then.
pub(crate) const CODE: &str = "port-not-freed";

/// The start that failed for it, if that is why the app is not up.
pub(super) fn failed<'a>(facts: &'a Facts, app: &AppView) -> Option<&'a Failed> {
    facts.failed_start(app, &[CODE])
}

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    for app in facts.installed() {
        if is_unclear(app) {
            out.unclear(Kind::PortNotFreed, Some(Subject::App(app.id.clone())));
        } else if let Some(job) = failed(facts, app) {
            out.found.push(found(facts, app, job));
        }
    }
}

fn found(facts: &Facts, app: &AppView, job: &Failed) -> Found {
    let title = format!("Docker does not let go of a port of {}", app.name);
    Found::of(Kind::PortNotFreed, app, Severity::Bad, title)
        .explained(
            "It holds the port for a container that is gone. That is left when Docker is killed while it starts one, and \
             Docker forgets it when it is started again. Every app is away for some seconds meanwhile. Or give this app \
             another port, which changes its address and leaves the other apps alone.",
        )
        .shown_by("Why", job.problem.as_ref().map(why).unwrap_or_default())
        .fixes(docker_down::restart(facts))
        .fix(Fix::MovePorts { app: app.id.clone() })
        .fixes(verbs(app))
        .fix(Fix::OpenJob { job: job.id, app: job.app.clone() })
}
