//! Another version of an app, and back: rows are never lost, whatever the new version does and wherever the power goes.

use std::{fs, path::PathBuf, time::Duration};

use orbitr_tests::{Ended, Engine, Person, Sample, TestBox, job_of};
use serde_json::{Value, json};

/// What `abort(3)` ends a process with.
const ABORTED: Ended = Ended::Signal(6);

/// A box with an app at version 1 that holds a row.
struct Shop {
    it: TestBox,
    ada: Person,
    app: String,
}

impl Shop {
    async fn open() -> Self {
        let mut it = TestBox::new();
        it.extension("web", &Sample::WEB.manifest("web"));
        it.start().await;
        let ada = it.claim().await;
        it.id().await;
        let app = it.app("shop");
        ada.browser.installed("local/web", &app, json!({})).await;
        let shop = Self { it, ada, app };
        fs::write(shop.row_file(), "one").unwrap();
        shop
    }

    fn row_file(&self) -> PathBuf {
        self.folder().join("data/data/row")
    }

    fn folder(&self) -> PathBuf {
        self.it.state().join("apps").join(&self.app)
    }

    fn row(&self) -> String {
        fs::read_to_string(self.row_file()).unwrap().trim().to_owned()
    }

    /// The store has this from now on.
    async fn publish(&mut self, version: &str, manifest: &str) {
        self.it.extension("web", &manifest.replace("version: \"1\"", &format!("version: \"{version}\"")));
        self.restart().await;
    }

    async fn restart(&mut self) {
        self.it.kill();
        self.it.start().await;
    }

    async fn get(&self, path: &str) -> Value {
        self.ada.browser.get(&format!("/api/v1/apps/{}{path}", self.app)).await.expect(200)
    }

    async fn begin(&self, what: &str, body: Value) -> String {
        job_of(&self.ada.browser.post(&format!("/api/v1/apps/{}/{what}", self.app), &body).await.expect(202))
    }

    async fn done(&self, what: &str, body: Value) -> Value {
        let job = self.begin(what, body).await;
        self.ada.browser.ended(&job).await
    }

    /// It runs this version with this row, and nothing of anything else is there.
    async fn runs(&self, version: &str, row: &str, when: &str) {
        let shown = self.get("").await;
        assert_eq!(
            (shown["phase"].as_str(), shown["version"].as_str()),
            (Some("installed"), Some(version)),
            "{when}: {shown:#}"
        );
        assert_eq!(self.row(), row, "{when}");
        let things = self.it.things().await;
        let app = &self.app;
        assert_eq!(
            things,
            [format!("container orbitr-{app}-web-1"), format!("network orbitr-{app}_default")],
            "{when}"
        );
        let left = fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let odd: Vec<_> = left.filter(|name| name.starts_with('.')).collect();
        assert_eq!(odd, Vec::<String>::new(), "{when}");
        let port = shown["endpoints"][0]["port"].as_u64().unwrap();
        let answers = async || takes_calls(port).await.then_some(());
        orbitr_tests::eventually("the app answers", Duration::from_secs(30), answers).await;
    }

    /// The numbers of the releases that are there, in the database and on the disk.
    async fn releases(&self) -> Vec<u64> {
        let listed = self.get("/releases").await;
        let mut numbers: Vec<_> = listed.as_array().unwrap().iter().map(|it| it["number"].as_u64().unwrap()).collect();
        numbers.sort_unstable();
        let mut folders: Vec<u64> = fs::read_dir(self.folder().join("releases"))
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().into_string().unwrap().parse().ok())
            .collect();
        folders.sort_unstable();
        assert_eq!(folders, numbers);
        numbers
    }

    async fn snapshots(&self) -> Vec<u64> {
        let listed = self.get("/snapshots").await;
        listed.as_array().unwrap().iter().map(|it| it["number"].as_u64().unwrap()).collect()
    }
}

async fn takes_calls(port: u64) -> bool {
    tokio::net::TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).await.is_ok()
}

/// Writes over the row before it ends.
fn breaks_its_data() -> String {
    let entrypoint = r#"["sh", "-c", "echo broken > /data/row; exit 3"]"#;
    Sample::WEB.manifest("web").replace(
        "    restart: unless-stopped\n",
        &format!("    restart: unless-stopped\n    entrypoint: {entrypoint}\n"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_keeps_the_rows_and_says_what_it_will_do() {
    let _engine = Engine::shared();
    let mut shop = Shop::open().await;
    assert_eq!(shop.get("").await["update"], Value::Null);
    let refused = shop.ada.browser.post(&format!("/api/v1/apps/{}/update", shop.app), &json!({})).await;
    assert_eq!(refused.expect(409)["code"], "app-wrong-state");

    shop.publish("2", &Sample::WEB.manifest("web")).await;
    assert_eq!(shop.get("").await["update"]["version"], "2");
    let plan = shop.get("/update").await;
    assert_eq!((plan["from"]["version"].as_str(), plan["to"]["version"].as_str()), (Some("1"), Some("2")));
    assert_eq!((plan["stops"].as_bool(), plan["images"].as_array().map(Vec::len)), (Some(true), Some(0)));
    let other = shop.ada.browser.post(&format!("/api/v1/apps/{}/update", shop.app), &json!({ "version": "3" })).await;
    other.expect(422);

    let ended = shop.done("update", json!({ "version": "2" })).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    shop.runs("2", "one", "updated").await;
    assert_eq!(shop.releases().await, [1, 2]);
    assert_eq!(shop.snapshots().await, [2]);
    assert_eq!(shop.get("").await["update"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_does_not_come_up_leaves_the_version_before_with_its_rows() {
    let _engine = Engine::shared();
    let mut shop = Shop::open().await;
    let broken = [
        ("2", Sample::EXITS.manifest("web"), "app-ended"),
        ("3", Sample::NEVER_HEALTHY.manifest("web"), "app-not-reached"),
        ("4", Sample::ABSENT.manifest("web"), ""),
        ("5", breaks_its_data(), "app-ended"),
    ];
    for (version, manifest, code) in broken {
        shop.publish(version, &manifest).await;
        let ended = shop.done("update", json!({})).await;
        assert_eq!(ended["state"], "failed", "{version}: {ended:#}");
        if !code.is_empty() {
            assert_eq!(ended["problem"]["code"], code, "{version}: {ended:#}");
        }
        shop.runs("1", "one", version).await;
        assert_eq!(shop.releases().await, [1], "{version}");
        assert_eq!(shop.snapshots().await, Vec::<u64>::new(), "{version}");
    }
    assert!(!shop.folder().join("snapshots").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_release_runs_again_with_the_data_of_now_or_of_then() {
    let _engine = Engine::shared();
    let mut shop = Shop::open().await;
    shop.publish("2", &Sample::WEB.manifest("web")).await;
    shop.done("update", json!({})).await;
    fs::write(shop.row_file(), "two").unwrap();

    let ended = shop.done("roll-back", json!({ "release": 1, "data": "then" })).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    shop.runs("1", "one", "back with the data of then").await;
    assert_eq!((shop.releases().await, shop.snapshots().await), (vec![1, 2, 3], vec![3, 2]));

    // what was written in between is not lost
    let ended = shop.done("roll-back", json!({ "release": 2, "data": "then" })).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    shop.runs("2", "two", "forward again").await;

    fs::write(shop.row_file(), "three").unwrap();
    let ended = shop.done("roll-back", json!({ "release": 1, "data": "now" })).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    shop.runs("1", "three", "back with the data of now").await;

    let path = format!("/api/v1/apps/{}/roll-back", shop.app);
    for (body, field) in [
        (json!({ "release": 99, "data": "now" }), "release"),
        (json!({ "release": 5, "data": "now" }), "release"),
        (json!({ "release": 0, "data": "then" }), "release"),
    ] {
        let refused = shop.ada.browser.post(&path, &body).await.expect(422);
        assert!(refused.to_string().contains(field), "{refused}");
    }
    shop.runs("1", "three", "after what was refused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_of_an_update_it_is_the_old_version_or_the_new_one_with_every_row() {
    let _engine = Engine::shared();
    let mut shop = Shop::open().await;
    let steps = ["prepare", "pull", "stop", "snapshot", "switch", "probe", "activate"];
    let mut version = 1;
    for step in steps {
        for when in ["before", "after"] {
            let point = format!("app.change/{step}/{when}");
            version += 1;
            abort_at(&mut shop.it, &point);
            shop.publish(&version.to_string(), &Sample::WEB.manifest("web")).await;
            let job = shop.begin("update", json!({})).await;
            assert_eq!(shop.it.ended().await, ABORTED, "{point}");
            shop.it.start().await;
            let ended = shop.ada.browser.ended(&job).await;
            assert_eq!(ended["state"], "succeeded", "{point}: {ended:#}");
            shop.runs(&version.to_string(), "one", &point).await;
        }
    }
    // what is older than ten releases and three snapshots goes, and nothing else
    let (releases, snapshots) = (shop.releases().await, shop.snapshots().await);
    assert_eq!((releases.len(), releases.last().copied()), (10, Some(version)), "{releases:?}");
    assert_eq!(snapshots, [version, version - 1, version - 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_of_the_way_back_the_rows_are_those_of_before() {
    let _engine = Engine::shared();
    let mut shop = Shop::open().await;
    let mut version = 1;
    for step in ["probe", "switch", "snapshot", "stop", "pull", "prepare"] {
        for when in ["undo-before", "undo-after"] {
            let point = format!("app.change/{step}/{when}");
            version += 1;
            abort_at(&mut shop.it, &point);
            shop.publish(&version.to_string(), &breaks_its_data()).await;
            let job = shop.begin("update", json!({})).await;
            assert_eq!(shop.it.ended().await, ABORTED, "{point}");
            shop.it.start().await;
            let ended = shop.ada.browser.ended(&job).await;
            assert_eq!(ended["state"], "failed", "{point}: {ended:#}");
            shop.runs("1", "one", &point).await;
            assert_eq!((shop.releases().await, shop.snapshots().await), (vec![1], vec![]), "{point}");
        }
    }
}

/// From the next start on, the box aborts once at this point.
fn abort_at(it: &mut TestBox, point: &str) {
    let marker = it.state().join(format!("aborted-at-{}", point.replace('/', "-")));
    let _ = fs::remove_file(&marker);
    it.variable("ORBITR_ABORT_AT", Some(point));
    it.variable("ORBITR_ABORT_ONCE", marker.to_str());
}
