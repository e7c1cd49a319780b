//! An app's data on another disk: it goes there and back whole, wherever the power goes, and nothing takes its place while
//! the disk is away.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use orbitr_tests::{Disk, Engine, Sample, eventually, job_of};
use serde_json::{Value, json};

use crate::{
    moments::sum,
    shop::{ABORTED, Shop},
};

/// The box looks after an app that is silent once a minute at least.
const BACK: Duration = Duration::from_secs(90);

impl Shop {
    async fn place(&self, disk: &Disk) -> PathBuf {
        disk.folder().join("orbitr").join(self.it.id().await).join(&self.app)
    }

    async fn move_to(&self, to: Option<&Disk>) -> Value {
        self.done("data/move", json!({ "to": to.map(Disk::path) })).await
    }

    /// The app runs with its row in this folder, and nothing of it is anywhere else.
    async fn lives_in(&self, place: &Path, row: &str, when: &str) {
        let up = async || (self.get("").await["status"]["state"] == "running").then_some(());
        eventually(&format!("it runs {when}"), BACK, up).await;
        assert_eq!(fs::read_to_string(place.join("data/data/row")).unwrap().trim(), row, "{when}");
        let mounted = Engine::docker(&["inspect", "--format", "{{(index .Mounts 0).Source}}", &self.container()]);
        assert_eq!(Path::new(mounted.trim()), place.join("data/data"), "{when}");
        let is_home = place == self.folder();
        assert_eq!(self.folder().join("data").exists(), is_home, "{when}");
        assert_eq!(self.folder().join("elsewhere").exists(), !is_home, "{when}");
        let shown = self.get("").await;
        assert_eq!(shown["data_at"].as_str(), place.join("data").to_str(), "{when}");
        assert_eq!(shown["data_elsewhere"], !is_home, "{when}");
        for half in [".data.half", ".data.incoming", ".data.outgoing"] {
            assert!(!place.join(half).exists() && !self.folder().join(half).exists(), "{when}: {half}");
        }
    }
}

/// The web server, unless its data is on btrfs.
fn dislikes_btrfs() -> String {
    let entrypoint = r#"["sh", "-c", "! grep -q ' /data btrfs ' /proc/mounts || { echo new > /data/row; exit 3; }; exec httpd -f -h /www -p 80"]"#;
    let with = format!("    restart: unless-stopped\n    entrypoint: {entrypoint}\n");
    Sample::WEB.manifest("web").replace("    restart: unless-stopped\n", &with)
}

#[tokio::test(flavor = "multi_thread")]
async fn data_goes_to_another_disk_and_back_with_its_owners_and_its_snapshots() {
    let _engine = Engine::shared();
    let disk = Disk::new("ext4");
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    std::os::unix::fs::chown(shop.row_file(), Some(70), Some(71)).unwrap();
    shop.publish("2", &Sample::WEB.manifest("web")).await;
    assert_eq!(shop.done("update", json!({})).await["state"], "succeeded");
    fs::write(shop.row_file(), "two").unwrap();
    let (home, place) = (shop.folder(), shop.place(&disk).await);
    let whole = |at: &Path| (sum(&at.join("data")), sum(&at.join("snapshots")));
    let before = whole(&home);

    let plan = shop.get("/data/move").await;
    assert_eq!(
        (plan["now"].is_null(), plan["stops"].as_bool(), plan["snapshots"].as_u64()),
        (true, Some(true), Some(1))
    );
    let offered = plan["disks"].as_array().unwrap().iter().find(|it| it["at"] == disk.path()).unwrap();
    assert!(offered["obstacle"].is_null() && offered["file_system"] == "ext4", "{offered:#}");
    let moved = shop.move_to(Some(&disk)).await;
    assert_eq!(moved["state"], "succeeded", "{moved:#}");
    shop.lives_in(&place, "two", "moved").await;
    assert_eq!(whole(&place), before);
    assert!(!home.join("snapshots").exists());
    let release = shop.get("").await["release"].clone();
    assert_eq!(release["reason"], format!("Data moved to {}", disk.path()));

    // It is an app like any other there.
    let size = shop.get("/data").await["size"].as_u64();
    assert_eq!(size, Some(3));
    let back = shop.done("roll-back", json!({ "release": 1, "data": "then" })).await;
    assert_eq!(back["state"], "succeeded", "{back:#}");
    shop.lives_in(&place, "one", "rolled back").await;
    let twin = shop.it.app("twin");
    assert_eq!(shop.done("clone", json!({ "app": twin })).await["state"], "succeeded");
    let row = shop.it.state().join("apps").join(&twin).join("data/data/row");
    assert_eq!(fs::read_to_string(row).unwrap().trim(), "one");
    shop.remove(&twin).await;

    assert_eq!(shop.move_to(None).await["state"], "succeeded");
    shop.lives_in(&home, "one", "back home").await;
    assert_eq!(disk.names(), Vec::<String>::new());

    // Removed where it is: nothing of it stays on either disk.
    assert_eq!(shop.move_to(Some(&disk)).await["state"], "succeeded");
    let app = shop.app.clone();
    shop.remove(&app).await;
    assert_eq!(disk.names(), Vec::<String>::new());
    shop.it.assert_empty("removed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_moved_is_refused_and_what_does_not_come_up_stays_where_it_was() {
    let _engine = Engine::shared();
    let disk = Disk::new("btrfs");
    let shop = Shop::open(&dislikes_btrfs()).await;
    let path = format!("/api/v1/apps/{}/data/move", shop.app);
    for (to, why) in [
        (json!("/nowhere"), "no disk"),
        (json!(shop.folder()), "no disk"),
        (json!(""), "no disk"),
        (Value::Null, "own disk"),
    ] {
        let refused = shop.ada.browser.post(&path, &json!({ "to": to })).await.expect(422);
        let field = &refused["fields"][0];
        assert_eq!(field["field"], "to");
        assert!(field["message"].as_str().unwrap().contains(why), "{to}: {field}");
    }
    let ended = shop.move_to(Some(&disk)).await;
    assert_eq!(ended["state"], "failed", "{ended:#}");
    assert_eq!(ended["problem"]["code"], "app-ended", "{ended:#}");
    shop.lives_in(&shop.folder(), "one", "after a move in vain").await;
    assert_eq!((disk.names(), shop.releases().await), (Vec::new(), vec![1]));

    // Somebody's folder in its place is not written over.
    let place = shop.place(&disk).await;
    fs::create_dir_all(place.join("data")).unwrap();
    let refused = shop.ada.browser.post(&path, &json!({ "to": disk.path() })).await.expect(422);
    assert!(refused["fields"][0]["message"].as_str().unwrap().contains("already"), "{refused:#}");
    fs::remove_dir_all(disk.folder().join("orbitr")).unwrap();

    // What is too large for the disk is said before anything stops.
    let ballast = fs::File::create(shop.row_file().with_file_name("ballast")).unwrap();
    nix::fcntl::posix_fallocate(&ballast, 0, 400 << 20).unwrap();
    let refused = shop.ada.browser.post(&path, &json!({ "to": disk.path() })).await.expect(422);
    assert!(refused["fields"][0]["message"].as_str().unwrap().contains("are free there"), "{refused:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_is_away_nothing_takes_its_place_and_the_app_comes_back_with_it() {
    let _engine = Engine::shared();
    let disk = Disk::new("ext4");
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    assert_eq!(shop.move_to(Some(&disk)).await["state"], "succeeded");
    let place = shop.place(&disk).await;

    // The machine starts without it.
    shop.it.kill();
    Engine::docker(&["rm", "-f", &shop.container()]);
    disk.pull_out();
    shop.it.start().await;
    let says = format!("the disk with its data is not there: {} does not exist", place.display());
    let told = async || {
        let status = shop.get("").await["status"].clone();
        (status["state"] == "down" && status["reason"] == says.as_str()).then_some(())
    };
    eventually("it says that the disk is away", BACK, told).await;
    let ids = async || {
        let all = shop.ada.browser.get("/api/v1/issues").await.expect(200);
        all.as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (away, down) = (format!("data-disk-missing.{}", shop.app), format!("app-down.{}", shop.app));
    eventually("it is an issue", BACK, async || ids().await.contains(&away).then_some(())).await;
    assert!(!ids().await.contains(&down), "told once");
    for (what, body) in [("start", json!({})), ("clone", json!({})), ("data/move", json!({ "to": null }))] {
        let path = format!("/api/v1/apps/{}/{what}", shop.app);
        assert_eq!(shop.ada.browser.post(&path, &body).await.expect(409)["code"], "disk-missing", "{what}");
    }
    let nothing: Vec<String> = Vec::new();
    assert_eq!((disk.names(), shop.folder().join("data").exists()), (nothing, false));

    disk.connect();
    shop.lives_in(&place, "one", "when the disk is back").await;
    eventually("the issue is over", BACK, async || (!ids().await.contains(&away)).then_some(())).await;
    let ballast = fs::File::create(place.join("data/data/ballast")).unwrap();
    nix::fcntl::posix_fallocate(&ballast, 0, 440 << 20).unwrap();
    let full = format!("data-disk-full.{}", shop.app);
    eventually("a full disk is an issue", BACK, async || ids().await.contains(&full).then_some(())).await;

    // An app whose disk never comes back can be removed.
    shop.it.kill();
    Engine::docker(&["rm", "-f", &shop.container()]);
    disk.pull_out();
    shop.it.start().await;
    let app = shop.app.clone();
    shop.ada.browser.settled().await;
    shop.remove(&app).await;
    shop.it.assert_empty("removed without its disk").await;
    disk.connect();
    assert_eq!(fs::read_to_string(place.join("data/data/row")).unwrap().trim(), "one", "what was away is there yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_of_a_move_the_data_is_in_the_one_place_or_the_other() {
    let _engine = Engine::shared();
    let disk = Disk::new("ext4");
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let (home, place) = (shop.folder(), shop.place(&disk).await);
    let mut to = Some(&disk);
    for step in ["make", "stop", "copy", "prepare", "switch", "probe", "activate", "leave"] {
        for when in ["before", "after"] {
            let point = format!("app.move-data/{step}/{when}");
            shop.it.abort_at(&point);
            shop.restart().await;
            let path = format!("/api/v1/apps/{}/data/move", shop.app);
            let started = shop.ada.browser.post(&path, &json!({ "to": to.map(Disk::path) })).await.expect(202);
            assert_eq!(shop.it.ended().await, ABORTED, "{point}");
            shop.it.start().await;
            let ended = shop.ada.browser.ended(&job_of(&started)).await;
            assert_eq!(ended["state"], "succeeded", "{point}: {ended:#}");
            shop.lives_in(if to.is_some() { &place } else { &home }, "one", &point).await;
            to = if to.is_some() { None } else { Some(&disk) };
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_back_of_a_move_the_data_is_where_it_was() {
    let _engine = Engine::shared();
    let disk = Disk::new("btrfs");
    let mut shop = Shop::open(&dislikes_btrfs()).await;
    for step in ["probe", "switch", "prepare", "copy", "stop", "make"] {
        for when in ["undo-before", "undo-after"] {
            let point = format!("app.move-data/{step}/{when}");
            shop.it.abort_at(&point);
            shop.restart().await;
            let job = shop.begin("data/move", json!({ "to": disk.path() })).await;
            assert_eq!(shop.it.ended().await, ABORTED, "{point}");
            shop.it.start().await;
            let ended = shop.ada.browser.ended(&job).await;
            assert_eq!(ended["state"], "failed", "{point}: {ended:#}");
            shop.lives_in(&shop.folder(), "one", &point).await;
            assert_eq!((disk.names(), shop.releases().await), (Vec::new(), vec![1]), "{point}");
        }
    }
}
