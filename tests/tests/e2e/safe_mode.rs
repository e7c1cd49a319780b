//! Safe mode with real containers: nothing runs, nothing starts them, and nothing of what was wanted is forgotten.

use std::time::Duration;

use http::Method;
use orbitr_tests::{Engine, Person, Sample, TestBox, eventually};
use serde_json::{Value, json};

async fn safe_mode(ada: &Person, on: bool) -> Vec<String> {
    let now = ada.browser.send_json(Method::PUT, "/api/v1/box/safe-mode", &json!({ "on": on })).await.expect(200);
    assert_eq!(now["on"], on);
    let jobs: Vec<String> =
        now["jobs"].as_array().unwrap().iter().map(|job| job.as_str().unwrap().to_owned()).collect();
    for job in &jobs {
        let ended = ada.browser.ended(job).await;
        assert_eq!(ended["state"], "succeeded", "{ended:#}");
    }
    jobs
}

async fn app(ada: &Person, id: &str) -> Value {
    ada.browser.get(&format!("/api/v1/apps/{id}")).await.expect(200)
}

/// What Docker itself says of an app's container: its restart policy, and whether it runs.
fn container(id: &str) -> String {
    let format = "{{.HostConfig.RestartPolicy.Name}} {{.State.Running}}";
    Engine::docker(&["inspect", "-f", format, &format!("orbitr-{id}-web-1")]).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_safe_mode_apps_stay_stopped_and_leaving_it_starts_those_that_were_wanted() {
    let _engine = Engine::shared();
    let mut it = TestBox::new();
    it.extension("web", &Sample::WEB.manifest("web").replace("unless-stopped", "always"));
    it.start().await;
    let ada = it.claim().await;
    it.id().await;
    let (up, down) = (it.app("up"), it.app("down"));
    for id in [&up, &down] {
        ada.browser.installed("local/web", id, json!({})).await;
    }
    let stopped = ada.browser.post(&format!("/api/v1/apps/{down}/stop"), &json!({})).await.expect(202);
    ada.browser.ended(stopped["job"].as_str().unwrap()).await;
    assert_eq!(container(&up), "unless-stopped true", "Docker starts at boot only what was not stopped here");

    assert_eq!(safe_mode(&ada, true).await.len(), 1, "only what ran is stopped");
    assert_eq!(container(&up), "unless-stopped false");
    let shown = app(&ada, &up).await;
    assert_eq!((&shown["wanted"], &shown["status"]["state"]), (&json!("running"), &json!("stopped")), "{shown:#}");
    assert!(shown["status"]["reason"].as_str().unwrap().contains("safe mode"), "{shown:#}");
    assert_eq!(shown["verbs"], json!(["stop"]));
    for verb in ["start", "restart"] {
        let refused = ada.browser.post(&format!("/api/v1/apps/{up}/{verb}"), &json!({})).await;
        assert_eq!((refused.status, refused.code().as_str()), (409, "safe-mode"), "{verb}");
    }
    let page = ada.browser.get("/apps").await.text();
    assert!(page.contains("Safe mode is on") && page.contains("Leave safe mode"), "{page}");

    it.kill();
    it.start().await;
    assert_eq!(ada.browser.get("/api/v1/status").await.expect(200)["safe_mode"], true);
    Engine::docker(&["start", &format!("orbitr-{up}-web-1")]);
    eventually("what somebody started is stopped again", Duration::from_secs(60), async || {
        container(&up).ends_with("false").then_some(())
    })
    .await;
    ada.browser.settled().await;
    assert_eq!(app(&ada, &up).await["wanted"], "running", "nothing of what was wanted is forgotten");

    assert_eq!(safe_mode(&ada, false).await.len(), 1);
    assert_eq!(app(&ada, &up).await["status"]["state"], "running");
    assert_eq!(app(&ada, &down).await["status"]["state"], "stopped", "what was stopped before stays so");
    assert!(!ada.browser.get("/apps").await.text().contains("Safe mode is on"));
    let history = ada.browser.get("/api/v1/audit").await.expect(200).to_string();
    assert!(!history.contains("app.container-ended"), "a stop that was asked for is no accident");
    for id in [&up, &down] {
        ada.browser.ended(&ada.browser.remove(id, "delete").await).await;
    }
    it.assert_empty("at the end").await;
}
