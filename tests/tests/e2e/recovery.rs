//! A database that cannot be used: the box stays up, shows the choices, and runs again after each of them.

use std::{fs, os::unix::fs::FileExt, path::Path, time::Duration};

use http::Method;
use orbitr_tests::{ADMIN, Answer, Client, Engine, PASSWORD, TestBox, encoded, eventually};
use serde_json::json;

/// What is wrong with the database, and one of the words that say so on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    Header,
    Empty,
    Truncated,
    NoiseInTheMiddle,
    TableGone,
    TooNew,
    KeyGone,
    KeyOfAnother,
    KeyCutOff,
}

impl Broken {
    const ALL: [Self; 9] = [
        Self::Header,
        Self::Empty,
        Self::Truncated,
        Self::NoiseInTheMiddle,
        Self::TableGone,
        Self::TooNew,
        Self::KeyGone,
        Self::KeyOfAnother,
        Self::KeyCutOff,
    ];

    fn is_key(self) -> bool {
        matches!(self, Self::KeyGone | Self::KeyOfAnother | Self::KeyCutOff)
    }

    fn apply(self, it: &TestBox) {
        let (path, key) = (it.database(), it.state().join("box.key"));
        let length = fs::metadata(&path).unwrap().len();
        let write =
            |at: u64, bytes: &[u8]| fs::File::options().write(true).open(&path).unwrap().write_all_at(bytes, at);
        match self {
            Self::Header => write(0, b"not a database, by far").unwrap(),
            Self::Empty => fs::write(&path, "").unwrap(),
            Self::Truncated => fs::File::options().write(true).open(&path).unwrap().set_len(length / 2).unwrap(),
            Self::NoiseInTheMiddle => {
                // Every page but the first, so that no table is whole.
                let noise: Vec<u8> = (0..length - 4096).map(|n| (n.wrapping_mul(2_654_435_761) >> 7) as u8).collect();
                write(4096, &noise).unwrap();
            }
            Self::TableGone => it.sql(|db| db.execute_batch("PRAGMA foreign_keys = OFF; DROP TABLE session").unwrap()),
            Self::TooNew => {
                it.sql(|db| db.pragma_update(None, "user_version", 9999).unwrap());
                fs::rename(&path, path.with_file_name("orbitr-v9999.1.sqlite")).unwrap();
            }
            Self::KeyGone => fs::remove_file(key).unwrap(),
            Self::KeyOfAnother => fs::write(key, [7_u8; 32]).unwrap(),
            Self::KeyCutOff => fs::write(key, [7_u8; 5]).unwrap(),
        }
    }
}

/// A claimed box with a secret in its database and a kept copy beside it, stopped.
async fn stopped_box() -> TestBox {
    let mut it = TestBox::started().await;
    let ada = it.claim().await;
    // A secret that is sealed with the box key.
    ada.browser.post("/api/v1/me/second-step", &json!({})).await.expect(200);
    it.stop().await;
    it
}

/// Keeps a copy as the store does: in `kept`, under the time in milliseconds.
fn keep_copy(it: &TestBox) {
    let path = it.database();
    let name = path.file_name().unwrap().to_str().unwrap();
    let schema = name.split('.').next().unwrap();
    let kept = path.with_file_name("kept");
    fs::create_dir_all(&kept).unwrap();
    fs::copy(&path, kept.join(format!("{schema}.1700000000000.sqlite"))).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claimed_box_keeps_a_copy_a_day_and_can_go_back_to_it() {
    let _engine = Engine::shared();
    let mut it = stopped_box().await;
    let kept = it.database().with_file_name("kept");
    assert_eq!(names(&kept), Vec::<String>::new(), "nothing was worth a copy before the box was claimed");
    it.start().await;
    let copy = eventually("the first copy", Duration::from_secs(10), async || names(&kept).pop()).await;
    it.stop().await;
    it.start().await;
    assert_eq!(names(&kept), [copy.as_str()], "one a day is enough");
    it.stop().await;
    Broken::TableGone.apply(&it);
    let code = is_in_recovery(&mut it, Broken::TableGone).await;
    choose(&it, &code, &format!("restore:{copy}"), "").await;
    goes_on(&mut it, Broken::TableGone).await;
    it.sign_in(ADMIN, PASSWORD).await;
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".sqlite"));
    names.sort_unstable();
    names
}

async fn choose(it: &TestBox, code: &str, choice: &str, confirm: &str) -> Answer {
    let form = format!("choice={}&code={}&confirm={}", encoded(choice), encoded(code), encoded(confirm));
    it.anonymous().send_raw(Method::POST, "/recovery", "application/x-www-form-urlencoded", form).await
}

/// The box is up and says what is wrong; programs are told in their own way; nobody gets in without the code.
async fn is_in_recovery(it: &mut TestBox, broken: Broken) -> String {
    it.start().await;
    let page = it.anonymous().get("/").await;
    assert_eq!(page.status, 503, "{broken:?}: {}", page.text());
    assert!(page.header("content-type").starts_with("text/html"), "{broken:?}");
    let text = page.text();
    for words in ["start-over", "export"] {
        assert!(text.contains(words), "{broken:?}: no «{words}» on the page");
    }
    let api = it.anonymous().get("/api/v1/apps").await;
    assert_eq!((api.status, &*api.code()), (503, "recovery-mode"), "{broken:?}");
    let code = it.printed("Recovery code").unwrap_or_else(|| panic!("{broken:?}: no code in {}", it.log()));
    let before = files(&it.state().join("db"));
    let refused = choose(it, "AAAA-AAAA-AAAA", "start-over", "START OVER").await;
    assert_eq!(refused.status / 100, 4, "{broken:?}: {}", refused.text());
    let unsure = choose(it, &code, "start-over", "").await;
    assert_eq!(unsure.status / 100, 4, "{broken:?}: {}", unsure.text());
    assert_eq!(files(&it.state().join("db")), before, "{broken:?}: a refusal changed something");
    assert!(it.runs(), "{broken:?}: it stays up");
    code
}

fn files(folder: &Path) -> Vec<(String, u64)> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.metadata().unwrap().len()))
        .collect();
    found.sort_unstable();
    found
}

/// The box goes on by itself, or ends so that its service starts it again.
async fn goes_on(it: &mut TestBox, broken: Broken) {
    let begun = std::time::Instant::now();
    while it.runs() && begun.elapsed() < Duration::from_secs(20) {
        let answer = Client::try_send(it.anonymous().request(Method::GET, "/api/v1/openapi.json")).await;
        if answer.is_ok_and(|answer| answer.status == 200) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!it.runs(), "{broken:?}: still in Recovery mode");
    it.ended().await;
    it.start().await;
    it.anonymous().get("/api/v1/openapi.json").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_broken_database_can_be_started_over() {
    let _engine = Engine::shared();
    for broken in Broken::ALL {
        let mut it = stopped_box().await;
        broken.apply(&it);
        let code = is_in_recovery(&mut it, broken).await;
        let chosen = choose(&it, &code, "start-over", "START OVER").await;
        assert!([200, 202, 303, 503].contains(&chosen.status), "{broken:?}: {} {}", chosen.status, chosen.text());
        goes_on(&mut it, broken).await;
        // The box is nobody's; what was broken is set aside, not deleted.
        let setup = eventually("a setup code", Duration::from_secs(20), async || it.setup_code()).await;
        let claim = json!({ "code": setup, "username": "grace", "password": PASSWORD });
        it.anonymous().post("/api/v1/claim", &claim).await.expect(201);
        let aside = it.state().join("db/set-aside");
        assert!(fs::read_dir(&aside).unwrap().next().is_some(), "{broken:?}: nothing is set aside");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_broken_database_can_go_back_to_a_kept_copy() {
    let _engine = Engine::shared();
    for broken in Broken::ALL.into_iter().filter(|broken| !broken.is_key()) {
        let mut it = stopped_box().await;
        keep_copy(&it);
        broken.apply(&it);
        let code = is_in_recovery(&mut it, broken).await;
        let page = it.anonymous().get("/").await.text();
        let id = page.split("restore:").nth(1).and_then(|rest| rest.split('"').next());
        let id = id.unwrap_or_else(|| panic!("{broken:?}: no kept copy on the page: {page}"));
        choose(&it, &code, &format!("restore:{id}"), "").await;
        goes_on(&mut it, broken).await;
        let ada = it.sign_in(ADMIN, PASSWORD).await;
        let verdict = ada.browser.get("/api/v1/audit/verify").await.expect(200);
        assert_eq!(verdict["chain"], "whole", "{broken:?}: {verdict}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_can_be_taken_away_for_safety() {
    let _engine = Engine::shared();
    for broken in [Broken::Header, Broken::Truncated, Broken::TableGone, Broken::TooNew, Broken::KeyGone] {
        let mut it = stopped_box().await;
        broken.apply(&it);
        let bytes = fs::read(it.database()).unwrap();
        let code = is_in_recovery(&mut it, broken).await;
        let export = choose(&it, &code, "export", "").await;
        assert_eq!(export.status, 200, "{broken:?}: {}", export.text());
        assert!(export.header("content-disposition").contains("attachment"), "{broken:?}");
        let whole = export.body.windows(bytes.len().max(1)).any(|part| part == bytes);
        assert!(whole, "{broken:?}: the archive of {} bytes holds the file as it is", export.body.len());
        let key = [7_u8; 32];
        assert!(!export.body.windows(32).any(|part| part == key), "{broken:?}: no key is in it");
        assert!(it.runs());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_costs_the_secrets_and_nothing_else() {
    let _engine = Engine::shared();
    for broken in [Broken::KeyGone, Broken::KeyOfAnother, Broken::KeyCutOff] {
        let mut it = stopped_box().await;
        broken.apply(&it);
        let code = is_in_recovery(&mut it, broken).await;
        choose(&it, &code, "forget-secrets", "").await;
        goes_on(&mut it, broken).await;
        let ada = it.sign_in(ADMIN, PASSWORD).await;
        ada.browser.get("/api/v1/apps").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_brought_back_opens_the_box_again() {
    let _engine = Engine::shared();
    let mut it = stopped_box().await;
    let key = fs::read(it.state().join("box.key")).unwrap();
    Broken::KeyGone.apply(&it);
    let code = is_in_recovery(&mut it, Broken::KeyGone).await;
    fs::write(it.state().join("box.key"), key).unwrap();
    choose(&it, &code, "again", "").await;
    goes_on(&mut it, Broken::KeyGone).await;
    it.sign_in(ADMIN, PASSWORD).await;
}
