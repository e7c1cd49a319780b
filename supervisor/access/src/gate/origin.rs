//! Whether an unsafe request comes from our own pages. Pure.
//!
//! A browser adds the cookie to a form that another site sends; what it cannot do is lie about where the
//! form came from. `Sec-Fetch-Site` says it in every browser of today, `Origin` in the older ones.

use http::{HeaderMap, Method, Uri, header};

/// Whether a method may change something (RFC 9110, 9.2.1).
#[must_use]
pub fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// Whether the request says that it comes from the very origin that it goes to. One that says nothing is
/// refused: every browser says something.
#[must_use]
pub fn is_same_origin(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    match (sites.next(), sites.next()) {
        (Some(site), None) => return site == "same-origin",
        (Some(_), Some(_)) => return false,
        (None, _) => {}
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
    let (Ok(origin), Some(host)) = (origin.to_str(), own_host(uri, headers)) else { return false };
    // The admin UI is only served over TLS, so a page of plain HTTP is another origin.
    origin.strip_prefix("https://").is_some_and(|origin| without_default_port(origin).eq_ignore_ascii_case(host))
}

/// The host and port that the request was sent to: `:authority` of HTTP/2, `Host` of HTTP/1.1.
fn own_host<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> Option<&'r str> {
    let host = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST)?.to_str().ok()?,
    };
    Some(without_default_port(host)).filter(|host| !host.is_empty())
}

fn without_default_port(authority: &str) -> &str {
    authority.strip_suffix(":443").unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn check(uri: &str, given: &[(&'static str, &'static str)]) -> bool {
        let headers = given
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        is_same_origin(&uri.parse().unwrap(), &headers)
    }

    #[test]
    fn only_our_own_origin_counts_as_ours() {
        for site in ["cross-site", "same-site", "none", "", "same-origin, cross-site"] {
            assert!(!check("/x", &[("sec-fetch-site", site), ("origin", "https://box"), ("host", "box")]), "{site}");
        }
        assert!(check("/x", &[("sec-fetch-site", "same-origin")]));
    }

    #[test]
    fn without_fetch_metadata_the_origin_must_be_the_requests_own_host() {
        for (origin, host, same) in [
            ("https://box.local", "box.local", true),
            ("https://box.local", "box.local:443", true),
            ("https://box.local:8443", "box.local:8443", true),
            ("https://[fe80::1]:8443", "[fe80::1]:8443", true),
            ("https://box.local:8443", "box.local", false),
            ("http://box.local", "box.local", false),
            ("https://box.local.evil.test", "box.local", false),
            ("https://evil.test", "box.local", false),
            ("null", "box.local", false),
            ("", "", false),
            ("https://", "", false),
        ] {
            assert_eq!(check("/x", &[("origin", origin), ("host", host)]), same, "{origin} to {host}");
        }
        assert!(check("https://box.local/x", &[("origin", "https://box.local")]), "HTTP/2 has no Host header");
    }

    #[test]
    fn a_request_that_says_nothing_or_two_things_is_not_ours() {
        assert!(!check("/x", &[("host", "box.local")]));
        let mut headers = HeaderMap::new();
        headers.append("sec-fetch-site", HeaderValue::from_static("same-origin"));
        headers.append("sec-fetch-site", HeaderValue::from_static("cross-site"));
        assert!(!is_same_origin(&Uri::from_static("/x"), &headers));
    }
}
