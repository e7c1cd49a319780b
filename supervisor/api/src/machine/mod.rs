//! This box: settings, figures, what it runs on.

mod docker_store;
mod host;
mod journal;
mod network;
mod reset;
mod safe_mode;
mod updates;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
};
use orbitr_access::{
    Permit,
    action::{ChangeBox, ViewBox},
};
use orbitr_machine::{About, ChangeSettings, Figures, Settings};

use crate::{
    Rooms,
    builder::Builder,
    etag::{self, Tagged},
    input::Body,
    openapi::Operation,
    problem::Answer,
};

const TAG: &str = "Box";

pub(crate) fn routes(api: Builder) -> Builder {
    let op = |method, path, id, summary| Operation::new(method, path, id, summary).tag(TAG);
    let api = network::routes(safe_mode::routes(reset::routes(journal::routes(host::routes(api)))));
    let api = docker_store::routes(updates::routes(api));
    api.on(ViewBox, op(Method::GET, "/box", "getBox", "What the box runs on").answers::<About>(200, "The box"), about)
        .on(
            ViewBox,
            op(Method::GET, "/box/figures", "getFigures", "Processor, memory and disk of this moment")
                .answers::<Figures>(200, "The figures; at most two seconds old"),
            figures,
        )
        .on(
            ViewBox,
            op(Method::GET, "/box/settings", "getSettings", "The settings of the box")
                .answers::<Settings>(200, "The settings"),
            settings,
        )
        .on(
            ChangeBox,
            op(
                Method::PATCH,
                "/box/settings",
                "changeSettings",
                "Change the settings of the box; with `If-Match` only if nobody else did",
            )
            .body::<ChangeSettings>()
            .answers::<Settings>(200, "The settings as they are now"),
            change,
        )
        .on(
            ChangeBox,
            op(Method::POST, "/box/key/rotate", "rotateKey", "Seal every secret of the box with a fresh key")
                .answers_nothing(204, "It is done"),
            rotate_key,
        )
}

async fn about(State(rooms): State<Rooms>, permit: Permit<ViewBox>) -> Answer<Json<About>> {
    Ok(Json(rooms.machine.about(&permit).await?))
}

async fn figures(State(rooms): State<Rooms>, permit: Permit<ViewBox>) -> Answer<Json<Figures>> {
    Ok(Json(rooms.machine.figures(&permit).await?))
}

async fn settings(State(rooms): State<Rooms>, permit: Permit<ViewBox>) -> Answer<Tagged<Settings>> {
    Ok(Tagged(rooms.machine.settings(&permit).await?))
}

async fn rotate_key(State(rooms): State<Rooms>, permit: Permit<ChangeBox>) -> Answer<StatusCode> {
    rooms.machine.rotate_key(&permit).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn change(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeBox>,
    headers: HeaderMap,
    Body(change): Body<ChangeSettings>,
) -> Answer<Tagged<Settings>> {
    let mut expected = None;
    if etag::has_condition(&headers) {
        let look = rooms.look::<ViewBox>(permit.caller(), orbitr_access::TheBox).await?;
        let now = rooms.machine.settings(&look).await?;
        etag::check(&headers, &now)?;
        expected = Some(now.version);
    }
    Ok(Tagged(rooms.machine.change(&permit, &change, expected).await?))
}
