//! Apps that were healthy before an update of the system are not after it: somebody has to say whether it is kept.

use orbitr_machine::ProvingState;

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    let Some(proving) = facts.proving.as_ref().filter(|proving| proving.state == ProvingState::Asking) else { return };
    let count = match proving.apps.as_slice() {
        [one] => format!("{} is", one.name),
        several => format!("{} apps are", several.len()),
    };
    let title = format!("{count} not healthy since the update to Orbitr OS {}", proving.version);
    let then = match (proving.ends_at, proving.may_go_back) {
        (Some(_), _) => "Without an answer the box goes back by itself.",
        (None, true) => "The box waits for your answer.",
        (None, false) => "The version before is not on the disk any more, so there is none to go back to.",
    };
    let mut found = Found::new(Kind::UpdateAppsUnhealthy, Subject::Box, Severity::Bad, title)
        .explained(format!(
            "Before the update to {} they were healthy on {}. Keep the new version if you can mend them here, or go back: the box \
             then restarts into {}, with all data, and does not install {} again by itself. When they become healthy, this \
             question goes away. {then}",
            proving.version, proving.before, proving.before, proving.version
        ))
        .shown_by("Version", proving.version.as_str())
        .shown_by("Version before", proving.before.as_str());
    for app in &proving.apps {
        found = found.shown_by(app.name.as_str(), app.said.clone());
    }
    if let Some(ends) = proving.ends_at {
        let minutes = ends.duration_since(facts.now).as_secs().max(0).unsigned_abs().div_ceil(60);
        found = found.shown_by("Goes back in", format!("{minutes} min"));
    }
    if let Some(since) = proving.asked_at {
        found = found.since(since);
    }
    found = found.fix(Fix::KeepVersion { version: proving.version.clone() });
    if proving.may_go_back {
        found = found.fix(Fix::LeaveVersion { version: proving.version.clone(), before: proving.before.clone() });
    }
    out.found.push(found.fix(Fix::OpenUpdates));
}
