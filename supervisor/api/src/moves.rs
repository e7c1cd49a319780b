//! Apps that move: clones, and data on another disk.

use axum::{Json, extract::State, http::Method, response::Response};
use orbitr_access::{
    Action, Permit,
    action::{ChangeApp, CloneApp, InstallApp},
};
use orbitr_apps::{CloneRequest, DataPlan, MoveDataRequest, Started};
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
    .on(
        ChangeApp,
        Operation::new(Method::GET, "/apps/{app}/data/move", "planDataMove", "Where an app's data could be moved to")
            .tag(APPS)
            .answers::<DataPlan>(200, "The disks, and what moving takes; nothing changes"),
        plan_data_move,
    )
    .on(
        ChangeApp,
        post("/apps/{app}/data/move", "moveAppData", "Move an app's data to another disk")
            .body::<MoveDataRequest>()
            .answers::<Started>(202, "The job that does it"),
        move_data,
    )
}

async fn plan_data_move(State(rooms): State<Rooms>, permit: Permit<ChangeApp>) -> Answer<Json<DataPlan>> {
    Ok(Json(rooms.apps.plan_data_move(&permit).await?))
}

async fn move_data(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeApp>,
    Body(request): Body<MoveDataRequest>,
) -> Answer<Response> {
    Ok(accepted(rooms.apps.move_data(&permit, request).await?))
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
