//! Safe mode: apps stay stopped.

use axum::{Json, extract::State, http::Method};
use orbitr_access::{
    Permit,
    action::{ChangeBox, ViewBox},
};
use orbitr_apps::{ChangeSafeMode, SafeMode};

use super::TAG;
use crate::{Rooms, builder::Builder, input::Body, openapi::Operation, problem::Answer};

const PATH: &str = "/box/safe-mode";

pub(super) fn routes(api: Builder) -> Builder {
    let op = |method, id, summary| Operation::new(method, PATH, id, summary).tag(TAG);
    api.on(
        ViewBox,
        op(Method::GET, "getSafeMode", "Whether apps stay stopped").answers::<SafeMode>(200, "How it is"),
        look,
    )
    .on(
        ChangeBox,
        op(Method::PUT, "setSafeMode", "Stop every app and keep it stopped, or start those that are wanted")
            .body::<ChangeSafeMode>()
            .answers::<SafeMode>(200, "How it is now, with the jobs that stop or start apps"),
        set,
    )
}

async fn look(State(rooms): State<Rooms>, permit: Permit<ViewBox>) -> Answer<Json<SafeMode>> {
    Ok(Json(rooms.apps.safe_mode(&permit).await?))
}

async fn set(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeBox>,
    Body(change): Body<ChangeSafeMode>,
) -> Answer<Json<SafeMode>> {
    Ok(Json(rooms.apps.set_safe_mode(&permit, &change).await?))
}
