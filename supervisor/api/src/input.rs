//! Bodies and queries, read strictly: every refusal names the field.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{header, request::Parts},
};
use bytes::Bytes;
use orbitr_model::{PageRequest, Problem};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::{BODY_LIMIT, problem::Refused};

/// A JSON body. The size limit is the router's (413).
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let is_json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        if !is_json {
            return Err(Refused(
                Problem::new(415, "not-json", "The body is not JSON").then("Send Content-Type: application/json."),
            ));
        }
        // Said before the first byte is read: a refusal in the middle of a body can be lost with the connection.
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > BODY_LIMIT) {
            return Err(Refused(too_large()));
        }
        let bytes =
            Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status().as_u16() {
                413 => Refused(too_large()),
                status => Refused(Problem::new(status, "body-unreadable", rejection.body_text())),
            })?;
        parse(&bytes).map(Self).map_err(Refused)
    }
}

fn too_large() -> Problem {
    Problem::new(413, "body-too-large", "The body is larger than 1 MiB")
}

/// Reads JSON text as a `T`; the error names the member by its path.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        let field = if path == "." { "body".to_owned() } else { path };
        if inner.is_data() {
            Problem::field(field, inner.to_string())
        } else if serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
            // What is no word where one of a list is expected counts as bad syntax there, and as JSON it is fine.
            Problem::field(field, "this kind of value cannot stand here")
        } else {
            Problem::new(400, "not-json", "The body is not JSON").why(inner.to_string())
        }
    })?;
    json.end().map_err(|error| Problem::new(400, "not-json", "The body is not JSON").why(error.to_string()))?;
    Ok(value)
}

/// The query string.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let text = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(form_pairs(text));
        serde_path_to_error::deserialize(pairs).map(Self).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { "query".to_owned() } else { path };
            Refused(Problem::field(field, error.into_inner().to_string()))
        })
    }
}

/// Path parameters that the gate does not read. What is no text (percent-encoded bytes that are no UTF-8)
/// names nothing.
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let found = axum::extract::Path::from_request_parts(parts, state).await;
        found.map(|path| Self(path.0)).map_err(|_| Refused(Problem::not_found("page", parts.uri.path())))
    }
}

/// The page that a query asks for. A limit that is out of its range is refused: a client that asks for 1000
/// and gets 200 would take the list for complete.
pub(crate) fn page(cursor: Option<String>, limit: Option<u32>) -> Result<PageRequest, Refused> {
    let limit = limit.unwrap_or(PageRequest::default().limit);
    within("limit", limit, 1, 200)?;
    Ok(PageRequest { cursor, limit })
}

/// Refuses a number that is not within its bounds.
pub(crate) fn within(field: &str, value: u32, min: u32, max: u32) -> Result<(), Refused> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(Refused(Problem::field(field, format!("{value} is not within {min} to {max}"))))
}

fn form_pairs(text: &str) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read in")]
    struct Sample {
        ports: Vec<u16>,
        #[serde(default)]
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Tcp,
    }

    #[test]
    fn a_wrong_member_is_named_by_its_path() {
        let named = |text: &str| parse::<Sample>(text.as_bytes()).unwrap_err();
        assert_eq!(named(r#"{"ports":[1,"x"]}"#).fields[0].field, "ports[1]");
        assert_eq!(named(r#"{"ports":[],"odd":1}"#).fields[0].field, "odd");
        assert_eq!(named(r#"{"ports":[],"kind":4}"#).fields[0].field, "kind");
        assert_eq!(named("{}").status, 422);
        assert_eq!(named("{").code, "not-json");
        assert_eq!(named(r#"{"ports":[]} x"#).status, 400);
        assert_eq!(parse::<Sample>(b"{\"ports\":[\xff]}").unwrap_err().status, 400);
    }
}
