//! What becomes of an app's newer versions without a person, and what its actions gave.

use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode},
};
use orbitr_access::{
    Permit,
    action::{ChangeApp, RevealAppSecrets, ViewApp},
};
use orbitr_apps::{ActionResult, UpdatePolicy};
use orbitr_model::Problem;

use crate::{
    Rooms,
    builder::Builder,
    input::{Body, Path},
    openapi::Operation,
    problem::{Answer, Refused},
};

const APPS: &str = "Apps";
const POLICY: &str = "/apps/{app}/update-policy";

pub(crate) fn routes(api: Builder) -> Builder {
    api.on(
        ViewApp,
        Operation::new(
            Method::GET,
            POLICY,
            "getUpdatePolicy",
            "What becomes of an app's newer versions without a person",
        )
        .tag(APPS)
        .answers::<UpdatePolicy>(200, "The policy"),
        show,
    )
    .on(
        ChangeApp,
        Operation::new(Method::PUT, POLICY, "setUpdatePolicy", "Say what becomes of an app's newer versions")
            .tag(APPS)
            .body::<UpdatePolicy>()
            .answers_nothing(204, "It is so from now on"),
        set,
    )
    .on(
        RevealAppSecrets,
        Operation::new(
            Method::POST,
            "/apps/{app}/results/{job}",
            "takeActionResult",
            "Look at the password or key that an action gave, once; written to history",
        )
        .tag(APPS)
        .answers::<ActionResult>(200, "What it gave; the box has forgotten it"),
        take,
    )
}

async fn show(State(rooms): State<Rooms>, permit: Permit<ViewApp>) -> Answer<Json<UpdatePolicy>> {
    Ok(Json(rooms.apps.update_policy(&permit).await?))
}

async fn set(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeApp>,
    Body(policy): Body<UpdatePolicy>,
) -> Answer<StatusCode> {
    rooms.apps.set_update_policy(&permit, policy).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn take(
    State(rooms): State<Rooms>,
    permit: Permit<RevealAppSecrets>,
    Path((_, job)): Path<(String, String)>,
) -> Answer<Json<ActionResult>> {
    let job = job.parse().map_err(|_| Refused(Problem::not_found("job", job)))?;
    Ok(Json(rooms.apps.take_result(&permit, job).await?))
}
