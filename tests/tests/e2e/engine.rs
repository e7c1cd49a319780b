//! The engine goes away in the middle of things, killed or restarted: what was begun ends one way or the other, and apps
//! are whole again.

use std::time::Duration;

use orbitr_tests::{Engine, Sample, eventually};
use serde_json::json;

use crate::shop::Shop;

/// After an engine's start, containers and the supervisor's view of them need a moment.
const AGAIN: Duration = Duration::from_secs(90);

impl Shop {
    /// It runs this version or that one with its row, nobody is at it, and everything of it is there once.
    async fn runs_one_of(&self, versions: [&str; 2], when: &str) -> String {
        let version = eventually(when, AGAIN, async || {
            let shown = self.get("").await;
            let well = shown["status"]["state"] == "running" && shown["job"].is_null();
            let version = shown["version"].as_str()?.to_owned();
            let port = u16::try_from(shown["endpoints"][0]["port"].as_u64()?).ok()?;
            let answers = reqwest::get(format!("http://127.0.0.1:{port}/")).await.is_ok_and(|it| it.status() == 200);
            (well && answers).then_some(version)
        })
        .await;
        assert!(versions.contains(&version.as_str()), "{when}: {version}");
        assert_eq!(self.it.things().await, self.things(), "{when}");
        assert_eq!(self.row(), "one", "{when}");
        version
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_killed_or_restarted_costs_an_app_nothing() {
    let engine = Engine::alone();
    let shop = Shop::open(&Sample::WEB.manifest("web")).await;
    for order in ["kill", "stop"] {
        engine.control(order);
        eventually("the box knows it", Duration::from_secs(20), async || {
            (shop.get("").await["status"]["state"] == "unknown").then_some(())
        })
        .await;
        engine.control("start");
        shop.runs_one_of(["1", "1"], order).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_killed_in_the_middle_of_an_update_leaves_the_old_version_or_the_new_one() {
    let engine = Engine::alone();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let mut version = "1".to_owned();
    for (round, after) in [50, 700, 1800].into_iter().enumerate() {
        let next = (round + 2).to_string();
        shop.it
            .extension("web", &Sample::WEB.manifest("web").replace("version: \"1\"", &format!("version: \"{next}\"")));
        shop.restart().await;
        let when = format!("killed {after} ms after the update to {next} began");
        eventually("the update is offered", AGAIN, async || {
            (shop.get("").await["update"]["version"] == next.as_str()).then_some(())
        })
        .await;
        let job = shop.begin("update", json!({})).await;
        tokio::time::sleep(Duration::from_millis(after)).await;
        engine.control("kill");
        tokio::time::sleep(Duration::from_secs(1)).await;
        engine.control("start");
        let ended = shop.ada.browser.ended(&job).await;
        let state = ended["state"].as_str().unwrap();
        assert!(["succeeded", "failed"].contains(&state), "{when}: {ended:#}");
        let runs = shop.runs_one_of([&version, &next], &when).await;
        assert_eq!(runs == next, state == "succeeded", "{when}: {ended:#}");
        version = runs;
    }
}
