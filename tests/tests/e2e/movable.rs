//! Apps that move: clones. Rows are where they were and where they went, wherever the power goes.

use std::{fs, time::Duration};

use orbitr_tests::{Engine, Sample, TestBox, eventually, job_of};
use serde_json::{Value, json};

use crate::shop::{ABORTED, Shop};

impl Shop {
    /// The app runs, answers and has its row, and so have these others; nothing else is there.
    pub(crate) async fn only(&self, others: &[&str], when: &str) {
        let mut apps: Vec<&str> = others.iter().copied().chain([&*self.app]).collect();
        apps.sort_unstable();
        for app in &apps {
            let answers = async || {
                let shown = self.ada.browser.get(&format!("/api/v1/apps/{app}")).await.expect(200);
                (shown["phase"] == "installed" && shown["status"]["state"] == "running").then_some(())
            };
            eventually(&format!("{app} answers {when}"), Duration::from_secs(30), answers).await;
            let row = self.it.state().join("apps").join(app).join("data/data/row");
            assert_eq!(fs::read_to_string(&row).unwrap().trim(), "one", "{when}: {}", row.display());
        }
        assert_eq!(self.ids().await, apps, "{when}");
        let mut things: Vec<String> = apps
            .iter()
            .flat_map(|app| [format!("container orbitr-{app}-web-1"), format!("network orbitr-{app}_default")])
            .collect();
        things.sort_unstable();
        let mut found = self.it.things().await;
        found.sort_unstable();
        assert_eq!(found, things, "{when}");
        let mut files: Vec<String> = apps
            .iter()
            .flat_map(|app| ["", "/current", "/data", "/releases"].map(|name| format!("{app}{name}")))
            .collect();
        files.sort_unstable();
        assert_eq!(self.it.app_files(), files, "{when}");
    }

    async fn ids(&self) -> Vec<String> {
        let listed = self.ada.browser.get("/api/v1/apps").await.expect(200);
        let mut ids: Vec<_> = listed.as_array().unwrap().iter().map(|app| app["id"].as_str().unwrap().into()).collect();
        ids.sort_unstable();
        ids
    }

    /// Takes another app away with everything that it has.
    pub(crate) async fn remove(&self, app: &str) {
        let body = json!({ "data": "delete", "confirm": app });
        let path = format!("/api/v1/apps/{app}");
        let answer = self.ada.browser.send_json(http::Method::DELETE, &path, &body).await.expect(202);
        assert_eq!(self.ada.browser.ended(&job_of(&answer)).await["state"], "succeeded");
    }
}

/// The names of the secrets that the database holds of apps, without values.
fn secrets(it: &TestBox) -> Vec<String> {
    let mut names = Vec::new();
    it.sql(|db| {
        let mut query = db.prepare("SELECT name FROM secret WHERE name LIKE 'app/%' ORDER BY name").unwrap();
        names = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    });
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_is_another_app_with_the_same_rows_and_ports_of_its_own() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let twin = shop.it.app("twin");
    let job = shop.begin("clone", json!({ "app": twin })).await;
    let ended = shop.ada.browser.ended(&job).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    shop.only(&[&twin], "cloned").await;
    let port = async |app: &str| {
        let shown = shop.ada.browser.get(&format!("/api/v1/apps/{app}")).await.expect(200);
        shown["endpoints"][0]["port"].as_u64().unwrap()
    };
    assert_ne!(port(&shop.app).await, port(&twin).await);

    // What is written in one of them is not in the other.
    fs::write(shop.it.state().join("apps").join(&twin).join("data/data/row"), "two").unwrap();
    assert_eq!(shop.row(), "one");

    let refused = shop.ada.browser.post(&format!("/api/v1/apps/{}/clone", shop.app), &json!({ "app": twin })).await;
    assert_eq!(refused.expect(422)["fields"][0]["field"], "app");
    let odd = json!({ "inputs": { "nothing": 1 } });
    let refused = shop.ada.browser.post(&format!("/api/v1/apps/{}/clone", shop.app), &odd).await;
    assert_eq!(refused.expect(422)["fields"][0]["field"], "inputs.nothing");

    shop.remove(&twin).await;
    shop.only(&[], "after the clone is removed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_of_a_clone_the_first_app_runs_and_the_clone_is_whole() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    for step in ["pull", "stop", "copy", "resume", "prepare", "start", "probe", "activate"] {
        for when in ["before", "after"] {
            let point = format!("app.clone/{step}/{when}");
            let twin = shop.it.app(&format!("{step}-{when}"));
            shop.it.abort_at(&point);
            shop.restart().await;
            let job = shop.begin("clone", json!({ "app": twin })).await;
            assert_eq!(shop.it.ended().await, ABORTED, "{point}");
            shop.it.start().await;
            let ended = shop.ada.browser.ended(&job).await;
            assert_eq!(ended["state"], "succeeded", "{point}: {ended:#}");
            shop.only(&[&twin], &point).await;
            shop.remove(&twin).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_back_of_a_clone_nothing_is_left_of_it() {
    let _engine = Engine::shared();
    let entrypoint = r#"["sh", "-c", "[ $$NOTE = fail ] && exit 3; exec httpd -f -p 80 -h /www"]"#;
    let manifest = Sample::WEB.manifest("web").replace(
        "    restart: unless-stopped\n",
        &format!("    restart: unless-stopped\n    entrypoint: {entrypoint}\n"),
    );
    let mut shop = Shop::open(&manifest).await;
    for step in ["probe", "start", "prepare", "resume", "copy", "stop", "pull"] {
        for when in ["undo-before", "undo-after"] {
            let point = format!("app.clone/{step}/{when}");
            let twin = shop.it.app(&format!("twin-{step}-{when}"));
            shop.it.abort_at(&point);
            shop.restart().await;
            let job = shop.begin("clone", json!({ "app": twin, "inputs": { "note": "fail" } })).await;
            assert_eq!(shop.it.ended().await, ABORTED, "{point}");
            shop.it.start().await;
            let ended: Value = shop.ada.browser.ended(&job).await;
            assert_eq!(ended["state"], "failed", "{point}: {ended:#}");
            shop.only(&[], &point).await;
        }
    }
    shop.it.kill();
    assert!(secrets(&shop.it).iter().all(|name| name.starts_with(&format!("app/{}/", shop.app))));
}
