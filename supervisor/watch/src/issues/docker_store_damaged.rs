//! An app cannot come up because files of its images are gone from Docker's store, or are not what they were.

use orbitr_apps::AppView;
use orbitr_jobs::Failed;

use super::{Findings, Found, is_unclear, why};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

/// What a start fails with then.
const CODE: &str = "docker-store-damaged";

/// The start that failed for it, if that is why the app is not up.
pub(super) fn failed<'a>(facts: &'a Facts, app: &AppView) -> Option<&'a Failed> {
    facts.failed_start(app, &[CODE])
}

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    for app in facts.installed() {
        if is_unclear(app) {
            out.unclear(Kind::DockerStoreDamaged, Some(Subject::App(app.id.clone())));
        } else if let Some(job) = failed(facts, app) {
            out.found.push(found(app, job));
        }
    }
}

fn found(app: &AppView, job: &Failed) -> Found {
    let title = format!("Docker's copy of an image of {} is damaged", app.name);
    Found::of(Kind::DockerStoreDamaged, app, Severity::Bad, title)
        .explained(
            "Files of the image are gone or not what they were when it was downloaded: after a power cut, by a disk that \
             fails, or by somebody's hand. The app's data is elsewhere. The damaged image is removed and got again, the same \
             to the last byte. If it happens again, look at the disk.",
        )
        .shown_by("Why", job.problem.as_ref().map(why).unwrap_or_default())
        .fix(Fix::RebuildImages { app: app.id.clone() })
        .fix(Fix::OpenJob { job: job.id, app: job.app.clone() })
}
