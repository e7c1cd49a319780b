//! The disk to which an app's data was moved is not there.

use orbitr_apps::{AppView, DiskState, Wanted};

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity},
};

/// Whether that is why the app is not up.
pub(super) fn is_away(facts: &Facts, app: &AppView) -> bool {
    facts.other_disks.iter().any(|disk| disk.app == app.id && !matches!(disk.state, DiskState::There(_)))
}

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    for disk in &facts.other_disks {
        let (is, why) = match disk.state {
            DiskState::There(_) => continue,
            DiskState::Away => ("is not there", "It is not connected, or not mounted where it was."),
            DiskState::Silent => ("does not answer", "It hangs, or the machine that lends it."),
        };
        let Some(app) = facts.installed().find(|app| app.id == disk.app) else { continue };
        let severity = if app.wanted == Wanted::Running { Severity::Bad } else { Severity::Warning };
        let title = format!("The disk with the data of {} {is}", app.name);
        out.found.push(
            Found::of(Kind::DataDiskMissing, app, severity, title)
                .explained(format!(
                    "{why} Nothing takes its place: the app waits for it, and comes up by itself when the disk is back."
                ))
                .shown_by("Its data is in", disk.at.to_string_lossy())
                .fix(Fix::OpenApp { app: app.id.clone() }),
        );
    }
}
