//! Much time is lost by waiting for memory.

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

/// So much of the last five minutes, in per cent.
const MUCH: f64 = 20.0;

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    let Some(pressure) = facts.memory_pressure.filter(|pressure| *pressure >= MUCH) else { return };
    out.found.push(
        Found::new(Kind::MemoryPressure, Subject::Box, Severity::Warning, "Memory is short")
            .explained(
                "Apps wait for memory instead of working, and everything is slow. Stop apps that you do not need, give those \
                 that need much less to do, or use a box with more memory.",
            )
            .shown_by("Waiting for memory", format!("{pressure:.0} % of the last five minutes"))
            .fix(Fix::OpenApps),
    );
}
