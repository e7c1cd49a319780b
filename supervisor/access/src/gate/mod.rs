//! The gate: every HTTP request passes it before a handler runs. It finds out who asks, whether the
//! request comes from our own pages, and whether the route's action is permitted; the handler gets a
//! [`Permit`](crate::Permit) or is never called.
//!
//! What lives here: credentials, origins, routes, extractors. What may not: a rule about who may what —
//! that is [`crate::Access::permit`] — and anything that a page or the API looks like.

mod authenticate;
mod extract;
mod guard;
mod origin;
mod refusal;
mod routes;

use std::{net::SocketAddr, sync::Arc};

use axum::response::Response;
use http::request::Parts;

pub use self::{
    authenticate::{SESSION_COOKIE, no_session_cookie, session_cookie},
    extract::{Client, USER_AGENT_MAX_CHARS},
    origin::{is_same_origin, is_unsafe},
    refusal::Refusal,
    routes::{Open, RouteInfo, Routes},
};
use crate::Access;

/// Request extension, set by the listener of the Unix socket: the user that the kernel says is on the
/// other end (`SO_PEERCRED`). Nothing that a client sends can set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerUid(pub u32);

/// Request extension, set by the TCP listeners: where the connection comes from. Where it is missing,
/// axum's `ConnectInfo<SocketAddr>` is read. No header is ever believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// Request extension, set by the TCP listeners: the box's own address that the connection came to. Nobody is known by it;
/// it says over which way the box was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalAddress(pub SocketAddr);

type RefusalPage = dyn Fn(&Refusal, &Parts) -> Response + Send + Sync;

/// What the gate needs to know: who may, and how pages are refused. A handle: clones share everything.
#[derive(Clone)]
pub struct Gate {
    access: Access,
    page: Arc<RefusalPage>,
}

impl Gate {
    /// A gate that refuses pages with plain text until [`Gate::pages`] says better.
    #[must_use]
    pub fn new(access: Access) -> Self {
        Self { access, page: Arc::new(|refusal, _| refusal.as_text()) }
    }

    /// How a request outside of `/api/` is refused: for example by a redirect to the sign-in page with
    /// where to go on afterwards. The API's refusals are always `application/problem+json`.
    #[must_use]
    pub fn pages(mut self, page: impl Fn(&Refusal, &Parts) -> Response + Send + Sync + 'static) -> Self {
        self.page = Arc::new(page);
        self
    }

    /// Who may.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The answer to a request that is refused, in the form that its caller understands.
    pub(crate) fn refuse(&self, refusal: &Refusal, parts: &Parts) -> Response {
        if refusal::is_api(parts) { refusal.as_problem_json() } else { (self.page)(refusal, parts) }
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}
