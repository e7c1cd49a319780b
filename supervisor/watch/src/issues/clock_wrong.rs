//! The clock cannot be right, or something about it does not fit.

use orbitr_machine::Issue;

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    let Some(machine) = &facts.machine else { return out.unclear(Kind::ClockWrong, None) };
    for issue in machine {
        let Issue::Clock { clock } = issue else { continue };
        let (severity, title, explanation) = if clock.is_usable() {
            (Severity::Warning, "The clock may be wrong", "Look at the time, and at the battery of the machine.")
        } else {
            let means = "Until it is right, no certificate can be checked: nothing can be downloaded, and browsers may \
                         refuse this box. Let it reach a time server, and look at the battery of the machine.";
            (Severity::Bad, "The clock is wrong", means)
        };
        out.found.push(
            Found::new(Kind::ClockWrong, Subject::Box, severity, title)
                .explained(explanation)
                .shown_by("Why", clock.why().unwrap_or_default())
                .fix(Fix::OpenTime),
        );
    }
}
