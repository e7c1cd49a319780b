//! Any sequence of deeds against a small model of what they mean: with crashes at the points where a job has just written
//! something down, and with what others do to containers and networks, also while the box is away. After each the app is
//! what the model says, and in the end there is nothing left to do: no job begins, and containers stay the ones they are.
//!
//! - `ORBITR_TEST_CASES`: how many sequences, 2 without it. One takes about half a minute on two cores.
//! - `ORBITR_TEST_SEED`: the seed that an earlier run printed, to have its sequences again.

use std::{collections::BTreeSet, fs, time::Duration};

use orbitr_tests::{Engine, Sample, eventually};
use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::json;

use crate::{
    random::{Random, times},
    shop::{ABORTED, Shop},
    updates::breaks_its_data,
};

const DEEDS: usize = 8;
/// Whatever was done, it is over by then.
const OVER: Duration = Duration::from_secs(60);
/// The box's own patience, and some: what it would begin by itself it has begun by then.
const QUIET: Duration = Duration::from_secs(5);
/// What is taken away more often comes back later each time, which nobody waits for here.
const PATIENT: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Install,
    Start,
    Stop,
    Change,
    Update,
    /// To a version that writes over the data and ends.
    UpdateInVain,
    Back {
        then: bool,
    },
    Remove {
        data: &'static str,
    },
    Foreign(Act),
    /// What cannot be done now is refused, and nothing comes of it.
    Refused(&'static str),
}

/// What somebody does behind the box's back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Remove,
    Stop,
    Start,
    Network,
}

/// One deed: which of those that are possible then, and where the box is killed in it.
#[derive(Clone, Debug)]
struct Turn {
    which: Index,
    crash: Option<Index>,
    away: bool,
}

fn turn() -> impl Strategy<Value = Turn> {
    let crash = prop::option::weighted(0.5, any::<Index>());
    (any::<Index>(), crash, any::<bool>()).prop_map(|(which, crash, away)| Turn { which, crash, away })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    None,
    Kept,
    Running,
    Stopped,
}

/// What the app has to be like.
#[derive(Clone, Debug)]
struct Model {
    phase: Phase,
    version: u32,
    row: String,
    /// The releases, the active one last: their numbers and versions.
    releases: Vec<(u64, u32)>,
    /// The snapshots, the newest last: of which release, and what the row was.
    snapshots: Vec<(u64, String)>,
    /// Whether its container is there while it is stopped.
    container: bool,
}

impl Model {
    fn possible(&self) -> Vec<Deed> {
        use Deed::{Back, Change, Foreign, Install, Refused, Remove, Start, Stop, Update, UpdateInVain};
        let mut all = match self.phase {
            Phase::None => return vec![Install, Install, Install, Refused("start")],
            Phase::Kept => return vec![Install, Install, Remove { data: "delete" }, Refused("start")],
            Phase::Running => {
                let acts = [Act::Remove, Act::Stop, Act::Network].map(Foreign);
                [&[Stop, Start, UpdateInVain][..], &acts[..]].concat()
            }
            Phase::Stopped => {
                let start = if self.container { vec![Foreign(Act::Start), Foreign(Act::Remove)] } else { Vec::new() };
                [&[Start, Start, Stop][..], &start].concat()
            }
        };
        all.extend([Change, Update, Update, Remove { data: "keep" }, Remove { data: "delete" }, Refused("install")]);
        if self.before().is_some() {
            all.push(Back { then: false });
        }
        if self.row_then().is_some() {
            all.extend([Back { then: true }; 2]);
        }
        all
    }

    /// The release before the active one.
    fn before(&self) -> Option<(u64, u32)> {
        self.releases.iter().rev().nth(1).copied()
    }

    /// What the row was when that release was left.
    fn row_then(&self) -> Option<&String> {
        let (number, _) = self.before()?;
        let last = self.snapshots.iter().rev().take(3);
        last.into_iter().find(|(of, _)| *of == number).map(|(_, row)| row)
    }

    /// The points of a deed's job where the box can be killed.
    fn points(&self, deed: Deed) -> Vec<String> {
        let up = self.phase == Phase::Running;
        let (kind, steps): (_, Vec<&str>) = match deed {
            Deed::Install => ("install", vec!["prepare", "pull", "start", "probe", "activate"]),
            Deed::Start => ("lifecycle", vec!["start", "probe"]),
            Deed::Stop => ("lifecycle", vec!["stop"]),
            Deed::Change if up => ("change", vec!["prepare", "pull", "switch", "probe", "activate"]),
            Deed::Change => ("change", vec!["prepare", "pull", "activate"]),
            Deed::Update | Deed::Back { then: false } if up => {
                ("change", vec!["prepare", "pull", "stop", "snapshot", "switch", "probe", "activate"])
            }
            Deed::Update | Deed::Back { then: false } => ("change", vec!["prepare", "pull", "snapshot", "activate"]),
            Deed::Back { then: true } => ("change", vec!["prepare", "pull", "snapshot", "data", "activate"]),
            Deed::UpdateInVain => {
                let steps = ["prepare", "pull", "stop", "snapshot", "switch"];
                let points = steps.iter().flat_map(|step| ["undo-before", "undo-after"].map(|at| (step, at)));
                return points.map(|(step, at)| format!("app.change/{step}/{at}")).collect();
            }
            Deed::Remove { .. } => ("remove", vec!["down", "images", "files"]),
            Deed::Foreign(_) if up => ("heal", vec!["start", "probe"]),
            Deed::Foreign(_) | Deed::Refused(_) => return Vec::new(),
        };
        let points = steps.iter().flat_map(|step| ["before", "after"].map(|at| format!("app.{kind}/{step}/{at}")));
        points.collect()
    }

    /// What has to be true when it is done; `number` is the active release's.
    fn did(&mut self, deed: Deed, newest: u32, number: u64) {
        let (left, up) = (self.releases.last().copied(), matches!(self.phase, Phase::Running));
        match deed {
            Deed::Install => (self.phase, self.version) = (Phase::Running, newest),
            Deed::Start => self.phase = Phase::Running,
            Deed::Stop => (self.phase, self.container) = (Phase::Stopped, self.container || up),
            Deed::Remove { data } => {
                (self.releases, self.snapshots) = (Vec::new(), Vec::new());
                if data == "delete" {
                    self.row.clear();
                }
                self.phase = if data == "keep" { Phase::Kept } else { Phase::None };
            }
            Deed::Update | Deed::Back { .. } => {
                let row = if deed == (Deed::Back { then: true }) { self.row_then().cloned() } else { None };
                self.version = match deed {
                    Deed::Update => newest,
                    _ => self.before().unwrap().1,
                };
                self.snapshots.push((left.unwrap().0, self.row.clone()));
                self.row = row.unwrap_or_else(|| self.row.clone());
            }
            Deed::Foreign(Act::Remove) if !up => self.container = false,
            Deed::Change | Deed::UpdateInVain | Deed::Foreign(_) | Deed::Refused(_) => {}
        }
        if matches!(deed, Deed::Install | Deed::Change | Deed::Update | Deed::Back { .. }) {
            self.releases.push((number, self.version));
        }
        self.container |= self.phase == Phase::Running;
    }
}

/// The box, and what it has to be like.
struct Play {
    shop: Shop,
    model: Model,
    /// The newest version in the store.
    newest: u32,
    /// How often something was taken away since the box's last start.
    taken: u32,
}

impl Play {
    async fn begin() -> Self {
        let shop = Shop::empty(&Sample::WEB.manifest("web")).await;
        let (releases, snapshots) = (Vec::new(), Vec::new());
        let model = Model { phase: Phase::None, version: 0, row: String::new(), releases, snapshots, container: false };
        Self { shop, model, newest: 1, taken: 0 }
    }

    fn publish(&mut self, manifest: &str) {
        self.newest += 1;
        let version = format!("version: \"{}\"", self.newest);
        self.shop.it.extension("web", &manifest.replace("version: \"1\"", &version));
    }

    async fn turn(&mut self, number: usize, turn: &Turn) {
        let deed = *turn.which.get(&self.model.possible());
        let points = self.model.points(deed);
        let point = turn.crash.filter(|_| !points.is_empty()).map(|crash| crash.get(&points).clone());
        let when = format!("{number}: {deed:?}, killed at {point:?}, away {}", turn.away);
        println!("{when}");
        if matches!(self.model.phase, Phase::Running | Phase::Stopped) {
            self.model.row = format!("row {number}");
            fs::write(self.shop.row_file(), &self.model.row).unwrap();
        }
        let publishes = match deed {
            Deed::Install | Deed::Update => Some(Sample::WEB.manifest("web")),
            Deed::UpdateInVain => Some(breaks_its_data()),
            _ => None,
        };
        if let Some(manifest) = &publishes {
            self.publish(manifest);
        }
        if let Some(point) = &point {
            self.shop.it.abort_at(point);
        }
        if publishes.is_some() || point.is_some() || self.taken >= PATIENT {
            self.shop.restart().await;
            self.taken = 0;
        }
        match deed {
            Deed::Foreign(act) => self.behind_its_back(act, turn.away, point.is_some()).await,
            Deed::Refused(what) => self.refused(what).await,
            _ => self.ordered(deed, point.is_some(), &when).await,
        }
        self.agrees(deed, &when).await;
    }

    /// Somebody asks for it.
    async fn ordered(&mut self, deed: Deed, dies: bool, when: &str) {
        let job = match deed {
            Deed::Install => self.shop.ada.browser.install("local/web", &self.shop.app, json!({})).await,
            Deed::Start => self.shop.begin("start", json!({})).await,
            Deed::Stop => self.shop.begin("stop", json!({})).await,
            Deed::Change => self.shop.begin("inputs", json!({ "inputs": { "note": when } })).await,
            Deed::Update | Deed::UpdateInVain => self.shop.begin("update", json!({})).await,
            Deed::Back { then } => {
                let release = self.model.before().unwrap().0;
                let data = if then { "then" } else { "now" };
                self.shop.begin("roll-back", json!({ "release": release, "data": data })).await
            }
            Deed::Remove { data } => self.shop.ada.browser.remove(&self.shop.app, data).await,
            Deed::Foreign(_) | Deed::Refused(_) => unreachable!("nobody orders it"),
        };
        if dies {
            assert_eq!(self.shop.it.ended().await, ABORTED, "{when}");
            self.shop.it.start().await;
        }
        let ended = self.shop.ada.browser.ended(&job).await;
        let expected = if deed == Deed::UpdateInVain { "failed" } else { "succeeded" };
        assert_eq!(ended["state"], expected, "{when}: {ended:#}");
        assert_eq!(ended["resumed"].as_u64().unwrap() > 0, dies, "{when}: {ended:#}");
    }

    async fn behind_its_back(&mut self, act: Act, away: bool, dies: bool) {
        self.taken += 1;
        let (away, heals) = (away && !dies, self.shop.heals().await);
        if away {
            self.shop.it.kill();
        }
        let (container, network) = (self.shop.container(), self.shop.network());
        match act {
            Act::Remove => drop(Engine::docker(&["rm", "-f", &container])),
            Act::Stop => drop(Engine::docker(&["stop", "-t", "1", &container])),
            Act::Start => drop(Engine::docker(&["start", &container])),
            Act::Network => {
                Engine::docker(&["network", "disconnect", "-f", &network, &container]);
                Engine::docker(&["network", "rm", &network]);
            }
        }
        if away {
            self.shop.it.start().await;
        }
        if dies {
            assert_eq!(self.shop.it.ended().await, ABORTED, "{act:?}");
            self.shop.it.start().await;
        }
        if self.model.phase == Phase::Running || act == Act::Start {
            let noticed = async || (self.shop.heals().await > heals).then_some(());
            eventually("the box notices", OVER, noticed).await;
        }
    }

    async fn refused(&self, what: &str) {
        let (browser, app) = (&self.shop.ada.browser, &self.shop.app);
        let answer = if what == "install" {
            let body = json!({ "extension": "local/web", "app": app, "inputs": {} });
            browser.post("/api/v1/projects/home/apps", &body).await
        } else {
            browser.post(&format!("/api/v1/apps/{app}/{what}"), &json!({})).await
        };
        assert!([404, 409, 422].contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
    }

    /// The box is what the model says after this deed.
    async fn agrees(&mut self, deed: Deed, when: &str) {
        let shown = async || {
            let answer = self.shop.ada.browser.get(&format!("/api/v1/apps/{}", self.shop.app)).await;
            (answer.status == 200).then(|| answer.json())
        };
        let number = shown().await.and_then(|it| it["release"]["number"].as_u64()).unwrap_or_default();
        self.model.did(deed, self.newest, number);
        let model = &self.model;
        match model.phase {
            Phase::None => return self.shop.it.assert_empty(when).await,
            Phase::Kept => {
                assert_eq!(shown().await.unwrap()["phase"], "kept", "{when}");
                assert_eq!(self.shop.it.things().await, Vec::<String>::new(), "{when}");
            }
            Phase::Running | Phase::Stopped => {
                let state = if model.phase == Phase::Running { "running" } else { "stopped" };
                eventually(when, OVER, async || {
                    let shown = shown().await?;
                    (shown["status"]["state"] == state && shown["job"].is_null()).then_some(())
                })
                .await;
            }
        }
        if deed == Deed::Install && model.row.is_empty() {
            return;
        }
        assert_eq!(self.shop.row(), model.row, "{when}");
        let version = model.version.to_string();
        match model.phase {
            Phase::Running => self.shop.runs(&version, &model.row, when).await,
            Phase::Stopped => {
                assert_eq!(shown().await.unwrap()["version"], version.as_str(), "{when}");
                let (found, whole) = (self.shop.it.things().await, self.shop.things());
                assert!(found.iter().all(|thing| whole.contains(thing)), "{when}: {found:?}");
            }
            Phase::None | Phase::Kept => {}
        }
    }

    /// Every container of the app with its id, its state and its start.
    fn containers(&self) -> String {
        let label = format!("label=io.orbitr.app={}", self.shop.app);
        let ids = Engine::docker(&["ps", "-aq", "--no-trunc", "--filter", &label]);
        let format = "{{.Id}} {{.State.Status}} {{.State.StartedAt}}";
        let ids: Vec<&str> = ids.split_whitespace().collect();
        if ids.is_empty() { String::new() } else { Engine::docker(&[&["inspect", "--format", format], &*ids].concat()) }
    }

    async fn jobs(&self) -> BTreeSet<String> {
        let listed = self.shop.ada.browser.get("/api/v1/jobs").await.expect(200);
        listed["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
    }

    /// There is nothing left to do, neither now nor after a restart.
    async fn rests(&mut self) {
        let before = (self.jobs().await, self.containers());
        for when in ["as it is", "after a restart"] {
            tokio::time::sleep(QUIET).await;
            assert_eq!((self.jobs().await, self.containers()), before, "{when}");
            self.shop.restart().await;
        }
    }
}

async fn play(turns: &[Turn]) {
    let mut play = Play::begin().await;
    for (number, turn) in turns.iter().enumerate() {
        play.turn(number, turn).await;
    }
    play.rests().await;
}

#[test]
fn whatever_is_done_in_whatever_order_the_app_is_what_its_owner_asked_for() {
    let _engine = Engine::shared();
    let mut random = Random::seeded();
    let seed: Vec<u8> = (0..32).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
    let config = Config {
        cases: times("ORBITR_TEST_CASES", 2),
        // Each try is another box: a few are enough to see which deeds matter.
        max_shrink_iters: 8,
        failure_persistence: None,
        ..Config::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
        .run(&prop::collection::vec(turn(), DEEDS), |turns| {
            runtime.block_on(play(&turns));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
