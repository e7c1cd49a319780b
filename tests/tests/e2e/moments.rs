//! `kill -9` at random moments of updates, roll-backs and changes: afterwards it is the old state or the new one, as the job
//! says, and the data is what it has to be, to the byte and the second.
//!
//! - `ORBITR_TEST_KILLS`: how many moments, 24 without it. 200 take about six minutes on two cores.
//! - `ORBITR_TEST_SEED`: the seed that an earlier run printed, to have its deeds and moments again.

use std::{collections::BTreeMap, fmt::Write as _, fs, os::unix::fs::MetadataExt, path::Path, time::Duration};

use aws_lc_rs::digest::{Context, SHA256};
use orbitr_tests::{Engine, Sample};
use serde_json::{Value, json};

use crate::{
    crash::tells_of_the_crash,
    random::{Random, times},
    shop::Shop,
    updates::breaks_its_data,
};

/// About as long as an update of the sample takes, and one that does not come up; whoever is killed later has ended before.
const UP: u64 = 2000;
const UP_AND_BACK: u64 = 4500;

/// Everything about what is in a folder: names, owners, modes, times and contents.
pub(crate) fn sum(folder: &Path) -> String {
    fn add(folder: &Path, below: &str, to: &mut Context) {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort_unstable();
        for name in names {
            let (path, name) = (folder.join(&name), format!("{below}/{}", name.to_str().unwrap()));
            let meta = fs::symlink_metadata(&path).unwrap();
            let about = (&name, meta.mode(), meta.uid(), meta.gid(), meta.mtime(), meta.mtime_nsec());
            to.update(format!("{about:?}").as_bytes());
            if meta.is_dir() {
                add(&path, &name, to);
            } else {
                to.update(&fs::read(&path).unwrap());
            }
        }
    }
    let mut context = Context::new(&SHA256);
    add(folder, "", &mut context);
    context.finish().as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A shop with what must be true of it.
struct Ledger {
    shop: Shop,
    random: Random,
    /// The sum of each snapshot's data, by its number.
    kept: BTreeMap<u64, String>,
    /// The version in the store, and whether it comes up.
    offer: (u64, bool),
}

/// What is asked of the box, and what it then has.
struct Deed {
    what: &'static str,
    body: Value,
    /// The version and the sum of the data when it succeeds; none where it cannot.
    after: Option<(String, String)>,
    /// Whether the data of before is kept as a snapshot.
    keeps: bool,
}

impl Ledger {
    async fn open(random: Random) -> Self {
        let shop = Shop::open(&Sample::WEB.manifest("web")).await;
        let mut new = Self { shop, random, kept: BTreeMap::new(), offer: (1, true) };
        new.restart().await;
        new
    }

    /// Kills the box; when it is back there is another version, and one in four does not come up and breaks the data.
    async fn restart(&mut self) {
        self.shop.it.kill();
        self.offer = (self.offer.0 + 1, self.random.below(4) > 0);
        let manifest = if self.offer.1 { Sample::WEB.manifest("web") } else { breaks_its_data() };
        let version = format!("version: \"{}\"", self.offer.0);
        self.shop.it.extension("web", &manifest.replace("version: \"1\"", &version));
        self.shop.it.start().await;
    }

    fn data(&self) -> String {
        sum(&self.shop.folder().join("data"))
    }

    /// Something is written, as an app does all the time.
    fn write(&mut self) {
        let name = format!("shelf-{}", self.random.below(5));
        let folder = self.shop.row_file().with_file_name(name);
        fs::create_dir_all(&folder).unwrap();
        let size = usize::try_from(self.random.below(300_000)).unwrap();
        let bytes: Vec<u8> = (0..size).map(|_| self.random.below(256) as u8).collect();
        fs::write(folder.join(format!("book-{}", self.random.below(9))), bytes).unwrap();
    }

    async fn deed(&mut self, moment: u32) -> Deed {
        let (version, data) = (self.shop.get("").await["version"].as_str().unwrap().to_owned(), self.data());
        let releases = self.shop.get("/releases").await.as_array().unwrap().clone();
        let older: Vec<_> = releases.iter().filter(|release| release["active"] == false).collect();
        match self.random.below(4) {
            0 if !older.is_empty() => {
                let snapshots = self.shop.get("/snapshots").await;
                let snapshot_of = |it: &Value| snapshots.as_array().unwrap().iter().find(|s| s["release"] == it["id"]);
                let with_data: Vec<_> = older.iter().copied().filter(|it| snapshot_of(it).is_some()).collect();
                let then = !with_data.is_empty() && self.random.below(2) == 0;
                let back = *self.random.of(if then { &with_data } else { &older });
                let to = back["version"].as_str().unwrap().to_owned();
                let then = snapshot_of(back).filter(|_| then).map(|it| it["number"].as_u64().unwrap());
                let body = json!({ "release": back["number"], "data": if then.is_some() { "then" } else { "now" } });
                let data = then.map_or(data, |number| self.kept[&number].clone());
                Deed { what: "roll-back", body, after: Some((to, data)), keeps: true }
            }
            1 => {
                let body = json!({ "inputs": { "note": format!("moment {moment}") } });
                Deed { what: "inputs", body, after: Some((version, data)), keeps: false }
            }
            _ => {
                let after = self.offer.1.then(|| (self.offer.0.to_string(), data));
                Deed { what: "update", body: json!({}), after, keeps: true }
            }
        }
    }

    /// One deed, with a kill at some moment of it.
    async fn live_through(&mut self, moment: u32) {
        self.write();
        let deed = self.deed(moment).await;
        let (before, data) = (self.shop.get("").await, self.data());
        let job = self.shop.begin(deed.what, deed.body.clone()).await;
        let after = self.random.below(if deed.after.is_some() { UP } else { UP_AND_BACK });
        tokio::time::sleep(Duration::from_millis(after)).await;
        self.restart().await;
        let when = format!("moment {moment}: {} {}, killed after {after} ms", deed.what, deed.body);
        let ended = self.shop.ada.browser.ended(&job).await;
        let state = ended["state"].as_str().unwrap();
        assert_eq!(state, if deed.after.is_some() { "succeeded" } else { "failed" }, "{when}: {ended:#}");
        if ended["resumed"] != 0 {
            tells_of_the_crash(&self.shop.ada, &job, &when).await;
        }
        println!("{when}: {state}, resumed {} times", ended["resumed"]);
        let old = before["version"].as_str().unwrap().to_owned();
        let succeeded = deed.after.is_some();
        let (version, expected) = deed.after.unwrap_or_else(|| (old, data.clone()));
        assert_eq!(self.data(), expected, "{when}: the data");
        self.shop.runs(&version, "one", &when).await;
        let active = self.active(&when).await;
        if succeeded && deed.keeps {
            self.kept.insert(active, data);
        }
        assert_eq!(active != before["release"]["number"], succeeded, "{when}");
        self.keeps_its_snapshots(&when).await;
    }

    /// The number of the active release: the database, the disk and Docker say the same one.
    async fn active(&self, when: &str) -> u64 {
        let release = self.shop.get("").await["release"].clone();
        assert_eq!(release["active"], true, "{when}: {release:#}");
        let number = release["number"].as_u64().unwrap();
        assert!(self.shop.releases().await.contains(&number), "{when}");
        let current = fs::canonicalize(self.shop.folder().join("current")).unwrap();
        assert_eq!(current.file_name().unwrap().to_str(), Some(&*number.to_string()), "{when}");
        let label = "{{index .Config.Labels \"io.orbitr.release\"}}";
        let of = Engine::docker(&["inspect", "--format", label, &self.shop.container()]);
        assert_eq!(release["id"], of.trim(), "{when}: the container is of another release");
        number
    }

    /// The snapshots on the disk are those in the database, and each is what it was when it was taken.
    async fn keeps_its_snapshots(&mut self, when: &str) {
        let listed = self.shop.get("/snapshots").await;
        let numbers: Vec<_> = listed.as_array().unwrap().iter().map(|it| it["number"].as_u64().unwrap()).collect();
        let folder = self.shop.folder().join("snapshots");
        let mut found: Vec<u64> = fs::read_dir(&folder).map_or_else(
            |_| Vec::new(),
            |entries| entries.map(|it| it.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect(),
        );
        found.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(found, numbers, "{when}: snapshots");
        self.kept.retain(|number, _| numbers.contains(number));
        let sums: BTreeMap<_, _> = numbers.iter().map(|it| (*it, sum(&folder.join(it.to_string())))).collect();
        assert_eq!(sums, self.kept, "{when}: what is in the snapshots");
    }
}

async fn moments(random: Random, count: u32) {
    let mut ledger = Ledger::open(random).await;
    for moment in 1..=count {
        ledger.live_through(moment).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_of_updates_and_roll_backs_the_data_is_whole() {
    let _engine = Engine::shared();
    let (count, random) = (times("ORBITR_TEST_KILLS", 24), Random::seeded());
    let other = random.other();
    // Two boxes at once: a crash waits more than it works.
    tokio::join!(moments(random, count / 2), moments(other, count - count / 2));
}
