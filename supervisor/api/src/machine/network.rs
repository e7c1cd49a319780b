//! The machine in its network: how it is, changing it, and SSH.

use axum::{
    Extension, Json,
    extract::State,
    http::{Method, StatusCode},
};
use orbitr_access::{
    Permit, TheBox,
    action::{ChangeBox, ChangeNetwork, ChangeSsh, ViewMachine},
    gate::LocalAddress,
};
use orbitr_machine::{CardChange, ChangeHostName, ChangeSshAccess, Network, SshAccess, Trial};

use crate::{Rooms, builder::Builder, input::Body, openapi::Operation, problem::Answer};

const TAG: &str = "Machine";

pub(super) fn routes(api: Builder) -> Builder {
    let op = |method, path, id, summary| Operation::new(method, path, id, summary).tag(TAG);
    api.on(
        ViewMachine,
        op(
            Method::GET,
            "/box/network",
            "getNetwork",
            "Links, addresses, the way out, name servers, and what can be changed",
        )
        .answers::<Network>(200, "The network as it is"),
        network,
    )
    .on(
        ChangeNetwork,
        op(
            Method::PUT,
            "/box/network",
            "changeNetwork",
            "Try another setting of one card; it goes back after two minutes unless it is confirmed. Needs Orbitr OS",
        )
        .body::<CardChange>()
        .answers::<Trial>(202, "What is tried; the machine has it a moment later"),
        change_network,
    )
    .on(
        ChangeNetwork,
        op(
            Method::POST,
            "/box/network/confirm",
            "confirmNetwork",
            "Keep the setting that is tried; over an address that it leaves, or on the box itself",
        )
        .answers_nothing(204, "It stays"),
        confirm_network,
    )
    .on(
        ChangeNetwork,
        op(Method::POST, "/box/network/revert", "revertNetwork", "Take back the setting that is tried")
            .answers_nothing(204, "The old one comes back a moment later"),
        revert_network,
    )
    .on(
        ChangeBox,
        op(Method::PUT, "/box/host-name", "changeHostName", "Give the machine a name")
            .body::<ChangeHostName>()
            .answers_nothing(204, "It has it"),
        change_host_name,
    )
    .on(
        ViewMachine,
        op(Method::GET, "/box/ssh", "getSsh", "Whether SSH is on, and whose keys open it")
            .answers::<SshAccess>(200, "SSH as it is"),
        ssh,
    )
    .on(
        ChangeSsh,
        op(Method::PUT, "/box/ssh", "changeSsh", "Turn SSH on or off, and say whose keys open it. Needs Orbitr OS")
            .body::<ChangeSshAccess>()
            .answers::<SshAccess>(200, "SSH as it is now"),
        change_ssh,
    )
}

async fn network(State(rooms): State<Rooms>, permit: Permit<ViewMachine>) -> Answer<Json<Network>> {
    Ok(Json(rooms.machine.network(&permit).await?))
}

async fn change_network(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeNetwork>,
    Body(change): Body<CardChange>,
) -> Answer<(StatusCode, Json<Trial>)> {
    Ok((StatusCode::ACCEPTED, Json(rooms.machine.change_network(&permit, &change).await?)))
}

async fn confirm_network(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeNetwork>,
    over: Option<Extension<LocalAddress>>,
) -> Answer<StatusCode> {
    rooms.machine.confirm_network(&permit, over.map(|over| over.0.0.ip())).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn revert_network(State(rooms): State<Rooms>, permit: Permit<ChangeNetwork>) -> Answer<StatusCode> {
    rooms.machine.revert_network(&permit).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn change_host_name(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeBox>,
    Body(change): Body<ChangeHostName>,
) -> Answer<StatusCode> {
    rooms.machine.change_host_name(&permit, &change).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn ssh(State(rooms): State<Rooms>, permit: Permit<ViewMachine>) -> Answer<Json<SshAccess>> {
    Ok(Json(rooms.machine.ssh(&permit).await?))
}

async fn change_ssh(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeSsh>,
    Body(change): Body<ChangeSshAccess>,
) -> Answer<Json<SshAccess>> {
    rooms.machine.change_ssh(&permit, &change).await?;
    let look = rooms.look::<ViewMachine>(permit.caller(), TheBox).await?;
    Ok(Json(rooms.machine.ssh(&look).await?))
}
