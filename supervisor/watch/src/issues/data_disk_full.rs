//! There is no room left on another disk that has data of an app.

use orbitr_apps::DiskState;
use orbitr_machine::Used;
use orbitr_model::ByteSize;

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity},
};

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    for disk in &facts.other_disks {
        let Some(app) = facts.installed().find(|app| app.id == disk.app) else { continue };
        let DiskState::There(used) = disk.state else { continue };
        let used = Used { used: ByteSize(used.used()), total: ByteSize(used.total) };
        if !used.is_full() {
            continue;
        }
        let title = format!("The disk with the data of {} is full", app.name);
        out.found.push(
            Found::of(Kind::DataDiskFull, app, Severity::Bad, title)
                .explained(
                    "Soon the app can write nothing any more. Remove from the disk what nobody needs, or move the data of the \
                     app to a larger one: in its settings, under «Move the data …».",
                )
                .shown_by("Its data is in", disk.at.to_string_lossy())
                .shown_by("Free", used.free().to_string())
                .shown_by("Size", used.total.to_string())
                .fix(Fix::OpenSettings { app: app.id.clone() }),
        );
    }
}
