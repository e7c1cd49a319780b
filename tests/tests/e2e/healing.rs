//! What others do to an app behind the box's back: it comes back as its owner wants it, with its data, and history says so.

use std::time::Duration;

use orbitr_tests::{Engine, Registry, Sample, eventually};
use serde_json::json;

use crate::shop::{ABORTED, Shop};

/// An image that a registry has.
const PULLED: &str = "127.0.0.1:5000/orbitr-test/web:2.0.0";

impl Shop {
    async fn state(&self) -> String {
        self.get("").await["status"]["state"].as_str().unwrap().to_owned()
    }

    /// How often the box has brought it back so far, by history.
    pub(crate) async fn heals(&self) -> usize {
        let events = self.ada.browser.get("/api/v1/events?limit=200").await.expect(200);
        let items = events["items"].as_array().unwrap().iter();
        items.filter(|event| event["action"] == "app.heal" && event["subject"]["id"] == self.app.as_str()).count()
    }

    /// It runs and answers, nobody is at it, and everything of it is there once.
    async fn is_whole(&self, within: Duration, when: &str) {
        eventually(when, within, async || {
            let shown = self.get("").await;
            let well = shown["status"]["state"] == "running" && shown["care"].is_null() && shown["job"].is_null();
            let port = u16::try_from(shown["endpoints"][0]["port"].as_u64()?).ok()?;
            let answers = reqwest::get(format!("http://127.0.0.1:{port}/")).await.is_ok_and(|it| it.status() == 200);
            (well && answers).then_some(())
        })
        .await;
        assert_eq!(self.it.things().await, self.things(), "{when}");
        assert_eq!(self.row(), "one", "{when}");
    }

    /// Something happens to it; within seconds it is whole again, and history has one more line.
    async fn survives(&self, what: &str, act: impl FnOnce()) {
        let before = self.heals().await;
        act();
        eventually(what, Duration::from_secs(20), async || (self.heals().await > before).then_some(())).await;
        self.is_whole(Duration::from_secs(30), what).await;
        assert_eq!(self.heals().await, before + 1, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_somebody_does_to_its_containers_they_come_back() {
    let _engine = Engine::shared();
    let shop = Shop::open(&Sample::WEB.manifest("web")).await;
    for act in ["rm", "stop", "kill", "pause"] {
        let arguments = if act == "rm" { vec!["rm", "-f"] } else { vec![act] };
        shop.survives(act, || drop(Engine::docker(&[arguments, vec![&shop.container()]].concat()))).await;
    }
    let events = shop.ada.browser.get("/api/v1/events?limit=50").await.expect(200);
    let heal = events["items"].as_array().unwrap().iter().find(|event| event["action"] == "app.heal").unwrap();
    assert_eq!(heal["actor"]["kind"], "box", "{heal:#}");
    assert_eq!(heal["detail"]["why"], "web is paused", "{heal:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_somebody_does_to_its_network_it_comes_back() {
    let _engine = Engine::shared();
    let shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let (container, network) = (shop.container(), shop.network());
    let cut_off = || drop(Engine::docker(&["network", "disconnect", "-f", &network, &container]));
    shop.survives("a container that was taken out of its network", cut_off).await;
    shop.survives("a network that was deleted", || {
        cut_off();
        Engine::docker(&["network", "rm", &network]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_the_box_was_away_is_mended_when_it_is_back() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    shop.it.kill();
    Engine::docker(&["rm", "-f", &shop.container()]);
    Engine::docker(&["network", "rm", &shop.network()]);
    shop.it.start().await;
    shop.is_whole(Duration::from_secs(30), "an app that was gone at the start").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_was_stopped_here_stays_stopped_whoever_starts_it() {
    let _engine = Engine::shared();
    let shop = Shop::open(&Sample::WEB.manifest("web")).await;
    shop.done("stop", json!({})).await;
    Engine::docker(&["start", &shop.container()]);
    eventually("it is stopped again", Duration::from_secs(20), async || {
        let ran = shop.heals().await == 1;
        (ran && shop.state().await == "stopped" && shop.get("").await["job"].is_null()).then_some(())
    })
    .await;
    let running = Engine::docker(&["inspect", "--format", "{{.State.Running}}", &shop.container()]);
    assert_eq!(running.trim(), "false");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_gone_is_fetched_again_and_a_registry_that_is_down_is_said() {
    let engine = Engine::alone();
    let sample = Sample { image: PULLED, ..Sample::WEB };
    let shop = Shop::open(&sample.manifest("web")).await;
    let stopped = Registry::stopped(&engine);
    Engine::docker(&["rm", "-f", &shop.container()]);
    for image in Engine::docker(&["image", "ls", "--quiet", "--no-trunc", PULLED]).split_whitespace() {
        Engine::docker(&["image", "rm", "-f", image]);
    }
    let shown = eventually("a try is told", Duration::from_secs(60), async || {
        let shown = shop.get("").await;
        (shown["care"]["tries"].as_u64()? >= 1).then_some(shown)
    })
    .await;
    assert_eq!(shown["care"]["gave_up"], false, "{shown:#}");
    assert_ne!(shown["status"]["state"], "running", "{shown:#}");
    drop(stopped);
    shop.is_whole(Duration::from_secs(90), "an app whose registry is back").await;

    // What was fetched again goes with the app.
    let job = shop.ada.browser.remove(&shop.app, "delete").await;
    shop.ada.browser.ended(&job).await;
    let images = Engine::docker(&["image", "ls", "--digests", "--format", "{{.Repository}}@{{.Digest}}"]);
    assert!(!images.contains("127.0.0.1:5000/orbitr-test/web"), "{images}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_hangs_is_started_again() {
    let _engine = Engine::shared();
    let manifest = Sample::WEB.manifest("web").replace("grace: 30s", "grace: 5s, interval: 10s");
    let shop = Shop::open(&manifest).await;
    eventually("it is seen to be up", Duration::from_secs(10), async || {
        shop.get("/health").await["spans"][0]["up"].as_bool()
    })
    .await;
    Engine::docker(&["kill", "--signal", "STOP", &shop.container()]);
    eventually("the box notices", Duration::from_secs(60), async || (shop.state().await != "running").then_some(()))
        .await;
    eventually("the box restarts it", Duration::from_secs(90), async || (shop.heals().await > 0).then_some(())).await;
    shop.is_whole(Duration::from_secs(90), "an app that hung").await;
    let health = shop.get("/health").await;
    let spans = health["spans"].as_array().unwrap();
    let up: Vec<_> = spans.iter().map(|span| span["up"].as_bool().unwrap()).collect();
    assert_eq!(up, [true, false, true], "{health:#}");
    assert!(!spans[1]["reason"].as_str().unwrap().is_empty(), "{health:#}");
    let day = health["day"].as_f64().unwrap();
    assert!(0.0 < day && day < 1.0, "{health:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_of_healing_the_next_start_goes_on_with_it() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    for step in ["start", "probe"] {
        for when in ["before", "after"] {
            let point = format!("app.heal/{step}/{when}");
            shop.it.abort_at(&point);
            shop.restart().await;
            Engine::docker(&["rm", "-f", &shop.container()]);
            assert_eq!(shop.it.ended().await, ABORTED, "{point}");
            shop.it.start().await;
            shop.is_whole(Duration::from_secs(60), &point).await;
        }
    }
}
