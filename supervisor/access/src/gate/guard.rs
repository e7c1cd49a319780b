//! The two middlewares: one before routes with an action, one before public ones.

use axum::{
    extract::{FromRequestParts, RawPathParams, Request, State},
    middleware::Next,
    response::Response,
};
use http::request::Parts;

use super::{Gate, Open, Refusal, authenticate::Credential, origin};
use crate::{Action, permit::Denied, resource::Resource};

/// Before a route with an action: the handler runs with a caller and a permit, or not at all.
pub(super) async fn with_permit<A: Action>(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match admit::<A>(&gate, &mut parts).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => gate.refuse(&refusal, &parts),
    }
}

/// Before a public route: anybody, but an unsafe request only from our own pages.
pub(super) async fn public(State((gate, open)): State<(Gate, Open)>, mut request: Request, next: Next) -> Response {
    if open == Open::OnceClaimed && !gate.access.is_claimed() {
        let (parts, _) = request.into_parts();
        return gate.refuse(&Refusal::NotClaimed, &parts);
    }
    let (mut parts, body) = request.into_parts();
    if origin::is_unsafe(&parts.method)
        && Credential::of(&parts).needs_origin()
        && !origin::is_same_origin(&parts.uri, &parts.headers)
    {
        return gate.refuse(&Refusal::CrossSite, &parts);
    }
    parts.extensions.insert(gate);
    request = Request::from_parts(parts, body);
    next.run(request).await
}

async fn admit<A: Action>(gate: &Gate, parts: &mut Parts) -> Result<(), Refusal> {
    let credential = Credential::of(parts);
    let at_the_box = A::BEFORE_CLAIM && matches!(credential, Credential::Local(_));
    if !at_the_box && !gate.access.is_claimed() {
        return Err(Refusal::NotClaimed);
    }
    if origin::is_unsafe(&parts.method)
        && matches!(credential, Credential::Cookie(_))
        && !origin::is_same_origin(&parts.uri, &parts.headers)
    {
        return Err(Refusal::CrossSite);
    }
    let caller = credential.caller(&gate.access, parts).await?.ok_or(Refusal::SignInNeeded)?;
    let resource = resource::<A>(gate, parts).await?;
    let permit = gate.access.permit::<A>(&caller, resource).await?;
    parts.extensions.insert(permit);
    parts.extensions.insert(caller);
    parts.extensions.insert(gate.clone());
    Ok(())
}

/// The resource that the path names.
async fn resource<A: Action>(gate: &Gate, parts: &mut Parts) -> Result<A::Resource, Refusal> {
    let kind = A::Resource::KIND;
    // Percent-encoded bytes that are no text name nothing.
    let params = RawPathParams::from_request_parts(parts, &()).await;
    let given = params.as_ref().ok().and_then(|params| params.iter().find(|(name, _)| *name == kind));
    let text = given.map_or("", |(_, value)| value);
    let home = gate.access.home().filter(|_| kind == "project" && text == "home").map(|home| home.to_string());
    let text = home.as_deref().unwrap_or(text);
    A::Resource::from_path(text).ok_or_else(|| Denied::unreadable::<A>(text).into())
}
