//! What helps with an issue where no other page has a button for it: each is a job, and its page is next.

use axum::{
    extract::{Path, State},
    response::Response,
};
use orbitr_access::{
    Permit,
    action::{ChangeApp, ChangeBox, OperateApp},
};
use orbitr_model::JobId;

use crate::{flash::Flash, site::Site, trouble::Answer};

fn follow(job: JobId) -> Response {
    Flash::busy("It is under way").redirect(&format!("/jobs/{job}"))
}

pub(super) async fn move_ports(State(site): State<Site>, permit: Permit<ChangeApp>) -> Answer<Response> {
    Ok(follow(site.apps.move_ports(&permit).await?.job))
}

pub(super) async fn fetch_images(State(site): State<Site>, permit: Permit<OperateApp>) -> Answer<Response> {
    Ok(follow(site.apps.repair(&permit).await?.job))
}

pub(super) async fn rotate_secret(
    State(site): State<Site>,
    permit: Permit<ChangeApp>,
    Path((_, secret)): Path<(String, String)>,
) -> Answer<Response> {
    Ok(follow(site.apps.rotate_secret(&permit, &secret).await?.job))
}

pub(super) async fn renew_certificate(State(site): State<Site>, permit: Permit<ChangeBox>) -> Answer<Response> {
    Ok(follow(site.machine.renew_certificate(&permit).await?.job))
}

pub(super) async fn copy_database(State(site): State<Site>, permit: Permit<ChangeBox>) -> Answer<Response> {
    Ok(follow(site.machine.copy_database(&permit).await?.job))
}
