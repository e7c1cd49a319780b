//! What the world does to a box: plain words in the job, and nothing left behind.

use std::net::TcpListener;

use orbitr_tests::{Ended, Engine, Person, Registry, Sample, TestBox, eventually, free_port};
use serde_json::{Value, json};

use std::time::Duration;

async fn box_with(samples: &[(&str, Sample<'_>)]) -> (TestBox, Person) {
    let mut it = TestBox::new();
    for (id, sample) in samples {
        it.extension(id, &sample.manifest(id));
    }
    it.start().await;
    let ada = it.claim().await;
    it.id().await;
    (it, ada)
}

/// The problem of a job that failed and was undone: said in words, with a code, without our insides.
async fn failed(ada: &Person, job: &str) -> Value {
    let ended = ada.browser.ended(job).await;
    assert_eq!(ended["state"], "failed", "{ended:#}");
    let problem = ended["problem"].clone();
    for member in ["code", "title"] {
        assert!(!problem[member].as_str().unwrap_or_default().is_empty(), "{member}: {problem:#}");
    }
    let words = format!("{} {} {}", problem["title"], problem["detail"], problem["next"]);
    for inside in ["Error {", "Err(", "panicked", "unwrap", "::", "rusqlite", "bollard"] {
        assert!(!words.contains(inside), "{inside} in {words}");
    }
    assert_ne!(problem["code"], "internal", "{problem:#}");
    problem
}

fn says(problem: &Value, part: &str) {
    let words = format!("{} {} {}", problem["title"], problem["detail"], problem["next"]).to_lowercase();
    assert!(words.contains(&part.to_lowercase()), "«{part}» is not in {words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_nowhere() {
    let _engine = Engine::shared();
    let (mut it, ada) = box_with(&[("absent", Sample::ABSENT)]).await;
    let app = it.app("absent");
    let job = ada.browser.install("local/absent", &app, json!({})).await;
    says(&failed(&ada, &job).await, "orbitr-test/absent:1.0.0");
    it.assert_empty("after a pull that failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_does_not_answer() {
    let engine = Engine::alone();
    let image = "127.0.0.1:5000/orbitr-test/web:2.0.0";
    let (mut it, ada) = box_with(&[("web", Sample { image, ..Sample::WEB })]).await;
    let app = it.app("web");
    let stopped = Registry::stopped(&engine);
    let job = ada.browser.install("local/web", &app, json!({})).await;
    let problem = failed(&ada, &job).await;
    says(&problem, "orbitr-test/web:2.0.0");
    it.assert_empty("after a pull that failed").await;
    drop(stopped);
    // Nothing of the failure stands in the way of the next try; the image goes with the app.
    ada.browser.installed("local/web", &app, json!({})).await;
    let job = ada.browser.remove(&app, "delete").await;
    assert_eq!(ada.browser.ended(&job).await["state"], "succeeded");
    it.assert_empty("after a removal").await;
    let images = Engine::docker(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]);
    assert!(!images.contains(image), "{images}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken() {
    let _engine = Engine::shared();
    let (mut it, ada) = box_with(&[("web", Sample::WEB)]).await;
    let (first, second) = (it.app("first"), it.app("second"));
    let port = free_port();
    let listener = TcpListener::bind(("0.0.0.0", port)).unwrap();
    let request = |app: &str| json!({ "extension": "local/web", "app": app, "inputs": { "port": port } });
    let refused = ada.browser.post("/api/v1/projects/home/apps", &request(&first)).await;
    let problem = refused.expect(409);
    assert_eq!(problem["code"], "port-taken");
    says(&problem, &port.to_string());
    it.assert_empty("after a port that was taken").await;

    drop(listener);
    ada.browser.installed("local/web", &first, json!({ "port": port })).await;
    let problem = ada.browser.post("/api/v1/projects/home/apps", &request(&second)).await.expect(409);
    says(&problem, &first);
    let job = ada.browser.remove(&first, "delete").await;
    ada.browser.ended(&job).await;
    it.assert_empty("after the removal").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_after_the_plan() {
    let _engine = Engine::shared();
    let (mut it, ada) = box_with(&[("web", Sample::WEB)]).await;
    let app = it.app("web");
    it.variable("ORBITR_ABORT_AT", Some("app.install/pull/after"));
    let marker = it.state().join("aborted");
    it.variable("ORBITR_ABORT_ONCE", marker.to_str());
    it.kill();
    it.start().await;
    let port = free_port();
    let job = ada.browser.install("local/web", &app, json!({ "port": port })).await;
    assert_eq!(it.ended().await, Ended::Signal(6));
    let listener = TcpListener::bind(("0.0.0.0", port)).unwrap();
    it.start().await;
    says(&failed(&ada, &job).await, &port.to_string());
    it.assert_empty("after a port that was taken meanwhile").await;
    drop(listener);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_ends_at_once() {
    let _engine = Engine::shared();
    let (mut it, ada) = box_with(&[("exits", Sample::EXITS)]).await;
    let app = it.app("exits");
    let job = ada.browser.install("local/exits", &app, json!({})).await;
    let problem = failed(&ada, &job).await;
    assert_eq!(problem["code"], "app-ended", "{problem}");
    says(&problem, "web ended");
    let log = ada.browser.get(&format!("/api/v1/jobs/{job}/log")).await.expect(200);
    assert!(log["text"].as_str().unwrap().contains("The last lines of web"), "{log}");
    it.assert_empty("after an image that ends").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_never_becomes_healthy() {
    let _engine = Engine::shared();
    let (mut it, ada) = box_with(&[("never", Sample::NEVER_HEALTHY)]).await;
    let app = it.app("never");
    let job = ada.browser.install("local/never", &app, json!({})).await;
    let problem = failed(&ada, &job).await;
    assert_eq!(problem["code"], "app-not-reached", "{problem}");
    says(&problem, "within 3 s");
    it.assert_empty("after an app that is never healthy").await;
}

/// Starts the engine again, whatever happens.
struct EngineIsDown<'a>(&'a Engine);

impl<'a> EngineIsDown<'a> {
    fn now(engine: &'a Engine) -> Self {
        engine.control("stop");
        Self(engine)
    }
}

impl Drop for EngineIsDown<'_> {
    fn drop(&mut self) {
        self.0.control("start");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_that_is_down_before_an_install() {
    let engine = Engine::alone();
    let (mut it, ada) = box_with(&[("web", Sample::WEB)]).await;
    let app = it.app("web");
    let down = EngineIsDown::now(&engine);
    // The box itself goes on.
    ada.browser.get("/api/v1/apps").await.expect(200);
    let request = json!({ "extension": "local/web", "app": app });
    let answer = ada.browser.post("/api/v1/projects/home/apps", &request).await;
    let problem = if answer.status == 202 {
        failed(&ada, &orbitr_tests::job_of(&answer.json())).await
    } else {
        answer.expect(503)
    };
    says(&problem, "docker");
    drop(down);
    it.assert_empty("after Docker was down").await;
    ada.browser.installed("local/web", &app, json!({})).await;
    let job = ada.browser.remove(&app, "delete").await;
    assert_eq!(ada.browser.ended(&job).await["state"], "succeeded");
    it.assert_empty("after the removal").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_that_goes_down_during_an_install() {
    let engine = Engine::alone();
    let (mut it, ada) = box_with(&[("never", Sample { grace: "10m", ..Sample::NEVER_HEALTHY })]).await;
    let app = it.app("never");
    let job = ada.browser.install("local/never", &app, json!({})).await;
    eventually("the probe", Duration::from_secs(60), async || {
        let job = ada.browser.get(&format!("/api/v1/jobs/{job}")).await.expect(200);
        (job["steps"][3]["state"] == "running").then_some(())
    })
    .await;
    let down = EngineIsDown::now(&engine);
    // It cannot take back what it made while nobody answers; it says so and goes on when Docker does.
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(down);
    eventually("the end or the probe again", Duration::from_secs(60), async || {
        let job = ada.browser.get(&format!("/api/v1/jobs/{job}")).await.expect(200);
        (!job["ended"].is_null() || job["state"] == "running").then_some(())
    })
    .await;
    let path = format!("/api/v1/jobs/{job}/cancel");
    let _ = ada.browser.post(&path, &json!({})).await;
    let ended = ada.browser.ended(&job).await;
    if ended["state"] == "failed" {
        says(&ended["problem"], "docker");
    } else {
        assert_eq!(ended["state"], "cancelled", "{ended:#}");
    }
    it.assert_empty("after Docker went away in between").await;
}
