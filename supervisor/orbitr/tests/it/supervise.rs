//! `orbitr supervise` from its first start to its end.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::support::Supervisor;

async fn get(client: &reqwest::Client, url: &str) -> (u16, String) {
    let answer = client.get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_over_https_over_the_socket_and_redirects_http() {
    let box_ = Supervisor::start();
    assert_eq!(get(&box_.client(), &box_.url("/healthz")).await, (200, "ok\n".to_owned()));
    assert_eq!(get(&box_.local_client(), "http://box/healthz").await, (200, "ok\n".to_owned()));
    let plain = box_.client().get(format!("http://localhost:{}/x", box_.http)).send().await.unwrap();
    assert_eq!((plain.status().as_u16(), plain.headers()["location"].to_str().unwrap()), (308, &*box_.url("/x")));
    assert!(box_.said().contains(&format!("https://127.0.0.1:{}", box_.https)), "{}", box_.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_the_pages_and_the_api() {
    let box_ = Supervisor::start();
    let client = box_.client();
    let first = client.get(box_.url("/")).send().await.unwrap();
    assert_eq!((first.status().as_u16(), first.headers()["location"].to_str().unwrap()), (303, "/setup"));
    let (status, page) = get(&client, &box_.url("/setup")).await;
    assert!(status == 200 && page.starts_with("<!DOCTYPE html>"), "{status} {page}");
    let (status, document) = get(&client, &box_.url("/api/v1/openapi.json")).await;
    assert!(status == 200 && document.contains("\"openapi\""), "{status}");
    let (status, refusal) = get(&box_.local_client(), "http://box/api/v1/apps").await;
    assert!(status == 409 && refusal.contains("not-claimed"), "{status} {refusal}");
}

#[test]
fn its_state_is_for_its_own_user_only() {
    let box_ = Supervisor::start();
    assert_eq!(mode(&box_.state()), 0o700);
    assert_eq!(mode(&box_.state().join("tls")), 0o700);
    assert_eq!(mode(&box_.state().join("tls/ca.key")), 0o600);
    assert_eq!(mode(&box_.state().join("box.key")), 0o600);
    assert_eq!(mode(&box_.state().join("control.sock")), 0o600);
}

#[test]
fn a_second_supervisor_is_refused_and_the_first_goes_on() {
    let box_ = Supervisor::start();
    let (status, said) = box_.rival();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("another supervisor (process "), "{said}");
    assert!(box_.state().join("control.sock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_when_it_is_told_to_and_comes_back_as_itself() {
    let box_ = Supervisor::start();
    let authority = fs::read(box_.state().join("tls/ca.pem")).unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let box_ = Supervisor::start();
        let start = Instant::now();
        let (status, dir) = box_.end(signal);
        assert_eq!(status.unwrap().code(), Some(0), "{signal}");
        assert!(start.elapsed() < Duration::from_secs(3));
        assert!(!dir.path().join("state/control.sock").exists());
    }
    let (status, dir) = box_.end(Signal::SIGTERM);
    assert_eq!(status.unwrap().code(), Some(0));
    let again = Supervisor::start_in(dir);
    assert_eq!(fs::read(again.state().join("tls/ca.pem")).unwrap(), authority);
    assert_eq!(get(&again.client(), &again.url("/healthz")).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_again_after_it_was_killed() {
    let (status, dir) = Supervisor::start().end(Signal::SIGKILL);
    assert_eq!(status.unwrap().code(), None);
    let again = Supervisor::start_in(dir);
    assert_eq!(get(&again.local_client(), "http://box/healthz").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_used_leaves_the_box_reachable_and_a_way_out() {
    let (_, dir) = Supervisor::start().end(Signal::SIGTERM);
    for file in fs::read_dir(dir.path().join("state/db")).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|ending| ending == "sqlite") {
            fs::write(file, "this is no database, and long enough that nobody takes it for an empty one").unwrap();
        }
    }
    let box_ = Supervisor::start_in(dir);
    let client = box_.client();
    assert_eq!(get(&client, &box_.url("/healthz")).await.0, 200);
    let (status, page) = get(&client, &box_.url("/")).await;
    assert!(status == 503 && page.starts_with("<!DOCTYPE html>"), "{status} {page}");
    let (status, refusal) = get(&box_.local_client(), "http://box/api/v1/status").await;
    assert!(status == 503 && refusal.contains("recovery-mode"), "{status} {refusal}");

    let code = box_.printed("Recovery code").unwrap();
    let form = [("choice", "start-over"), ("code", &code), ("confirm", "START OVER")];
    let body: Vec<_> = form.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
    let chosen = client
        .post(box_.url("/recovery"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", box_.url(""))
        .body(body.join("&"));
    let answer = chosen.send().await.unwrap();
    let (status, page) = (answer.status().as_u16(), answer.text().await.unwrap());
    assert!(status < 400 || status == 503, "{status} {page}");
    box_.until("waiting to be claimed").await;
    assert_eq!(get(&client, &box_.url("/setup")).await.0, 200);
    assert!(box_.printed("Setup code").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn three_crashes_bring_it_up_in_recovery_mode_and_trying_again_brings_everything_back() {
    let mut dir = tempfile::TempDir::new().unwrap();
    fs::write(dir.path().join("watch-crashes"), "").unwrap();
    // an orderly end in between is no crash
    for signal in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGKILL, Signal::SIGABRT, Signal::SIGKILL] {
        let box_ = Supervisor::start_in(dir);
        assert!(box_.said().contains("waiting to be claimed"), "{}", box_.said());
        dir = box_.end(signal).1;
    }
    let box_ = Supervisor::start_in(dir);
    let client = box_.client();
    let (status, page) = get(&client, &box_.url("/")).await;
    assert!(status == 503 && page.contains("crashed again and again"), "{status} {page}");
    let code = box_.printed("Recovery code").unwrap();
    let chosen = client
        .post(box_.url("/recovery"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", box_.url(""))
        .body(format!("choice=again&code={code}"));
    chosen.send().await.unwrap();
    box_.until("waiting to be claimed").await;
    assert_eq!(get(&client, &box_.url("/setup")).await.0, 200);
    // one more crash is not the third
    let box_ = Supervisor::start_in(box_.end(Signal::SIGKILL).1);
    assert!(box_.said().contains("waiting to be claimed"), "{}", box_.said());
}

#[test]
fn every_start_shows_another_setup_code_until_the_box_is_claimed() {
    let box_ = Supervisor::start();
    assert!(box_.said().contains("waiting to be claimed"));
    let first = box_.printed("Setup code").unwrap();
    assert_eq!(first.len(), 9, "{first}");
    let (_, dir) = box_.end(Signal::SIGTERM);
    assert_ne!(Supervisor::start_in(dir).printed("Setup code").unwrap(), first);
}

#[test]
fn a_start_is_quick() {
    // Processor time, because the machine that tests may have other things to do; the bench takes the other.
    let (_, dir) = Supervisor::start().end(Signal::SIGTERM);
    let took = Supervisor::start_in(dir).processor_time();
    assert!(took < Duration::from_millis(500), "{took:?}");
}
