//! One message that survives one redirect: «PostgreSQL is being installed». Carried in a short-lived cookie of the same
//! browser, so nothing has to be kept on the box.

use axum::{
    extract::{FromRequestParts, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use serde::{Deserialize, Serialize};

use crate::ui::Tone;

const COOKIE: &str = "orbitr-flash";
/// Browsers keep about 4 kB per cookie; a longer message is not shown rather than cut.
const MAX_COOKIE_BYTES: usize = 3000;

/// What the next page says at its edge, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    /// Its colour and icon.
    pub tone: Tone,
    /// One short sentence.
    pub text: String,
    /// What can be pressed beside it, for example «Undo».
    pub action: Option<FlashAction>,
}

/// A button in a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlashAction {
    /// Its word.
    pub label: String,
    /// Where it goes.
    pub href: String,
    /// Whether it posts (undo) or only goes there (look).
    pub post: bool,
}

impl Flash {
    /// It worked.
    #[must_use]
    pub fn good(text: impl Into<String>) -> Self {
        Self { tone: Tone::Good, text: text.into(), action: None }
    }

    /// It was begun and goes on by itself.
    #[must_use]
    pub fn busy(text: impl Into<String>) -> Self {
        Self { tone: Tone::Busy, text: text.into(), action: None }
    }

    /// It did not work.
    #[must_use]
    pub fn bad(text: impl Into<String>) -> Self {
        Self { tone: Tone::Bad, text: text.into(), action: None }
    }

    /// Adds a link.
    #[must_use]
    pub fn link(mut self, label: impl Into<String>, href: impl Into<String>) -> Self {
        self.action = Some(FlashAction { label: label.into(), href: href.into(), post: false });
        self
    }

    /// Adds a button that posts, for taking the thing back.
    #[must_use]
    pub fn undo(mut self, action: impl Into<String>) -> Self {
        self.action = Some(FlashAction { label: "Undo".to_owned(), href: action.into(), post: true });
        self
    }

    /// 303 to a path of this box, whose page will show the message.
    #[must_use]
    pub fn redirect(&self, to: &str) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/")));
        let text =
            serde_json::to_vec(self).map(|json| data_encoding::BASE64URL_NOPAD.encode(&json)).unwrap_or_default();
        if !text.is_empty() && text.len() <= MAX_COOKIE_BYTES {
            let cookie = format!("{COOKIE}={text}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                headers.append(header::SET_COOKIE, cookie);
            }
        }
        (StatusCode::SEE_OTHER, headers).into_response()
    }

    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, text) = pairs.find(|(name, _)| *name == COOKIE)?;
        let json = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let flash: Self = serde_json::from_slice(&json).ok()?;
        flash.action.as_ref().is_none_or(|action| crate::prefs::is_local_path(&action.href)).then_some(flash)
    }
}

/// The waiting message of this request, if there is one; put there by [`take`].
#[derive(Clone, Debug, Default)]
pub struct Waiting(pub Option<Flash>);

impl<S: Sync> FromRequestParts<S> for Waiting {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// The middleware: hands the message to the page, and takes the cookie away once a page has been shown. A fragment or a
/// redirect leaves it for the page that comes.
///
/// Use: `router.layer(axum::middleware::from_fn(flash::take))`.
pub async fn take(mut request: Request, next: Next) -> Response {
    let is_page = request.method() == Method::GET
        && request.headers().get("hx-request-type").is_none_or(|kind| kind.as_bytes() == b"full");
    let flash = if is_page { Flash::from_headers(request.headers()) } else { None };
    let waiting = flash.is_some();
    request.extensions_mut().insert(Waiting(flash));
    let mut response = next.run(request).await;
    let is_html =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    if waiting && is_html {
        let gone = HeaderValue::from_static("orbitr-flash=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        response.headers_mut().append(header::SET_COOKIE, gone);
    }
    response
}
