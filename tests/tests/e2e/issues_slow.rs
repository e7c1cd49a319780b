//! What is wrong only after hours: time that went by, a disk that filled, power cuts one after another stand in the database
//! of a box that was off.

use std::time::Duration;

use orbitr_tests::{Client, Ended, Engine, Machine, Sample, TestBox, eventually};
use rusqlite::params;
use serde_json::{Value, json};

/// What nobody tells of is looked at once a minute.
const SOON: Duration = Duration::from_secs(90);
const HOUR_MS: i64 = 3_600_000;

async fn find(client: &Client, id: &str) -> Option<Value> {
    let all = client.get("/api/v1/issues").await.expect(200);
    all.as_array().unwrap().iter().find(|issue| issue["id"] == id).cloned()
}

async fn told(client: &Client, id: &str) -> Value {
    eventually(&format!("the issue {id}"), SOON, async || find(client, id).await).await
}

async fn over(client: &Client, id: &str) {
    eventually(&format!("the end of {id}"), SOON, async || find(client, id).await.is_none().then_some(())).await;
}

fn fixes(issue: &Value) -> Vec<&str> {
    issue["fixes"].as_array().unwrap().iter().map(|fix| fix["do"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_takes_hours_too_long_is_told_and_cancelled_with_what_helps() {
    let _engine = Engine::shared();
    let mut it = TestBox::new();
    it.extension("never", &Sample { grace: "10m", ..Sample::NEVER_HEALTHY }.manifest("never"));
    it.start().await;
    let ada = it.claim().await;
    it.id().await;
    let app = it.app("never");
    let job = ada.browser.install("local/never", &app, json!({})).await;
    let id = format!("job-stuck.{job}");
    eventually("the job waits for an answer", SOON, async || {
        let shown = ada.browser.get(&format!("/api/v1/jobs/{job}")).await.expect(200);
        let steps = shown["steps"].as_array().unwrap().clone();
        steps.iter().any(|step| step["name"] == "probe" && step["state"] == "running").then_some(())
    })
    .await;
    assert_eq!(find(&ada.browser, &id).await, None, "it has hardly begun");
    it.kill();
    it.sql(|db| {
        let earlier = "UPDATE job_step SET started = started - ?1 WHERE state = 'running'";
        assert_eq!(db.execute(earlier, [5 * HOUR_MS]).unwrap(), 1);
    });
    it.start().await;
    let issue = told(&ada.browser, &id).await;
    assert_eq!((issue["severity"].as_str(), issue["app"].as_str()), (Some("warning"), Some(app.as_str())), "{issue:#}");
    assert!(issue["evidence"].to_string().contains("Wait until it answers"), "{issue:#}");
    assert_eq!(fixes(&issue), ["cancel-job", "open-job"]);
    let cancel = ada.browser.post(&format!("/api/v1/jobs/{job}/cancel"), &json!({})).await;
    assert!((200..300).contains(&cancel.status), "{}", cancel.text());
    assert_eq!(ada.browser.ended(&job).await["state"], "cancelled");
    over(&ada.browser, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_is_told_days_before_it_is_full() {
    let mut it = TestBox::started().await;
    let ada = it.claim().await;
    let figures = ada.browser.get("/api/v1/box/figures").await.expect(200);
    let size = |name: &str| i64::try_from(figures["disk"][name].as_u64().unwrap()).unwrap();
    let (used, total) = (size("used"), size("total"));
    it.kill();
    it.sql(|db| {
        db.execute("DELETE FROM disk_sample", []).unwrap();
        let now = jiff_ms();
        // full in about two days
        let hourly = ((total - used) / 48).max(total / 400);
        for hour in 0..=24 {
            let sample = params![now - (24 - hour) * HOUR_MS, (used - (24 - hour) * hourly).max(0), total];
            db.execute("INSERT INTO disk_sample (at, used, total) VALUES (?1, ?2, ?3)", sample).unwrap();
        }
    });
    it.start().await;
    let issue = told(&ada.browser, "disk-filling.box").await;
    assert!(issue["title"].as_str().unwrap().starts_with("The disk will be full in"), "{issue:#}");
    assert_eq!(fixes(&issue), ["open-apps"]);
    let done = ada.browser.post("/api/v1/issues/disk-filling.box/dismiss", &json!({})).await;
    assert_eq!(done.status, 204);
    assert_eq!(find(&ada.browser, "disk-filling.box").await, None);
    it.kill();
    it.sql(|db| {
        db.execute("UPDATE disk_sample SET used = ?1", [used]).unwrap();
    });
    it.start().await;
    eventually("it is over", SOON, async || {
        let all = ada.browser.get("/api/v1/issues?dismissed=true").await.expect(200);
        (!all.as_array().unwrap().iter().any(|issue| issue["id"] == "disk-filling.box")).then_some(())
    })
    .await;
}

fn jiff_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_could_not_be_taken_back_is_told_until_what_it_left_is_removed() {
    let _engine = Engine::shared();
    let mut it = TestBox::new();
    it.extension("exits", &Sample::EXITS.manifest("exits"));
    it.variable("ORBITR_ABORT_AT", Some("app.install/start/undo-before"));
    it.start().await;
    let ada = it.claim().await;
    it.id().await;
    let app = it.app("exits");
    let job = ada.browser.install("local/exits", &app, json!({})).await;
    assert_eq!(it.ended().await, Ended::Signal(6));
    // As after nineteen more power cuts at the same moment.
    it.sql(|db| {
        assert_eq!(db.execute("UPDATE job_step SET undo_attempts = 20 WHERE state = 'undoing'", []).unwrap(), 1);
    });
    it.variable("ORBITR_ABORT_AT", None);
    it.start().await;
    let id = format!("job-not-undone.{job}");
    let issue = told(&ada.browser, &id).await;
    assert_eq!((issue["severity"].as_str(), issue["app"].as_str()), (Some("bad"), Some(app.as_str())), "{issue:#}");
    assert_eq!(fixes(&issue), ["open-job", "open-removal"]);
    let removal = ada.browser.remove(&app, "delete").await;
    assert_eq!(ada.browser.ended(&removal).await["state"], "succeeded");
    over(&ada.browser, &id).await;
    it.assert_empty("after what it left was removed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_no_time_server_sets_is_told_after_minutes_and_over_when_one_does() {
    let mut machine = Machine::started();
    let mut it = TestBox::new();
    machine.under(&mut it);
    machine.tell("synchronised no");
    it.start().await;
    let ada = it.claim().await;
    let id = "clock-not-synchronised.box";
    it.stop().await;
    assert_eq!(find_kept(&it, "clock-not-synchronised"), Some(false), "seen, and not told yet");
    it.sql(|db| {
        let earlier = "UPDATE issue SET since = since - 180000 WHERE kind = 'clock-not-synchronised'";
        assert_eq!(db.execute(earlier, []).unwrap(), 1);
    });
    it.start().await;
    let issue = told(&ada.browser, id).await;
    assert_eq!((issue["severity"].as_str(), fixes(&issue)), (Some("warning"), vec!["open-time"]), "{issue:#}");
    assert!(ada.browser.get("/issues").await.text().contains("/system/time"));
    machine.tell("synchronised yes");
    over(&ada.browser, id).await;
}

/// Whether an issue of this kind that the database knows was told.
fn find_kept(it: &TestBox, kind: &str) -> Option<bool> {
    let mut told = None;
    it.sql(|db| told = db.query_row("SELECT told FROM issue WHERE kind = ?1", [kind], |row| row.get(0)).ok());
    told
}
