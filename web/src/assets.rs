//! What the browser loads besides pages: style sheet, script, fonts and pictures, built by `scripts/assets`.
//!
//! Every file has an address that names its content, `/assets/<first 8 hex digits of its SHA-256>/<name>`, so a browser
//! may keep it for ever. A debug build reads the files from disk at each request and lets nobody keep them.

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::{Embed, EmbeddedFile};

/// Where the router puts [`serve`].
pub const ROUTE: &str = "/assets/{hash}/{name}";

#[derive(Embed)]
#[folder = "$CARGO_MANIFEST_DIR/assets/dist/www"]
struct Dist;

struct Asset {
    /// Hex SHA-256 of the content.
    hash: String,
    content_type: &'static str,
    /// Whether a brotli copy stands beside it.
    packed: bool,
}

/// The files by name, as they were at the first request.
static ASSETS: LazyLock<BTreeMap<String, Asset>> = LazyLock::new(|| {
    Dist::iter()
        .filter_map(|name| {
            let content_type = content_type(&name)?;
            let file = Dist::get(&name)?;
            let packed = Dist::get(&format!("{name}.br")).is_some();
            let hash = data_encoding::HEXLOWER.encode(&file.metadata.sha256_hash());
            Some((name.into_owned(), Asset { hash, content_type, packed }))
        })
        .collect()
});

/// The address of a file, for example `/assets/1a2b3c4d/app.css`.
///
/// A name that does not exist gives an address that answers 404; a test asks for every name that the shell uses.
#[must_use]
pub fn asset_url(name: &str) -> String {
    let hash = ASSETS.get(name).map_or("00000000", |asset| asset.hash.get(..8).unwrap_or_default());
    format!("/assets/{hash}/{name}")
}

/// One word for the set of files, so that a page can tell that it was rendered by another version than its script.
#[must_use]
pub fn build_id() -> &'static str {
    static BUILD: LazyLock<String> = LazyLock::new(|| {
        let part = |name: &str| ASSETS.get(name).and_then(|asset| asset.hash.get(..6)).unwrap_or("000000").to_owned();
        part("app.css") + &part("app.js")
    });
    &BUILD
}

/// Answers `GET /assets/{hash}/{name}`: public, nothing in it is anybody's.
///
/// A stale hash is answered with the current file, not kept: a page that was open while the box was updated goes on
/// working until its next click.
pub async fn serve(Path((hash, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some((asset, plain)) = ASSETS.get(&name).and_then(|asset| Some((asset, Dist::get(&name)?))) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let packed = if asset.packed && accepts_brotli(&headers) { Dist::get(&format!("{name}.br")) } else { None };

    let etag = format!("\"{}{}\"", plain_hash(asset, &plain), if packed.is_some() { "-br" } else { "" });
    let current = !cfg!(debug_assertions) && asset.hash.get(..8) == Some(hash.as_str());
    let mut reply = HeaderMap::new();
    let keep = if current { "public, max-age=31536000, immutable" } else { "no-cache" };
    reply.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    reply.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    if asset.packed {
        reply.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        reply.insert(header::ETAG, etag);
    }
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, reply).into_response();
    }
    if packed.is_some() {
        reply.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    let body = match packed.unwrap_or(plain).data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    (reply, body).into_response()
}

/// In a debug build the file may have changed since the first request.
fn plain_hash(asset: &Asset, file: &EmbeddedFile) -> String {
    if cfg!(debug_assertions) {
        data_encoding::HEXLOWER.encode(&file.metadata.sha256_hash())
    } else {
        asset.hash.clone()
    }
}

fn accepts_brotli(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let brotli = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("br"));
            let refused = parts.any(|q| matches!(q.strip_prefix("q="), Some("0" | "0.0" | "0.00" | "0.000")));
            brotli && !refused
        })
    })
}

/// The type by the end of the name; none for what is never served.
fn content_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    })
}
