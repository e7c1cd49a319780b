//! What a handler can ask for in its arguments: the permit, the caller, or who knocks at a public door.

use std::{convert::Infallible, net::IpAddr};

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::Response,
};
use http::{header, request::Parts};
use orbitr_model::Problem;

use super::{
    Gate, Refusal,
    authenticate::{Credential, address, session_of},
};
use crate::{Action, Caller, Permit, Secret};

/// Longer user agents are cut.
pub const USER_AGENT_MAX_CHARS: usize = 200;

impl<A: Action, S: Sync> FromRequestParts<S> for Permit<A> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            // The route names another action than its handler asks for.
            tracing::error!(action = A::NAME, path = parts.uri.path(), "the gate made no such permit for this route");
            defect(parts)
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        match who(parts).await {
            Ok(Some(caller)) => Ok(caller),
            Ok(None) => Err(refuse(&Refusal::SignInNeeded, parts)),
            Err(refusal) => Err(refuse(&refusal, parts)),
        }
    }
}

/// Public routes: whoever is signed in, if anybody is.
impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Response> {
        who(parts).await.map_err(|refusal| refuse(&refusal, parts))
    }
}

/// The gate has asked already, or it is asked now: a public route that does not care costs no look-up.
async fn who(parts: &Parts) -> Result<Option<Caller>, Refusal> {
    if let Some(caller) = parts.extensions.get::<Caller>() {
        return Ok(Some(caller.clone()));
    }
    let Some(gate) = parts.extensions.get::<Gate>() else { return Err(Refusal::Problem(Problem::internal())) };
    Ok(Credential::of(parts).caller(gate.access(), parts).await?)
}

fn refuse(refusal: &Refusal, parts: &Parts) -> Response {
    match parts.extensions.get::<Gate>() {
        Some(gate) => gate.refuse(refusal, parts),
        None => refusal.as_problem_json(),
    }
}

fn defect(parts: &Parts) -> Response {
    refuse(&Refusal::Problem(Problem::internal()), parts)
}

/// Whoever knocks at a public door, before anybody knows who it is: what sign-in, claim and invites are
/// told about the request.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// Where the connection comes from; none for the Unix socket.
    pub address: Option<IpAddr>,
    /// What the browser calls itself, at most 200 characters; may be empty.
    pub user_agent: String,
    /// The session that the browser still has; a sign-in ends it.
    pub session: Option<Secret>,
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let user_agent =
            parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self {
            address: address(parts),
            user_agent: user_agent.chars().filter(|c| !c.is_control()).take(USER_AGENT_MAX_CHARS).collect(),
            session: session_of(parts),
        })
    }
}
