//! What becomes of newer versions without a person, what is asked before one is taken, and what actions do, pressed and by
//! the clock.

use std::{fs, time::Duration};

use http::Method;
use orbitr_tests::{Engine, Machine, Sample, TestBox, eventually};
use serde_json::{Value, json};

use crate::shop::{ABORTED, Shop};

/// A look at the clock after a start, an update, and a slow machine.
const LONG: Duration = Duration::from_secs(180);

impl Shop {
    async fn policy(&self, policy: Value) {
        let path = format!("/api/v1/apps/{}/update-policy", self.app);
        self.ada.browser.send_json(Method::PUT, &path, &policy).await.expect(204);
    }

    /// The jobs that work on the app, or did, the newest first.
    async fn jobs(&self) -> Vec<Value> {
        let found = self.ada.browser.get(&format!("/api/v1/jobs?app={}", self.app)).await.expect(200);
        found["items"].as_array().unwrap().clone()
    }

    /// Those that the box began itself and that are over.
    async fn by_itself(&self, kind: &str) -> Vec<Value> {
        let mut jobs = self.jobs().await;
        jobs.retain(|job| job["kind"] == kind && job["actor"]["kind"] == "box" && !job["ended"].is_null());
        jobs
    }

    async fn waits(&self) -> String {
        self.get("").await["updates"]["waits"].to_string()
    }

    async fn post(&self, what: &str, body: Value) -> orbitr_tests::Answer {
        self.ada.browser.post(&format!("/api/v1/apps/{}/{what}", self.app), &body).await
    }

    /// What the newest event of this name says.
    async fn event(&self, action: &str) -> Value {
        let found = self.ada.browser.get(&format!("/api/v1/events?action={action}&limit=1")).await.expect(200);
        found["items"][0].clone()
    }
}

fn web() -> String {
    Sample::WEB.manifest("web")
}

/// The sample with one more part of its block.
fn and(part: &str) -> String {
    web().replace("  permissions: []\n", &format!("  permissions: []\n{part}"))
}

const REVERSIBLE: &str = "  upgrade:\n    from: \">=1\"\n    reversible: true\n";

/// A version that wants to change the app's network, and says so.
fn asks() -> String {
    web()
        .replace("    cap_drop: [ALL]\n", "    cap_drop: [ALL]\n    cap_add: [NET_ADMIN]\n")
        .replace("permissions: []", "permissions: [{grant: \"capability:NET_ADMIN\", reason: it routes packets}]")
}

/// A version that keeps its data in another app.
fn needs_a_database() -> String {
    and(&format!("{REVERSIBLE}  requires: {{db: {{capability: postgres}}}}\n"))
        .replace("NOTE: \"", "DATABASE_URL: \"${BIND_DB_URL}\", NOTE: \"")
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_versions_come_by_themselves_and_one_that_failed_is_not_tried_again() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&web()).await;
    shop.policy(json!({ "automatic": true })).await;
    shop.publish("2", &and(REVERSIBLE)).await;
    eventually("version 2, by itself", LONG, async || (shop.by_itself("app.change").await.len() == 1).then_some(()))
        .await;
    shop.runs("2", "one", "updated by itself").await;
    let releases = shop.get("/releases").await;
    assert_eq!(releases[0]["made_by"]["kind"], "box", "{releases:#}");

    shop.publish("3", &Sample::EXITS.manifest("web")).await;
    eventually("version 3, that fails", LONG, async || (shop.by_itself("app.change").await.len() == 2).then_some(()))
        .await;
    assert_eq!(shop.by_itself("app.change").await[0]["problem"]["code"], "app-ended");
    shop.runs("2", "one", "after version 3 failed").await;
    shop.restart().await;
    assert!(shop.waits().await.contains("the box has tried it"), "{}", shop.waits().await);
    // A person may.
    assert_eq!(shop.done("update", json!({})).await["state"], "failed");

    shop.publish("4", &and(REVERSIBLE)).await;
    eventually("version 4", LONG, async || (shop.get("").await["version"] == "4").then_some(())).await;
    let tries = shop.by_itself("app.change").await;
    let titles: Vec<_> = tries.iter().map(|job| job["title"].as_str().unwrap()).collect();
    assert_eq!(titles.iter().filter(|title| title.contains(" to 3")).count(), 1, "{titles:?}");

    // What somebody went back from does not come back by itself.
    shop.runs("4", "one", "updated by itself again").await;
    let ended = shop.done("roll-back", json!({ "release": releases[0]["number"], "data": "now" })).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    assert!(shop.waits().await.contains("somebody went back from it"), "{}", shop.waits().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_version_of_the_system_is_on_trial_no_app_is_updated_by_itself() {
    let _engine = Engine::shared();
    let machine = Machine::started();
    let versions = |blessed: bool| {
        let one = |version: &str, slot: &str, runs: bool| {
            json!({ "version": version, "slot": slot, "tries_left": null, "tries_done": null,
                "blessed": blessed || !runs, "running": runs })
        };
        json!({ "version": 1, "running": "0.2.0", "default": null, "returned": [], "gate": null,
            "installed": [one("0.2.0", "b", true), one("0.1.0", "a", false)] })
    };
    machine.versions(&versions(false));
    let mut it = TestBox::new();
    machine.under(&mut it);
    let mut shop = Shop::on(it, &web()).await;
    shop.ada.browser.installed("local/web", &shop.app, json!({})).await;
    shop.policy(json!({ "automatic": true })).await;
    shop.publish("2", &and(REVERSIBLE)).await;
    eventually("why it waits", LONG, async || shop.waits().await.contains("updated to 0.2.0").then_some(())).await;
    let refused = shop.ada.browser.post("/api/v1/box/key/rotate", &json!({})).await.expect(409);
    assert_eq!(refused["code"], "version-on-trial");
    // A look at the clock has been over since.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(shop.by_itself("app.change").await.len(), 0);

    machine.versions(&versions(true));
    eventually("version 2, by itself", LONG, async || (shop.by_itself("app.change").await.len() == 1).then_some(()))
        .await;
    assert_eq!(shop.get("").await["version"], "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_the_box_began_survives_a_power_cut() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&web()).await;
    shop.policy(json!({ "automatic": true })).await;
    shop.it.abort_at("app.change/stop/after");
    shop.publish("2", &and(REVERSIBLE)).await;
    assert_eq!(shop.it.ended().await, ABORTED);
    shop.it.start().await;
    eventually("the end of it", LONG, async || (shop.by_itself("app.change").await.len() == 1).then_some(())).await;
    shop.runs("2", "one", "after a power cut").await;
    assert_eq!(shop.jobs().await.iter().filter(|job| job["kind"] == "app.change").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_asks_or_has_no_way_back_waits_for_a_person_and_says_why() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&web()).await;
    shop.policy(json!({ "automatic": true })).await;
    shop.it.extension_text("web", "notices/2.md", "The old **sign** is gone.");
    let breaking = format!("{REVERSIBLE}    notices: [{{at: \"2\", level: breaking, text: notices/2.md}}]\n");
    let held = format!("{REVERSIBLE}    hold: [\"3\"]\n");
    let question = and(REVERSIBLE)
        .replace("  volumes:\n    data:", "    motto:\n      type: string\n      label: Motto\n  volumes:\n    data:")
        .replace("NOTE: \"${INPUT_NOTE}\"", "NOTE: \"${INPUT_NOTE}${INPUT_MOTTO}\"");
    for (version, manifest, why) in [
        ("2", and(&breaking), "version 2 stops something"),
        ("3", and(&held), "needs somebody at hand"),
        ("4", and("  upgrade: {from: \">=1\"}\n"), "cannot go on with what the new one writes"),
        ("5", asks(), "new permission: capability:NET_ADMIN"),
        ("6", question, "it asks something new: Motto"),
        ("7", and("  upgrade: {from: \">=6\"}\n"), "from versions >=6 only"),
        ("8", needs_a_database(), "needs PostgreSQL, which this app was installed without"),
    ] {
        shop.publish(version, &manifest).await;
        let updates = shop.get("").await["updates"].clone();
        assert!(updates["waits"].to_string().contains(why), "{version}: {updates:#}");
        assert_eq!(updates["next"], Value::Null, "{version}");
    }
    shop.runs("1", "one", "after all of them").await;

    // A window that opens in three days, wherever the box's clock stands: it is not its turn.
    let later = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC) + jiff::SignedDuration::from_hours(72);
    let day = later.strftime("%A").to_string().to_lowercase();
    let window = json!({ "days": [day], "from": "01:00", "until": "02:00" });
    // One whose turn it is comes after this one in the list: once it is there, the clock has looked at both.
    let witness = shop.it.app("witness");
    shop.it.extension("witness", &Sample::WEB.manifest("witness"));
    shop.restart().await;
    shop.ada.browser.installed("local/witness", &witness, json!({})).await;
    let path = format!("/api/v1/apps/{witness}/update-policy");
    shop.ada.browser.send_json(Method::PUT, &path, &json!({ "automatic": true })).await.expect(204);
    let unasked = [("2", and(&breaking)), ("7", needs_a_database())].map(|(version, it)| (version, it, Value::Null));
    for (version, manifest, window) in unasked.into_iter().chain([("8", and(REVERSIBLE), window)]) {
        shop.policy(json!({ "automatic": true, "window": window })).await;
        let newer = Sample::WEB.manifest("witness").replace("version: \"1\"", &format!("version: \"{version}\""));
        shop.it.extension("witness", &newer);
        shop.publish(version, &manifest).await;
        eventually("the witness", LONG, async || {
            let shown = shop.ada.browser.get(&format!("/api/v1/apps/{witness}")).await.expect(200);
            (shown["version"] == version && shown["job"].is_null()).then_some(())
        })
        .await;
        assert!(shop.by_itself("app.change").await.is_empty(), "{version}");
    }
    let updates = shop.get("").await["updates"].clone();
    let next: jiff::Timestamp = updates["next"].as_str().unwrap_or_else(|| panic!("{updates:#}")).parse().unwrap();
    assert!(next > jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24), "{updates:#}");

    for (wrong, field) in [
        (json!({ "automatic": true, "window": { "from": "24:00", "until": "02:00" } }), "window.from"),
        (
            json!({ "automatic": true, "window": { "days": ["someday"], "from": "01:00", "until": "02:00" } }),
            "window.days",
        ),
        (json!({ "automatic": true, "hold": { "reason": "a\nb" } }), "hold.reason"),
        (json!({ "automatic": true, "hold": { "reason": "x".repeat(201) } }), "hold.reason"),
    ] {
        let path = format!("/api/v1/apps/{}/update-policy", shop.app);
        let refused = shop.ada.browser.send_json(Method::PUT, &path, &wrong).await;
        assert!(refused.status == 422 && refused.text().contains(field), "{wrong}: {}", refused.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_app_is_updated_by_nobody_until_it_is_released() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&web()).await;
    shop.policy(json!({ "automatic": true, "hold": { "reason": "fair on Sunday" } })).await;
    shop.publish("2", &and(REVERSIBLE)).await;
    let shown = shop.get("").await;
    assert_eq!((&shown["held"], &shown["update"]["version"]), (&json!(true), &json!("2")), "{shown:#}");
    assert_eq!(shop.get("/update").await["hold"]["reason"], "fair on Sunday");
    let refused = shop.post("update", json!({})).await.expect(409);
    assert!(refused.to_string().contains("fair on Sunday"), "{refused}");
    assert_eq!(shop.event("app.update-policy").await["detail"]["why"], "fair on Sunday");

    shop.policy(json!({ "automatic": false })).await;
    assert_eq!(shop.get("").await["held"], false);
    assert_eq!(shop.done("update", json!({})).await["state"], "succeeded");
    shop.runs("2", "one", "released").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_permission_and_what_breaks_are_consented_to_by_name_by_somebody_who_may() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&web()).await;
    shop.it.extension_text("web", "notices/2.md", "The old **sign** is gone.");
    let breaking = format!("{REVERSIBLE}    notices: [{{at: \"2\", level: breaking, text: notices/2.md}}]\n");
    shop.publish("2", &asks().replace("  health:", &format!("{breaking}  health:"))).await;
    let plan = shop.get("/update").await;
    assert_eq!(plan["notices"], json!([{ "version": "2", "level": "breaking", "text": "The old **sign** is gone." }]));
    assert_eq!(plan["permissions"][0]["grant"], "capability:NET_ADMIN", "{plan:#}");
    assert_eq!(plan["permissions"][0]["reason"], "it routes packets");

    let grant = "capability:NET_ADMIN";
    for (body, field) in [
        (json!({}), "consent"),
        (json!({ "breaking": true }), "consent"),
        (json!({ "consent": ["privileged"], "breaking": true }), "consent"),
        (json!({ "consent": [grant, "privileged"], "breaking": true }), "consent"),
        (json!({ "consent": [grant] }), "breaking"),
    ] {
        let refused = shop.post("update", body.clone()).await.expect(422);
        assert_eq!(refused["fields"][0]["field"], field, "{body}: {refused:#}");
    }
    let may = json!([{ "on": { "kind": "app", "app": shop.app }, "level": "manage" }]);
    let maya = shop.it.invite(&shop.ada, "maya", "user", may).await;
    let body = json!({ "consent": [grant], "breaking": true });
    let refused = maya.browser.post(&format!("/api/v1/apps/{}/update", shop.app), &body).await.expect(422);
    assert!(refused.to_string().contains("only an admin"), "{refused}");
    shop.runs("1", "one", "after what was refused").await;

    assert_eq!(shop.done("update", body).await["state"], "succeeded");
    shop.runs("2", "one", "with consent").await;
    let releases = shop.get("/releases").await;
    assert_eq!((&releases[0]["consent"], &releases[1]["consent"]), (&json!([grant]), &json!([])));
    let event = shop.event("app.update").await;
    assert_eq!((&event["detail"]["consent"], event["actor"]["kind"].as_str()), (&json!([grant]), Some("user")));

    // What it has already, it does not ask for again; and a new app asks for all of it.
    shop.publish("3", &asks()).await;
    assert_eq!(shop.get("/update").await["permissions"], json!([]));
    let other = shop.it.app("other");
    let install = async |consent: Value| {
        let body = json!({ "extension": "local/web", "app": other, "consent": consent });
        shop.ada.browser.post("/api/v1/projects/home/apps", &body).await
    };
    assert_eq!(install(json!([])).await.expect(422)["fields"][0]["field"], "consent");
    let job = orbitr_tests::job_of(&install(json!([grant])).await.expect(202));
    assert_eq!(shop.ada.browser.ended(&job).await["state"], "succeeded");
}

/// Asks for a name and a password, and leaves both in the app's data; gives a key; and one for admins only.
const ACTIONS: &str = r#"  actions:
    reset:
      label: Reset it
      service: web
      inputs:
        name: {type: string, label: Name, pattern: "[a-z]+"}
        password: {type: password, label: Password, generate: {length: 20}}
      run: [sh, -c, "echo $$0 ${INPUT_NOTE} $$NEW > /data/reset; echo told $$NEW", "${ACTION_NAME}"]
      env: {NEW: "${ACTION_PASSWORD}"}
    key: {label: Make a key, service: web, run: [sh, -c, "echo noise >&2; echo k3y-of-the-shop"], result: credential}
    mine: {label: For admins, service: web, run: ["true"], roles: [admin]}
    sweep: {label: Sweep, service: web, run: [sh, -c, "echo swept >> /data/trace"]}
  jobs:
    often: {every: 1h, action: sweep}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_action_asks_and_gives_its_secrets_once_and_never_to_a_log() {
    let _engine = Engine::shared();
    let shop = Shop::open(&and(ACTIONS)).await;
    let asked = shop.get("").await["actions"][0]["inputs"].clone();
    assert_eq!((&asked[0]["label"], &asked[1]["generated"]), (&json!("Name"), &json!(true)), "{asked:#}");
    for (body, field) in [
        (json!({}), "inputs.name"),
        (json!({ "inputs": { "name": "Ada" } }), "inputs.name"),
        (json!({ "inputs": { "name": "ada", "password": "short" } }), "inputs.password"),
        (json!({ "inputs": { "name": "ada", "nobody": 1 } }), "inputs.nobody"),
    ] {
        let refused = shop.post("actions/reset", body.clone()).await.expect(422);
        assert_eq!(refused["fields"][0]["field"], field, "{body}: {refused:#}");
    }
    let done = shop.done("actions/reset", json!({ "inputs": { "name": "ada", "password": "pass;word $x" } })).await;
    assert_eq!(done["state"], "succeeded", "{done:#}");
    let left = |name: &str| fs::read_to_string(shop.row_file().with_file_name(name)).unwrap_or_default();
    assert_eq!(left("reset").trim(), "ada nothing pass;word $x");
    let log = async |job: &Value| {
        let path = format!("/api/v1/jobs/{}/log", job["id"].as_str().unwrap());
        shop.ada.browser.get(&path).await.expect(200)["text"].as_str().unwrap().to_owned()
    };
    assert!(log(&done).await.contains("told") && !log(&done).await.contains("pass;word"), "{}", log(&done).await);
    let take = async |job: &Value| shop.post(&format!("results/{}", job["id"].as_str().unwrap()), Value::Null).await;
    assert_eq!(take(&done).await.expect(410)["code"], "result-gone", "nobody has to be told what they typed");

    // What the box made up is told once.
    let done = shop.done("actions/reset", json!({ "inputs": { "name": "bob" } })).await;
    let made = take(&done).await.expect(200)["made"]["Password"].as_str().unwrap().to_owned();
    assert_eq!(left("reset").trim(), format!("bob nothing {made}"));
    assert!(!log(&done).await.contains(&made));
    take(&done).await.expect(410);

    let done = shop.done("actions/key", json!({})).await;
    assert_eq!(shop.get("").await["results"][0]["id"], done["id"]);
    let said = log(&done).await;
    assert!(!said.contains("k3y") && !said.contains("noise"), "{said}");
    assert!(!shop.jobs().await.iter().any(|job| job.to_string().contains("k3y")));
    assert_eq!(take(&done).await.expect(200)["output"], "k3y-of-the-shop");
    assert_eq!(shop.get("").await["results"], json!([]));
    assert_eq!(shop.event("app.take-result").await["actor"]["kind"], "user");

    let may = json!([{ "on": { "kind": "app", "app": shop.app }, "level": "manage" }]);
    let maya = shop.it.invite(&shop.ada, "maya", "user", may).await;
    maya.browser.post(&format!("/api/v1/apps/{}/actions/mine", shop.app), &json!({})).await.expect(403);
    assert_eq!(shop.done("actions/mine", json!({})).await["state"], "succeeded");
}

/// For what the clock knows, while the box is off.
fn five_hours_pass(shop: &Shop) {
    shop.it.sql(|conn| {
        conn.execute("UPDATE schedule SET since = since - 5 * 3600 * 1000", []).unwrap();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_runs_actions_and_makes_up_once_for_what_was_missed() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&and(ACTIONS)).await;
    let swept = |shop: &Shop| {
        let text = fs::read_to_string(shop.row_file().with_file_name("trace")).unwrap_or_default();
        text.lines().count()
    };
    let first = shop.get("").await["schedules"][0].clone();
    assert_eq!((&first["label"], &first["last"], &first["spec"]), (&json!("Sweep"), &Value::Null, &json!("every 1h")));
    eventually("the clock's first look", LONG, async || {
        let next = shop.get("").await["schedules"][0]["next"].clone();
        next.is_string().then_some(())
    })
    .await;
    assert_eq!(swept(&shop), 0, "its time has not come");

    // The box was off for five hours.
    shop.it.kill();
    five_hours_pass(&shop);
    shop.it.start().await;
    eventually("the run that was missed", LONG, async || {
        (!shop.by_itself("app.action").await.is_empty()).then_some(())
    })
    .await;
    let shown = shop.get("").await["schedules"][0].clone();
    assert_eq!(shown["job"]["state"], "succeeded", "{shown:#}");
    let next: jiff::Timestamp = shown["next"].as_str().unwrap().parse().unwrap();
    assert!(next > jiff::Timestamp::now() + jiff::SignedDuration::from_mins(30), "{shown:#}");
    assert_eq!((swept(&shop), shop.by_itself("app.action").await.len()), (1, 1));

    // While the app is stopped its time passes; it is made up for when it runs again.
    shop.done("stop", json!({})).await;
    shop.it.kill();
    five_hours_pass(&shop);
    shop.it.start().await;
    shop.done("start", json!({})).await;
    eventually("the second run", LONG, async || (shop.by_itself("app.action").await.len() == 2).then_some(())).await;
    assert_eq!(swept(&shop), 2);
}
