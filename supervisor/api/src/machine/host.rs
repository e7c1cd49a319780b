//! The machine underneath: what is wrong with it, units, power, time, the support bundle.

use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use orbitr_access::{
    Permit, TheBox,
    action::{ChangeBox, ListApps, MakeSupportBundle, PowerBox, RestartUnit, ViewMachine},
};
use orbitr_machine::{ChangeTime, Issue, MachineJob, Power, PowerRequest, TimeState, UnitDetail, Units};
use serde_json::json;

use crate::{
    Rooms,
    builder::Builder,
    input::{Body, Path},
    openapi::Operation,
    problem::Answer,
};

const TAG: &str = "Machine";

pub(super) fn routes(api: Builder) -> Builder {
    let op = |method, path, id, summary| Operation::new(method, path, id, summary).tag(TAG);
    let get = |path, id, summary| op(Method::GET, path, id, summary);
    let started = |operation: Operation| operation.answers::<MachineJob>(202, "The job that does it");
    api.on(
        ViewMachine,
        get("/box/issues", "listIssues", "What is wrong with the machine")
            .answers::<Vec<Issue>>(200, "Nothing, or each thing that was found"),
        issues,
    )
    .on(
        ViewMachine,
        get("/box/units", "listUnits", "What systemd runs on the machine")
            .answers::<Units>(200, "The units; on a machine without systemd, that there is none"),
        units,
    )
    .on(ViewMachine, get("/box/units/{unit}", "getUnit", "One unit").answers::<UnitDetail>(200, "The unit"), unit)
    .on(
        RestartUnit,
        started(op(
            Method::POST,
            "/box/units/{unit}/restart",
            "restartUnit",
            "Restart a unit; only those whose `restart` is not null",
        )),
        restart,
    )
    .on(
        ViewMachine,
        get("/box/power", "getPower", "Whether the machine can be restarted, and what stands in the way")
            .answers::<Power>(200, "How it is"),
        power,
    )
    .on(
        PowerBox,
        started(
            op(Method::POST, "/box/power", "setPower", "Reboot or power off; never through the middle of a job")
                .body::<PowerRequest>(),
        ),
        set_power,
    )
    .on(
        ViewMachine,
        get("/box/time", "getTime", "The clock, its zone, its servers, and whether it can be right")
            .answers::<TimeState>(200, "The time"),
        time,
    )
    .on(
        ChangeBox,
        op(Method::PATCH, "/box/time", "changeTime", "Change the time zone and the time servers")
            .body::<ChangeTime>()
            .answers::<TimeState>(200, "The time as it is now"),
        change_time,
    )
    .on(
        MakeSupportBundle,
        get(
            "/box/support-bundle",
            "makeSupportBundle",
            "What somebody who helps needs to see; without secrets and data",
        )
        .answers_text(200, "application/gzip", "A compressed tar archive"),
        support,
    )
}

async fn issues(State(rooms): State<Rooms>, permit: Permit<ViewMachine>) -> Answer<Json<Vec<Issue>>> {
    Ok(Json(rooms.machine.issues(&permit).await?))
}

async fn units(State(rooms): State<Rooms>, permit: Permit<ViewMachine>) -> Answer<Json<Units>> {
    Ok(Json(rooms.machine.units(&permit).await?))
}

async fn unit(
    State(rooms): State<Rooms>,
    permit: Permit<ViewMachine>,
    Path(name): Path<String>,
) -> Answer<Json<UnitDetail>> {
    Ok(Json(rooms.machine.unit(&permit, &name).await?))
}

async fn restart(
    State(rooms): State<Rooms>,
    permit: Permit<RestartUnit>,
    Path(name): Path<String>,
) -> Answer<Response> {
    Ok(accepted(rooms.machine.restart_unit(&permit, &name).await?))
}

async fn power(State(rooms): State<Rooms>, permit: Permit<ViewMachine>) -> Answer<Json<Power>> {
    Ok(Json(rooms.machine.power(&permit).await?))
}

async fn set_power(
    State(rooms): State<Rooms>,
    permit: Permit<PowerBox>,
    Body(request): Body<PowerRequest>,
) -> Answer<Response> {
    Ok(accepted(rooms.machine.set_power(&permit, &request).await?))
}

async fn time(State(rooms): State<Rooms>, permit: Permit<ViewMachine>) -> Answer<Json<TimeState>> {
    Ok(Json(rooms.machine.time(&permit).await?))
}

async fn change_time(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeBox>,
    Body(change): Body<ChangeTime>,
) -> Answer<Json<TimeState>> {
    rooms.machine.change_time(&permit, &change).await?;
    let look = rooms.look::<ViewMachine>(permit.caller(), TheBox).await?;
    Ok(Json(rooms.machine.time(&look).await?))
}

async fn support(State(rooms): State<Rooms>, permit: Permit<MakeSupportBundle>) -> Answer<Response> {
    let may_list = rooms.look::<ListApps>(permit.caller(), TheBox).await?;
    let docker = json!({ "answers": rooms.apps.docker_answers(), "apps": rooms.apps.list(&may_list).await? });
    let bundle = rooms.machine.support_bundle(&permit, &rooms.jobs, docker).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/gzip".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", bundle.file_name)),
    ];
    Ok((headers, bundle.bytes).into_response())
}

/// 202 with the job, and where to look for it.
pub(super) fn accepted(started: MachineJob) -> Response {
    let location = format!("/api/v1/jobs/{}", started.job);
    (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(started)).into_response()
}
