//! Docker does not answer.

use jiff::SignedDuration;

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

const DOCKER: &str = "docker.service";
/// At the box's own start it takes a moment until it is reached, and so does a restart of Docker.
const PATIENCE: SignedDuration = SignedDuration::from_secs(15);

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    let Some(why) = &facts.docker_down else { return };
    let found = Found::new(Kind::DockerDown, Subject::Box, Severity::Bad, "Docker does not answer")
        .explained(
            "Docker runs the apps. Those that run go on as long as it lives; nothing can be installed, started or changed, \
             and nobody knows how they are, until it answers again.",
        )
        .shown_by("Why", why.as_str())
        .after(PATIENCE);
    out.found.push(found.fixes(restart(facts)));
}

/// What there is to do about Docker itself from here.
pub(super) fn restart(facts: &Facts) -> Vec<Fix> {
    let unit = || DOCKER.to_owned();
    match facts.restartable.iter().any(|known| known == DOCKER) {
        true => vec![Fix::RestartUnit { unit: unit() }, Fix::OpenUnit { unit: unit() }],
        false => vec![Fix::OpenMachine],
    }
}
