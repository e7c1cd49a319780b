//! What the front door serves, and what it says about who is there.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use http::Extensions;
use orbitr_access::gate::{PeerAddress, PeerUid};
use tokio::net::unix::UCred;

use super::parts::Parts;

/// The routes of the box.
pub(super) fn router(_parts: &Parts) -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" }))
}

/// A visitor over the network is known by the address, until the gate knows more.
pub(super) fn introduce_visitor(peer: SocketAddr, extensions: &mut Extensions) {
    extensions.insert(PeerAddress(peer));
}

/// A process on this machine is known by its user.
pub(super) fn introduce_local(peer: &UCred, extensions: &mut Extensions) {
    extensions.insert(PeerUid(peer.uid()));
}
