//! The supervisor on Orbitr OS: a folder stands in for `/run`, and the test does what the image's units do.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use nix::sys::signal::Signal;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::Supervisor;

const ID: &str = "0f410f90-ea92-4bcf-b701-b7503621b14f";

fn machine(state: &str, reason: Option<&str>) -> TempDir {
    let dir = TempDir::new().unwrap();
    for folder in ["run/orbitr-box/results", "run/orbitr/requests"] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    found(dir.path(), state, reason);
    dir
}

/// What `open-data` leaves, by rename as it does it.
fn found(dir: &Path, state: &str, reason: Option<&str>) {
    let recorded = (state != "none").then_some(ID);
    let facts = json!({"version": 1, "state": state, "reason": reason, "problem": null, "recorded": recorded, "open": null,
        "candidates": [], "boot_disk": {"device": "/dev/vda", "model": "QEMU", "serial": null, "bytes": 17179869184_u64,
        "transport": "virtio", "removable": false}});
    let folder = dir.join("run/orbitr-box");
    fs::write(folder.join("data.json.new"), facts.to_string()).unwrap();
    fs::rename(folder.join("data.json.new"), folder.join("data.json")).unwrap();
}

fn form(client: &reqwest::Client, url: &str, cookie: &str, body: &'static str) -> reqwest::RequestBuilder {
    client
        .post(url)
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded")
        .header(COOKIE, cookie)
        .body(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_box_makes_its_data_partition_and_goes_on_where_the_browser_was() {
    let box_ = Supervisor::start_in(machine("none", None));
    let client = box_.client();
    let code = box_.printed("Setup code").unwrap();
    let welcome = box_.dir.path().join("run/orbitr/welcome");
    assert!(fs::read_to_string(&welcome).unwrap().contains(&code));
    assert_eq!(welcome.metadata().unwrap().permissions().mode() & 0o777, 0o640);

    let entered = client.post(box_.url("/setup")).header("sec-fetch-site", "same-origin");
    let entered = entered.header("content-type", "application/x-www-form-urlencoded").body(format!("code={code}"));
    let entered = entered.send().await.unwrap();
    assert_eq!(entered.headers()[LOCATION], "/");
    let cookie = entered.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let asked = form(&client, &box_.url("/setup/data"), &cookie, "choice=new").send().await.unwrap();
    assert_eq!(asked.headers()[LOCATION], "/setup/progress");
    let request = fs::read(box_.dir.path().join("run/orbitr/requests/make-data.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&request).unwrap()["encrypt"], Value::Null);

    // The unit has done its work: the supervisor ends itself, and systemd starts it again.
    found(box_.dir.path(), "open", None);
    let (status, dir) = box_.ended();
    assert!(status.unwrap().success());
    let box_ = Supervisor::start_in(dir);
    assert_eq!(box_.printed("Setup code").unwrap(), code, "the code on the screen stays the same");
    // The same client: its certificate has come along, too. The page that it was on looks again by itself.
    let again = client.get(box_.url("/setup/progress")).header(COOKIE, &cookie).send().await.unwrap();
    assert_eq!(again.headers()[LOCATION], "/setup");
    let page = client.get(box_.url("/setup")).header(COOKIE, &cookie).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Your account") && page.contains(&code));
    let (_, dir) = box_.end(Signal::SIGTERM);
    assert!(dir.path().join("state/tls/ca.pem").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_that_cannot_open_its_data_says_so_and_serves_everything_else_it_can() {
    let box_ = Supervisor::start_in(machine("locked", None));
    let client = box_.client();
    let page = client.get(box_.url("/")).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("This box needs a decision"), "{page}");
    let stage = client.get(box_.url("/api/v1/setup")).send().await.unwrap().text().await.unwrap();
    assert_eq!(stage, r#"{"stage":"degraded"}"#);
    assert_eq!(client.get(box_.url("/healthz")).send().await.unwrap().status(), 200);
    assert!(!box_.state().join("db").exists(), "no database is begun beside the one that is locked");
}
