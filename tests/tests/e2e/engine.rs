//! The engine goes away in the middle of things, killed or restarted: what was begun ends one way or the other, and apps
//! are whole again.

use std::{
    cell::Cell,
    net::{Ipv4Addr, TcpStream},
    time::{Duration, Instant},
};

use orbitr_tests::{Engine, Sample, eventually};
use serde_json::{Value, json};

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

    /// The end of a job, for which somebody restarts Docker where the job says that only this helps: an engine that is
    /// killed while it starts a container may keep the container's port for ever.
    pub(crate) async fn ended_with_help(&self, engine: &Engine, job: &str) -> Value {
        // Once; the job tries again after a while.
        let helped = Cell::new(None::<Instant>);
        eventually("the end of the job", AGAIN * 2, async || {
            let shown = self.ada.browser.get(&format!("/api/v1/jobs/{job}")).await.expect(200);
            let kept = shown["message"].as_str().unwrap().starts_with("Docker does not let go of port");
            if kept && helped.get().is_none_or(|at| at.elapsed() > AGAIN) {
                engine.control("restart");
                helped.set(Some(Instant::now()));
            }
            (!shown["ended"].is_null()).then_some(shown)
        })
        .await
    }

    /// Starts the app, and kills the engine when it has just taken the app's port. Returns whether the port is kept for
    /// nothing; else the app runs.
    async fn is_left_in_a_knot(&self, engine: &Engine, port: u16) -> bool {
        self.done("stop", json!({})).await;
        let job = self.begin("start", json!({})).await;
        eventually("the port is taken", AGAIN, async || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()).await;
        engine.control("kill");
        engine.control("start");
        self.ada.browser.ended(&job).await;
        eventually("it runs, or it is told why it cannot", AGAIN, async || {
            let shown = self.get("").await;
            let knot = self.issue("port-not-freed").await.is_some();
            (knot || shown["status"]["state"] == "running" && shown["job"].is_null()).then_some(knot)
        })
        .await
    }

    /// Goes on until the port is kept for nothing.
    async fn is_in_a_knot(&self, engine: &Engine, port: u16) {
        for _ in 0..30 {
            if self.is_left_in_a_knot(engine, port).await {
                return;
            }
        }
        panic!("the engine did not once keep the port");
    }

    pub(crate) async fn issue(&self, kind: &str) -> Option<Value> {
        let all = self.ada.browser.get("/api/v1/issues").await.expect(200);
        all.as_array().unwrap().iter().find(|issue| issue["kind"] == kind).cloned()
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
async fn an_engine_that_has_lost_its_networks_gets_them_again() {
    let engine = Engine::alone();
    let shop = Shop::open(&Sample::WEB.manifest("web")).await;
    for order in ["stop", "forget", "start"] {
        engine.control(order);
    }
    shop.runs_one_of(["1", "1"], "after the engine forgot its networks").await;
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
        let ended = shop.ended_with_help(&engine, &job).await;
        let state = ended["state"].as_str().unwrap();
        assert!(["succeeded", "failed"].contains(&state), "{when}: {ended:#}");
        let runs = shop.runs_one_of([&version, &next], &when).await;
        assert_eq!(runs == next, state == "succeeded", "{when}: {ended:#}");
        version = runs;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_docker_keeps_for_nothing_is_told_as_that_and_a_restart_of_docker_or_another_port_helps() {
    let engine = Engine::alone();
    let shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let port = u16::try_from(shop.get("").await["endpoints"][0]["port"].as_u64().unwrap()).unwrap();
    shop.is_in_a_knot(&engine, port).await;
    let issue = shop.issue("port-not-freed").await.unwrap();
    assert!(issue["evidence"].to_string().contains("for a container that is gone"), "{issue:#}");
    // No unit of this machine is Docker here; on the appliance the first one restarts it.
    let fixes: Vec<&str> = issue["fixes"].as_array().unwrap().iter().map(|fix| fix["do"].as_str().unwrap()).collect();
    assert_eq!(fixes, ["open-machine", "move-ports", "start-app", "open-job"]);

    engine.control("restart");
    // Something of the container that was cut short is left as well; it is made anew.
    shop.done("start", json!({})).await;
    shop.runs_one_of(["1", "1"], "after the restart").await;
    eventually("the issue is over", AGAIN, async || shop.issue("port-not-freed").await.is_none().then_some(())).await;

    // Or, with the button of the page, it gets another port, and Docker keeps the one of before.
    shop.is_in_a_knot(&engine, port).await;
    let move_it = format!("/apps/{}/ports/move", shop.app);
    let page = shop.ada.browser.get("/issues").await.text();
    assert!(page.contains("Give it a free port") && page.contains(&format!("action=\"{move_it}\"")), "{page}");
    let form = "application/x-www-form-urlencoded";
    let pressed = shop.ada.browser.send_raw(http::Method::POST, &move_it, form, Vec::new()).await;
    assert_eq!(pressed.status, 303, "{}", pressed.text());
    let job = pressed.header("location").rsplit('/').next().unwrap().to_owned();
    let ended = shop.ada.browser.ended(&job).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    shop.runs_one_of(["1", "1"], "with another port").await;
    assert_ne!(shop.get("").await["endpoints"][0]["port"], port);
    eventually("the issue is over", AGAIN, async || shop.issue("port-not-freed").await.is_none().then_some(())).await;
}
