//! A POST with an `Idempotency-Key` is done once, however often it is sent (the IETF draft
//! `draft-ietf-httpapi-idempotency-key-header`).

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use data_encoding::BASE64URL_NOPAD;
use orbitr_access::gate::PeerUid;
use orbitr_model::Problem;
use orbitr_store::{Error, Store, time::to_ms};
use rusqlite::{OptionalExtension, params};

use crate::{BODY_LIMIT, problem::Refused};

const HEADER: &str = "idempotency-key";
/// Keys are forgotten after a day.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;
const KEY_MAX_CHARS: usize = 200;
/// Larger answers are not kept: their request is then refused when it is repeated.
const ANSWER_MAX: usize = 64 * 1024;

/// What is known of a key.
enum Known {
    /// Nothing: the request is ours to do.
    New,
    /// It is being done, or was cut off.
    Pending,
    /// It was used for another request.
    Other,
    /// It is done, and its answer was for one pair of eyes, once.
    Shown,
    /// It is done; this was the answer.
    Done { status: u16, kind: Option<String>, location: Option<String>, body: Vec<u8> },
}

/// The layer.
pub(crate) async fn once(State(store): State<Store>, request: Request, next: Next) -> Response {
    let Some(key) = request.headers().get(HEADER).cloned().filter(|_| request.method() == Method::POST) else {
        return next.run(request).await;
    };
    match guarded(&store, &key, request, next).await {
        Ok(response) => response,
        Err(problem) => Refused(problem).into_response(),
    }
}

async fn guarded(store: &Store, key: &HeaderValue, request: Request, next: Next) -> Result<Response, Problem> {
    let key = key
        .to_str()
        .ok()
        .filter(|key| (1..=KEY_MAX_CHARS).contains(&key.len()))
        .ok_or_else(|| Problem::field("Idempotency-Key", "has 1 to 200 visible ASCII characters"))?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT)
        .await
        .map_err(|_| Problem::new(413, "body-too-large", "The body is larger than 1 MiB"))?;
    // Whoever sends it: the same key of another caller is another key, and nobody can look at another's answer.
    let header = |name| parts.headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
    let local = parts.extensions.get::<PeerUid>().map(|peer| peer.0.to_string()).unwrap_or_default();
    let id = hash(&[header(header::AUTHORIZATION), header(header::COOKIE), local.as_bytes(), key.as_bytes()]);
    let what = hash(&[parts.method.as_str().as_bytes(), parts.uri.to_string().as_bytes(), &body]);
    match begin(store, id.clone(), what).await? {
        Known::New => {}
        Known::Pending => {
            return Err(Problem::new(409, "request-under-way", "A request with this idempotency key is under way")
                .why("Or it was cut off by a restart; then what it did is in the list of jobs and in history.")
                .retry_after(2));
        }
        Known::Other => {
            return Err(Problem::field("Idempotency-Key", "it was used for another request; take a new one"));
        }
        Known::Shown => {
            return Err(Problem::new(409, "already-done", "The request with this idempotency key is done")
                .why("Its answer may hold a secret, so it was shown once and not kept."));
        }
        Known::Done { status, kind, location, body } => return Ok(again(status, kind, location, body)),
    }
    // A caller who hangs up meanwhile sends it again later, and then wants to hear how it ended.
    let store = store.clone();
    let done = tokio::spawn(async move {
        let response = next.run(Request::from_parts(parts, Body::from(body))).await;
        finish(&store, id, response).await
    });
    done.await.unwrap_or_else(|_| Err(Problem::internal()))
}

fn hash(parts: &[&[u8]]) -> String {
    let mut text = Vec::new();
    for part in parts {
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part);
    }
    BASE64URL_NOPAD.encode(digest(&SHA256, &text).as_ref())
}

async fn begin(store: &Store, id: String, what: String) -> Result<Known, Problem> {
    let known = store.write(move |tx| {
        let now = to_ms(tx.now());
        tx.execute("DELETE FROM idempotency WHERE begun < ?1", [now - KEPT_MS])?;
        let found = tx
            .query_row("SELECT request, status, kind, location, body FROM idempotency WHERE key = ?1", [&id], |row| {
                let same = row.get::<_, String>(0)? == what;
                Ok(match (same, row.get::<_, Option<u16>>(1)?) {
                    (false, _) => Known::Other,
                    (true, None) => Known::Pending,
                    (true, Some(_)) if row.get::<_, Option<Vec<u8>>>(4)?.is_none() => Known::Shown,
                    (true, Some(status)) => {
                        Known::Done { status, kind: row.get(2)?, location: row.get(3)?, body: row.get(4)? }
                    }
                })
            })
            .optional()?;
        if let Some(known) = found {
            return Ok(known);
        }
        tx.execute("INSERT INTO idempotency (key, request, begun) VALUES (?1, ?2, ?3)", params![id, what, now])?;
        Ok::<_, Error>(Known::New)
    });
    Ok(known.await?)
}

/// Keeps the answer of a request that did something. A refusal changed nothing, so the next try is a new one;
/// and nobody who is not let in can fill the table.
async fn finish(store: &Store, id: String, response: Response) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let status = parts.status;
    let bytes: Bytes = to_bytes(body, ANSWER_MAX)
        .await
        .map_err(|_| Problem::new(500, "answer-too-large", "The answer is too large to be kept for this key"))?;
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (kind, location) = (text(header::CONTENT_TYPE), text(header::LOCATION));
    // That a job was started, and where it is, may be told twice. Other answers may hold a new secret.
    let harmless = bytes.is_empty() || (status == StatusCode::ACCEPTED && location.is_some());
    let kept = harmless.then(|| bytes.to_vec());
    let again = !status.is_success();
    store
        .write(move |tx| {
            if again {
                tx.execute("DELETE FROM idempotency WHERE key = ?1", [&id])?;
            } else {
                tx.execute(
                    "UPDATE idempotency SET status = ?2, kind = ?3, location = ?4, body = ?5 WHERE key = ?1",
                    params![id, status.as_u16(), kind, location, kept],
                )?;
            }
            Ok::<_, Error>(())
        })
        .await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn again(status: u16, kind: Option<String>, location: Option<String>, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    for (name, value) in [(header::CONTENT_TYPE, kind), (header::LOCATION, location)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}
