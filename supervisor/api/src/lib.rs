//! The REST API `/api/v1`: the rooms' operations as routes, and the OpenAPI document of them.
//!
//! What lives here: how requests are read and answers are written, conditional requests, idempotency keys,
//! the document. What may not: a rule about who may or about what is right; that is the rooms'.

mod account;
mod adopt;
mod app_policy;
mod apps;
mod archives;
mod builder;
mod etag;
mod history;
mod idempotency;
mod input;
mod issues;
mod jobs;
mod machine;
mod moves;
mod openapi;
mod people;
mod problem;
mod releases;
mod status;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::Method,
    middleware::{from_fn, from_fn_with_state},
    response::IntoResponse,
};
use orbitr_access::{
    Access, Action, Caller, Permit,
    gate::{Gate, RouteInfo, Routes},
};
use orbitr_apps::Apps;
use orbitr_jobs::Jobs;
use orbitr_machine::Machine;
use orbitr_model::Problem;
use orbitr_store::Store;
use orbitr_watch::Watch;
use serde_json::Value;

pub use self::openapi::Reference;
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
    /// What is wrong.
    pub watch: Watch,
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
    /// The OpenAPI document.
    pub reference: Arc<Reference>,
}

/// The routes that [`api`] serves, without anything behind them.
#[must_use]
pub fn table(version: &'static str) -> Vec<RouteInfo> {
    routes(version).0.table().to_vec()
}

/// Every route below `/api/v1`, and the document of them.
fn routes(version: &'static str) -> (Routes<Rooms>, Arc<Reference>) {
    let builder = issues::routes(status::routes(Builder::new(), version));
    let builder =
        archives::routes(adopt::routes(moves::routes(releases::routes(app_policy::routes(apps::routes(builder))))));
    let mut builder = machine::routes(history::routes(people::routes(account::routes(jobs::routes(builder)))));
    let own = Operation::new(Method::GET, "/openapi.json", "getOpenApi", "This document")
        .tag("About")
        .answers::<Value>(200, "OpenAPI 3.1");
    let path = own.path();
    builder.operations.push((own, "For everybody: it says nothing about this box.".to_owned()));
    let reference = Arc::new(Reference::new(version, builder.operations));
    let served = reference.clone();
    let routes = builder
        .routes
        .always(Method::GET, path, "it says nothing about this box", async move || etag::tagged_text(served.text()));
    (Routes::new().nest("/api/v1", routes), reference)
}

/// Puts the API together.
#[must_use]
pub fn api(rooms: Rooms, gate: &Gate, version: &'static str) -> Api {
    let (routes, reference) = routes(version);
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
    Api { router, table, reference }
}

async fn nothing_here(request: Request) -> Refused {
    Refused(Problem::not_found("page", request.uri().path()).then("/api/v1/openapi.json lists what there is."))
}

async fn not_so(State(_): State<Rooms>, request: Request) -> impl IntoResponse {
    let title = format!("{} cannot be done to {}", request.method(), request.uri().path());
    Refused(Problem::new(405, "method-not-allowed", title))
}
