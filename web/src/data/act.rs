//! What can be chosen about the data partition, from the forms to root's acts.

use axum::{
    Form,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use orbitr_model::{
    Act, ActState, DataState, Encrypt, MakeDataRequest, OpenDataRequest, PartUuid, Problem, RecoveryKey,
};
use serde::Deserialize;

use super::{Cx, Near, Pending, Site, goes_on, opened, page, refused};
use crate::{installer, shell::error_page};

/// An id for a request: which report is the answer to which form is told by it.
pub(crate) fn request_id() -> String {
    orbitr_model::JobId::new().to_string()
}

#[derive(Deserialize)]
pub(super) struct ChoiceForm {
    /// `new`, or `adopt:PARTUUID:DEVICE`.
    #[serde(default)]
    choice: String,
    /// Present when the data are to be encrypted.
    #[serde(default)]
    encrypt: Option<String>,
    /// Present when the security chip shall open them.
    #[serde(default)]
    chip: Option<String>,
}

/// New, or the data found.
pub(super) async fn choose(_: Near, State(site): State<Site>, Cx(cx): Cx, Form(form): Form<ChoiceForm>) -> Response {
    let again = |problem: &Problem| refused(problem, page::step(&site, &cx, site.acts().stage(), Some(problem)));
    if let Some(adopt) = form.choice.strip_prefix("adopt:") {
        let (partuuid, device) = adopt.split_once(':').unwrap_or((adopt, ""));
        let Ok(partuuid) = partuuid.parse::<PartUuid>() else {
            return again(&Problem::field("choice", "Choose one of the partitions."));
        };
        let device = (!device.is_empty()).then(|| device.to_owned());
        return asked(open(&site, Some(partuuid), device, None).await, again);
    }
    if form.choice != "new" {
        return again(&Problem::field("choice", "Choose how to go on."));
    }
    if form.encrypt.is_none() {
        site.set_pending(None);
        return asked(make(&site, None).await, again);
    }
    match new_key() {
        Ok(key) => {
            site.set_pending(Some(Pending { key, chip: form.chip.is_some() && site.acts().has_chip() }));
            Redirect::to("/setup/key").into_response()
        }
        Err(problem) => again(&problem),
    }
}

/// After asking root: to the progress, or back with what was wrong.
fn asked(done: Result<(), Problem>, again: impl FnOnce(&Problem) -> Response) -> Response {
    match done {
        Ok(()) => Redirect::to(PROGRESS).into_response(),
        Err(problem) => again(&problem),
    }
}

/// Where one sees how root's act goes.
pub(super) const PROGRESS: &str = "/setup/progress";

/// A fresh recovery key.
pub(super) fn new_key() -> Result<RecoveryKey, Problem> {
    let mut random = [0_u8; RecoveryKey::BYTES];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Problem::internal())?;
    Ok(RecoveryKey::new(random))
}

pub(super) async fn make(site: &Site, encrypt: Option<Encrypt>) -> Result<(), Problem> {
    let request = MakeDataRequest { version: 1, id: request_id(), disk: None, encrypt };
    site.acts().ask(Act::MakeData, &request.id, &request).await
}

pub(super) async fn open(
    site: &Site,
    adopt: Option<PartUuid>,
    device: Option<String>,
    key: Option<RecoveryKey>,
) -> Result<(), Problem> {
    let request = OpenDataRequest { version: 1, id: request_id(), adopt, device, key };
    site.acts().ask(Act::OpenData, &request.id, &request).await
}

/// The key, to be written down. It is shown until it was typed back, and never again.
pub(super) async fn show_key(_: Near, State(site): State<Site>, Cx(cx): Cx) -> Response {
    match site.pending() {
        Some(pending) => page::key(&cx, &pending.key, None).into_response(),
        None => Redirect::to("/").into_response(),
    }
}

#[derive(Deserialize)]
pub(super) struct KeyForm {
    #[serde(default)]
    key: String,
    /// Which partition, where more than one is locked.
    #[serde(default)]
    partition: String,
}

/// The key once more, from paper.
pub(super) async fn typed_back(_: Near, State(site): State<Site>, Cx(cx): Cx, Form(form): Form<KeyForm>) -> Response {
    let Some(pending) = site.pending() else { return Redirect::to("/").into_response() };
    if RecoveryKey::typed(&form.key).as_ref() != Some(&pending.key) {
        let problem = Problem::field("key", "This is not the key above. Compare it group by group.");
        return refused(&problem, page::key(&cx, &pending.key, Some(&problem)));
    }
    let encrypt = Encrypt { recovery_key: pending.key.clone(), tpm2: pending.chip };
    match make(&site, Some(encrypt)).await {
        Ok(()) => {
            site.set_pending(None);
            Redirect::to(PROGRESS).into_response()
        }
        Err(problem) => refused(&problem, page::key(&cx, &pending.key, Some(&problem))),
    }
}

/// A locked partition's key.
pub(super) async fn unlock(_: Near, State(site): State<Site>, Cx(cx): Cx, Form(form): Form<KeyForm>) -> Response {
    let again = |problem: &Problem| refused(problem, page::step(&site, &cx, site.acts().stage(), Some(problem)));
    let Some(key) = RecoveryKey::typed(&form.key) else {
        return again(&Problem::field("key", "A recovery key has 28 letters and digits, in groups of four."));
    };
    let adopt = form.partition.parse::<PartUuid>().ok();
    asked(open(&site, adopt, None, Some(key)).await, again)
}

/// Looks for the partition once more: its disk was plugged in.
pub(super) async fn look_again(_: Near, State(site): State<Site>, Cx(cx): Cx) -> Response {
    let again = |problem: &Problem| refused(problem, page::step(&site, &cx, site.acts().stage(), Some(problem)));
    asked(open(&site, None, None, None).await, again)
}

/// How the act goes; the page looks again by itself.
pub(super) async fn progress(_: Near, State(site): State<Site>, Cx(cx): Cx) -> Response {
    let acts = site.acts();
    if let Some(report) = acts.at_work().await {
        return page::progress(&goes_on(cx, 2, PROGRESS), &report).into_response();
    }
    if let Some(report) = acts.report(Act::Install).filter(|report| report.state == ActState::Done) {
        return installer::done(&cx, &report).into_response();
    }
    let failed = acts.failure().await.map(|(act, problem)| (act, Problem { status: 422, ..problem }));
    match (acts.facts().state, failed) {
        (DataState::Open, _) => opened(cx),
        (_, Some((Act::Install, problem))) => refused(&problem, installer::page(&site, &cx, None, Some(&problem))),
        (_, Some((_, problem))) => refused(&problem, page::step(&site, &cx, acts.stage(), Some(&problem))),
        // Asked, and not begun: systemd is about to start it.
        (_, None) if acts.is_waiting() => page::waiting(&goes_on(cx, 1, PROGRESS)).into_response(),
        (_, None) => Redirect::to("/").into_response(),
    }
}

/// Restarts the machine, after an installation.
pub(super) async fn restart(_: Near, State(site): State<Site>, Cx(cx): Cx) -> Response {
    match site.acts().restart_machine().await {
        Ok(()) => page::restarting(&goes_on(cx, 10, "/")).into_response(),
        Err(problem) => error_page(&cx, &problem),
    }
}
