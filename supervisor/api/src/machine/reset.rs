//! Factory reset: whether it can be done here, and doing it.

use axum::{Json, extract::State, http::Method, response::Response};
use orbitr_access::{
    Permit,
    action::{ResetBox, ViewMachine},
};
use orbitr_machine::{MachineJob, Reset, ResetRequest};

use super::host::accepted;
use crate::{Rooms, builder::Builder, input::Body, openapi::Operation, problem::Answer};

const TAG: &str = "Machine";
const PATH: &str = "/box/factory-reset";

pub(super) fn routes(api: Builder) -> Builder {
    let op = |method, id, summary| Operation::new(method, PATH, id, summary).tag(TAG);
    api.on(
        ViewMachine,
        op(Method::GET, "getFactoryReset", "Whether everything can be erased, and what must be typed for it")
            .answers::<Reset>(200, "How it is"),
        look,
    )
    .on(
        ResetBox,
        op(Method::POST, "factoryReset", "Erase everything on the data partition and restart; nothing brings it back")
            .body::<ResetRequest>()
            .answers::<MachineJob>(202, "The job that does it"),
        reset,
    )
}

async fn look(State(rooms): State<Rooms>, permit: Permit<ViewMachine>) -> Answer<Json<Reset>> {
    Ok(Json(rooms.machine.reset(&permit).await?))
}

async fn reset(
    State(rooms): State<Rooms>,
    permit: Permit<ResetBox>,
    Body(request): Body<ResetRequest>,
) -> Answer<Response> {
    Ok(accepted(rooms.machine.factory_reset(&permit, &request).await?))
}
