//! The files that the browser loads.

use std::{collections::BTreeMap, fs, path::PathBuf};

use axum::{Router, body::Body, response::Response, routing::get};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use orbitr_web::assets;
use serde_json::Value;
use tower::ServiceExt as _;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets")
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&fs::read(folder().join(path)).unwrap()).unwrap()
}

async fn fetch(path: &str, more: &[(header::HeaderName, &str)]) -> Response {
    let app: Router = Router::new().route(assets::ROUTE, get(assets::serve));
    let mut request = Request::get(path);
    for (name, value) in more {
        request = request.header(name, *value);
    }
    app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[test]
fn what_is_built_is_what_the_manifest_says() {
    let manifest: BTreeMap<String, Value> = serde_json::from_value(json("MANIFEST.json")).unwrap();
    for (name, entry) in &manifest {
        let bytes = fs::read(folder().join("dist/www").join(name)).unwrap();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        assert_eq!(
            entry["sha256"],
            data_encoding::HEXLOWER.encode(digest.as_ref()),
            "{name} differs: run ./scripts/assets and commit web/assets/MANIFEST.json"
        );
    }
    for file in fs::read_dir(folder().join("dist/www")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(manifest.contains_key(name.trim_end_matches(".br")), "{name} is not in MANIFEST.json");
    }
}

#[test]
fn the_lock_file_names_versions_and_hashes_and_no_host() {
    let lock = json("vendor/package-lock.json");
    for (name, package) in lock["packages"].as_object().unwrap().iter().filter(|(name, _)| !name.is_empty()) {
        assert!(package["integrity"].as_str().is_some_and(|hash| hash.starts_with("sha512-")), "{name}");
        assert_eq!(package["resolved"], Value::Null, "{name}");
    }
    let wanted = json("vendor/package.json");
    for group in ["dependencies", "devDependencies"] {
        for (name, version) in wanted[group].as_object().unwrap() {
            let version = version.as_str().unwrap();
            assert!(version.chars().all(|c| c.is_ascii_digit() || c == '.'), "{name} is not pinned: {version}");
        }
    }
}

#[test]
fn a_page_costs_less_than_its_bounds() {
    let size = |name: &str| fs::metadata(folder().join("dist/www").join(name)).unwrap().len();
    assert!(size("app.css.br") < 25_000);
    assert!(size("app.js.br") < 60_000);
}

#[tokio::test]
async fn every_file_of_the_shell_is_served_with_its_type() {
    for (name, content_type) in [
        ("app.css", "text/css; charset=utf-8"),
        ("app.js", "text/javascript; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
        ("inter-latin.woff2", "font/woff2"),
        ("LICENSES.txt", "text/plain; charset=utf-8"),
    ] {
        let answer = fetch(&assets::asset_url(name), &[]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{name}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], content_type);
        assert!(!answer.headers().contains_key(header::CONTENT_ENCODING));
    }
    for missing in ["/assets/00000000/nothing.js", "/assets/00000000/icons.rs", "/assets/00000000/..%2Ficons.rs"] {
        assert_eq!(fetch(missing, &[]).await.status(), StatusCode::NOT_FOUND, "{missing}");
    }
}

#[tokio::test]
async fn brotli_is_sent_to_those_who_take_it_and_nothing_to_those_who_have_it() {
    let url = assets::asset_url("app.css");
    let packed = fetch(&url, &[(header::ACCEPT_ENCODING, "gzip, br;q=0.9")]).await;
    assert_eq!(packed.headers()[header::CONTENT_ENCODING], "br");
    assert_eq!(packed.headers()[header::VARY], "accept-encoding");
    let etag = packed.headers()[header::ETAG].to_str().unwrap().to_owned();
    let bytes = packed.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(bytes, fs::read(folder().join("dist/www/app.css.br")).unwrap());

    let refused = fetch(&url, &[(header::ACCEPT_ENCODING, "br;q=0")]).await;
    assert!(!refused.headers().contains_key(header::CONTENT_ENCODING));

    let known = fetch(&url, &[(header::ACCEPT_ENCODING, "br"), (header::IF_NONE_MATCH, &etag)]).await;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
}
