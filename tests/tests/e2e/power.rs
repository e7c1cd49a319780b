//! The power goes: as a kill, and what was not brought onto the disk is lost as well. The state is on a disk of its own here;
//! Docker's own store is on another one, and stays.

use std::{fs, time::Duration};

use orbitr_tests::{Disk, Engine, Sample, TestBox, eventually, job_of};
use serde_json::{Value, json};

use crate::{
    shop::{ABORTED, Shop},
    updates::breaks_its_data,
};

const SOON: Duration = Duration::from_secs(60);

/// A shop on a disk of its own. Drop the shop first.
async fn on_a_disk(kind: &str, manifest: &str) -> (Disk, Shop) {
    let it = TestBox::new();
    let disk = Disk::at(kind, &it.state());
    let shop = Shop::on(it, manifest).await;
    shop.ada.browser.installed("local/web", &shop.app, json!({})).await;
    (disk, shop)
}

impl Shop {
    /// As a program does that means to keep what it writes.
    fn keep(&self, row: &str) {
        fs::write(self.row_file(), row).unwrap();
        fs::File::open(self.row_file()).unwrap().sync_all().unwrap();
        fs::File::open(self.row_file().parent().unwrap()).unwrap().sync_all().unwrap();
    }

    /// The power goes at this point of the job; how it ended when the machine was on again.
    async fn in_the_dark(&mut self, disk: &Disk, point: &str, job: &str) -> Value {
        assert_eq!(self.it.ended().await, ABORTED, "{point}");
        let container = self.container();
        disk.lose_power(&[&container]);
        self.it.start().await;
        self.ended_and_up(point, job).await
    }

    async fn ended_and_up(&self, point: &str, job: &str) -> Value {
        let ended = self.ada.browser.ended(job).await;
        // What ran and was not the job's comes up by itself.
        let up = async || {
            let answer = self.ada.browser.get(&format!("/api/v1/apps/{}", self.app)).await;
            let shown = (answer.status == 200).then(|| answer.json());
            shown.is_none_or(|it| it["status"]["state"] == "running" && it["job"].is_null()).then_some(())
        };
        eventually(&format!("{point}: it runs"), SOON, up).await;
        ended
    }
}

async fn updates_in_the_dark(kind: &str) {
    let (disk, mut shop) = on_a_disk(kind, &Sample::WEB.manifest("web")).await;
    let mut version = 1;
    for step in ["prepare", "pull", "stop", "snapshot", "switch", "probe", "activate"] {
        let point = format!("app.change/{step}/after");
        version += 1;
        shop.keep(&point);
        shop.it.abort_at(&point);
        shop.publish(&version.to_string(), &Sample::WEB.manifest("web")).await;
        let job = shop.begin("update", json!({})).await;
        let ended = shop.in_the_dark(&disk, &point, &job).await;
        assert_eq!(ended["state"], "succeeded", "{kind} {point}: {ended:#}");
        shop.runs(&version.to_string(), &point, &format!("{kind} {point}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_every_step_of_an_update_on_ext4_no_row_is_lost() {
    let _engine = Engine::shared();
    updates_in_the_dark("ext4").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_every_step_of_an_update_on_btrfs_no_row_is_lost() {
    let _engine = Engine::shared();
    updates_in_the_dark("btrfs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_every_step_back_of_an_update_the_row_is_the_one_of_before() {
    let _engine = Engine::shared();
    let (disk, mut shop) = on_a_disk("ext4", &Sample::WEB.manifest("web")).await;
    let mut version = 1;
    for step in ["probe", "switch", "snapshot", "stop", "pull", "prepare"] {
        let point = format!("app.change/{step}/undo-after");
        version += 1;
        shop.keep(&point);
        shop.it.abort_at(&point);
        shop.publish(&version.to_string(), &breaks_its_data()).await;
        let job = shop.begin("update", json!({})).await;
        let ended = shop.in_the_dark(&disk, &point, &job).await;
        assert_eq!(ended["state"], "failed", "{point}: {ended:#}");
        shop.runs("1", &point, &point).await;
        assert_eq!(shop.releases().await, [1], "{point}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_every_step_of_a_roll_back_with_its_data_the_rows_are_those_of_then() {
    let _engine = Engine::shared();
    let (disk, mut shop) = on_a_disk("ext4", &Sample::WEB.manifest("web")).await;
    shop.keep("then");
    shop.publish("2", &Sample::WEB.manifest("web")).await;
    assert_eq!(shop.done("update", json!({})).await["state"], "succeeded");
    let mut first = 1;
    for step in ["prepare", "pull", "stop", "snapshot", "data", "switch", "probe", "activate"] {
        let point = format!("app.change/{step}/after");
        shop.keep("later");
        shop.it.abort_at(&point);
        shop.restart().await;
        let job = shop.begin("roll-back", json!({ "release": first, "data": "then" })).await;
        let ended = shop.in_the_dark(&disk, &point, &job).await;
        assert_eq!(ended["state"], "succeeded", "{point}: {ended:#}");
        shop.runs("1", "then", &point).await;
        // once more to version 2, from which the next one goes back
        first = shop.get("").await["release"]["number"].as_u64().unwrap();
        assert_eq!(shop.done("update", json!({})).await["state"], "succeeded", "{point}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_every_step_of_a_clone_both_apps_are_whole() {
    let _engine = Engine::shared();
    let (disk, mut shop) = on_a_disk("ext4", &Sample::WEB.manifest("web")).await;
    shop.keep("one");
    for step in ["pull", "stop", "copy", "resume", "prepare", "start", "probe", "activate"] {
        let point = format!("app.clone/{step}/after");
        let twin = shop.it.app(step);
        shop.it.abort_at(&point);
        shop.restart().await;
        let job = shop.begin("clone", json!({ "app": twin })).await;
        assert_eq!(shop.it.ended().await, ABORTED, "{point}");
        disk.lose_power(&[&shop.container(), &format!("orbitr-{twin}-web-1")]);
        shop.it.start().await;
        let ended = shop.ada.browser.ended(&job).await;
        assert_eq!(ended["state"], "succeeded", "{point}: {ended:#}");
        shop.only(&[&twin], &point).await;
        shop.remove(&twin).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_every_step_of_installing_and_removing_the_next_start_ends_the_job() {
    let _engine = Engine::shared();
    let it = TestBox::new();
    let disk = Disk::at("ext4", &it.state());
    let mut shop = Shop::on(it, &Sample::WEB.manifest("web")).await;
    let removes = ["down", "images", "files"];
    for (round, step) in ["prepare", "pull", "start", "probe", "activate"].into_iter().enumerate() {
        let point = format!("app.install/{step}/after");
        shop.it.abort_at(&point);
        shop.restart().await;
        let job = shop.ada.browser.install("local/web", &shop.app, json!({})).await;
        let ended = shop.in_the_dark(&disk, &point, &job).await;
        assert_eq!(ended["state"], "succeeded", "{point}: {ended:#}");

        let point = format!("app.remove/{}/after", removes[round % removes.len()]);
        shop.it.abort_at(&point);
        shop.restart().await;
        let body = json!({ "data": "delete", "confirm": shop.app });
        let path = format!("/api/v1/apps/{}", shop.app);
        let started = shop.ada.browser.send_json(http::Method::DELETE, &path, &body).await.expect(202);
        let ended = shop.in_the_dark(&disk, &point, &job_of(&started)).await;
        assert_eq!(ended["state"], "succeeded", "{point}: {ended:#}");
        shop.it.assert_empty(&point).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_every_step_of_a_move_to_another_disk_the_row_is_on_the_one_or_the_other() {
    let _engine = Engine::shared();
    let other = Disk::new("ext4");
    let (disk, mut shop) = on_a_disk("ext4", &Sample::WEB.manifest("web")).await;
    let mut to = Some(other.path());
    for step in ["make", "stop", "copy", "prepare", "switch", "probe", "activate", "leave"] {
        let point = format!("app.move-data/{step}/after");
        let data = shop.get("").await["data_at"].as_str().unwrap().to_owned();
        let row = std::path::Path::new(&data).join("data/row");
        fs::write(&row, &point).unwrap();
        fs::File::open(&row).unwrap().sync_all().unwrap();
        shop.it.abort_at(&point);
        shop.restart().await;
        let job = shop.begin("data/move", json!({ "to": to })).await;
        assert_eq!(shop.it.ended().await, ABORTED, "{point}");
        let container = shop.container();
        other.lose_power(&[&container]);
        disk.lose_power(&[]);
        shop.it.start().await;
        assert_eq!(shop.ended_and_up(&point, &job).await["state"], "succeeded", "{point}");
        let now = shop.get("").await["data_at"].as_str().unwrap().to_owned();
        assert_eq!(fs::read_to_string(std::path::Path::new(&now).join("data/row")).unwrap(), point);
        assert_eq!((now.starts_with(&other.path()), fs::exists(&row).unwrap()), (to.is_some(), false), "{point}");
        to = if to.is_some() { None } else { Some(other.path()) };
    }
}
