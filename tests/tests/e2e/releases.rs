//! An app's releases beside each other: what differs, which stay, and what is in the data of then.

use std::{fs, os::unix::fs::symlink};

use orbitr_tests::{Engine, Sample, encoded};
use serde_json::{Value, json};

use crate::shop::Shop;

/// The sample with a secret.
fn with_a_secret() -> String {
    let secrets = "  secrets:\n    key: {kind: alnum, length: 24, rotate: restart}\n  permissions: []";
    Sample::WEB
        .manifest("web")
        .replace("{NOTE: ", "{KEY: \"${SECRET_KEY}\", NOTE: ")
        .replace("  permissions: []", secrets)
}

fn found<'a>(compared: &'a Value, what: &str) -> Vec<&'a Value> {
    compared["differences"].as_array().unwrap().iter().filter(|it| it["what"] == what).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_releases_are_compared_by_what_they_have_and_secrets_by_name_only() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&with_a_secret()).await;
    let done = shop.done("inputs", json!({ "inputs": { "note": "good morning" } })).await;
    assert_eq!(done["state"], "succeeded", "{done:#}");
    assert_eq!(shop.done("secrets/key/rotate", Value::Null).await["state"], "succeeded");
    let text = with_a_secret().replace("summary: A small service for tests", "summary: A small service, mended");
    shop.publish("2", &text).await;
    assert_eq!(shop.done("update", json!({})).await["state"], "succeeded");

    let between = shop.get("/releases/1/compare/4").await;
    let inputs = found(&between, "input");
    assert_eq!(inputs.len(), 1, "{between:#}");
    assert_eq!(
        (inputs[0]["name"].as_str(), inputs[0]["from"].as_str(), inputs[0]["to"].as_str()),
        (Some("note"), Some("nothing"), Some("good morning"))
    );
    let secrets = found(&between, "secret");
    assert_eq!((secrets.len(), secrets[0]["name"].as_str()), (1, Some("key")));
    assert!(secrets[0]["from"].is_null() && secrets[0]["to"].is_null());
    assert_eq!(found(&between, "version").len(), 1);
    let diff = between["text"].as_str().unwrap();
    assert!(
        diff.contains("-    summary: A small service for tests\n")
            && diff.contains("+    summary: A small service, mended\n"),
        "{diff}"
    );
    // The other way round, and with itself.
    assert_eq!(found(&shop.get("/releases/4/compare/1").await, "input")[0]["to"], "nothing");
    let same = shop.get("/releases/4/compare/4").await;
    assert_eq!((same["differences"].as_array().unwrap().len(), same["text"].as_str()), (0, Some("")));
    for odd in ["1/compare/99", "99/compare/1", "one/compare/2", "-1/compare/1"] {
        let answer = shop.ada.browser.get(&format!("/api/v1/apps/{}/releases/{odd}", shop.app)).await;
        assert_eq!(answer.status, 404, "{odd}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_release_and_its_data_stay_however_many_come_after_them() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let pin = async |shop: &Shop, method: http::Method, number: u64| {
        let path = format!("/api/v1/apps/{}/releases/{number}/pin", shop.app);
        shop.ada.browser.send_json(method, &path, &Value::Null).await.status
    };
    shop.publish("2", &Sample::WEB.manifest("web")).await;
    assert_eq!(shop.done("update", json!({})).await["state"], "succeeded");
    assert_eq!(pin(&shop, http::Method::PUT, 1).await, 204);
    assert_eq!(pin(&shop, http::Method::PUT, 99).await, 404);
    fs::write(shop.row_file(), "two").unwrap();
    for version in 3..=13 {
        shop.publish(&version.to_string(), &Sample::WEB.manifest("web")).await;
        assert_eq!(shop.done("update", json!({})).await["state"], "succeeded", "{version}");
    }
    let releases = shop.releases().await;
    assert_eq!((releases.first(), releases.len()), (Some(&1), 11), "{releases:?}");
    let kept = shop.get("/snapshots").await;
    let numbers: Vec<_> = kept.as_array().unwrap().iter().map(|it| it["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [13, 12, 11, 2]);
    let back = shop.done("roll-back", json!({ "release": 1, "data": "then" })).await;
    assert_eq!(back["state"], "succeeded", "{back:#}");
    shop.runs("1", "one", "the pinned one").await;

    assert_eq!(pin(&shop, http::Method::DELETE, 1).await, 204);
    assert_eq!(shop.done("update", json!({})).await["state"], "succeeded");
    assert!(!shop.releases().await.contains(&1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_of_then_can_be_looked_into_and_nothing_leads_out_of_it() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let data = shop.folder().join("data/data");
    fs::create_dir_all(data.join("photos/2026")).unwrap();
    fs::write(data.join("photos/2026/Größe “1”.txt"), "a picture").unwrap();
    symlink("/etc", data.join("photos/etc")).unwrap();
    symlink("/etc/hostname", data.join("photos/host")).unwrap();
    std::process::Command::new("mkfifo").arg(data.join("photos/pipe")).status().unwrap();
    shop.publish("2", &Sample::WEB.manifest("web")).await;
    assert_eq!(shop.done("update", json!({})).await["state"], "succeeded");
    fs::remove_dir_all(data.join("photos")).unwrap();

    let path = |what: &str, path: &str| {
        let query = format!("path={}", encoded(path));
        format!("/api/v1/apps/{}/snapshots/2/{what}?{query}", shop.app)
    };
    let browser = &shop.ada.browser;
    let top = browser.get(&path("files", "")).await.expect(200);
    assert_eq!(
        (top["entries"][0]["name"].as_str(), top["entries"][0]["kind"].as_str()),
        (Some("data"), Some("folder"))
    );
    let photos = browser.get(&path("files", "data/photos/")).await.expect(200);
    let kinds: Vec<_> =
        photos["entries"].as_array().unwrap().iter().map(|it| (it["name"].clone(), it["kind"].clone())).collect();
    assert_eq!(json!(kinds), json!([["2026", "folder"], ["etc", "link"], ["host", "link"], ["pipe", "other"]]));
    let file = browser.get(&path("file", "data/photos/2026/Größe “1”.txt")).await;
    assert_eq!((file.status, file.text().as_str(), file.header("content-length")), (200, "a picture", "9"));
    assert!(file.header("content-disposition").starts_with("attachment; filename*=UTF-8''Gr%C3%B6"));
    for odd in [
        "data/photos/etc",
        "data/photos/host",
        "data/photos/etc/hostname",
        "../../..",
        "data/../../../db",
        "/etc/hostname",
        "data/none",
        "data\0",
    ] {
        assert_eq!(browser.get(&path("files", odd)).await.status, 404, "{odd}");
        assert_eq!(browser.get(&path("file", odd)).await.status, 404, "{odd}");
    }
    for odd in ["data/photos/pipe", "data/photos", "", "data/row/below"] {
        assert_eq!(browser.get(&path("file", odd)).await.status, 404, "{odd}");
    }
    let none = format!("/api/v1/apps/{}/snapshots/9/files", shop.app);
    assert_eq!(browser.get(&none).await.expect(410)["code"], "snapshot-gone");
}
