//! Which credential a request carries, and whose it is.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum_extra::extract::cookie::CookieJar;
use http::{HeaderValue, header, request::Parts};

use super::{PeerAddress, PeerUid};
use crate::{Access, Caller, Error, NewSession, Secret, sessions::ABSOLUTE_END};

/// The session cookie's name. The prefix makes every browser insist on `Secure`, `Path=/` and no
/// `Domain`, so that no other host can set it.
pub const SESSION_COOKIE: &str = "__Host-orbitr";

/// What a request says about who sends it. Only headers and the connection count: a token in the query
/// string would be kept in histories and logs, so none is ever looked for there.
pub(super) enum Credential {
    /// The kernel says so.
    Local(u32),
    /// A token: no browser sends it by itself.
    Bearer(Secret),
    /// A session: a browser sends it by itself, so it counts only from our own pages.
    Cookie(Secret),
    Nothing,
}

impl Credential {
    pub(super) fn of(parts: &Parts) -> Self {
        // What is said on purpose counts more than what is sent by itself, and what is said on purpose
        // but wrong is wrong: no falling back to something stronger.
        if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
            return bearer(value).map_or(Self::Nothing, Self::Bearer);
        }
        if let Some(PeerUid(uid)) = parts.extensions.get() {
            return Self::Local(*uid);
        }
        session_of(parts).map_or(Self::Nothing, Self::Cookie)
    }

    /// Whether a browser may have added it to a request that another site made up.
    pub(super) fn needs_origin(&self) -> bool {
        match self {
            Self::Local(_) | Self::Bearer(_) => false,
            Self::Cookie(_) | Self::Nothing => true,
        }
    }

    /// Who it is; none when it is nobody's.
    pub(super) async fn caller(self, access: &Access, parts: &Parts) -> Result<Option<Caller>, Error> {
        match self {
            Self::Local(uid) => Ok(access.local_caller(uid)),
            Self::Bearer(token) => access.caller_with_token(&token, address(parts)).await,
            Self::Cookie(session) => access.caller_with_session(&session, address(parts)).await,
            Self::Nothing => Ok(None),
        }
    }
}

fn bearer(value: &HeaderValue) -> Option<Secret> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(token.trim()))
}

/// The session that the cookie carries.
pub(super) fn session_of(parts: &Parts) -> Option<Secret> {
    CookieJar::from_headers(&parts.headers).get(SESSION_COOKIE).map(|cookie| Secret::new(cookie.value()))
}

/// Where the connection comes from; none for the Unix socket.
pub(super) fn address(parts: &Parts) -> Option<IpAddr> {
    let told = parts.extensions.get::<PeerAddress>().map(|peer| peer.0);
    let told = told.or_else(|| parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0));
    told.map(|address| address.ip().to_canonical())
}

/// The `Set-Cookie` that keeps a session in the browser.
#[must_use]
pub fn session_cookie(session: &NewSession) -> HeaderValue {
    let secret = session.secret.expose();
    let age = ABSOLUTE_END.as_secs();
    // A session's secret is base64url: nothing in it needs quoting.
    let cookie = format!("{SESSION_COOKIE}={secret}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={age}");
    let mut header = HeaderValue::try_from(cookie).unwrap_or_else(|_| no_session_cookie());
    header.set_sensitive(true);
    header
}

/// The `Set-Cookie` that takes it out again.
#[must_use]
pub fn no_session_cookie() -> HeaderValue {
    HeaderValue::from_static("__Host-orbitr=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}
