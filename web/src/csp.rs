//! The security headers of every answer, and the nonce that ties a page to its script.
//!
//! What lives here: one middleware and one extractor. What may not: any exception for a single page.
//!
//! `Strict-Transport-Security` is left out on purpose: a box is reached by address and with a certificate of its own,
//! and a browser that remembers «always HTTPS» for a name would lock its owner out when the certificate is made anew.

use std::{convert::Infallible, fmt};

use axum::{
    extract::{FromRequestParts, Request},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, header, request::Parts};

/// A word that only this answer's page knows: 128 random bits in base64url. Scripts and htmx attributes without it are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A fresh one.
    #[must_use]
    pub fn fresh() -> Self {
        let mut bytes = [0_u8; 16];
        // Without randomness the page still shows; its script is then refused by an empty nonce, which is the safe side.
        match aws_lc_rs::rand::fill(&mut bytes) {
            Ok(()) => Self(data_encoding::BASE64URL_NOPAD.encode(&bytes)),
            Err(_) => Self(String::new()),
        }
    }

    /// A known one, for tests and snapshots.
    #[must_use]
    pub fn fixed(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The word as attributes carry it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for Nonce {
    type Rejection = Infallible;

    /// The nonce that [`headers`] made for this answer; a fresh one (that no header names) where it does not run.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(Self::fresh))
    }
}

/// The policy of a page, as tried in Chromium together with htmx 4, its CSP extension and trusted types.
fn policy(nonce: &Nonce) -> String {
    let script = if nonce.as_str().is_empty() { "'self'".to_owned() } else { format!("'self' 'nonce-{nonce}'") };
    format!(
        "default-src 'none'; script-src {script}; style-src {script}; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types htmx"
    )
}

const FIXED: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), midi=(), payment=(), \
         usb=(), clipboard-write=(self)",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// The middleware: makes the nonce, lets the handler answer, sets the headers. `Cache-Control: no-store` is set where the
/// handler has not said otherwise.
///
/// Use: `router.layer(axum::middleware::from_fn(csp::headers))`.
pub async fn headers(mut request: Request, next: Next) -> Response {
    let nonce = Nonce::fresh();
    request.extensions_mut().insert(nonce.clone());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy(&nonce)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_nothing_inline_and_nothing_from_elsewhere() {
        let policy = policy(&Nonce::fixed("abc"));
        assert!(policy.contains("script-src 'self' 'nonce-abc'"));
        for never in ["unsafe", "http:", "https:", "*", "blob:"] {
            assert!(!policy.contains(never), "{never}");
        }
    }

    #[test]
    fn each_nonce_is_another_one() {
        assert_ne!(Nonce::fresh(), Nonce::fresh());
        assert_eq!(Nonce::fresh().as_str().len(), 22);
    }
}
