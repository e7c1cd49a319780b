//! Conditional requests (RFC 9110, section 13): a tag over what a resource looks like.

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use orbitr_model::Problem;
use serde::Serialize;

use crate::problem::Refused;

/// A resource that is answered with its tag.
pub(crate) struct Tagged<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        ([(header::ETAG, tag(&self.0))], Json(self.0)).into_response()
    }
}

/// The same of a resource that is JSON text already.
pub(crate) fn tagged_text(text: Bytes) -> Response {
    ([(header::ETAG, tag_of(&text)), (header::CONTENT_TYPE, "application/json".to_owned())], text).into_response()
}

/// The tag: a digest of the JSON text, so that two states with the same looks have the same tag.
fn tag<T: Serialize>(value: &T) -> String {
    tag_of(&serde_json::to_vec(value).unwrap_or_default())
}

fn tag_of(text: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text);
    format!("\"{}\"", data_encoding::BASE64URL_NOPAD.encode(digest.as_ref().get(..12).unwrap_or_default()))
}

/// Whether the request depends on the state that the caller saw.
pub(crate) fn has_condition(headers: &HeaderMap) -> bool {
    headers.contains_key(header::IF_MATCH)
}

/// Refuses with 412 when the resource looks other than what the caller saw.
pub(crate) fn check<T: Serialize>(headers: &HeaderMap, now: &T) -> Result<(), Refused> {
    if matches(headers, &header::IF_MATCH, &tag(now)).unwrap_or(true) {
        return Ok(());
    }
    Err(Refused(
        Problem::new(412, "changed-meanwhile", "It has changed since you looked")
            .then("Read it again and decide again."),
    ))
}

/// Whether a header lists the tag; none when it is not there.
fn matches(headers: &HeaderMap, name: &HeaderName, tag: &str) -> Option<bool> {
    let mut found = None;
    for value in headers.get_all(name) {
        let listed = value.to_str().unwrap_or_default();
        let hit = listed.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag);
        found = Some(found.unwrap_or(false) || hit);
    }
    found
}

/// Answers 304 without a body when the caller has the resource already. A layer over the whole API.
pub(crate) async fn not_modified(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let conditions = request.headers().clone();
    let response = next.run(request).await;
    let Some(tag) = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok()) else { return response };
    if response.status() == StatusCode::OK && matches(&conditions, &header::IF_NONE_MATCH, tag) == Some(true) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag.to_owned())]).into_response();
    }
    response
}

/// Nothing of the API is kept by browsers or what is between, except the document, which is the same for
/// everybody and has a tag. A layer over the whole API.
pub(crate) async fn not_kept(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let public = request.uri().path().ends_with("/openapi.json");
    let mut response = next.run(request).await;
    let how = if public && response.status().as_u16() < 400 { "no-cache" } else { "no-store" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(how));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_only_for_the_same_looks() {
        let with = |tag: &str| HeaderMap::from_iter([(header::IF_MATCH, tag.parse().unwrap())]);
        assert!(check(&HeaderMap::new(), &1).is_ok());
        assert!(check(&with(&tag(&1)), &1).is_ok());
        assert!(check(&with("*"), &1).is_ok());
        assert_eq!(check(&with(&tag(&2)), &1).unwrap_err().0.status, 412);
    }
}
