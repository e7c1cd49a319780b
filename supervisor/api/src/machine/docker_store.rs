//! Docker's store: how it is, rebuilding it, looking at it, removing what was set aside.

use axum::{Json, extract::State, http::Method, response::Response};
use orbitr_access::{
    Permit,
    action::{RebuildDockerStore, ViewMachine},
};
use orbitr_machine::{DockerStore, MachineJob, RemoveStores};

use super::host::accepted;
use crate::{Rooms, builder::Builder, input::Body, openapi::Operation, problem::Answer};

const TAG: &str = "Machine";

pub(super) fn routes(api: Builder) -> Builder {
    let op = |method, path, id, summary| Operation::new(method, path, id, summary).tag(TAG);
    api.on(
        ViewMachine,
        op(
            Method::GET,
            "/box/docker-store",
            "getDockerStore",
            "Docker's store: whether it is whole, the last rebuild, what was set aside",
        )
        .answers::<DockerStore>(200, "The store as it is"),
        show,
    )
    .on(
        RebuildDockerStore,
        op(
            Method::POST,
            "/box/docker-store/rebuild",
            "rebuildDockerStore",
            "Set Docker's store aside and begin another one; every app is down until its images are here again",
        )
        .answers::<MachineJob>(202, "The job that does it"),
        rebuild,
    )
    .on(
        RebuildDockerStore,
        op(Method::POST, "/box/docker-store/look", "lookAtDockerStore", "Look now whether Docker's store is whole")
            .answers::<MachineJob>(202, "The job that does it"),
        look,
    )
    .on(
        RebuildDockerStore,
        op(
            Method::POST,
            "/box/docker-store/remove",
            "removeDockerStores",
            "Remove stores of Docker that were set aside; nothing brings them back",
        )
        .body::<RemoveStores>()
        .answers::<MachineJob>(202, "The job that does it"),
        remove,
    )
}

async fn show(State(rooms): State<Rooms>, permit: Permit<ViewMachine>) -> Answer<Json<DockerStore>> {
    Ok(Json(rooms.machine.docker_store(&permit).await?))
}

async fn rebuild(State(rooms): State<Rooms>, permit: Permit<RebuildDockerStore>) -> Answer<Response> {
    Ok(accepted(rooms.machine.rebuild_docker_store(&permit).await?))
}

async fn look(State(rooms): State<Rooms>, permit: Permit<RebuildDockerStore>) -> Answer<Response> {
    Ok(accepted(rooms.machine.look_at_docker_store(&permit).await?))
}

async fn remove(
    State(rooms): State<Rooms>,
    permit: Permit<RebuildDockerStore>,
    Body(request): Body<RemoveStores>,
) -> Answer<Response> {
    Ok(accepted(rooms.machine.remove_docker_stores(&permit, &request).await?))
}
