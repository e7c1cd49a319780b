//! From plain HTTP to HTTPS.

use std::{net::Ipv6Addr, sync::Arc};

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{
    Extensions, HeaderValue, Method, StatusCode,
    header::{CACHE_CONTROL, HOST, LOCATION},
};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::{
    Site,
    conn::{House, Protocol},
    front::accept,
    https,
};

/// Where HTTPS is, seen from the plain request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Port {
    /// At a port of its own.
    Other(u16),
    /// At the very port that the client has typed.
    Same,
}

/// Redirects what comes to a plain listener.
pub(crate) async fn run(house: House, listener: TcpListener, https_port: u16) {
    let site = site(Port::Other(https_port));
    let places = Arc::new(Semaphore::new(house.limits.redirects));
    while let Some((stream, _peer)) = accept(&house, &listener).await {
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let (inner, site) = (house.clone(), site.clone());
        house.spawn(async move {
            https::prepare(&stream);
            inner.serve(stream, Protocol::Http1, &site, Extensions::new()).await;
            drop(place);
        });
    }
}

pub(crate) fn site(port: Port) -> Site {
    Site::new(Router::new().fallback(move |request: Request| async move { answer(&request, port) }))
}

/// 308 keeps the method; but only what changes nothing is sent on, because whatever else came here has
/// already crossed the network in the open, and its sender should hear of that.
fn answer(request: &Request, port: Port) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::FORBIDDEN, "This box speaks HTTPS only. Use https:// in the address.\n").into_response();
    }
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let location = target(host, port, path).and_then(|target| HeaderValue::try_from(target).ok());
    let Some(location) = location else {
        return (StatusCode::BAD_REQUEST, "The request names no valid host.\n").into_response();
    };
    // Not kept: the port may be another one tomorrow.
    let headers = [(LOCATION, location), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::PERMANENT_REDIRECT, headers).into_response()
}

/// The same place over HTTPS; `None` unless the host is a DNS name or an address, with or without port.
fn target(host: &str, port: Port, path: &str) -> Option<String> {
    let (name, given) = split(host)?;
    let port = match port {
        Port::Other(port) => port,
        Port::Same => given.unwrap_or(80),
    };
    let path = if path.starts_with('/') { path } else { "/" };
    Some(if port == 443 { format!("https://{name}{path}") } else { format!("https://{name}:{port}{path}") })
}

fn split(host: &str) -> Option<(&str, Option<u16>)> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    let port = match port {
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => Some(port.parse().ok().filter(|port| *port != 0)?),
        Some(_) => return None,
        None => None,
    };
    let valid = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => {
            (1..=253).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        }
    };
    valid.then_some((name, port))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_redirect_keeps_host_and_path_and_changes_the_port() {
        let to = |host, port, path| target(host, port, path).unwrap();
        assert_eq!(to("box", Port::Other(443), "/"), "https://box/");
        assert_eq!(to("box.local:80", Port::Other(8443), "/a?b=c"), "https://box.local:8443/a?b=c");
        assert_eq!(to("[fd12::1]:8080", Port::Other(443), "/"), "https://[fd12::1]/");
        assert_eq!(to("192.168.1.2:8443", Port::Same, "/x"), "https://192.168.1.2:8443/x");
        assert_eq!(to("box", Port::Other(443), "*"), "https://box/");
    }

    #[test]
    fn a_host_that_is_none_is_refused() {
        let bad =
            ["", ":80", "a b", "a/b", "user@host", "box:0", "box:99999", "box:", "box:x", "[::1", "[zz]", "a:b:c", "é"];
        for host in bad {
            assert_eq!(target(host, Port::Other(443), "/"), None, "{host}");
        }
    }

    proptest! {
        #[test]
        fn no_host_header_leads_anywhere_but_to_https_on_that_host(host in "\\PC{0,40}") {
            if let Some(target) = target(&host, Port::Other(443), "/") {
                let uri: http::Uri = target.parse().unwrap();
                prop_assert_eq!(uri.scheme_str(), Some("https"));
                prop_assert!(host.starts_with(uri.host().unwrap()));
                prop_assert_eq!(uri.path(), "/");
            }
        }
    }
}
