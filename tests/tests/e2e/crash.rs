//! `kill -9` at every committed point and at any moment: afterwards it is the old state or the new one.

use std::time::Duration;

use orbitr_tests::{Engine, Person, Sample, TestBox};
use serde_json::{Value, json};

use crate::{random::Random, shop::ABORTED};

async fn box_with_samples() -> (TestBox, Person) {
    let mut it = TestBox::new();
    it.extension("web", &Sample::WEB.manifest("web"));
    it.extension("never", &Sample { grace: "10m", ..Sample::NEVER_HEALTHY }.manifest("never"));
    it.start().await;
    let ada = it.claim().await;
    it.id().await;
    (it, ada)
}

async fn restart(it: &mut TestBox) {
    it.kill();
    it.start().await;
}

/// The job went on after the crash and says so.
async fn went_on(ada: &Person, job: &str, point: &str) -> Value {
    let ended = ada.browser.ended(job).await;
    assert_ne!(ended["resumed"], 0, "{point}: {ended:#}");
    tells_of_the_crash(ada, job, point).await;
    ended
}

pub(crate) async fn tells_of_the_crash(ada: &Person, job: &str, point: &str) {
    let log = ada.browser.get(&format!("/api/v1/jobs/{job}/log")).await.expect(200);
    let text = log["text"].as_str().unwrap();
    assert!(text.to_lowercase().contains("resumed after a restart"), "{point}: {text}");
}

/// The app is there as if nothing had happened.
async fn is_whole(it: &TestBox, ada: &Person, app: &str, point: &str) {
    let shown = ada.browser.get(&format!("/api/v1/apps/{app}")).await.expect(200);
    assert_eq!(shown["phase"], "installed", "{point}");
    assert_eq!(shown["release"]["active"], true, "{point}");
    let things = it.things().await;
    assert_eq!(things, [format!("container orbitr-{app}-web-1"), format!("network orbitr-{app}_default")], "{point}");
    let current = it.state().join("apps").join(app).join("current/compose.yaml");
    assert!(current.exists(), "{point}: {} is not there", current.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_of_install_and_remove_the_next_start_finishes_the_job() {
    let _engine = Engine::shared();
    let (mut it, ada) = box_with_samples().await;
    let app = it.app("web");
    let installs = ["prepare", "pull", "start", "probe", "activate"].map(|step| ("app.install", step));
    let removes = ["down", "images", "files"].map(|step| ("app.remove", step));
    let points = |steps: &[(&str, &str)]| -> Vec<String> {
        steps.iter().flat_map(|(kind, step)| ["before", "after"].map(|when| format!("{kind}/{step}/{when}"))).collect()
    };
    let (installs, removes) = (points(&installs), points(&removes));
    // Every point of the install, and every point of the remove both with and without the data.
    for round in 0..2 * removes.len() {
        let (data, remove_at) = (["keep", "delete"][round / removes.len()], &removes[round % removes.len()]);
        let install_at = installs.get(round);
        if let Some(point) = install_at {
            it.abort_at(point);
            restart(&mut it).await;
        }
        let job = ada.browser.install("local/web", &app, json!({})).await;
        if let Some(point) = install_at {
            assert_eq!(it.ended().await, ABORTED, "{point}");
        }
        it.abort_at(remove_at);
        match install_at {
            Some(point) => {
                // The remaining crash is for the removal: this run has to get through the install.
                it.start().await;
                let ended = went_on(&ada, &job, point).await;
                assert_eq!(ended["state"], "succeeded", "{point}: {ended:#}");
                is_whole(&it, &ada, &app, point).await;
            }
            None => {
                assert_eq!(ada.browser.ended(&job).await["state"], "succeeded");
                restart(&mut it).await;
            }
        }
        let job = ada.browser.remove(&app, data).await;
        assert_eq!(it.ended().await, ABORTED, "{remove_at}, {data}");
        it.start().await;
        let ended = went_on(&ada, &job, remove_at).await;
        assert_eq!(ended["state"], "succeeded", "{remove_at}, {data}: {ended:#}");
        if data == "delete" {
            it.assert_empty(&format!("after {remove_at}")).await;
        } else {
            assert_eq!(it.things().await, Vec::<String>::new(), "{remove_at}");
            assert_eq!(it.app_files(), [app.clone(), format!("{app}/data")], "{remove_at}");
            let shown = ada.browser.get(&format!("/api/v1/apps/{app}")).await.expect(200);
            assert_eq!(shown["phase"], "kept", "{remove_at}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_of_the_way_back_the_next_start_finishes_undoing() {
    let _engine = Engine::shared();
    let (mut it, ada) = box_with_samples().await;
    let app = it.app("never");
    for step in ["probe", "start", "pull", "prepare"] {
        for when in ["undo-before", "undo-after"] {
            let point = format!("app.install/{step}/{when}");
            it.abort_at(&point);
            restart(&mut it).await;
            let job = ada.browser.install("local/never", &app, json!({})).await;
            // It never becomes healthy; once it is waited for, its owner gives up.
            orbitr_tests::eventually("the probe", Duration::from_secs(60), async || {
                let job = ada.browser.get(&format!("/api/v1/jobs/{job}")).await.expect(200);
                assert!(job["ended"].is_null(), "{job:#}");
                (job["steps"][3]["state"] == "running").then_some(())
            })
            .await;
            let _ = orbitr_tests::Client::try_send(
                ada.browser.request(http::Method::POST, &format!("/api/v1/jobs/{job}/cancel")),
            )
            .await;
            assert_eq!(it.ended().await, ABORTED, "{point}");
            it.start().await;
            let ended = went_on(&ada, &job, &point).await;
            assert_eq!(ended["state"], "cancelled", "{point}: {ended:#}");
            it.assert_empty(&format!("after {point}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_cleaned_away_between_the_pull_and_the_start_is_fetched_again() {
    // Nobody else may hold the image.
    let _engine = Engine::alone();
    let (mut it, ada) = box_with_samples().await;
    let app = it.app("web");
    let point = "app.install/pull/after";
    it.abort_at(point);
    restart(&mut it).await;
    let job = ada.browser.install("local/web", &app, json!({})).await;
    assert_eq!(it.ended().await, ABORTED, "{point}");
    Engine::docker(&["image", "rm", Sample::WEB.image]);
    it.start().await;
    let ended = went_on(&ada, &job, point).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    is_whole(&it, &ada, &app, point).await;
    let job = ada.browser.remove(&app, "delete").await;
    assert_eq!(ada.browser.ended(&job).await["state"], "succeeded");
    it.assert_empty("removed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_a_hundred_random_moments_nothing_is_ever_half_there() {
    let _engine = Engine::shared();
    let random = Random::seeded();
    let other = random.other();
    // Two boxes at once: a crash waits more than it works.
    tokio::join!(moments(random, 50), moments(other, 50));
}

/// Kills a box of its own at so many moments of whatever its app can be asked to do.
async fn moments(mut random: Random, count: u32) {
    let (mut it, ada) = box_with_samples().await;
    let app = it.app("web");
    for moment in 1..=count {
        let phase = phase(&ada, &app).await;
        let (job, longest) = match (phase.as_str(), random.below(4)) {
            ("none" | "kept", _) => (ada.browser.install("local/web", &app, json!({})).await, 2500),
            ("installed", 0) => (ada.browser.remove(&app, "keep").await, 1500),
            ("installed", 1) => (change(&ada, &app, moment).await, 2500),
            ("installed", _) => (ada.browser.remove(&app, "delete").await, 1500),
            (other, _) => panic!("moment {moment}: the app is {other} and no job is at it"),
        };
        tokio::time::sleep(Duration::from_millis(random.below(longest))).await;
        it.kill();
        it.start().await;
        let ended = ada.browser.ended(&job).await;
        assert_eq!(ended["state"], "succeeded", "moment {moment}: {ended:#}");
        agrees(&it, &ada, &app, moment).await;
    }
}

async fn change(ada: &Person, app: &str, moment: u32) -> String {
    let inputs = json!({ "inputs": { "note": format!("moment {moment}") } });
    let path = format!("/api/v1/apps/{app}/inputs");
    orbitr_tests::job_of(&ada.browser.send_json(http::Method::PATCH, &path, &inputs).await.expect(202))
}

async fn phase(ada: &Person, app: &str) -> String {
    let shown = ada.browser.get(&format!("/api/v1/apps/{app}")).await;
    if shown.status == 404 { "none".to_owned() } else { shown.expect(200)["phase"].as_str().unwrap().to_owned() }
}

/// The database, Docker and the disk say the same.
async fn agrees(it: &TestBox, ada: &Person, app: &str, moment: u32) {
    let when = format!("moment {moment}");
    match phase(ada, app).await.as_str() {
        "none" => it.assert_empty(&when).await,
        "installed" => is_whole(it, ada, app, &when).await,
        "kept" => {
            assert_eq!(it.things().await, Vec::<String>::new(), "{when}");
            assert_eq!(it.app_files(), [app.to_owned(), format!("{app}/data")], "{when}");
        }
        other => panic!("{when}: {other}"),
    }
}
