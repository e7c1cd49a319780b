//! There is no room left on the disk.

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    let Some(disk) = facts.disk.filter(orbitr_machine::Used::is_full) else { return };
    out.found.push(
        Found::new(Kind::DiskFull, Subject::Box, Severity::Bad, "The disk with the data is full")
            .explained(
                "No app can be installed or updated, and soon apps can write nothing any more. Remove apps and data that \
                 nobody needs, or use a larger disk.",
            )
            .shown_by("Free", disk.free().to_string())
            .shown_by("Size", disk.total.to_string())
            .fix(Fix::OpenApps),
    );
}
