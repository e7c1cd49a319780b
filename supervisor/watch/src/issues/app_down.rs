//! An app that is wanted is not up.

use jiff::SignedDuration;
use orbitr_apps::{AppView, Wanted};
use orbitr_model::AppState;

use super::{
    Findings, Found, app_crash_looping::is_looping, care, data_disk_missing, docker_store_damaged, image_missing,
    is_unclear, port_conflict, port_not_freed, verbs,
};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

/// Most come back by themselves within moments: Docker or the box starts them again.
const PATIENCE: SignedDuration = SignedDuration::from_secs(20);

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    for app in facts.installed() {
        if is_unclear(app) {
            out.unclear(Kind::AppDown, Some(Subject::App(app.id.clone())));
        } else if app.wanted == Wanted::Running
            && app.status.state == AppState::Down
            && !is_looping(facts, app)
            && !is_explained(facts, app)
        {
            let title = format!("{} is down", app.name);
            let found = Found::of(Kind::AppDown, app, Severity::Bad, title)
                .explained("It should run, and at least one of its containers does not. Nobody can use it meanwhile.")
                .shown_by("Why", app.status.reason.as_str())
                .fixes(verbs(app))
                .fix(Fix::OpenLogs { app: app.id.clone() })
                .after(PATIENCE);
            out.found.push(care(found, app));
        }
    }
}

/// Whether another kind says why it cannot come up.
pub(super) fn is_explained(facts: &Facts, app: &AppView) -> bool {
    [port_conflict::failed, port_not_freed::failed, image_missing::failed, docker_store_damaged::failed]
        .iter()
        .any(|failed| failed(facts, app).is_some())
        || data_disk_missing::is_away(facts, app)
}
