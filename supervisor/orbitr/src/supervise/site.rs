//! What the front door serves, and what it says about who is there.

use std::{any::Any, sync::Arc};

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{Extensions, StatusCode};
use orbitr_access::gate::{LocalAddress, PeerAddress, PeerUid};
use orbitr_edge::{Certificates, Ends};
use tokio::net::unix::UCred;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

use super::{
    VERSION,
    parts::{Parts, Rooms},
};

/// The routes of the box.
pub(super) fn router(parts: &Parts, certificates: &Certificates) -> Router {
    let health = Router::new().route("/healthz", get(|| async { "ok\n" }));
    let site = match parts {
        Parts::Rooms(rooms) => health.merge(serve(rooms, certificates)),
        Parts::Waiting(waiting) => health.merge(orbitr_web::data::site(waiting.site())),
        Parts::Recovery(recovering) => health.merge(orbitr_web::recovery::site(recovering.site())),
    };
    site.layer(CatchPanicLayer::custom(panicked))
}

/// The pages and the API of the rooms.
fn serve(rooms: &Rooms, certificates: &Certificates) -> Router {
    let Rooms { store, access, machine, jobs, apps, watch, .. } = rooms;
    let gate = orbitr_web::gate(access.clone());
    let rooms = orbitr_api::Rooms {
        access: access.clone(),
        apps: apps.clone(),
        jobs: jobs.clone(),
        machine: machine.clone(),
        watch: watch.clone(),
        store: store.clone(),
    };
    let api = orbitr_api::api(rooms, &gate, VERSION);
    let site = orbitr_web::Site {
        access: access.clone(),
        apps: apps.clone(),
        jobs: jobs.clone(),
        machine: machine.clone(),
        watch: watch.clone(),
        hub: orbitr_web::Hub::start(store),
        certificates: Arc::new(orbitr_web::Certificates {
            authority: certificates.ca_fingerprint().to_string(),
            pem: certificates.ca_pem(),
        }),
        reference: Arc::new({
            let reference = api.reference.clone();
            move || reference.text()
        }),
        version: VERSION,
    };
    let (api, web) = (api.router, orbitr_web::serve(site, &gate).router);
    // Not nested: a route around a router leaves its own parameters in the path that handlers read.
    Router::new().fallback(async move |request: Request| {
        if is_api(request.uri().path()) { api.oneshot(request).await } else { web.oneshot(request).await }
    })
}

fn is_api(path: &str) -> bool {
    path.strip_prefix("/api").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The reason is in the log; the visitor gets an answer instead of a broken connection.
fn panicked(reason: Box<dyn Any + Send>) -> Response {
    let text = reason.downcast_ref::<String>().map(String::as_str).or_else(|| reason.downcast_ref::<&str>().copied());
    tracing::error!(reason = text.unwrap_or("unknown"), "answering a request panicked");
    (StatusCode::INTERNAL_SERVER_ERROR, "Something in Orbitr failed. The supervisor's log has the reason.\n")
        .into_response()
}

/// A visitor over the network is known by the address, until the gate knows more.
pub(super) fn introduce_visitor(ends: Ends, extensions: &mut Extensions) {
    extensions.insert(PeerAddress(ends.peer));
    if let Some(local) = ends.local {
        extensions.insert(LocalAddress(local));
    }
}

/// A process on this machine is known by its user.
pub(super) fn introduce_local(peer: &UCred, extensions: &mut Extensions) {
    extensions.insert(PeerUid(peer.uid()));
}
