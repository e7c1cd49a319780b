#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::{fs, path::PathBuf};

use axum::body::Body;
use http_body_util::BodyExt;
use orbitr_machine::data::Places;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use super::*;

const CODE: &str = "AB12-CD34-EF56";
const ID: &str = "0f410f90-ea92-4bcf-b701-b7503621b14f";

/// A machine's `/run`, and what the units of the image would leave in it.
struct Machine {
    dir: TempDir,
    router: Router,
}

impl Machine {
    fn new(data: &Value) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["orbitr-box/results", "orbitr/requests"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let places = Places { run: dir.path().to_owned(), state: dir.path().join("state"), stands_in: true };
        let acts = Acts::new(places);
        let machine = Self { router: site(DataSite { acts, code: Secret::new(CODE) }), dir };
        machine.found(data);
        machine
    }

    fn put(&self, path: &str, value: &Value) {
        fs::write(self.dir.path().join(path), value.to_string()).unwrap();
    }

    fn found(&self, data: &Value) {
        let mut facts = json!({"version": 1, "state": "none", "reason": null, "problem": null, "recorded": null, "open": null,
            "candidates": [], "boot_disk": disk("/dev/vda", "virtio")});
        facts.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
        self.put("orbitr-box/data.json", &facts);
    }

    fn request_file(&self, act: &str) -> PathBuf {
        self.dir.path().join(format!("orbitr/requests/{act}.json"))
    }

    /// The unit takes the request.
    fn take(&self, act: &str) -> Value {
        let text = fs::read(self.request_file(act)).expect("a request");
        fs::remove_file(self.request_file(act)).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn report(&self, act: &str, id: &Value, state: &str, more: &Value) {
        let mut report = json!({"version": 1, "act": act, "id": id, "state": state, "step": "Making the file system",
            "fraction": null, "problem": null, "value": null});
        report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.put(&format!("orbitr-box/results/{act}.json"), &report);
    }

    async fn send(&self, request: Request) -> (StatusCode, HeaderMap, String) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
    }

    /// A page, as somebody who has typed the code.
    async fn get(&self, path: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::get(path).header("cookie", format!("{COOKIE}={CODE}")).body(Body::empty()).unwrap();
        self.send(request).await
    }

    async fn page(&self, path: &str) -> String {
        let (status, headers, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {:?}", headers.get(header::LOCATION));
        assert!(!body.contains(" style="), "the policy lets no inline style through");
        body
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, HeaderMap, String) {
        let request = Request::post(path)
            .header("cookie", format!("{COOKIE}={CODE}"))
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(serde_urlencoded::to_string(fields).unwrap()))
            .unwrap();
        self.send(request).await
    }

    async fn api(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = Request::post(format!("/api/v1/setup/{path}"))
            .header(header::AUTHORIZATION, format!("Setup {CODE}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let (status, _, body) = self.send(request).await;
        (status, serde_json::from_str(&body).unwrap())
    }
}

fn disk(device: &str, transport: &str) -> Value {
    json!({"device": device, "model": "QEMU", "serial": "S-1", "bytes": 17_179_869_184_u64, "transport": transport,
        "removable": transport == "usb"})
}

fn candidate(device: &str, encrypted: bool) -> Value {
    json!({"partuuid": ID, "device": device, "disk": disk("/dev/vda", "virtio"), "bytes": 1_073_741_824, "encrypted": encrypted,
        "complete": if encrypted { Value::Null } else { json!(true) }, "machine_id": null, "made_at": "2026-11-22T13:00:00Z"})
}

fn location(headers: &HeaderMap) -> &str {
    headers[header::LOCATION].to_str().unwrap()
}

#[tokio::test]
async fn nothing_is_shown_or_done_without_the_code() {
    let machine = Machine::new(&json!({}));
    for path in ["/", "/setup"] {
        let (status, _, body) = machine.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(status, 200);
        assert!(body.contains("Claim this box") && !body.contains("/dev/vda"), "{path}");
    }
    for path in ["/setup/key", "/setup/progress", "/install"] {
        let (status, headers, _) = machine.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert!(status.is_redirection() && location(&headers) == "/", "{path}");
    }
    for path in ["/setup/data", "/setup/key", "/setup/unlock", "/setup/again", "/setup/restart", "/install"] {
        let request = Request::post(path).header("sec-fetch-site", "same-origin").body(Body::empty()).unwrap();
        assert!(machine.send(request).await.0.is_redirection(), "{path}");
    }
    let request = Request::post("/api/v1/setup/make-data").body(Body::from("{}")).unwrap();
    assert_eq!(machine.send(request).await.0, 401);
    assert!(!machine.request_file("make-data").exists());
}

#[tokio::test]
async fn a_guessed_cookie_is_a_wrong_try_like_any_other() {
    let machine = Machine::new(&json!({}));
    for _ in 0..5 {
        let request = Request::get("/").header("cookie", format!("{COOKIE}=WRONG")).body(Body::empty()).unwrap();
        assert!(machine.send(request).await.2.contains("Claim this box"));
    }
    let (status, headers, _) = machine.post("/setup", &[("code", CODE)]).await;
    assert_eq!(status, 429, "not even the right one");
    assert!(headers.contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn a_new_box_makes_its_data_partition_and_the_browser_follows() {
    let machine = Machine::new(&json!({}));
    let (status, headers, _) = machine.post("/setup", &[("code", "ab12 cd34 ef56")]).await;
    assert_eq!((status, location(&headers)), (StatusCode::SEE_OTHER, "/"));
    assert!(headers[header::SET_COOKIE].to_str().unwrap().contains("HttpOnly; SameSite=Strict"));
    assert!(machine.page("/").await.contains("Where your data will live"));

    let (_, headers, _) = machine.post("/setup/data", &[("choice", "new")]).await;
    assert_eq!(location(&headers), "/setup/progress");
    assert!(machine.page("/setup/progress").await.contains("One moment"));
    let request = machine.take("make-data");
    assert_eq!((&request["version"], &request["encrypt"], &request["disk"]), (&json!(1), &Value::Null, &Value::Null));

    machine.report("make-data", &request["id"], "running", &json!({"fraction": 0.42}));
    let page = machine.page("/setup/progress").await;
    assert!(page.contains("Making the file system · 42 %") && page.contains(r#"data-goes-on-to="/setup/progress""#));
    assert_eq!(location(&machine.get("/").await.1), "/setup/progress", "a reload comes back to it");
    let (_, _, body) = machine.post("/setup/data", &[("choice", "new")]).await;
    assert!(body.contains("Something is under way already"));

    machine.report("make-data", &request["id"], "done", &json!({}));
    machine.found(&json!({"state": "open", "recorded": ID}));
    let page = machine.page("/setup/progress").await;
    assert!(page.contains("Your data partition is ready") && page.contains(r#"data-goes-on-to="/setup""#));
    assert!(page.contains(r#"<noscript><meta http-equiv="refresh" content="2; url=/setup"></noscript>"#));
}

#[tokio::test]
async fn what_failed_is_told_where_it_was_asked_for() {
    let machine = Machine::new(&json!({}));
    machine.post("/setup/data", &[("choice", "new")]).await;
    let id = machine.take("make-data")["id"].clone();
    let problem = json!({"code": "disk-failed", "title": "A disk did not do what was asked", "detail": "I/O error", "fix": "Try again."});
    machine.report("make-data", &id, "failed", &json!({"problem": problem}));
    let (status, _, body) = machine.get("/setup/progress").await;
    assert_eq!(status, 422);
    assert!(body.contains("A disk did not do what was asked") && body.contains("Where your data will live"));
}

#[tokio::test]
async fn a_recovery_key_is_typed_back_before_anything_is_encrypted() {
    let machine = Machine::new(&json!({}));
    fs::write(machine.dir.path().join("tpm"), "").unwrap();
    let fields = [("choice", "new"), ("encrypt", "on"), ("chip", "on")];
    let (_, headers, _) = machine.post("/setup/data", &fields).await;
    assert_eq!(location(&headers), "/setup/key");
    let body = machine.page("/setup/key").await;
    let (_, after) = body.split_once("recovery-key\">").unwrap();
    let key = after.split_once('<').unwrap().0.to_owned();
    assert_eq!(key.len(), 34);
    for wrong in ["", "AAAA", &key.replace(&key[..1], if key.starts_with('A') { "B" } else { "A" })] {
        let (status, _, _) = machine.post("/setup/key", &[("key", wrong)]).await;
        assert_eq!(status, 422, "{wrong}");
        assert!(!machine.request_file("make-data").exists());
    }
    let (_, headers, _) = machine.post("/setup/key", &[("key", &key.to_lowercase())]).await;
    assert_eq!(location(&headers), "/setup/progress");
    let request = machine.take("make-data");
    assert_eq!(request["encrypt"], json!({"recovery_key": key.replace('-', ""), "tpm2": true}));
    assert_eq!(location(&machine.get("/setup/key").await.1), "/", "it is never shown again");
}

#[tokio::test]
async fn data_that_were_found_can_be_kept() {
    let machine = Machine::new(
        &json!({"state": "choice", "reason": "unrecorded", "candidates": [candidate("/dev/vda6", false)]}),
    );
    let body = machine.page("/").await;
    assert!(body.contains("Keep the data on /dev/vda6") && !body.contains("new, empty data partition"));
    let (_, headers, _) = machine.post("/setup/data", &[("choice", &format!("adopt:{ID}:/dev/vda6"))]).await;
    assert_eq!(location(&headers), "/setup/progress");
    let request = machine.take("open-data");
    assert_eq!((request["adopt"].as_str(), request["device"].as_str()), (Some(ID), Some("/dev/vda6")));
}

#[tokio::test]
async fn every_trouble_with_the_data_says_what_can_be_done() {
    for (data, words) in [
        (json!({"state": "choice", "reason": "missing", "recorded": ID}), "is not there"),
        (
            json!({"state": "choice", "reason": "ambiguous", "recorded": ID,
                "candidates": [candidate("/dev/vda6", false), candidate("/dev/vdb6", false)]}),
            "cannot be told apart",
        ),
        (
            json!({"state": "locked", "recorded": ID, "candidates": [candidate("/dev/vda6", true)]}),
            "The data are locked",
        ),
        (
            json!({"state": "failed", "recorded": ID,
                "problem": {"code": "data-unreadable", "title": "It holds nothing", "detail": "", "fix": "Look."}}),
            "It holds nothing",
        ),
        (json!({"state": "none", "reason": "reset-done"}), "The box was reset"),
        (json!({"state": "choice", "reason": "unfinished"}), "It was begun before"),
    ] {
        let machine = Machine::new(&data);
        assert!(machine.page("/").await.contains(words), "{words}");
    }
    let machine = Machine::new(&json!({"state": "locked", "recorded": ID}));
    let (_, headers, _) = machine.post("/setup/again", &[]).await;
    assert_eq!(location(&headers), "/setup/progress");
    assert_eq!(machine.take("open-data")["key"], Value::Null);
    let (status, _, _) = machine.post("/setup/unlock", &[("key", "too short")]).await;
    assert_eq!(status, 422);
    machine.post("/setup/unlock", &[("key", &"A1B2".repeat(7)), ("partition", ID)]).await;
    let request = machine.take("open-data");
    assert_eq!((&request["key"], &request["adopt"]), (&json!("A1B2".repeat(7)), &json!(ID)));
}

#[tokio::test]
async fn a_stick_installs_onto_a_disk_and_says_when_it_may_be_taken_out() {
    let machine = Machine::new(&json!({"boot_disk": disk("/dev/sda", "usb")}));
    machine.put(
        "targets.json",
        &json!([
            {"disk": disk("/dev/vda", "virtio"), "contents": ["ntfs «Windows», 100 GiB"], "unfinished": false},
            {"disk": disk("/dev/vdb", "virtio"), "contents": [], "unfinished": false},
        ]),
    );
    assert_eq!(location(&machine.get("/").await.1), "/install");
    let body = machine.page("/install").await;
    assert!(body.contains("ntfs «Windows»") && body.contains("nothing on it"));

    let (_, _, body) = machine.post("/install", &[("disk", "/dev/vda")]).await;
    assert!(body.contains("Erase this disk?") && body.contains("serial number"));
    let (status, _, _) = machine.post("/install", &[("disk", "/dev/vda"), ("sure", "yes"), ("serial", "S-2")]).await;
    assert_eq!(status, 422);
    assert!(!machine.request_file("install").exists());
    let (_, headers, _) = machine.post("/install", &[("disk", "/dev/vda"), ("sure", "yes"), ("serial", "S-1")]).await;
    assert_eq!(location(&headers), "/setup/progress");
    let request = machine.take("install");
    assert_eq!((&request["disk"], &request["serial"]), (&json!("/dev/vda"), &json!("S-1")));

    machine.report("install", &request["id"], "running", &json!({"fraction": 0.5, "step": "Copying the system"}));
    assert!(machine.page("/setup/progress").await.contains("Copying the system · 50 %"));
    machine.report("install", &request["id"], "done", &json!({"value": {"disk": {"device": "/dev/vda"}}}));
    assert!(machine.page("/setup/progress").await.contains("Take the stick out now"));
}

#[tokio::test]
async fn programs_do_the_same_over_the_api() {
    let machine = Machine::new(&json!({}));
    let (status, _, body) = machine.send(Request::get("/api/v1/setup").body(Body::empty()).unwrap()).await;
    assert_eq!((status.as_u16(), body.as_str()), (200, r#"{"stage":"setup"}"#));
    let (_, key) = machine.api("recovery-key", &json!({})).await;
    let (status, _) = machine.api("make-data", &json!({"recovery_key": key["recovery_key"], "tpm2": false})).await;
    assert_eq!(status, 202);
    assert!(machine.take("make-data")["encrypt"]["recovery_key"].is_string());
    for (path, body) in [
        ("make-data", json!({"recovery_key": "short"})),
        ("make-data", json!({"force": true})),
        ("open-data", json!({"adopt": "../x"})),
    ] {
        assert_eq!(machine.api(path, &body).await.0, 422, "{path} {body}");
    }
    assert_eq!(machine.api("install", &json!({"disk": "/dev/vda"})).await.0, 409, "this is no stick");
    let (status, headers, body) = machine.send(Request::get("/api/v1/apps").body(Body::empty()).unwrap()).await;
    assert_eq!((status.as_u16(), headers[header::CONTENT_TYPE].to_str().unwrap()), (503, "application/problem+json"));
    assert!(body.contains("no-data-partition"));
    // the box's own screen asks without what a browser sends along
    let (status, _, body) = machine.send(Request::post("/api/v1/box/power").body(Body::empty()).unwrap()).await;
    assert!(status == 503 && body.contains("no-data-partition"), "{status} {body}");
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let machine = Machine::new(&json!({}));
    let request = Request::post("/setup/data")
        .header("cookie", format!("{COOKIE}={CODE}"))
        .header("sec-fetch-site", "cross-site")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("choice=new"))
        .unwrap();
    assert_eq!(machine.send(request).await.0, 403);
    assert!(!machine.request_file("make-data").exists());
}
