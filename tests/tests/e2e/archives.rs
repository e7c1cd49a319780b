//! Archives: what is exported opens with public tools, installs on another box with its rows, and is whole or not there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use http::Method;
use orbitr_tests::{Client, Engine, Sample, TestBox, eventually, job_of};
use serde_json::{Value, json};

use crate::{
    crash::tells_of_the_crash,
    shop::{ABORTED, Shop},
};

const ARCHIVES: &str = "/api/v1/projects/home/archives";
const PASSPHRASE: &str = "a passphrase for archives";

/// The archives that somebody sees.
async fn listed(client: &Client) -> Vec<Value> {
    client.get(ARCHIVES).await.expect(200).as_array().unwrap().clone()
}

/// The names of the files in a box's folder of archives.
fn files(it: &TestBox) -> Vec<String> {
    let Ok(entries) = fs::read_dir(it.state().join("archives")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// A program that has to do its work.
fn run(program: &str, arguments: &[&str], at: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(at).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn download(client: &Client, archive: &str) -> Vec<u8> {
    let answer = client.get(&format!("{ARCHIVES}/{archive}/file")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    answer.body
}

async fn upload(client: &Client, bytes: Vec<u8>) -> orbitr_tests::Answer {
    client.send_raw(Method::POST, ARCHIVES, "application/gzip", bytes).await
}

/// One row of a database, or what SQL says.
fn sql(app: &str, words: &str) -> String {
    let container = format!("orbitr-{app}-db-1");
    Engine::docker(&["exec", &container, "psql", "--username=app", "--dbname=app", "-qAt", "-c", words])
        .trim()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_moves_to_another_box_with_its_rows_and_its_password() {
    let _engine = Engine::shared();
    let mut it = TestBox::started().await;
    let ada = it.claim().await;
    it.id().await;
    let app = it.app("db");
    ada.browser.installed("official/postgresql", &app, json!({ "port": orbitr_tests::free_port() })).await;
    sql(
        &app,
        "CREATE TABLE note (id serial, text text); INSERT INTO note (text) SELECT md5(i::text) FROM generate_series(1, 5000) i",
    );
    let digest = "SELECT count(*), md5(string_agg(text, ',' ORDER BY id)) FROM note";
    let (rows, secret) = (sql(&app, digest), ada.browser.get(&format!("/api/v1/apps/{app}/secrets")).await.expect(200));
    assert!(rows.starts_with("5000|"), "{rows}");

    // A clone has them too.
    let twin = it.app("twin");
    let job =
        job_of(&ada.browser.post(&format!("/api/v1/apps/{app}/clone"), &json!({ "app": twin })).await.expect(202));
    let ended = ada.browser.ended(&job).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    assert_eq!((sql(&twin, digest), sql(&app, digest)), (rows.clone(), rows.clone()));
    assert_eq!(ada.browser.get(&format!("/api/v1/apps/{twin}/secrets")).await.expect(200), secret);

    let body = json!({ "passphrase": PASSPHRASE, "days": 7 });
    let begun = ada.browser.post(&format!("/api/v1/apps/{app}/export"), &body).await.expect(202);
    let ended = ada.browser.ended(&job_of(&begun)).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    let bytes = download(&ada.browser, begun["archive"].as_str().unwrap()).await;

    let mut other = TestBox::started().await;
    let bob = other.claim().await;
    other.id().await;
    let archive = upload(&bob.browser, bytes).await.expect(201);
    assert_eq!((archive["contents"]["secrets"].as_str(), archive["origin"].as_str()), (Some("age"), Some("uploaded")));
    let path = format!("{ARCHIVES}/{}/install", archive["id"].as_str().unwrap());
    let moved = other.app("moved");
    for (passphrase, field) in [(None, "passphrase"), (Some("another one"), "passphrase")] {
        let refused = bob.browser.post(&path, &json!({ "app": moved, "passphrase": passphrase })).await.expect(422);
        assert_eq!(refused["fields"][0]["field"], field, "{refused}");
    }
    let begun = bob.browser.post(&path, &json!({ "app": moved, "passphrase": PASSPHRASE })).await.expect(202);
    let ended = bob.browser.ended(&job_of(&begun)).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    assert_eq!(sql(&moved, digest), rows);
    assert_eq!(bob.browser.get(&format!("/api/v1/apps/{moved}/secrets")).await.expect(200), secret);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_opens_with_public_tools() {
    let _engine = Engine::shared();
    let shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let data = shop.row_file().with_file_name("");
    fs::create_dir(data.join("deep")).unwrap();
    fs::write(data.join("deep/back\\slash\nline"), [0; 100_000]).unwrap();
    fs::hard_link(shop.row_file(), data.join("deep/same")).unwrap();
    std::os::unix::fs::symlink("../row", data.join("deep/link")).unwrap();
    fs::write(data.join("x".repeat(200)), "long").unwrap();
    let begun = shop.ada.browser.post(&format!("/api/v1/apps/{}/export", shop.app), &json!({})).await.expect(202);
    assert_eq!(shop.ada.browser.ended(&job_of(&begun)).await["state"], "succeeded");
    let archive = begun["archive"].as_str().unwrap();
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("app.tar.gz"), download(&shop.ada.browser, archive).await).unwrap();
    let shown = shop.ada.browser.get(&format!("{ARCHIVES}/{archive}")).await.expect(200);
    assert!(run("sha256sum", &["app.tar.gz"], at.path()).starts_with(shown["sha256"].as_str().unwrap()));
    run("tar", &["-xzf", "app.tar.gz"], at.path());
    let top = at.path().join("orbitr-app");
    run("sha256sum", &["--check", "--quiet", "SHA256SUMS"], &top);
    assert_eq!(fs::read_to_string(top.join("data/data/row")).unwrap(), "one");
    assert_eq!(fs::read(top.join("data/data/deep/back\\slash\nline")).unwrap().len(), 100_000);
    assert_eq!(fs::read_to_string(top.join("data/data/deep/same")).unwrap(), "one");
    assert_eq!(fs::read_to_string(top.join("data/data/deep/link")).unwrap(), "one");
    assert_eq!(fs::read_to_string(top.join("extension.yaml")).unwrap().lines().next(), Some("services:"));
    let manifest: Value = serde_json::from_slice(&fs::read(top.join("manifest.json")).unwrap()).unwrap();
    assert_eq!((manifest["format"].as_str(), manifest["version"].as_u64()), (Some("orbitr-app"), Some(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_archived_goes_and_comes_back_from_its_archive() {
    let _engine = Engine::shared();
    let shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let path = format!("/api/v1/apps/{}", shop.app);
    let begun = shop.ada.browser.send_json(Method::DELETE, &path, &json!({ "data": "archive" })).await.expect(202);
    let ended = shop.ada.browser.ended(&job_of(&begun)).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    shop.it.assert_empty("after it was archived").await;
    let archives = listed(&shop.ada.browser).await;
    assert_eq!((archives.len(), archives[0]["expires"].clone()), (1, Value::Null), "{archives:#?}");
    let archive = archives[0]["id"].as_str().unwrap().to_owned();

    let begun = shop.ada.browser.post(&format!("{ARCHIVES}/{archive}/install"), &json!({})).await.expect(202);
    assert_eq!(begun["app"], shop.app);
    let ended = shop.ada.browser.ended(&job_of(&begun)).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    shop.only(&[], "back from its archive").await;

    shop.ada.browser.delete(&format!("{ARCHIVES}/{archive}")).await.expect(204);
    assert_eq!((listed(&shop.ada.browser).await, files(&shop.it)), (Vec::new(), Vec::new()));
    shop.ada.browser.get(&format!("{ARCHIVES}/{archive}")).await.expect(410);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_whole_archive_is_refused_and_leaves_nothing() {
    let _engine = Engine::shared();
    let shop = Shop::open(&Sample::WEB.manifest("web")).await;
    // What does not compress, so that a cut is one in the data.
    let noise: Vec<u8> =
        (0_u64..200_000).map(|n| (n.wrapping_mul(n).wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(shop.row_file().with_file_name("noise"), noise).unwrap();
    let begun = shop.ada.browser.post(&format!("/api/v1/apps/{}/export", shop.app), &json!({})).await.expect(202);
    assert_eq!(shop.ada.browser.ended(&job_of(&begun)).await["state"], "succeeded");
    let archive = begun["archive"].as_str().unwrap();
    let whole = download(&shop.ada.browser, archive).await;
    shop.ada.browser.delete(&format!("{ARCHIVES}/{archive}")).await.expect(204);
    for bytes in [Vec::new(), b"hello".to_vec(), whole[..100].to_vec()] {
        let refused = upload(&shop.ada.browser, bytes).await.expect(422);
        assert_eq!(refused["fields"][0]["field"], "archive", "{refused}");
    }
    assert_eq!(files(&shop.it), Vec::<String>::new());
    // The front of these is right; the job finds the rest.
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 0x55;
    let mut left = Vec::new();
    for bytes in [whole[..whole.len() - 600].to_vec(), changed] {
        let archive = upload(&shop.ada.browser, bytes).await.expect(201)["id"].as_str().unwrap().to_owned();
        let path = format!("{ARCHIVES}/{archive}/install");
        let begun = shop.ada.browser.post(&path, &json!({ "app": "other" })).await.expect(202);
        let ended = shop.ada.browser.ended(&job_of(&begun)).await;
        assert_eq!(
            (ended["state"].as_str(), ended["failed_step"].as_str()),
            (Some("failed"), Some("unpack")),
            "{ended:#}"
        );
        shop.only(&[], "after an archive that is not whole").await;
        left.push(format!("{archive}.tar.gz"));
    }
    let mut found = files(&shop.it);
    found.sort_unstable();
    left.sort_unstable();
    assert_eq!(found, left, "what was uploaded stays for its week, and nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_of_an_export_there_is_one_whole_archive_and_the_app_runs() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    for step in ["stop", "copy", "resume", "pack", "finish"] {
        for when in ["before", "after"] {
            let point = format!("app.export/{step}/{when}");
            shop.it.abort_at(&point);
            shop.restart().await;
            let job = shop.begin("export", json!({ "passphrase": PASSPHRASE })).await;
            assert_eq!(shop.it.ended().await, ABORTED, "{point}");
            shop.it.start().await;
            let ended = shop.ada.browser.ended(&job).await;
            assert_eq!(ended["state"], "succeeded", "{point}: {ended:#}");
            shop.only(&[], &point).await;
            let archive = the_one(&shop, &point).await;
            shop.ada.browser.delete(&format!("{ARCHIVES}/{archive}")).await.expect(204);
        }
    }
    shop.it.kill();
    nothing_is_kept(&shop.it);
}

/// A whole archive is the only one, and its file is the only file; its id.
async fn the_one(shop: &Shop, point: &str) -> String {
    let archives = listed(&shop.ada.browser).await;
    assert_eq!((archives.len(), files(&shop.it).len()), (1, 1), "{point}: {:?}", files(&shop.it));
    let archive = archives[0]["id"].as_str().unwrap().to_owned();
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("app.tar.gz"), download(&shop.ada.browser, &archive).await).unwrap();
    assert!(run("sha256sum", &["app.tar.gz"], at.path()).starts_with(archives[0]["sha256"].as_str().unwrap()));
    archive
}

/// The folder of archives leads to a disk that is not there, until this is dropped: nothing can be packed.
struct DiskAway(PathBuf);

impl DiskAway {
    fn of(it: &TestBox) -> Self {
        let folder = it.state().join("archives");
        match fs::remove_dir(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{}: {error}", folder.display()),
            _ => std::os::unix::fs::symlink("/mnt/no-such-disk", &folder).unwrap(),
        }
        Self(folder)
    }
}

impl Drop for DiskAway {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What jobs keep beside themselves while they run.
fn nothing_is_kept(it: &TestBox) {
    it.sql(|db| {
        let left = "SELECT (SELECT count(*) FROM secret WHERE name LIKE 'archive/%') + (SELECT count(*) FROM setting WHERE key LIKE 'archive.%')";
        assert_eq!(db.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "nothing is kept of what has ended");
    });
}

impl Shop {
    async fn archive_it(&self) -> String {
        let body = json!({ "data": "archive", "passphrase": PASSPHRASE });
        let path = format!("/api/v1/apps/{}", self.app);
        job_of(&self.ada.browser.send_json(Method::DELETE, &path, &body).await.expect(202))
    }

    /// Asks for a job that writes an archive of the app.
    async fn packs(&self, kind: &str) -> String {
        match kind {
            "app.export" => self.begin("export", json!({ "passphrase": PASSPHRASE })).await,
            _ => self.archive_it().await,
        }
    }

    /// The same, and cancels it while the archive is written.
    async fn packs_and_is_cancelled(&self, kind: &str) -> Value {
        let job = self.packs(kind).await;
        eventually("the packing", Duration::from_secs(60), async || {
            let job = self.ada.browser.get(&format!("/api/v1/jobs/{job}")).await.expect(200);
            assert!(job["ended"].is_null(), "{job:#}");
            let steps = job["steps"].as_array().unwrap();
            steps.iter().any(|step| step["name"] == "pack" && step["state"] == "running").then_some(())
        })
        .await;
        self.ada.browser.post(&format!("/api/v1/jobs/{job}/cancel"), &json!({})).await;
        self.ada.browser.ended(&job).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_fails_or_is_cancelled_leaves_nothing_and_the_app_runs() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    {
        let _away = DiskAway::of(&shop.it);
        for kind in ["app.export", "app.remove"] {
            let job = shop.packs(kind).await;
            let ended = shop.ada.browser.ended(&job).await;
            let how = (ended["state"].as_str(), ended["failed_step"].as_str());
            assert_eq!(how, (Some("failed"), Some("pack")), "{kind}: {ended:#}");
            shop.only(&[], kind).await;
        }
    }
    // Holes only: nothing to copy, and minutes to pack.
    let long = fs::File::create(shop.row_file().with_file_name("long")).unwrap();
    long.set_len(200 << 30).unwrap();
    for kind in ["app.export", "app.remove"] {
        let ended = shop.packs_and_is_cancelled(kind).await;
        assert_eq!(ended["state"], "cancelled", "{kind}: {ended:#}");
        shop.only(&[], kind).await;
        assert_eq!((listed(&shop.ada.browser).await, files(&shop.it)), (Vec::new(), Vec::new()), "{kind}");
    }
    shop.it.kill();
    nothing_is_kept(&shop.it);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_back_of_an_archive_nothing_is_left_of_it_and_the_app_runs() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let _away = DiskAway::of(&shop.it);
    let export = ["pack", "resume", "copy", "stop"].map(|step| ("app.export", step));
    let remove = ["pack", "stop"].map(|step| ("app.remove", step));
    for (kind, step) in export.into_iter().chain(remove) {
        for when in ["undo-before", "undo-after"] {
            let point = format!("{kind}/{step}/{when}");
            shop.it.abort_at(&point);
            shop.restart().await;
            let job = shop.packs(kind).await;
            assert_eq!(shop.it.ended().await, ABORTED, "{point}");
            shop.it.start().await;
            let ended = shop.ada.browser.ended(&job).await;
            assert_eq!(ended["state"], "failed", "{point}: {ended:#}");
            tells_of_the_crash(&shop.ada, &job, &point).await;
            shop.only(&[], &point).await;
            assert_eq!(listed(&shop.ada.browser).await, Vec::<Value>::new(), "{point}");
        }
    }
    shop.it.kill();
    nothing_is_kept(&shop.it);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_of_a_removal_with_an_archive_the_app_is_gone_and_all_of_it_in_the_archive() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    for step in ["stop", "pack", "down", "images", "files"] {
        for when in ["before", "after"] {
            let point = format!("app.remove/{step}/{when}");
            shop.it.abort_at(&point);
            shop.restart().await;
            let job = shop.archive_it().await;
            assert_eq!(shop.it.ended().await, ABORTED, "{point}");
            shop.it.start().await;
            let ended = shop.ada.browser.ended(&job).await;
            assert_eq!(ended["state"], "succeeded", "{point}: {ended:#}");
            tells_of_the_crash(&shop.ada, &job, &point).await;
            shop.it.assert_empty(&point).await;
            let archive = the_one(&shop, &point).await;
            let path = format!("{ARCHIVES}/{archive}");
            let begun = shop.ada.browser.post(&format!("{path}/install"), &json!({})).await.expect(202);
            assert_eq!(shop.ada.browser.ended(&job_of(&begun)).await["state"], "succeeded", "{point}");
            shop.only(&[], &point).await;
            shop.ada.browser.delete(&path).await.expect(204);
        }
    }
    shop.it.kill();
    nothing_is_kept(&shop.it);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_of_an_import_it_is_there_as_a_whole_or_not_at_all() {
    let _engine = Engine::shared();
    let entrypoint = r#"["sh", "-c", "[ $$NOTE = fail ] && exit 3; exec httpd -f -p 80 -h /www"]"#;
    let manifest = Sample::WEB.manifest("web").replace(
        "    restart: unless-stopped\n",
        &format!("    restart: unless-stopped\n    entrypoint: {entrypoint}\n"),
    );
    let mut shop = Shop::open(&manifest).await;
    let begun = shop.ada.browser.post(&format!("/api/v1/apps/{}/export", shop.app), &json!({})).await.expect(202);
    assert_eq!(shop.ada.browser.ended(&job_of(&begun)).await["state"], "succeeded");
    let path = format!("{ARCHIVES}/{}/install", begun["archive"].as_str().unwrap());
    let steps = ["unpack", "prepare", "pull", "start", "probe", "activate"];
    let forth = steps.iter().flat_map(|step| ["before", "after"].map(|when| (*step, when, "nothing")));
    let back = steps[..5].iter().rev().flat_map(|step| ["undo-before", "undo-after"].map(|when| (*step, when, "fail")));
    for (step, when, note) in forth.chain(back) {
        let point = format!("app.import/{step}/{when}");
        let twin = shop.it.app(&format!("{step}-{when}"));
        shop.it.abort_at(&point);
        shop.restart().await;
        let body = json!({ "app": twin, "inputs": { "note": note } });
        let job = job_of(&shop.ada.browser.post(&path, &body).await.expect(202));
        assert_eq!(shop.it.ended().await, ABORTED, "{point}");
        shop.it.start().await;
        let ended = shop.ada.browser.ended(&job).await;
        if note == "fail" {
            assert_eq!(ended["state"], "failed", "{point}: {ended:#}");
            shop.only(&[], &point).await;
        } else {
            assert_eq!(ended["state"], "succeeded", "{point}: {ended:#}");
            shop.only(&[&twin], &point).await;
            shop.remove(&twin).await;
        }
    }
    eventually("one archive", Duration::from_secs(5), async || (files(&shop.it).len() == 1).then_some(())).await;
}
