//! A container was ended because there was no memory for it.

use orbitr_apps::AppView;

use super::{Findings, Found, verbs};
use crate::{
    facts::{End, Facts},
    model::{Fix, Kind, Severity},
};

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    for app in facts.installed() {
        let ends: Vec<&End> = facts.ends_of(&app.id).filter(|end| end.was_out_of_memory()).collect();
        if let Some(last) = ends.last() {
            out.found.push(found(app, last, ends.len()));
        }
    }
}

fn found(app: &AppView, last: &End, times: usize) -> Found {
    let found = Found::of(Kind::OutOfMemory, app, Severity::Warning, format!("{} ran out of memory", app.name))
        .explained(
            "It wanted more memory than it may have or than the box has, and was ended for it. If it happens again, give it \
             less to do, stop apps that you do not need, or use a box with more memory.",
        )
        .shown_by("Service", last.service.as_str())
        .since(last.at);
    let found = if times > 1 { found.shown_by("In the last 24 hours", format!("{times} times")) } else { found };
    found.fix(Fix::OpenLogs { app: app.id.clone() }).fixes(verbs(app))
}
