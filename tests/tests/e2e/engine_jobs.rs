//! The engine is killed in the middle of each kind of job: afterwards it is the old state or the new one, as the job says,
//! with every row; nothing is left over, and the job tells of it. (Starts and updates are in `engine.rs`.)

use std::{fs, time::Duration};

use http::Method;
use orbitr_tests::{Engine, Sample, eventually, job_of};
use serde_json::{Value, json};

use crate::{adopt::Old, shop::Shop};

/// After an engine's start, containers and the supervisor's view of them need a moment.
const AGAIN: Duration = Duration::from_secs(90);

impl Shop {
    /// Kills the engine so long after the job has begun this step, starts it again, and waits for the job's end.
    async fn cut_off(&self, engine: &Engine, job: &str, step: &str, after: u64) -> Value {
        let at_it = async || {
            let shown = self.ada.browser.get(&format!("/api/v1/jobs/{job}")).await.expect(200);
            let steps = shown["steps"].as_array().unwrap();
            steps.iter().any(|it| it["name"] == step && it["state"] != "pending").then_some(())
        };
        eventually(step, AGAIN, at_it).await;
        tokio::time::sleep(Duration::from_millis(after)).await;
        engine.control("kill");
        let killed = jiff::Timestamp::now();
        tokio::time::sleep(Duration::from_millis(500)).await;
        engine.control("start");
        let ended = self.ended_with_help(engine, job).await;
        let log = self.ada.browser.get(&format!("/api/v1/jobs/{job}/log")).await.expect(200);
        println!(
            "{} killed in {step} after {after} ms: {} {}",
            ended["kind"], ended["state"], ended["problem"]["code"]
        );
        let log = log["text"].as_str().unwrap();
        // A quick machine may have been done before.
        let was_cut_off = ended["ended"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap() > killed;
        assert!(!was_cut_off || log.contains("Docker does not answer"), "it does not tell:\n{log}");
        if ended["state"] != "succeeded" {
            assert_eq!(ended["state"], "failed", "{ended:#}");
            assert!(!ended["problem"]["title"].as_str().unwrap().is_empty(), "{ended:#}");
        }
        ended
    }

    /// Everything comes up again, and there are these apps and nothing else.
    async fn whole(&self, engine: &Engine, others: &[&str], when: &str) {
        eventually(when, AGAIN, async || {
            let jobs = self.ada.browser.get("/api/v1/jobs?active=true").await.expect(200);
            // What only a restart of Docker helps against: somebody does that.
            if self.issue("port-not-freed").await.is_some() {
                engine.control("restart");
                for app in others.iter().chain([&&*self.app]) {
                    self.ada.browser.post(&format!("/api/v1/apps/{app}/start"), &json!({})).await;
                }
                self.ada.browser.settled().await;
            }
            let apps = self.ada.browser.get("/api/v1/apps").await.expect(200);
            let up = apps.as_array().unwrap().iter().all(|app| app["status"]["state"] == "running");
            (up && jobs["items"] == json!([])).then_some(())
        })
        .await;
        self.only(others, when).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_killed_in_an_installation_leaves_the_app_or_nothing() {
    let engine = Engine::alone();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let heavy = Sample { image: "orbitr-test/shelf:1.0.0", ..Sample::WEB }
        .manifest("heavy")
        .replace("status: 200", "status: 404");
    shop.it.extension("heavy", &heavy);
    shop.restart().await;
    let _ = Engine::succeeds(&["image", "rm", "orbitr-test/shelf:1.0.0"]);
    for (extension, step, after) in [("local/heavy", "pull", 200), ("local/web", "start", 250)] {
        let when = format!("{step} and {after} ms");
        let app = shop.it.app(&format!("new-{step}-{after}"));
        let job = shop.ada.browser.install(extension, &app, json!({})).await;
        let ended = shop.cut_off(&engine, &job, step, after).await;
        if ended["state"] == "succeeded" {
            fs::write(shop.it.state().join("apps").join(&app).join("data/data/row"), "one").unwrap();
            shop.whole(&engine, &[&app], &when).await;
            shop.remove(&app).await;
        }
        shop.whole(&engine, &[], &when).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_killed_while_an_app_is_copied_leaves_it_running_and_the_copy_whole_or_not_there() {
    let engine = Engine::alone();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    for (step, after) in [("resume", 250), ("start", 250)] {
        let when = format!("clone, {step} and {after} ms");
        let twin = shop.it.app(&format!("twin-{step}"));
        let job = shop.begin("clone", json!({ "app": twin })).await;
        let ended = shop.cut_off(&engine, &job, step, after).await;
        if ended["state"] == "succeeded" {
            shop.whole(&engine, &[&twin], &when).await;
            shop.remove(&twin).await;
        }
        shop.whole(&engine, &[], &when).await;
    }
    let archives = "/api/v1/projects/home/archives";
    for (step, after) in [("stop", 50), ("resume", 250)] {
        let begun = shop.ada.browser.post(&format!("/api/v1/apps/{}/export", shop.app), &json!({})).await.expect(202);
        let ended = shop.cut_off(&engine, &job_of(&begun), step, after).await;
        let there = shop.ada.browser.get(archives).await.expect(200);
        let made = usize::from(ended["state"] == "succeeded");
        assert_eq!(there.as_array().unwrap().len(), made, "{step}: {there:#}");
        shop.whole(&engine, &[], &format!("export, {step}")).await;
        if step == "stop" && made == 1 {
            let archive = there[0]["id"].as_str().unwrap();
            shop.ada.browser.delete(&format!("{archives}/{archive}")).await.expect(204);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_killed_while_an_app_goes_into_an_archive_and_comes_back_loses_no_row() {
    let engine = Engine::alone();
    let shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let archives = "/api/v1/projects/home/archives";
    for (step, after) in [("stop", 50), ("down", 20)] {
        let path = format!("/api/v1/apps/{}", shop.app);
        let begun = shop.ada.browser.send_json(Method::DELETE, &path, &json!({ "data": "archive" })).await.expect(202);
        let ended = shop.cut_off(&engine, &job_of(&begun), step, after).await;
        if ended["state"] != "succeeded" {
            shop.whole(&engine, &[], step).await;
            continue;
        }
        shop.it.assert_empty(step).await;
        let there = shop.ada.browser.get(archives).await.expect(200);
        let archive = there[0]["id"].as_str().unwrap();
        let begin = async || {
            job_of(&shop.ada.browser.post(&format!("{archives}/{archive}/install"), &json!({})).await.expect(202))
        };
        let ended = shop.cut_off(&engine, &begin().await, "start", 250).await;
        if ended["state"] != "succeeded" {
            shop.it.assert_empty(step).await;
            assert_eq!(shop.ada.browser.ended(&begin().await).await["state"], "succeeded");
        }
        shop.whole(&engine, &[], step).await;
        shop.ada.browser.delete(&format!("{archives}/{archive}")).await.expect(204);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_killed_in_a_roll_back_leaves_the_data_of_the_release_that_runs() {
    let engine = Engine::alone();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    shop.publish("2", &Sample::WEB.manifest("web")).await;
    shop.done("update", json!({})).await;
    fs::write(shop.row_file(), "two").unwrap();
    for (step, after) in [("stop", 50), ("switch", 200)] {
        let job = shop.begin("roll-back", json!({ "release": 1, "data": "then" })).await;
        let ended = shop.cut_off(&engine, &job, step, after).await;
        let done = ended["state"] == "succeeded";
        let (version, row) = if done { ("1", "one") } else { ("2", "two") };
        eventually("it is up again", AGAIN, async || {
            let shown = shop.get("").await;
            (shown["status"]["state"] == "running" && shown["job"].is_null()).then_some(())
        })
        .await;
        shop.runs(version, row, step).await;
        if done {
            let releases = shop.releases().await;
            let back = json!({ "release": releases[releases.len() - 2], "data": "then" });
            assert_eq!(shop.done("roll-back", back).await["state"], "succeeded");
            shop.runs("2", "two", step).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_in_whose_middle_the_engine_is_killed_is_told_as_cut_off_and_not_done_twice() {
    let engine = Engine::alone();
    let action = "  actions:\n    mark: {label: Leave marks, service: web, run: [sh, -c, \"echo begun >> /data/trace; sleep 4; echo ended >> /data/trace\"]}\n";
    let manifest = Sample::WEB.manifest("web");
    let shop = Shop::open(&manifest.replace("  permissions: []\n", &format!("  permissions: []\n{action}"))).await;
    let job = shop.begin("actions/mark", json!({})).await;
    let trace = || fs::read_to_string(shop.row_file().with_file_name("trace")).unwrap_or_default();
    eventually("it has begun", AGAIN, async || (!trace().is_empty()).then_some(())).await;
    let ended = shop.cut_off(&engine, &job, "run", 0).await;
    assert_eq!((ended["state"].as_str(), ended["problem"]["code"].as_str()), (Some("failed"), Some("action-cut-off")));
    assert!(ended["problem"]["detail"].as_str().unwrap().contains("Docker"), "{ended:#}");
    shop.whole(&engine, &[], "after the action").await;
    assert_eq!(trace(), "begun\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_killed_while_a_project_is_taken_over_leaves_the_app_or_the_project_with_its_row() {
    let engine = Engine::alone();
    let mut shop = Shop::empty(&Sample::WEB.manifest("web")).await;
    for (step, after, ports) in [("stop", 50, true), ("start", 150, true), ("start", 100, false)] {
        let old = Old::new(&mut shop.it, &stubborn(ports));
        old.compose(&["up", "--detach"]);
        let web = old.container("web");
        Engine::docker(&["exec", &web, "sh", "-c", "echo one > /www/pages/row"]);
        let app = shop.it.app(&format!("taken-{step}-{after}"));
        let request = json!({ "compose_project": old.name, "app": app });
        let job = job_of(&shop.ada.browser.post("/api/v1/projects/home/adopt", &request).await.expect(202));
        let ended = shop.cut_off(&engine, &job, step, after).await;
        if ended["state"] == "succeeded" {
            assert_eq!(old.containers(), Vec::<String>::new(), "{step}");
            let row = shop.it.state().join("apps").join(&app).join("data/pages/row");
            assert_eq!(fs::read_to_string(row).unwrap(), "one\n", "{step}");
            shop.remove(&app).await;
        } else {
            eventually(step, AGAIN, async || (old.containers() == [format!("{web} running")]).then_some(())).await;
            assert_eq!(Engine::docker(&["exec", &web, "cat", "/www/pages/row"]), "one\n", "{step}");
        }
        assert_eq!(shop.it.things().await, Vec::<String>::new(), "{step}");
        let mut files = shop.it.app_files();
        // Empty, and the box's own: texts that somebody gives for a project are there while they are read.
        files.retain(|file| file != ".adopt");
        assert_eq!(files, Vec::<String>::new(), "{step}");
    }
}

/// A project that Docker brings up again whenever it starts itself, even one that was stopped.
fn stubborn(ports: bool) -> String {
    let ports = if ports { "    ports: [\"PORT:80\"]\n" } else { "" };
    format!(
        "services:\n  web:\n    image: orbitr-test/web:1.0.0\n    restart: always\n    stop_grace_period: 1s\n{ports}    volumes: [\"pages:/www/pages\"]\nvolumes: {{pages: {{}}}}\n"
    )
}
