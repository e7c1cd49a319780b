//! What went wrong, on its way to becoming a page.
//!
//! A handler returns a [`Trouble`]; it travels as a bare answer with the problem beside it, and the outermost layer draws
//! the page, because only there everything about the reader is known.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use orbitr_access::gate::Refusal;
use orbitr_model::Problem;

use crate::{
    shell::{error_page, error_status},
    site::{Cx, Site},
};

/// A problem that becomes an error page.
#[derive(Debug)]
pub(crate) struct Trouble(pub(crate) Problem);

impl<E: Into<Problem>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = error_status(&self.0).into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}

/// What a handler of a page returns.
pub(crate) type Answer<T = Response> = Result<T, Trouble>;

/// How the gate's refusals look to a browser.
pub(crate) fn refused(refusal: &Refusal, parts: &Parts) -> Response {
    match refusal {
        Refusal::NotClaimed => Redirect::to("/setup").into_response(),
        Refusal::SignInNeeded if parts.headers.contains_key("hx-request") || is_stream(parts) => {
            // A part of a page: the script takes it as a sign to load the whole page anew.
            Trouble(refusal.problem()).into_response()
        }
        Refusal::SignInNeeded => Redirect::to(&sign_in(parts)).into_response(),
        Refusal::PasswordChangeNeeded => Redirect::to("/account/password").into_response(),
        other => Trouble(other.problem()).into_response(),
    }
}

fn is_stream(parts: &Parts) -> bool {
    parts.headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/event-stream"))
}

/// The sign-in page, and the way back for a page that was only to be read.
fn sign_in(parts: &Parts) -> String {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if parts.method != Method::GET || path == "/" {
        return "/sign-in".to_owned();
    }
    format!("/sign-in?{}", serde_urlencoded::to_string([("next", path)]).unwrap_or_default())
}

/// The layer that draws the page.
pub(crate) async fn pages(State(site): State<Site>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let response = next.run(Request::from_parts(parts.clone(), body)).await;
    let problem = match response.extensions().get::<Problem>() {
        Some(problem) => problem.clone(),
        None if response.status().as_u16() == 405 => not_so(&parts),
        // Refusals of the framework itself, such as a form that cannot be read, are plain text.
        None if is_bare(&response) => bare(&response),
        None => return response,
    };
    let Ok(Cx(cx)) = Cx::from_request_parts(&mut parts, &site).await;
    error_page(&cx, &problem)
}

fn is_bare(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    (response.status().is_client_error() || response.status().is_server_error())
        && kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

fn bare(response: &Response) -> Problem {
    match response.status().as_u16() {
        413 => Problem::new(413, "body-too-large", "That is more than this form takes"),
        status @ 400..500 => {
            Problem::new(status, "form-unreadable", "The form could not be read").then("Go back and try again.")
        }
        _ => Problem::internal(),
    }
}

fn not_so(parts: &Parts) -> Problem {
    Problem::new(405, "method-not-allowed", format!("{} cannot be done to {}", parts.method, parts.uri.path()))
}

/// The page for an address that leads nowhere.
pub(crate) async fn nothing_here(request: Request) -> Trouble {
    Trouble(Problem::not_found("page", request.uri().path()).then("The menu leads to everything there is."))
}
