//! Another version of an app, and back: rows are never lost, whatever the new version does and wherever the power goes.

use std::{fs, time::Duration};

use http::Method;
use orbitr_tests::{Engine, Sample, job_of};
use serde_json::{Value, json};

use crate::shop::{ABORTED, Shop};

impl Shop {
    /// The store has this from now on.
    pub(crate) async fn publish(&mut self, version: &str, manifest: &str) {
        self.it.extension("web", &manifest.replace("version: \"1\"", &format!("version: \"{version}\"")));
        self.restart().await;
    }

    /// It runs this version with this row, and nothing of anything else is there.
    pub(crate) async fn runs(&self, version: &str, row: &str, when: &str) {
        let shown = self.get("").await;
        assert_eq!(
            (shown["phase"].as_str(), shown["version"].as_str()),
            (Some("installed"), Some(version)),
            "{when}: {shown:#}"
        );
        assert_eq!(self.row(), row, "{when}");
        assert_eq!(self.it.things().await, self.things(), "{when}");
        let left = fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let odd: Vec<_> = left.filter(|name| name.starts_with('.')).collect();
        assert_eq!(odd, Vec::<String>::new(), "{when}");
        let port = shown["endpoints"][0]["port"].as_u64().unwrap();
        let answers = async || takes_calls(port).await.then_some(());
        orbitr_tests::eventually("the app answers", Duration::from_secs(30), answers).await;
    }

    /// The numbers of the releases that are there, in the database and on the disk.
    pub(crate) async fn releases(&self) -> Vec<u64> {
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
pub(crate) fn breaks_its_data() -> String {
    let entrypoint = r#"["sh", "-c", "echo broken > /data/row; exit 3"]"#;
    Sample::WEB.manifest("web").replace(
        "    restart: unless-stopped\n",
        &format!("    restart: unless-stopped\n    entrypoint: {entrypoint}\n"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_keeps_the_rows_and_says_what_it_will_do() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
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
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
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
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
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
async fn an_app_gets_another_name_and_a_snapshot_goes_when_its_owner_says_so() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    shop.publish("2", &Sample::WEB.manifest("web")).await;
    shop.done("update", json!({})).await;

    let path = format!("/api/v1/apps/{}", shop.app);
    let renamed = async |name: &str| shop.ada.browser.send_json(Method::PATCH, &path, &json!({ "name": name })).await;
    renamed("The shop ").await.expect(204);
    assert_eq!(shop.get("").await["name"], "The shop");
    let refused = renamed("  ").await.expect(422);
    assert_eq!(refused["fields"][0]["field"], "name", "{refused}");

    let deleted = async |number: &str| shop.ada.browser.delete(&format!("{path}/snapshots/{number}")).await;
    deleted("7").await.expect(410);
    deleted("x").await.expect(404);
    let job = job_of(&deleted("2").await.expect(202));
    assert_eq!(shop.ada.browser.ended(&job).await["state"], "succeeded");
    assert_eq!(shop.snapshots().await, Vec::<u64>::new());
    assert!(!shop.folder().join("snapshots").exists());
    shop.runs("2", "one", "without its snapshot").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_runs_inside_the_app_and_is_not_run_twice_when_it_was_cut_off() {
    let _engine = Engine::shared();
    let actions = format!(
        "  actions:\n    mark: {{label: Leave a mark, {}, confirm: It is there for ever.}}\n    \
         fail: {{label: Fail, service: web, run: [sh, -c, \"echo no luck; exit 4\"]}}\n  permissions: []\n",
        leaves("marked")
    );
    let mut shop = Shop::open(&Sample::WEB.manifest("web").replace("  permissions: []\n", &actions)).await;
    let offered = shop.get("").await["actions"].clone();
    assert_eq!(offered[0]["label"], "Leave a mark", "{offered:#}");
    assert_eq!(offered[0]["confirm"], "It is there for ever.");

    assert_eq!(shop.done("actions/mark", json!({})).await["state"], "succeeded");
    assert_eq!(shop.trace(), ["marked"]);
    let failed = shop.done("actions/fail", json!({})).await;
    assert_eq!((failed["state"].as_str(), failed["problem"]["code"].as_str()), (Some("failed"), Some("hook-failed")));
    let log = shop.ada.browser.get(&format!("/api/v1/jobs/{}/log", failed["id"].as_str().unwrap())).await.expect(200);
    assert!(log["text"].as_str().unwrap().contains("no luck"), "{log}");
    let path = format!("/api/v1/apps/{}/actions/nothing", shop.app);
    shop.ada.browser.post(&path, &json!({})).await.expect(422);

    shop.it.abort_at("app.action/run/before");
    shop.restart().await;
    let job = shop.begin("actions/mark", json!({})).await;
    assert_eq!(shop.it.ended().await, ABORTED);
    shop.it.start().await;
    let ended = shop.ada.browser.ended(&job).await;
    assert_eq!((ended["state"].as_str(), ended["problem"]["code"].as_str()), (Some("failed"), Some("action-cut-off")));
    assert_eq!(shop.trace(), ["marked"]);

    shop.done("stop", json!({})).await;
    let path = format!("/api/v1/apps/{}/actions/mark", shop.app);
    assert_eq!(shop.ada.browser.post(&path, &json!({})).await.expect(409)["code"], "app-wrong-state");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_of_an_update_it_is_the_old_version_or_the_new_one_with_every_row() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let steps = ["prepare", "pull", "stop", "snapshot", "switch", "probe", "activate"];
    let mut version = 1;
    for step in steps {
        for when in ["before", "after"] {
            let point = format!("app.change/{step}/{when}");
            version += 1;
            shop.it.abort_at(&point);
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
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let mut version = 1;
    for step in ["probe", "switch", "snapshot", "stop", "pull", "prepare"] {
        for when in ["undo-before", "undo-after"] {
            let point = format!("app.change/{step}/{when}");
            version += 1;
            shop.it.abort_at(&point);
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

/// Writes a line into the app's data each time that it is run.
fn leaves(mark: &str) -> String {
    format!("service: web, run: [sh, -c, \"echo {mark} >> /data/trace\"]")
}

/// A version with commands before and after, versions on the way, and migrations that take two looks.
fn goes_over(stones: &[(&str, &str)]) -> String {
    let steps: String = stones
        .iter()
        .map(|(version, image)| format!("      - {{version: \"{version}\", images: {{web: \"{image}\"}}}}\n"))
        .collect();
    let settled = r#"echo settled >> /data/trace; test -e /data/looked && echo '{\"ready\": true}' || echo '{\"ready\": false}'; touch /data/looked"#;
    let upgrade = format!(
        "  upgrade:\n    from: \">=1\"\n    path: listed\n    steps:\n{steps}    pre: [{{{}}}]\n    post:\n      - {{{}, always: true}}\n      - {{service: web, run: [\"false\"], on_error: warn}}\n    settled: {{service: web, run: [sh, -c, \"{settled}\"], json: {{ready: true}}, timeout: 30s}}\n",
        leaves("before"),
        leaves("after"),
    );
    Sample::WEB.manifest("web").replace("  permissions: []\n", &format!("  permissions: []\n{upgrade}"))
}

impl Shop {
    fn trace(&self) -> Vec<String> {
        let text = fs::read_to_string(self.row_file().with_file_name("trace")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// Two versions on the way; the registry has the second one's image, and nobody else runs it.
const WAY: [(&str, &str); 2] = [("2", Sample::WEB.image), ("3", "127.0.0.1:5000/orbitr-test/web:2.0.0")];

#[tokio::test(flavor = "multi_thread")]
async fn an_update_goes_over_the_versions_on_the_way_and_runs_what_the_extension_wants() {
    let _engine = Engine::alone();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    shop.publish("4", &goes_over(&WAY)).await;
    assert_eq!(shop.get("/update").await["stones"], json!(["2", "3"]));

    // It has to run for that.
    let stopped = shop.done("stop", json!({})).await;
    assert_eq!(stopped["state"], "succeeded", "{stopped:#}");
    let path = format!("/api/v1/apps/{}/update", shop.app);
    let refused = shop.ada.browser.post(&path, &json!({})).await.expect(409);
    assert!(refused.to_string().contains("start it first"), "{refused}");
    shop.done("start", json!({})).await;

    let ended = shop.done("update", json!({})).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    shop.runs("4", "one", "updated").await;
    assert_eq!(shop.trace(), ["before", "settled", "settled", "settled", "settled", "after"]);
    let images = Engine::docker(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]);
    assert!(!images.contains(WAY[1].1), "{images}");
    assert!(!shop.folder().join("releases/2/stones.json").exists());

    // What version 4 wrote, version 1 cannot read.
    let path = format!("/api/v1/apps/{}/roll-back", shop.app);
    let refused = shop.ada.browser.post(&path, &json!({ "release": 1, "data": "now" })).await.expect(422);
    assert!(refused.to_string().contains("cannot go on with"), "{refused}");
    let ended = shop.done("roll-back", json!({ "release": 1, "data": "then" })).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    shop.runs("1", "one", "rolled back").await;

    // From too old a version there is no way.
    shop.publish("5", &goes_over(&WAY).replace(">=1", ">=2")).await;
    let plan = shop.get("/update").await;
    assert!(plan["obstacles"].to_string().contains(">=2"), "{plan:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_second_version_on_the_way_fails_the_first_one_is_taken_back_too() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    shop.publish("4", &goes_over(&[("2", Sample::WEB.image), ("3", Sample::EXITS.image)])).await;
    let ended = shop.done("update", json!({})).await;
    assert_eq!(
        (ended["state"].as_str(), ended["failed_step"].as_str()),
        (Some("failed"), Some("stone-2")),
        "{ended:#}"
    );
    shop.runs("1", "one", "after the second version failed").await;
    assert_eq!(shop.trace(), ["before", "after"], "what must run in any case has run in the version before");
    assert_eq!((shop.releases().await, shop.snapshots().await), (vec![1], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_on_the_way_it_is_the_old_version_or_the_new_one() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let mut version = 1;
    for step in ["before", "stone-1", "settle", "after"] {
        for when in ["before", "after"] {
            let point = format!("app.change/{step}/{when}");
            let (stone, next) = (version + 1, version + 2);
            shop.it.abort_at(&point);
            shop.publish(&next.to_string(), &goes_over(&[(&stone.to_string(), Sample::WEB.image)])).await;
            let job = shop.begin("update", json!({})).await;
            assert_eq!(shop.it.ended().await, ABORTED, "{point}");
            shop.it.start().await;
            let ended = shop.ada.browser.ended(&job).await;
            assert_eq!(ended["state"], "succeeded", "{point}: {ended:#}");
            shop.runs(&next.to_string(), "one", &point).await;
            version = next;
        }
    }
    let now = version;
    for step in ["stone-1", "before"] {
        for when in ["undo-before", "undo-after"] {
            let point = format!("app.change/{step}/{when}");
            version += 2;
            shop.it.abort_at(&point);
            let stone = (version - 1).to_string();
            shop.publish(&version.to_string(), &goes_over(&[(&stone, Sample::EXITS.image)])).await;
            let job = shop.begin("update", json!({})).await;
            assert_eq!(shop.it.ended().await, ABORTED, "{point}");
            shop.it.start().await;
            assert_eq!(shop.ada.browser.ended(&job).await["state"], "failed", "{point}");
            shop.runs(&now.to_string(), "one", &point).await;
        }
    }
}
