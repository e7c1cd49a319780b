//! What is wrong stands in one list, with what helps: found by itself, hidden by those who may, gone when it is over.

use std::{fs, time::Duration};

use orbitr_tests::{Client, Engine, Person, Sample, TestBox, eventually, job_of};
use serde_json::{Value, json};

use crate::shop::Shop;

/// An issue may have to last for a minute before it is told.
const SOON: Duration = Duration::from_secs(90);

/// An app has to stay up for a minute before it is believed.
const OVER: Duration = Duration::from_secs(90);

/// What the box says, without what may be wrong with the machine that the tests run on.
async fn issues(client: &Client) -> Vec<Value> {
    let all = client.get("/api/v1/issues").await.expect(200);
    let ours = |issue: &&Value| issue["app"].is_string() || issue["kind"] == "docker-down";
    all.as_array().unwrap().iter().filter(ours).cloned().collect()
}

async fn ids(client: &Client) -> Vec<String> {
    issues(client).await.iter().map(|issue| issue["id"].as_str().unwrap().to_owned()).collect()
}

/// The issue once it is there.
async fn told(client: &Client, id: &str) -> Value {
    let look = async || issues(client).await.into_iter().find(|issue| issue["id"] == id);
    eventually(&format!("the issue {id}"), SOON, look).await
}

/// Waits until it is not there any more.
async fn over(client: &Client, id: &str) {
    let look = async || (!ids(client).await.iter().any(|other| other == id)).then_some(());
    eventually(&format!("the end of {id}"), OVER, look).await;
}

fn fixes(issue: &Value) -> Vec<&str> {
    issue["fixes"].as_array().unwrap().iter().map(|fix| fix["do"].as_str().unwrap()).collect()
}

/// What history says of issues, the oldest first.
async fn history(ada: &Person) -> Vec<String> {
    let found = ada.browser.get("/api/v1/audit?action=issue&limit=100").await.expect(200);
    let action = |event: &Value| event["action"].as_str().unwrap().to_owned();
    found["items"].as_array().unwrap().iter().rev().map(action).collect()
}

/// The web server, unless a file says that it shall end.
fn breakable() -> String {
    let entrypoint = r#"["sh", "-c", "test ! -e /data/broken || exit 7; exec httpd -f -h /www -p 80"]"#;
    let with = format!("    restart: unless-stopped\n    entrypoint: {entrypoint}\n");
    Sample::WEB.manifest("web").replace("    restart: unless-stopped\n", &with)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_ends_again_and_again_is_told_with_what_helps_and_ends_when_it_runs() {
    let _engine = Engine::shared();
    let Shop { it, ada, app } = Shop::open(&breakable()).await;
    assert_eq!(ids(&ada.browser).await, Vec::<String>::new(), "a box that is well");
    let on_app = |level: &str| json!([{ "on": { "kind": "app", "app": app }, "level": level }]);
    let viewer = it.invite(&ada, "viola", "viewer", on_app("view")).await;
    let operator = it.invite(&ada, "olga", "user", on_app("operate")).await;
    let stranger = it.invite(&ada, "vera", "viewer", json!([])).await;

    let broken = it.state().join("apps").join(&app).join("data/data/broken");
    fs::write(&broken, "").unwrap();
    Engine::docker(&["kill", &format!("orbitr-{app}-web-1")]);
    // Docker leaves alone what was killed by hand; started once more, it is Docker's to keep up.
    Engine::docker(&["start", &format!("orbitr-{app}-web-1")]);
    let id = format!("app-crash-looping.{app}");
    let issue = told(&ada.browser, &id).await;
    assert_eq!((issue["severity"].as_str(), issue["app"].as_str()), (Some("bad"), Some(app.as_str())), "{issue:#}");
    assert!(issue["evidence"].to_string().contains("status 7"), "{issue:#}");
    let seen = told(&viewer.browser, &id).await;
    assert_eq!((fixes(&seen), seen["may_dismiss"].as_bool()), (vec!["open-logs"], Some(false)), "{seen:#}");
    assert_eq!(told(&operator.browser, &id).await["may_dismiss"], true);
    assert_eq!(ids(&stranger.browser).await, Vec::<String>::new());
    assert_eq!(ada.browser.get("/api/v1/status").await.expect(200)["issues"]["bad"], 1);
    let page = ada.browser.get("/issues").await.text();
    assert!(page.contains("ends again and again") && page.contains(&format!("/apps/{app}/logs")), "{page}");
    assert!(ada.browser.get("/").await.text().contains("ends again and again"));

    fs::remove_file(&broken).unwrap();
    let verb = if fixes(&told(&ada.browser, &id).await).contains(&"start-app") { "start" } else { "restart" };
    // Docker may just have started it once more, before the file was gone.
    eventually("the app does what it is told", SOON, async || {
        let answer = ada.browser.post(&format!("/api/v1/apps/{app}/{verb}"), &json!({})).await;
        let job = (answer.status == 202).then(|| job_of(&answer.expect(202)))?;
        (ada.browser.ended(&job).await["state"] == "succeeded").then_some(())
    })
    .await;
    ada.browser.settled().await;
    over(&ada.browser, &id).await;
    assert_eq!(ada.browser.get("/api/v1/status").await.expect(200)["issues"]["bad"], 0);
    let told = history(&ada).await;
    assert_eq!(told.iter().filter(|action| *action == "issue.found").count(), 1, "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("issue.ended"), "{told:?}");
}

/// The store has this version from now on.
async fn publish(it: &mut TestBox, version: &str, sample: Sample<'_>) {
    it.extension("web", &sample.manifest("web").replace("version: \"1\"", &format!("version: \"{version}\"")));
    it.kill();
    it.start().await;
}

async fn update(ada: &Person, app: &str) -> String {
    let started = ada.browser.post(&format!("/api/v1/apps/{app}/update"), &json!({})).await.expect(202);
    let ended = ada.browser.ended(&job_of(&started)).await;
    ended["state"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_update_stays_dismissed_over_a_restart_comes_back_when_it_fails_again_and_ends_with_one_that_works() {
    let _engine = Engine::shared();
    let Shop { mut it, ada, app } = Shop::open(&Sample::WEB.manifest("web")).await;
    let on_app = json!([{ "on": { "kind": "app", "app": app }, "level": "operate" }]);
    let olga = it.invite(&ada, "olga", "user", on_app).await;
    publish(&mut it, "2", Sample::EXITS).await;
    assert_eq!(update(&ada, &app).await, "failed");
    let id = format!("app-update-failed.{app}");
    let issue = told(&ada.browser, &id).await;
    assert_eq!(issue["severity"], "warning");
    assert!(issue["title"].as_str().unwrap().contains("to 2"), "{issue:#}");
    assert!(issue["evidence"].to_string().contains("app-ended"), "{issue:#}");
    assert_eq!(fixes(&issue), ["open-job", "open-update"]);

    // an issue of an app is dismissed by who may operate it, over that app's own route
    let of_all = olga.browser.post(&format!("/api/v1/issues/{id}/dismiss"), &json!({})).await;
    assert_eq!(of_all.status, 403);
    for (path, status) in [
        (format!("/api/v1/apps/{app}/issues/app-down.{app}/dismiss"), 404),
        (format!("/api/v1/apps/{app}/issues/docker-down.box/dismiss"), 404),
        (format!("/api/v1/apps/{app}/issues/nonsense/dismiss"), 404),
        (format!("/api/v1/apps/{app}/issues/{id}/dismiss"), 204),
        (format!("/api/v1/apps/{app}/issues/{id}/dismiss"), 204),
    ] {
        assert_eq!(olga.browser.post(&path, &json!({})).await.status, status, "{path}");
    }
    assert_eq!(ids(&ada.browser).await, Vec::<String>::new());
    let hidden = async || {
        let all = ada.browser.get("/api/v1/issues?dismissed=true").await.expect(200);
        let found = all.as_array().unwrap().iter().find(|issue| issue["id"] == id.as_str());
        found.unwrap_or_else(|| panic!("{id} is not in {all:#}")).clone()
    };
    let before = hidden().await;
    assert!(before["dismissed"].is_string(), "{before:#}");
    it.kill();
    it.start().await;
    assert_eq!(ids(&ada.browser).await, Vec::<String>::new(), "a restart forgets nothing");
    let after = hidden().await;
    assert_eq!((&after["since"], &after["dismissed"]), (&before["since"], &before["dismissed"]));

    assert_eq!(update(&ada, &app).await, "failed");
    told(&ada.browser, &id).await;
    publish(&mut it, "3", Sample::WEB).await;
    told(&ada.browser, &id).await;
    assert_eq!(update(&ada, &app).await, "succeeded");
    over(&ada.browser, &id).await;
    let mut told = history(&ada).await;
    // What Olga was refused stands there, too.
    told.retain(|action| action != "issue.dismiss");
    assert_eq!(told, ["issue.found", "issue.dismissed", "issue.found", "issue.ended"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_that_is_down_is_an_issue_of_the_box_and_not_for_everybody() {
    let engine = Engine::alone();
    let Shop { it, ada, app } = Shop::open(&Sample::WEB.manifest("web")).await;
    let on_app = json!([{ "on": { "kind": "app", "app": app }, "level": "manage" }]);
    let viewer = it.invite(&ada, "viola", "viewer", on_app.clone()).await;
    let manager = it.invite(&ada, "maya", "user", on_app).await;
    engine.control("stop");
    let found = tokio::spawn({
        let ada = ada.clone();
        async move { told(&ada.browser, "docker-down.box").await }
    })
    .await;
    let seen = (ids(&viewer.browser).await, ids(&manager.browser).await);
    let refused = manager.browser.post("/api/v1/issues/docker-down.box/dismiss", &json!({})).await.status;
    let status = ada.browser.get("/api/v1/status").await.expect(200);
    // The engine comes back whatever was found.
    engine.control("start");
    let found = found.unwrap();
    assert_eq!((found["severity"].as_str(), &found["app"]), (Some("bad"), &Value::Null), "{found:#}");
    assert_eq!(seen, (Vec::new(), Vec::new()), "what is wrong with the box is for those who look after it");
    assert_eq!((refused, status["issues"]["bad"].as_u64()), (403, Some(1)));
    over(&ada.browser, "docker-down.box").await;
    assert_eq!(ids(&ada.browser).await, Vec::<String>::new(), "the app is no issue because nobody saw it for a while");
}
