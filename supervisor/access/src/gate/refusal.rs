//! Why the gate lets a request not through, and how the API is told.

use axum::{
    extract::OriginalUri,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use orbitr_model::Problem;

use crate::{
    Refused,
    error::{Error, not_claimed},
    permit::Denied,
};

/// Why a request did not pass the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody has claimed the box yet: a page goes to setup.
    NotClaimed,
    /// Nobody is signed in, or no longer: a page goes to sign-in, and back afterwards.
    SignInNeeded,
    /// The one-time password must be changed first: a page goes there.
    PasswordChangeNeeded,
    /// An unsafe request that does not come from our own pages.
    CrossSite,
    /// The route's action is not permitted, or the gate could not tell.
    Problem(Problem),
}

impl Refusal {
    /// What a person or a program is told.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::NotClaimed => not_claimed(),
            Self::SignInNeeded => Problem::new(401, "sign-in-needed", "You are not signed in")
                .why("There is no session or token with this request, or it has expired.")
                .then("Sign in, or send a valid token as «Authorization: Bearer …»."),
            Self::PasswordChangeNeeded => {
                Problem::new(403, "password-change-needed", "Choose a password of your own first")
                    .why("You signed in with a one-time password.")
                    .then("Change your password; then everything else opens.")
            }
            Self::CrossSite => {
                Problem::new(403, "cross-site-request", "This request does not come from this box's own pages")
                    .why("A request that changes something must come from the page it was made for.")
                    .then(
                        "Open the page on this box and try again from there. Programs use a token instead of a cookie.",
                    )
            }
            Self::Problem(problem) => problem.clone(),
        }
    }

    fn status(problem: &Problem) -> StatusCode {
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// As `application/problem+json` (RFC 9457).
    pub(crate) fn as_problem_json(&self) -> Response {
        let problem = self.problem();
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (Self::status(&problem), [(header::CONTENT_TYPE, kind)], body).into_response();
        if problem.status == 401 {
            // RFC 9110: a 401 says how to do better.
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = problem.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// As plain text.
    pub(crate) fn as_text(&self) -> Response {
        let problem = self.problem();
        (Self::status(&problem), problem.to_string()).into_response()
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied.refused() {
            Some(Refused::OneTimePassword) => Self::PasswordChangeNeeded,
            _ => Self::Problem(denied.into()),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Problem(error.into())
    }
}

/// Whether the request is one of a program's, by where it goes.
pub(crate) fn is_api(parts: &Parts) -> bool {
    let path = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.path());
    path == "/api" || path.starts_with("/api/")
}
