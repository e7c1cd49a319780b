//! An app that was stopped here runs: somebody started its containers behind the box's back.

use jiff::SignedDuration;
use orbitr_apps::Wanted;
use orbitr_model::AppState;

use super::{Findings, Found, is_unclear, verbs};
use crate::{
    facts::Facts,
    model::{Kind, Severity, Subject},
};

const PATIENCE: SignedDuration = SignedDuration::from_secs(10);

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    for app in facts.installed() {
        if is_unclear(app) {
            out.unclear(Kind::AppRunsThoughStopped, Some(Subject::App(app.id.clone())));
        } else if app.wanted == Wanted::Stopped && app.status.state == AppState::Running && !facts.safe_mode {
            let title = format!("{} runs although it was stopped here", app.name);
            let found = Found::of(Kind::AppRunsThoughStopped, app, Severity::Warning, title)
                .explained(
                    "Somebody has started its containers with another program, such as docker on a shell. Start it here if \
                     it shall run, so that the box looks after it; else stop it again.",
                )
                .fixes(verbs(app))
                .after(PATIENCE);
            out.found.push(found);
        }
    }
}
