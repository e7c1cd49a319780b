//! An app that writes into its log how it reaches its database.

use std::{fs, time::Duration};

use orbitr_tests::{Engine, eventually};
use serde_json::{Value, json};

use super::{House, SHELF};

/// The shelf with a worker that tells the password at each start, unless it is asked to be quiet.
fn gossip() -> String {
    let worker = r#"  worker:
    image: orbitr-test/web:1.0.0
    restart: unless-stopped
    entrypoint: [sh, -c, "test -e /gossip/quiet || echo connecting to $$URL; exec sleep 100000"]
    environment: {URL: "${BIND_DB_URL}"}
    volumes: ["gossip:/gossip"]
    mem_limit: 32m
    pids_limit: 20
    cap_drop: [ALL]
    stop_grace_period: 1s
    healthcheck: {test: [CMD, "true"], interval: 1s}
"#;
    let text = SHELF
        .replace("  own:\n    image", &format!("{worker}  own:\n    image"))
        .replace("volumes: {pg: {}}", "volumes: {pg: {}, gossip: {}}")
        .replace("{web: main, own: database}", "{web: main, worker: worker, own: database}");
    let at = text.rfind("  volumes:\n").unwrap() + "  volumes:\n".len();
    format!("{}    gossip: {{class: cache, on_remove: ask}}\n{}", &text[..at], &text[at..])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_at_another_app_that_a_log_tells_is_changed_by_the_button_of_its_issue() {
    let _engine = Engine::shared();
    let house = House::with("official/postgresql", &[("shelf", &gossip())]).await;
    house.with_lines(&["first"]).await;
    let id = format!("secret-in-log.{}", house.shelf);
    let issue = async || {
        let all = house.ada.browser.get("/api/v1/issues").await.expect(200);
        all.as_array().unwrap().iter().find(|it| it["id"] == id.as_str()).cloned()
    };
    let told = eventually("it is told", Duration::from_secs(90), &issue).await;
    let fix = &told["fixes"][0];
    assert_eq!((fix["do"].as_str(), fix["binding"].as_str()), (Some("rotate-password"), Some("db")), "{told:#}");
    assert!(told["evidence"].to_string().contains("worker"), "{told:#}");

    // It goes on telling: so does the issue, of the new password.
    let rotate = async || house.done(&house.shelf, "bindings/db/password", Value::Null).await;
    assert_eq!(rotate().await["state"], "succeeded");
    let again = async || issue().await.filter(|it| it["since"] != told["since"]);
    eventually("the new one is told as well", Duration::from_secs(90), again).await;

    let folder = house.it.state().join("apps").join(&house.shelf).join("data/gossip");
    fs::write(folder.join("quiet"), "").unwrap();
    assert_eq!(rotate().await["state"], "succeeded");
    eventually("it is over", Duration::from_secs(90), async || issue().await.is_none().then_some(())).await;
    assert_eq!(house.lines(&house.shelf).await, ["first"]);
    assert_eq!(json!(house.get(&house.shelf, "").await["status"]["state"]), "running");
}
