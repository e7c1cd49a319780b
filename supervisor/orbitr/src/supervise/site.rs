//! What the front door serves, and what it says about who is there.

use std::net::SocketAddr;

use axum::{Router, extract::ConnectInfo, routing::get};
use http::Extensions;
use tokio::net::unix::UCred;

use super::parts::Parts;

/// The routes of the box.
pub(super) fn router(_parts: &Parts) -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" }))
}

/// A visitor over the network is known by the address, until the gate knows more.
pub(super) fn introduce_visitor(peer: SocketAddr, extensions: &mut Extensions) {
    extensions.insert(ConnectInfo(peer));
}

/// A process on this machine is known by its user.
pub(super) fn introduce_local(_peer: &UCred, _extensions: &mut Extensions) {}
