//! Apps that move: clones.

use axum::{extract::State, http::Method, response::Response};
use orbitr_access::{
    Action, Permit,
    action::{CloneApp, InstallApp},
};
use orbitr_apps::{CloneRequest, Started};
use orbitr_model::AppId;

use crate::{Rooms, apps::accepted, builder::Builder, input::Body, openapi::Operation, problem::Answer};

const APPS: &str = "Apps";

pub(crate) fn routes(api: Builder) -> Builder {
    let post = |path, id, summary| Operation::new(Method::POST, path, id, summary).tag(APPS);
    api.on(
        CloneApp,
        post("/apps/{app}/clone", "cloneApp", "Make another app of an app, with a copy of its data and its passwords")
            .body::<CloneRequest>()
            .answers::<Started>(202, "The job that does it, and the new app"),
        clone,
    )
}

/// The permit for the project that an app is in.
async fn in_project_of<A: Action<Resource = AppId>>(rooms: &Rooms, permit: &Permit<A>) -> Answer<Permit<InstallApp>> {
    let project = rooms.apps.project_of(permit.resource()).await?;
    rooms.look::<InstallApp>(permit.caller(), project).await
}

async fn clone(
    State(rooms): State<Rooms>,
    permit: Permit<CloneApp>,
    Body(request): Body<CloneRequest>,
) -> Answer<Response> {
    let into = in_project_of(&rooms, &permit).await?;
    Ok(accepted(rooms.apps.clone_app(&permit, &into, request).await?))
}
