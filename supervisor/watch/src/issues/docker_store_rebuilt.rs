//! Docker's store was rebuilt, and the old one still takes room.

use orbitr_machine::{Rebuild, RebuildEnd};
use orbitr_model::ByteSize;

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    let Some(store) = &facts.docker_store else {
        out.unclear(Kind::DockerStoreRebuilt, Some(Subject::Box));
        return;
    };
    let Some(last) = store.last.as_ref().filter(|last| last.end == Some(RebuildEnd::Done)) else { return };
    // Its owner has seen it when the old store is gone.
    let Some(old) = store.aside.iter().find(|one| Some(&one.name) == last.name.as_ref()) else { return };
    let bytes: u64 = store.aside.iter().map(|one| one.bytes).sum();
    out.found.push(
        found(last)
            .shown_by("Where the old store is", old.path.as_str())
            .shown_by("What old stores take", ByteSize(bytes).to_string())
            .since(last.at)
            .fix(Fix::RemoveDockerStores)
            .fix(Fix::OpenDockerStore)
            .fix(Fix::OpenJob { job: last.job, app: None }),
    );
}

fn found(last: &Rebuild) -> Found {
    let severity = if last.missing.is_empty() { Severity::Info } else { Severity::Warning };
    let title = match last.missing.len() {
        0 => "Docker's store was rebuilt, and the apps are back".to_owned(),
        1 => "Docker's store was rebuilt, and an app is not back".to_owned(),
        n => format!("Docker's store was rebuilt, and {n} apps are not back"),
    };
    let by = if last.by_the_box { "The box" } else { "Somebody" };
    let names = |names: Vec<String>| names.join("; ");
    Found::new(Kind::DockerStoreRebuilt, Subject::Box, severity, title)
        .explained(format!(
            "{by} had it set aside and begun anew. Data of apps and named volumes were kept; images and containers were made \
             anew. What was built on this machine or is in no registry any more is in the old store alone. The old one stays \
             until you remove it; if the apps are well, nothing needs it. If this happens again, look at the disk.",
        ))
        .shown_by("Why", last.why.as_str())
        .shown_by("Came back", names(last.back.iter().map(ToString::to_string).collect()))
        .shown_by("Did not come back", names(last.missing.iter().map(|app| format!("{} ({})", app.app, app.why)).collect()))
}
