//! A unit of the machine has failed.

use orbitr_machine::Issue;

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    let Some(machine) = &facts.machine else { return out.unclear(Kind::UnitFailed, None) };
    for issue in machine {
        let Issue::UnitFailed { unit, description, restartable } = issue else { continue };
        // What can be restarted from here is what the box itself needs.
        let severity = if *restartable { Severity::Bad } else { Severity::Warning };
        let what = if description.is_empty() { unit } else { description };
        let found = Found::new(Kind::UnitFailed, Subject::Unit(unit.clone()), severity, format!("{what} has failed"))
            .explained(
                "systemd runs it on this machine, and it has ended with an error. Its last lines usually say why.",
            )
            .shown_by("Unit", unit.as_str());
        let restart = restartable.then(|| Fix::RestartUnit { unit: unit.clone() });
        out.found.push(found.fixes(restart).fix(Fix::OpenUnit { unit: unit.clone() }));
    }
}
