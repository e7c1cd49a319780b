//! The clock should agree with the network, and nobody has compared them.

use jiff::SignedDuration;
use orbitr_machine::Issue;

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

/// After a start it takes a while until a time server was reached.
const PATIENCE: SignedDuration = SignedDuration::from_mins(3);

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    let Some(machine) = &facts.machine else { return out.unclear(Kind::ClockNotSynchronised, None) };
    if machine.contains(&Issue::NotSynchronised) {
        let title = "The clock is not compared with the network";
        out.found.push(
            Found::new(Kind::ClockNotSynchronised, Subject::Box, Severity::Warning, title)
                .explained(
                    "No time server answers, so the clock drifts by seconds a day. Let the box reach the internet, or choose \
                     a time server that it can reach.",
                )
                .fix(Fix::OpenTime)
                .after(PATIENCE),
        );
    }
}
