//! An app is up and does not answer as it should.

use jiff::SignedDuration;
use orbitr_apps::Wanted;
use orbitr_model::AppState;

use super::{Findings, Found, app_crash_looping::is_looping, care, is_unclear, verbs};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

/// An app that is busy for a moment is not ill.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    for app in facts.installed() {
        if is_unclear(app) {
            out.unclear(Kind::AppUnhealthy, Some(Subject::App(app.id.clone())));
        } else if app.wanted == Wanted::Running && app.status.state == AppState::Unhealthy && !is_looping(facts, app) {
            let title = format!("{} does not answer as it should", app.name);
            let found = Found::of(Kind::AppUnhealthy, app, Severity::Warning, title)
                .explained(
                    "Its containers run, but the box does not reach it the way a user would. It may be busy or stuck; a \
                     restart often helps, and its logs say more.",
                )
                .shown_by("Why", app.status.reason.as_str())
                .fixes(verbs(app))
                .fix(Fix::OpenLogs { app: app.id.clone() })
                .after(PATIENCE);
            out.found.push(care(found, app));
        }
    }
}
