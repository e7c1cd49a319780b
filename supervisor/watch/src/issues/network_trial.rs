//! A network setting is tried, and goes back unless somebody confirms it.

use orbitr_machine::Issue;

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    let Some(machine) = &facts.machine else { return out.unclear(Kind::NetworkTrial, None) };
    for issue in machine {
        let Issue::NetworkTrial { name, seconds_left } = issue else { continue };
        let title = format!("A new setting of {name} waits to be confirmed");
        out.found.push(
            Found::new(Kind::NetworkTrial, Subject::Card(name.clone()), Severity::Info, title)
                .explained("It goes back by itself unless somebody confirms it over the new address or on the box's own screen.")
                .shown_by("Goes back in", format!("{seconds_left} s"))
                .fix(Fix::OpenNetwork),
        );
    }
}
