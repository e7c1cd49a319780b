//! The same for programs: `/api/v1/setup`. The code goes into the header `Authorization: Setup CODE`.

use axum::{
    Json, Router,
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use orbitr_access::Secret;
use orbitr_machine::data::Stage;
use orbitr_model::{Act, ActState, Encrypt, PartUuid, Problem, RecoveryKey};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Site, act, peer};
use crate::{installer, recovery::as_json};

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/api/v1/setup", get(stage))
        .route("/api/v1/setup/facts", get(facts))
        .route("/api/v1/setup/recovery-key", post(recovery_key))
        .route("/api/v1/setup/make-data", post(make_data))
        .route("/api/v1/setup/open-data", post(open_data))
        .route("/api/v1/setup/install", post(install))
}

/// A program that has the code.
struct Near;

impl FromRequestParts<Site> for Near {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Response> {
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(code) = value.and_then(|value| value.strip_prefix("Setup ")) else {
            let problem = Problem::new(401, "code-missing", "This needs the code from the box's screen")
                .then("Send it in the header «Authorization: Setup CODE».");
            return Err(as_json(&problem));
        };
        site.knock(peer(parts), &Secret::new(code)).map(|()| Self).map_err(|problem| {
            let status = if problem.status == 422 { 401 } else { problem.status };
            as_json(&Problem { status, ..problem })
        })
    }
}

/// A body of JSON; what is wrong with it is told as a problem.
struct Body<T>(T);

impl<T: DeserializeOwned> FromRequest<Site> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Response> {
        match Json::<T>::from_request(request, site).await {
            Ok(Json(body)) => Ok(Self(body)),
            // Its own words may quote what was sent, which may be a key.
            Err(_) => Err(as_json(&Problem::new(422, "invalid-input", "The body is not what this takes"))),
        }
    }
}

fn words(stage: Stage) -> &'static str {
    match stage {
        Stage::Installer => "installer",
        Stage::Setup => "setup",
        Stage::Degraded => "degraded",
        Stage::Open => "open",
    }
}

/// Everybody may know that the box waits.
async fn stage(State(site): State<Site>) -> Json<Value> {
    Json(json!({ "stage": words(site.acts().stage()) }))
}

async fn facts(_: Near, State(site): State<Site>) -> Response {
    let acts = site.acts();
    let problem = acts.failure().await.map(|(_, problem)| problem);
    let installed = acts.report(Act::Install).filter(|report| report.state == ActState::Done);
    Json(json!({
        "stage": words(acts.stage()),
        "data": acts.facts(),
        "at_work": acts.at_work().await,
        "waiting": acts.is_waiting(),
        "problem": problem,
        "installed": installed.and_then(|report| report.value),
        "tpm2": acts.has_chip(),
        "targets": acts.targets().unwrap_or_default(),
    }))
    .into_response()
}

/// A fresh key, kept by nobody: whoever asks for it has it typed back and sends it with `make-data`.
async fn recovery_key(_: Near) -> Response {
    match act::new_key() {
        Ok(key) => Json(json!({ "recovery_key": key.readable() })).into_response(),
        Err(problem) => as_json(&problem),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MakeData {
    /// The recovery key; without it nothing is encrypted.
    #[serde(default)]
    recovery_key: Option<Secret>,
    #[serde(default)]
    tpm2: bool,
}

async fn make_data(_: Near, State(site): State<Site>, Body(body): Body<MakeData>) -> Response {
    let encrypt = match body.recovery_key.map(|key| RecoveryKey::typed(key.expose())) {
        None => None,
        Some(Some(recovery_key)) => Some(Encrypt { recovery_key, tpm2: body.tpm2 }),
        Some(None) => return as_json(&Problem::field("recovery_key", "A recovery key has 28 letters and digits.")),
    };
    accepted(act::make(&site, encrypt).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenData {
    #[serde(default)]
    adopt: Option<PartUuid>,
    #[serde(default)]
    device: Option<String>,
    #[serde(default)]
    key: Option<Secret>,
}

async fn open_data(_: Near, State(site): State<Site>, Body(body): Body<OpenData>) -> Response {
    let key = match body.key.map(|key| RecoveryKey::typed(key.expose())) {
        Some(None) => return as_json(&Problem::field("key", "A recovery key has 28 letters and digits.")),
        key => key.flatten(),
    };
    accepted(act::open(&site, body.adopt, body.device, key).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Install {
    disk: String,
    #[serde(default)]
    serial: String,
}

async fn install(_: Near, State(site): State<Site>, Body(body): Body<Install>) -> Response {
    if site.acts().stage() != Stage::Installer {
        return as_json(&Problem::new(409, "not-an-installer", "This box does not run from an installation medium"));
    }
    accepted(installer::begin(&site, &body.disk, &body.serial).await)
}

/// Begun, not done: how it goes is in `facts`.
fn accepted(done: Result<(), Problem>) -> Response {
    match done {
        Ok(()) => (StatusCode::ACCEPTED, Json(json!({}))).into_response(),
        Err(problem) => as_json(&problem),
    }
}
