#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::{fs, path::PathBuf, time::Duration};

use axum::body::Body;
use http_body_util::BodyExt;
use orbitr_store::{OpenError, Store};
use rusqlite::Connection;
use tempfile::TempDir;
use tower::ServiceExt;

use super::*;

const CODE: &str = "AB12-CD34-EF56";

struct Box {
    dir: TempDir,
    restart: Arc<Notify>,
}

impl Box {
    /// A box with a secret and a kept copy.
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        let secrets = store.secrets().clone();
        store.write(move |tx| secrets.set(tx, "app/web/password", "a secret to lose")).await.unwrap();
        store.keep_copy().await.unwrap();
        store.close().await;
        Self { dir, restart: Arc::default() }
    }

    fn newest(&self) -> PathBuf {
        let mut files: Vec<PathBuf> = fs::read_dir(self.dir.path().join("db"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "sqlite"))
            .collect();
        files.sort();
        files.pop().unwrap()
    }

    fn sql(&self, sql: &str) {
        Connection::open(self.newest()).unwrap().execute_batch(sql).unwrap();
    }

    fn noise(&self) {
        fs::write(self.newest(), b"<html>not a database</html>".repeat(400)).unwrap();
    }

    async fn reason(&self) -> RecoveryReason {
        match Store::open(self.dir.path()).await {
            Err(OpenError::Recovery(reason)) => reason,
            other => panic!("it should need recovery, but {other:?}"),
        }
    }

    async fn site(&self) -> Router {
        self.site_on(None).await
    }

    /// On a disk with two versions of the system, 0.2.0 running. What stands in for root does what is asked, and gives the request.
    async fn site_with_versions(&self) -> (Router, tokio::task::JoinHandle<serde_json::Value>) {
        let run = self.dir.path().join("run");
        let (requests, told) = (run.join("orbitr/requests/choose-version.json"), run.join("orbitr-box"));
        fs::create_dir_all(told.join("results")).unwrap();
        let slot = |version: &str, slot: &str, running: bool| serde_json::json!({ "version": version, "slot": slot, "tries_left": null, "tries_done": null, "blessed": true, "running": running });
        let facts = serde_json::json!({
            "version": 1, "running": "0.2.0", "default": null, "returned": [], "gate": null,
            "installed": [slot("0.2.0", "b", true), slot("0.1.0", "a", false)],
        });
        fs::write(told.join("updates.json"), facts.to_string()).unwrap();
        let root = tokio::spawn(async move {
            let request = loop {
                match fs::read(&requests).ok().and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok())
                {
                    Some(request) => break request,
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            };
            let report = serde_json::json!({
                "version": 1, "act": "choose-version", "id": request["id"], "state": "done", "step": "", "fraction": 1.0,
                "problem": null, "value": null,
            });
            fs::write(told.join("results/choose-version.json"), report.to_string()).unwrap();
            request
        });
        let places = orbitr_machine::data::Places { run, state: self.dir.path().to_owned(), stands_in: true };
        (self.site_on(Some(Acts::new(places))).await, root)
    }

    async fn site_on(&self, acts: Option<Acts>) -> Router {
        site(Recovery {
            reason: self.reason().await,
            state_dir: self.dir.path().to_owned(),
            code: Secret::new(CODE),
            restart: Arc::clone(&self.restart),
            acts,
        })
    }

    async fn restarts(&self) -> bool {
        tokio::time::timeout(Duration::from_millis(50), self.restart.notified()).await.is_ok()
    }
}

async fn ask(router: &Router, request: Request) -> (StatusCode, HeaderMap, Vec<u8>) {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

async fn page(router: &Router) -> String {
    let (status, headers, body) = ask(router, Request::get("/").body(Body::empty()).unwrap()).await;
    assert_eq!(status, 503);
    assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
    let html = String::from_utf8(body).unwrap();
    assert!(!html.contains(" style="), "the policy lets no inline style through");
    html
}

fn form(pairs: &[(&str, &str)]) -> Request {
    Request::post("/recovery")
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(serde_urlencoded::to_string(pairs).unwrap()))
        .unwrap()
}

fn first_copy(html: &str) -> String {
    let (_, after) = html.split_once("value=\"restore:").expect("a kept copy to choose");
    format!("restore:{}", after.split_once('"').unwrap().0)
}

#[tokio::test]
async fn a_damaged_database_is_replaced_by_a_kept_copy() {
    let the_box = Box::new().await;
    the_box.noise();
    let router = the_box.site().await;
    let html = page(&router).await;
    assert!(html.contains("The database is damaged"));
    let (status, _, body) = ask(&router, form(&[("choice", &first_copy(&html)), ("code", "ab12cd34ef56")])).await;
    let body = String::from_utf8_lossy(&body);
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("The box is restarting") && body.contains(r#"data-goes-on-to="/""#));
    assert!(the_box.restarts().await);
    assert!(page(&router).await.contains("The box is restarting"), "there is nothing left to choose");
    Store::open(the_box.dir.path()).await.unwrap().close().await;
}

#[tokio::test]
async fn every_reason_is_told_in_its_own_words() {
    let the_box = Box::new().await;
    the_box.sql("DROP TABLE job_step");
    let html = page(&the_box.site().await).await;
    assert!(html.contains("The database is incomplete") && html.contains("job_step"));

    let the_box = Box::new().await;
    let newer = the_box.dir.path().join("db/orbitr-v99.2.sqlite");
    fs::rename(the_box.newest(), &newer).unwrap();
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let html = page(&the_box.site().await).await;
    assert!(html.contains("A newer Orbitr wrote the database") && html.contains("of version 99"));

    let the_box = Box::new().await;
    let current = the_box.newest();
    let conn = Connection::open(&current).unwrap();
    let version: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    // What the newest migration makes is there already, so it fails.
    conn.execute_batch("DELETE FROM migration WHERE number = (SELECT max(number) FROM migration)").unwrap();
    conn.pragma_update(None, "user_version", version - 1).unwrap();
    conn.close().unwrap();
    fs::rename(&current, the_box.dir.path().join(format!("db/orbitr-v{}.2.sqlite", version - 1))).unwrap();
    let html = page(&the_box.site().await).await;
    assert!(html.contains("could not be brought up to date"), "{html}");
}

#[tokio::test]
async fn a_lost_key_can_be_gone_on_without() {
    let the_box = Box::new().await;
    fs::remove_file(the_box.dir.path().join("box.key")).unwrap();
    let router = the_box.site().await;
    assert!(page(&router).await.contains("Go on without the secrets"));
    let (_, _, body) = ask(&router, form(&[("choice", "forget-secrets"), ("code", CODE)])).await;
    assert!(String::from_utf8_lossy(&body).contains("The box is restarting"));
    assert!(the_box.restarts().await);
    Store::open(the_box.dir.path()).await.unwrap().close().await;
}

#[tokio::test]
async fn a_key_that_was_put_back_only_needs_another_try() {
    let the_box = Box::new().await;
    let (key, away) = (the_box.dir.path().join("box.key"), the_box.dir.path().join("away"));
    fs::rename(&key, &away).unwrap();
    let router = the_box.site().await;
    fs::rename(&away, &key).unwrap();
    ask(&router, form(&[("choice", "again"), ("code", CODE)])).await;
    assert!(the_box.restarts().await);
}

#[tokio::test]
async fn starting_over_asks_for_the_words() {
    let the_box = Box::new().await;
    the_box.noise();
    let router = the_box.site().await;
    for words in ["", "start", "yes"] {
        let (status, _, body) =
            ask(&router, form(&[("choice", "start-over"), ("code", CODE), ("confirm", words)])).await;
        assert_eq!(status, 422);
        assert!(String::from_utf8_lossy(&body).contains("Type START OVER to confirm"));
    }
    assert!(!the_box.restarts().await);
    ask(&router, form(&[("choice", "start-over"), ("code", CODE), ("confirm", "START OVER")])).await;
    assert!(the_box.restarts().await);
    assert!(the_box.dir.path().join("db/set-aside").read_dir().unwrap().next().is_some(), "the old one is kept");
}

#[tokio::test]
async fn the_broken_database_can_be_saved_first() {
    let the_box = Box::new().await;
    the_box.noise();
    let bytes = fs::read(the_box.newest()).unwrap();
    let router = the_box.site().await;
    let (status, headers, body) = ask(&router, form(&[("choice", "export"), ("code", CODE)])).await;
    assert_eq!(status, 200);
    assert_eq!(headers[header::CONTENT_TYPE], "application/x-tar");
    assert_eq!(body[512..512 + bytes.len()], bytes);
    assert!(!the_box.restarts().await);
}

#[tokio::test]
async fn nothing_happens_without_the_code() {
    let the_box = Box::new().await;
    the_box.noise();
    let before = fs::read(the_box.newest()).unwrap();
    let router = the_box.site().await;
    for choice in ["again", "export", "start-over", "forget-secrets", "restore:x", "nonsense"] {
        let (status, _, body) =
            ask(&router, form(&[("choice", choice), ("code", "WRONG"), ("confirm", "START OVER")])).await;
        assert_eq!(status, 422, "{choice}");
        assert!(!body.starts_with(b"orbitr-v"), "{choice}");
    }
    let (status, headers, _) = ask(&router, form(&[("choice", "again"), ("code", CODE)])).await;
    assert_eq!(status, 429, "whoever guessed five times waits");
    assert!(headers.contains_key(header::RETRY_AFTER));
    assert!(!the_box.restarts().await);
    assert_eq!(fs::read(the_box.newest()).unwrap(), before);
}

#[tokio::test]
async fn the_version_of_the_system_before_is_a_way_out_and_the_one_that_runs_is_given_up_for_it() {
    let the_box = Box::new().await;
    the_box.noise();
    assert!(
        !page(&the_box.site().await).await.contains("value=\"version:"),
        "where the system is not ours there is none"
    );
    let (router, root) = the_box.site_with_versions().await;
    let html = page(&router).await;
    assert!(html.contains("Start Orbitr OS 0.1.0, which ran here before") && !html.contains("Start Orbitr OS 0.2.0"));
    for unknown in ["version:0.2.0", "version:0.0.9", "version:", "version:x y"] {
        let (status, _, _) = ask(&router, form(&[("choice", unknown), ("code", CODE)])).await;
        assert_eq!(status, 422, "{unknown}");
    }
    let (status, _, body) = ask(&router, form(&[("choice", "version:0.1.0"), ("code", CODE)])).await;
    assert_eq!(status, 503, "{}", String::from_utf8_lossy(&body));
    assert!(String::from_utf8_lossy(&body).contains("restarting"));
    let request = root.await.unwrap();
    assert_eq!((&request["target"], &request["reason"]["code"]), (&"0.1.0".into(), &"recovery".into()), "{request}");
    assert!(!the_box.restarts().await, "the broken database is not opened once more before the machine goes down");
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let the_box = Box::new().await;
    the_box.noise();
    let router = the_box.site().await;
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let mut request = form(&[("choice", "again"), ("code", CODE)]);
        request.headers_mut().remove("sec-fetch-site");
        request.headers_mut().insert(name, HeaderValue::from_static(value));
        assert_eq!(ask(&router, request).await.0, 403);
    }
    assert!(!the_box.restarts().await);
}

#[tokio::test]
async fn programs_are_told_what_the_box_is_doing_and_people_come_to_the_page() {
    let the_box = Box::new().await;
    the_box.noise();
    let router = the_box.site().await;
    let (status, headers, body) = ask(&router, Request::get("/api/v1/apps").body(Body::empty()).unwrap()).await;
    assert_eq!(
        (status.as_u16(), &headers[header::CONTENT_TYPE]),
        (503, &HeaderValue::from_static("application/problem+json"))
    );
    let problem: Problem = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem.code, "recovery-mode");
    // the box's own screen asks without what a browser sends along
    let (status, _, _) = ask(&router, Request::post("/api/v1/box/power").body(Body::empty()).unwrap()).await;
    assert_eq!(status.as_u16(), 503);
    let (status, headers, _) = ask(&router, Request::get("/apps/web").body(Body::empty()).unwrap()).await;
    assert!(status.is_redirection());
    assert_eq!(headers[header::LOCATION], "/");
}
