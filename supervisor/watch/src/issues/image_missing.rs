//! An app cannot come up because an image of it is gone, and cannot be fetched.

use orbitr_apps::AppView;
use orbitr_jobs::Failed;

use super::{Findings, Found, is_unclear, why};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

/// What a start fails with then: the image is not here, and the registry does not hand it out.
const CODES: &[&str] = &[
    "image-missing",
    "image-not-found",
    "image-denied",
    "image-wrong-platform",
    "registry-busy",
    "registry-unreachable",
    "download-stalled",
];

/// The start that failed for it, if that is why the app is not up.
pub(super) fn failed<'a>(facts: &'a Facts, app: &AppView) -> Option<&'a Failed> {
    facts.failed_start(app, CODES)
}

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    for app in facts.installed() {
        if is_unclear(app) {
            out.unclear(Kind::ImageMissing, Some(Subject::App(app.id.clone())));
        } else if let Some(job) = failed(facts, app) {
            out.found.push(found(app, job));
        }
    }
}

fn found(app: &AppView, job: &Failed) -> Found {
    let problem = job.problem.as_ref();
    Found::of(Kind::ImageMissing, app, Severity::Bad, format!("An image of {} is gone and cannot be fetched", app.name))
        .explained(
            "Somebody has removed it from Docker, and the registry that it comes from does not answer or has it no more. The \
             app's data is not touched. Let the box reach the registry, then have the image fetched again.",
        )
        .shown_by("Why", problem.map(why).unwrap_or_default())
        .shown_by("What helps", problem.map(|problem| problem.next.clone()).unwrap_or_default())
        .fix(Fix::FetchImages { app: app.id.clone() })
        .fix(Fix::OpenJob { job: job.id, app: job.app.clone() })
}
