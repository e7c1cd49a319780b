//! Compose projects that run on the engine without the box, and taking them over.

use axum::{Json, extract::State, http::Method, response::Response};
use orbitr_access::{
    Permit, TheBox,
    action::{InstallApp, InstallUnknown},
};
use orbitr_apps::{AdoptPlan, AdoptRequest, ComposeProject, Started};

use crate::{Rooms, apps::accepted, builder::Builder, input::Body, openapi::Operation, problem::Answer};

pub(crate) fn routes(api: Builder) -> Builder {
    let operation = |method, path, id, summary| Operation::new(method, path, id, summary).tag("Apps");
    api.on(
        InstallUnknown,
        operation(
            Method::GET,
            "/box/compose-projects",
            "listComposeProjects",
            "Compose projects that run on the engine and that no box made",
        )
        .answers::<Vec<ComposeProject>>(200, "The projects, by name"),
        list,
    )
    .on(
        InstallUnknown,
        operation(
            Method::POST,
            "/box/compose-projects/plan",
            "planAdoption",
            "What taking a Compose project over would do",
        )
        .body::<AdoptRequest>()
        .answers::<AdoptPlan>(200, "The plan; nothing changes"),
        plan,
    )
    .on(
        InstallApp,
        operation(Method::POST, "/projects/{project}/adopt", "adoptApp", "Take a Compose project over as an app")
            .body::<AdoptRequest>()
            .answers::<Started>(202, "The job that does it"),
        adopt,
    )
}

async fn list(State(rooms): State<Rooms>, permit: Permit<InstallUnknown>) -> Answer<Json<Vec<ComposeProject>>> {
    Ok(Json(rooms.apps.compose_projects(&permit).await?))
}

async fn plan(
    State(rooms): State<Rooms>,
    permit: Permit<InstallUnknown>,
    Body(request): Body<AdoptRequest>,
) -> Answer<Json<AdoptPlan>> {
    Ok(Json(rooms.apps.plan_adoption(&permit, &request).await?))
}

async fn adopt(
    State(rooms): State<Rooms>,
    into: Permit<InstallApp>,
    Body(request): Body<AdoptRequest>,
) -> Answer<Response> {
    let permit = rooms.look::<InstallUnknown>(into.caller(), TheBox).await?;
    Ok(accepted(rooms.apps.adopt(&permit, &into, request).await?))
}
