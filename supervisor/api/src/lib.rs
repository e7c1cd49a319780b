//! The REST API `/api/v1`: the rooms' operations as routes, and the OpenAPI document of them.
//!
//! What lives here: how requests are read and answers are written, conditional requests, idempotency keys,
//! the document. What may not: a rule about who may or about what is right; that is the rooms'.

mod account;
mod apps;
mod builder;
mod etag;
mod history;
mod idempotency;
mod input;
mod jobs;
mod machine;
mod openapi;
mod people;
mod problem;
mod status;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::Method,
    middleware::{from_fn, from_fn_with_state},
    response::IntoResponse,
};
use bytes::Bytes;
use orbitr_access::{
    Access, Action, Caller, Permit,
    gate::{Gate, RouteInfo, Routes},
};
use orbitr_apps::Apps;
use orbitr_jobs::Jobs;
use orbitr_machine::Machine;
use orbitr_model::Problem;
use orbitr_store::Store;
use serde_json::Value;

use self::{builder::Builder, openapi::Operation, problem::Refused};

/// The most that a body may have: 1 MiB.
const BODY_LIMIT: usize = 1 << 20;

/// The rooms behind the API.
#[derive(Clone)]
pub struct Rooms {
    /// Who may.
    pub access: Access,
    /// Apps and the store.
    pub apps: Apps,
    /// Jobs.
    pub jobs: Jobs,
    /// This box.
    pub machine: Machine,
    /// Where idempotency keys are remembered.
    pub store: Store,
}

impl Rooms {
    /// The permit to look at what a caller may change, for comparing it with what they saw.
    async fn look<A: Action>(&self, caller: &Caller, resource: A::Resource) -> Result<Permit<A>, Refused> {
        Ok(self.access.permit::<A>(caller, resource).await?)
    }
}

/// The API, ready to be served.
#[derive(Debug)]
pub struct Api {
    /// The router for everything below `/api/v1`.
    pub router: Router,
    /// Every route with what it needs, as the test that walks them all wants it.
    pub table: Vec<RouteInfo>,
    /// The OpenAPI document as JSON text, which takes a fifth of the memory that its values would.
    pub document: Bytes,
}

/// The routes that [`api`] serves, without anything behind them.
#[must_use]
pub fn table(version: &'static str) -> Vec<RouteInfo> {
    routes(version).0.table().to_vec()
}

/// Every route below `/api/v1`, and the document of them.
fn routes(version: &'static str) -> (Routes<Rooms>, Bytes) {
    let builder = status::routes(Builder::new(), version);
    let builder =
        machine::routes(history::routes(people::routes(account::routes(jobs::routes(apps::routes(builder))))));
    let own = Operation::new(Method::GET, "/openapi.json", "getOpenApi", "This document")
        .tag("About")
        .answers::<Value>(200, "OpenAPI 3.1");
    let mut builder = builder;
    builder.document.add(&own, "For everybody: it says nothing about this box.");
    let document = Bytes::from(builder.document.finish(version).to_string());
    let served = document.clone();
    let routes = builder.routes.always(Method::GET, own.path(), "it says nothing about this box", async move || {
        etag::tagged_text(served.clone())
    });
    (Routes::new().nest("/api/v1", routes), document)
}

/// Puts the API together.
#[must_use]
pub fn api(rooms: Rooms, gate: &Gate, version: &'static str) -> Api {
    let (routes, document) = routes(version);
    let table = routes.table().to_vec();
    let router = routes
        .into_router(gate)
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_so)
        .layer(from_fn(etag::not_modified))
        .layer(from_fn_with_state(rooms.store.clone(), idempotency::once))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn(etag::not_kept))
        .with_state(rooms);
    Api { router, table, document }
}

async fn nothing_here(request: Request) -> Refused {
    Refused(Problem::not_found("page", request.uri().path()).then("/api/v1/openapi.json lists what there is."))
}

async fn not_so(State(_): State<Rooms>, request: Request) -> impl IntoResponse {
    let title = format!("{} cannot be done to {}", request.method(), request.uri().path());
    Refused(Problem::new(405, "method-not-allowed", title))
}
