//! Docker's store is damaged in ways that power cuts and disks damage it, and the box has it rebuilt: by itself, or by a
//! button the second time on one day. The acts of root are the real ones; the testbed's engine stands in for Docker's units, and a
//! fake for systemd itself (tests/src/machine.rs).

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use orbitr_tests::{Engine, Machine, Root, Sample, TestBox, eventually, job_of};
use serde_json::{Value, json};

use crate::shop::Shop;

const SOON: Duration = Duration::from_secs(20);
const BACK: Duration = Duration::from_secs(60);
const HERE: &str = "/api/v1/box/docker-store";

/// How the store is damaged while the engine is stopped.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// Its list of networks is all zeros: it does not start.
    Networks,
    /// So is what it knows of an image.
    Image,
    /// The folders of layers are gone.
    Layers,
    /// What it knows of a container is all zeros.
    Container,
    /// So is containerd's database: it does not start.
    Containerd,
}

impl Damage {
    fn is_done(self, store: &Path) {
        match self {
            Self::Networks => zero(&store.join("network/files/local-kv.db")),
            Self::Image => all(&store.join("image/overlay2/imagedb/content/sha256")).iter().for_each(|file| zero(file)),
            Self::Layers => {
                for layer in all(&store.join("image/overlay2/layerdb/sha256")) {
                    let id = fs::read_to_string(layer.join("cache-id")).unwrap();
                    fs::remove_dir_all(store.join("overlay2").join(id.trim())).unwrap();
                }
            }
            Self::Container => {
                for container in all(&store.join("containers")) {
                    zero(&container.join("config.v2.json"));
                }
            }
            Self::Containerd => zero(&store.join("containerd/daemon/io.containerd.metadata.v1.bolt/meta.db")),
        }
    }

    const fn keeps_docker_down(self) -> bool {
        matches!(self, Self::Networks | Self::Containerd)
    }
}

fn all(folder: &Path) -> Vec<PathBuf> {
    let found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!found.is_empty(), "nothing in {}", folder.display());
    found
}

/// As a file system leaves a file whose length it wrote down and whose bytes it did not.
fn zero(file: &Path) {
    let length = fs::metadata(file).unwrap().len();
    fs::write(file, vec![0; usize::try_from(length).unwrap()]).unwrap();
}

impl Drop for World {
    fn drop(&mut self) {
        // Else every test after one that failed here would fail.
        if thread::panicking() {
            self.engine.control("renew");
        }
    }
}

/// A box of which Docker's store is a part.
struct World {
    engine: Engine,
    machine: Machine,
    root: Root,
    shop: Shop,
}

impl World {
    async fn begin() -> Self {
        let engine = Engine::alone();
        let machine = Machine::started();
        let root = machine.root(&engine);
        let mut it = TestBox::new();
        machine.under(&mut it);
        let shop = Shop::on(it, &Sample::WEB.manifest("web")).await;
        shop.ada.browser.installed("local/web", &shop.app, json!({})).await;
        fs::write(shop.row_file(), "one").unwrap();
        Self { engine, machine, root, shop }
    }

    /// The power goes, with this damage, and comes back.
    fn suffer(&mut self, damage: Damage) {
        self.engine.control("stop");
        damage.is_done(&self.engine.store());
        let up = self.engine.comes_up();
        assert_eq!(up, !damage.keeps_docker_down(), "{damage:?}");
        if up {
            self.root.look();
        } else {
            // What systemd says after the third start in vain.
            self.machine.tell("unit docker.service failed start-limit-hit");
        }
    }

    async fn store(&self) -> Value {
        self.shop.ada.browser.get(HERE).await.expect(200)
    }

    /// The end of the rebuild that is not this one, and the app with its row after it.
    async fn rebuilt(&mut self, before: &Value, when: &str) -> Value {
        let last = eventually(when, BACK, async || {
            let last = self.store().await["last"].clone();
            (last["job"] != *before && !last["end"].is_null()).then_some(last)
        })
        .await;
        let log = self.shop.ada.browser.get(&format!("/api/v1/jobs/{}/log", last["job"].as_str().unwrap())).await;
        assert_eq!(last["end"], "done", "{when}: {last:#}\n{}", log.text());
        self.machine.tell("unit docker.service active success");
        assert_eq!(last["back"], json!([self.shop.app]), "{when}: {last:#}");
        let shop = &self.shop;
        eventually(when, BACK, async || {
            let shown = shop.get("").await;
            (shown["status"]["state"] == "running" && shown["job"].is_null()).then_some(())
        })
        .await;
        let mut things = shop.things().to_vec();
        things.sort();
        assert_eq!(shop.it.things().await, things, "{when}");
        assert_eq!(shop.row(), "one", "{when}");
        eventually("nothing is wrong with the store any more", SOON, async || {
            self.store().await["trouble"].is_null().then_some(())
        })
        .await;
        last
    }

    /// The box has rebuilt it by itself last at this moment.
    async fn rebuilt_last(&mut self, at: &str) {
        self.shop.it.kill();
        self.shop.it.sql(|database| {
            let changed = database
                .execute("UPDATE setting SET value = ?1 WHERE key = 'docker-store.tried'", [format!("\"{at}\"")])
                .unwrap();
            assert_eq!(changed, 1);
        });
        self.shop.it.start().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_docker_that_is_damaged_is_rebuilt_and_the_app_comes_back_with_its_row() {
    let mut world = World::begin().await;
    // A volume that nobody but Docker has, as an app may have that was taken over.
    Engine::docker(&["volume", "create", "kept-by-name"]);
    let precious = world.engine.store().join("volumes/kept-by-name/_data/precious");
    fs::write(&precious, "data").unwrap();

    let mut before = Value::Null;
    for damage in [Damage::Networks, Damage::Image, Damage::Layers, Damage::Container] {
        let when = format!("{damage:?}");
        world.suffer(damage);
        let last = world.rebuilt(&before, &when).await;
        assert_eq!(last["by_the_box"], true, "{last:#}");
        assert_eq!(fs::read_to_string(&precious).unwrap(), "data", "{when}");
        assert!(Engine::docker(&["volume", "ls", "--quiet"]).contains("kept-by-name"), "{when}");
        before = last["job"].clone();
        // A day passes.
        world.rebuilt_last("2026-01-01T00:00:00Z").await;
    }

    // The second time on one day, somebody is asked.
    world.rebuilt_last(&jiff::Timestamp::now().to_string()).await;
    world.suffer(Damage::Containerd);
    let issue = eventually("it is told", SOON, async || world.shop.issue("docker-store-broken").await).await;
    assert_eq!(issue["fixes"][0]["do"], "rebuild-docker-store", "{issue:#}");
    assert!(issue["evidence"].to_string().contains("24 hours"), "{issue:#}");
    let started = world.shop.ada.browser.post(&format!("{HERE}/rebuild"), &json!({})).await.expect(202);
    assert_ne!(job_of(&started), before);
    let last = world.rebuilt(&before, "by hand").await;
    assert_eq!(last["by_the_box"], false);

    // It is told where the old ones are, until they are removed; history has who did what.
    let issue = eventually("it is told", SOON, async || world.shop.issue("docker-store-rebuilt").await).await;
    assert!(issue["evidence"].to_string().contains(last["path"].as_str().unwrap()), "{issue:#}");
    let aside = world.store().await["aside"].as_array().unwrap().clone();
    assert_eq!(aside.len(), 5, "{aside:#?}");
    let started = world.shop.ada.browser.post(&format!("{HERE}/remove"), &json!({})).await.expect(202);
    let ended = world.shop.ada.browser.ended(&job_of(&started)).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    assert!(aside.iter().all(|one| !Path::new(one["path"].as_str().unwrap()).exists()));
    eventually("the issue is over", SOON, async || {
        world.shop.issue("docker-store-rebuilt").await.is_none().then_some(())
    })
    .await;
    assert_eq!(world.shop.row(), "one");
    let history = world.shop.ada.browser.get("/api/v1/audit?action=box.docker-store-rebuilt").await.expect(200);
    assert_eq!(history["items"].as_array().map(Vec::len), Some(5), "{history:#}");
    Engine::docker(&["volume", "rm", "kept-by-name"]);
}
