//! An app ends again and again.

use jiff::SignedDuration;
use orbitr_apps::{AppView, Wanted};
use orbitr_model::AppState;

use super::{Findings, Found, app_down::is_explained, care, is_unclear, verbs};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

/// So many ends of its containers …
const ENDS: usize = 4;
/// … within this.
const WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// An app that has run for so long since its last end has found its feet.
const ON_ITS_FEET: SignedDuration = SignedDuration::from_mins(1);

/// Whether that is what is wrong with it: then nothing else is said about its being down.
pub(super) fn is_looping(facts: &Facts, app: &AppView) -> bool {
    if app.wanted != Wanted::Running || facts.safe_mode {
        return false;
    }
    let gave_up = app.care.as_ref().is_some_and(|care| care.gave_up) && !is_explained(facts, app);
    gave_up || ends_again(facts, app)
}

fn ends_again(facts: &Facts, app: &AppView) -> bool {
    let ago = |at| facts.now.duration_since(at);
    let late = facts.ends_of(&app.id).filter(|end| ago(end.at) <= WITHIN);
    let runs = app.status.state == AppState::Running;
    let last = facts.ends_of(&app.id).next_back();
    late.count() >= ENDS && last.is_some_and(|end| !runs || ago(end.at) < ON_ITS_FEET)
}

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    for app in facts.installed() {
        if is_unclear(app) {
            out.unclear(Kind::AppCrashLooping, Some(Subject::App(app.id.clone())));
        } else if is_looping(facts, app) {
            let last = facts.ends_of(&app.id).next_back();
            if let Some(over) = last.and_then(|end| end.at.checked_add(ON_ITS_FEET).ok()).filter(|at| *at > facts.now) {
                out.until(over);
            }
            out.found.push(found(facts, app));
        }
    }
}

fn found(facts: &Facts, app: &AppView) -> Found {
    let gave_up = app.care.as_ref().is_some_and(|care| care.gave_up);
    let next = if gave_up {
        "The box has tried to bring it back and tries no more, so that it does not wear itself out. Its logs usually say why \
         it ends. Start it again when that is mended."
    } else {
        "It is started again each time, and does not stay up. Its logs usually say why. Stop it if it disturbs other apps."
    };
    let last = facts.ends_of(&app.id).next_back();
    let count = facts.ends_of(&app.id).filter(|end| facts.now.duration_since(end.at) <= WITHIN).count();
    let mut found = Found::of(Kind::AppCrashLooping, app, Severity::Bad, format!("{} ends again and again", app.name))
        .explained(next);
    found = match last {
        Some(end) => found.shown_by("Last end", format!("{} {}", end.service, end.what)),
        None => found.shown_by("Why", app.status.reason.as_str()),
    };
    if count > 1 {
        found = found.shown_by("Ends in the last 10 minutes", count.to_string());
    }
    if let Some(at) = app.care.as_ref().map(|care| care.since) {
        found = found.since(at);
    }
    care(found, app).fix(Fix::OpenLogs { app: app.id.clone() }).fixes(verbs(app))
}
