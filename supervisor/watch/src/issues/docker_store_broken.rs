//! Docker's store is damaged, or Docker does not start: the whole of it, not one image.

use orbitr_machine::{DockerStore, StoreTrouble};

use super::{Findings, Found, docker_down};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

const DOCKER: &str = "docker.service";
const MEANS: &str = "Docker keeps images and containers there. Nothing in it is the only copy of anything, but for the \
                     volumes of adopted apps, and those stay. The data of the apps are elsewhere.";
const REBUILDS: &str = "The store is set aside as it is, Docker begins with an empty one, and the apps come back from the \
                        registries, in the versions that they had to the last byte. Until then they are down.";
const HOSTED: &str = "Docker on this machine is not Orbitr's to mend: its last lines say why it does not start. If its store is \
                      damaged, docs/recovery.md says how to set it aside by hand; the apps come back by themselves then.";

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    let Some(store) = &facts.docker_store else {
        out.unclear(Kind::DockerStoreBroken, Some(Subject::Box));
        return;
    };
    let Some(trouble) = &store.trouble else { return };
    let found = Found::new(Kind::DockerStoreBroken, Subject::Box, Severity::Bad, trouble.sentence());
    let found = match (store.available, store.job) {
        (false, _) => found.explained(HOSTED).fixes(docker_down::restart(facts)),
        (true, Some(job)) => {
            found.explained(format!("{MEANS} {REBUILDS} The box is at it.")).fix(Fix::OpenJob { job, app: None })
        }
        (true, None) => asked(found, store),
    };
    out.found.push(shown(found, store, trouble));
}

fn asked(found: Found, store: &DockerStore) -> Found {
    let found =
        found.fix(Fix::RebuildDockerStore).fix(Fix::OpenDockerStore).fix(Fix::OpenUnit { unit: DOCKER.to_owned() });
    match &store.asks {
        Some(why) => found.explained(format!("{MEANS} {REBUILDS}")).shown_by("Why not by itself", why.as_str()),
        None => found.explained(format!("{MEANS} {REBUILDS} The box begins with that in a moment.")),
    }
}

fn shown(found: Found, store: &DockerStore, trouble: &StoreTrouble) -> Found {
    let files: Vec<String> = store.damage.iter().take(3).map(|one| format!("{} {}", one.file, one.what)).collect();
    let more = store.damage.len().saturating_sub(files.len()) + usize::try_from(store.more).unwrap_or(usize::MAX);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let ended = match trouble {
        StoreTrouble::DoesNotStart { result } => result.as_str(),
        StoreTrouble::CutOff | StoreTrouble::Damaged => "",
    };
    let files = files.join("; ");
    found
        .shown_by("Damaged", if files.is_empty() { files } else { files + &more })
        .shown_by("How Docker's last start ended", ended)
        .shown_by("Why the last rebuild failed", failed(store))
}

fn failed(store: &DockerStore) -> String {
    store.last.as_ref().and_then(|last| last.problem.as_ref()).map(super::why).unwrap_or_default()
}
