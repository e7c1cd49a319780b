//! A small world that jobs work in, and a kind of job that does in it whatever its script says.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use orbitr_jobs::{Jobs, Kind, NewJob, Outcome, Pace, Step, StepContext, StepError, enqueue};
use orbitr_model::{Actor, JobId, Problem};
use orbitr_store::{self as store, NewEvent, Store, Subject, Tx};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// What a step does at one try. Without a script left it does all of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Act {
    /// All of its work.
    Work,
    /// Fails before it did anything, for good.
    Fail,
    /// Fails before it did anything; waiting helps.
    FailForNow,
    /// Does half of its work, then fails.
    HalfThenFail,
    Panic,
    /// Does half of its work, then never returns and does not listen.
    Hang,
    /// Does half of its work, waits for the signal to stop and says that it stopped.
    HalfUntilStopped,
    /// The same, but it says that all is done.
    HalfUntilStoppedThenLie,
    /// Waits until the test opens the gate, then works.
    Gate,
    /// Waits until the test opens the gate, then fails; waiting helps.
    GateThenFailForNow,
    /// The supervisor dies before, in the middle of, or after the work.
    Crash(When),
    /// Somebody cancels the job while the step runs.
    Cancel,
    /// The supervisor shuts down while the step runs.
    Park,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum When {
    Before,
    Half,
    After,
}

/// One step of a scripted job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Scripted {
    pub(crate) reversible: bool,
    /// What it does, one try after the other.
    pub(crate) run: Vec<Act>,
    pub(crate) undo: Vec<Act>,
}

impl Scripted {
    pub(crate) fn reversible(run: &[Act]) -> Self {
        Self { reversible: true, run: run.to_vec(), undo: Vec::new() }
    }

    pub(crate) fn for_good(run: &[Act]) -> Self {
        Self { reversible: false, ..Self::reversible(run) }
    }

    pub(crate) fn undo(mut self, undo: &[Act]) -> Self {
        self.undo = undo.to_vec();
        self
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Script {
    /// Tells jobs in one world apart.
    pub(crate) key: String,
    pub(crate) steps: Vec<Scripted>,
}

/// What a step asks the test to do to the supervisor.
#[derive(Debug)]
pub(crate) enum Signal {
    Crash,
    Park,
    Cancel(JobId, oneshot::Sender<()>),
}

/// What is outside of the supervisor and survives its crashes.
pub(crate) struct World {
    /// What the steps made: `key/s0.first`, `key/s0.second`.
    pub(crate) things: Mutex<BTreeSet<String>>,
    /// How often each step and each undo was tried.
    tries: Mutex<HashMap<String, usize>>,
    /// Steps in the order in which they began their work.
    pub(crate) order: Mutex<Vec<String>>,
    pub(crate) gate: Semaphore,
    signals: mpsc::UnboundedSender<Signal>,
}

pub(crate) const NAMES: [&str; 6] = ["s0", "s1", "s2", "s3", "s4", "s5"];

impl World {
    pub(crate) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Signal>) {
        let (signals, asked) = mpsc::unbounded_channel();
        let world = Self {
            things: Mutex::default(),
            tries: Mutex::default(),
            order: Mutex::default(),
            gate: Semaphore::new(0),
            signals,
        };
        (Arc::new(world), asked)
    }

    pub(crate) fn things(&self) -> Vec<String> {
        self.things.lock().unwrap().iter().cloned().collect()
    }

    pub(crate) fn tries(&self, what: &str) -> usize {
        self.tries.lock().unwrap().get(what).copied().unwrap_or(0)
    }

    pub(crate) fn order(&self) -> Vec<String> {
        self.order.lock().unwrap().clone()
    }

    fn add(&self, thing: String) {
        self.things.lock().unwrap().insert(thing);
    }

    fn next_try(&self, what: &str) -> usize {
        let mut tries = self.tries.lock().unwrap();
        let tries = tries.entry(what.to_owned()).or_default();
        *tries += 1;
        *tries - 1
    }

    fn ask(&self, signal: Signal) {
        self.signals.send(signal).unwrap();
    }
}

/// The kind that follows a [`Script`].
pub(crate) struct Play {
    pub(crate) world: Arc<World>,
    pub(crate) limit: Duration,
}

impl Kind for Play {
    const NAME: &'static str = "test.play";
    type Args = Script;

    fn steps(&self, script: &Script) -> Vec<Step> {
        let step = |(name, step): (&&'static str, &Scripted)| Step {
            name,
            title: format!("Step {name}"),
            limit: self.limit,
            reversible: step.reversible,
        };
        NAMES.iter().zip(&script.steps).map(step).collect()
    }

    async fn run(&self, step: &str, cx: &StepContext, script: &Script) -> Result<(), StepError> {
        let here = format!("{}/{step}", script.key);
        self.world.order.lock().unwrap().push(here.clone());
        let act = script.of(step).run.get(self.world.next_try(&here)).copied().unwrap_or(Act::Work);
        let world = Arc::clone(&self.world);
        let first = || world.add(format!("{here}.first"));
        let second = || world.add(format!("{here}.second"));
        self.play(act, cx, first, second).await
    }

    async fn undo(&self, step: &str, cx: &StepContext, script: &Script) -> Result<(), StepError> {
        let here = format!("{}/{step}", script.key);
        assert!(script.of(step).reversible, "{here} cannot be undone");
        let act = script.of(step).undo.get(self.world.next_try(&format!("{here}/undo"))).copied().unwrap_or(Act::Work);
        let remove = |part: &str| {
            self.world.things.lock().unwrap().remove(&format!("{here}.{part}"));
        };
        self.play(act, cx, || remove("second"), || remove("first")).await
    }

    fn ended(&self, tx: &mut Tx<'_>, script: &Script, outcome: &Outcome) -> Result<(), store::Error> {
        let outcome = match outcome {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed { undone: true, .. } => "failed",
            Outcome::Failed { undone: false, .. } => "failed, not undone",
            Outcome::Cancelled => "cancelled",
        };
        tx.event(NewEvent {
            actor: Actor::Box,
            action: "test.ended",
            subject: Subject::new("test", &script.key, outcome),
            outcome: store::Outcome::Ok,
            detail: serde_json::Value::Null,
            address: None,
        })?;
        Ok(())
    }
}

impl Script {
    fn of(&self, step: &str) -> &Scripted {
        let number = NAMES.iter().position(|name| *name == step).unwrap();
        &self.steps[number]
    }
}

fn busy() -> StepError {
    Problem::new(503, "test-busy", "It is busy").retry_after(0).into()
}

impl Play {
    async fn play(
        &self,
        act: Act,
        cx: &StepContext,
        first: impl Fn() + Send + Sync,
        second: impl Fn() + Send + Sync,
    ) -> Result<(), StepError> {
        let stopped = || StepError::lasting(Problem::new(500, "test-stopped", "It was stopped"));
        match act {
            Act::Work => {}
            Act::Fail => return Err(StepError::lasting(Problem::new(502, "test-broken", "It is broken"))),
            Act::FailForNow => return Err(busy()),
            Act::GateThenFailForNow => {
                self.world.gate.acquire().await.unwrap().forget();
                return Err(busy());
            }
            Act::HalfThenFail => {
                first();
                return Err(StepError::lasting(Problem::new(502, "test-broken", "It broke")));
            }
            Act::Panic => panic!("as the script wants"),
            Act::Hang => {
                first();
                std::future::pending().await
            }
            Act::HalfUntilStopped => {
                first();
                cx.cancelled().await;
                return Err(stopped());
            }
            Act::HalfUntilStoppedThenLie => {
                first();
                cx.cancelled().await;
                return Ok(());
            }
            Act::Gate => self.world.gate.acquire().await.unwrap().forget(),
            Act::Crash(when) => return self.crash(when, first, second).await,
            Act::Cancel => {
                let (done, heard) = oneshot::channel();
                self.world.ask(Signal::Cancel(cx.job(), done));
                heard.await.unwrap();
            }
            Act::Park => {
                first();
                self.world.ask(Signal::Park);
                cx.cancelled().await;
                return Err(stopped());
            }
        }
        first();
        tokio::task::yield_now().await;
        second();
        Ok(())
    }

    async fn crash(&self, when: When, first: impl Fn(), second: impl Fn()) -> Result<(), StepError> {
        if when != When::Before {
            first();
        }
        if when == When::After {
            second();
        }
        self.world.ask(Signal::Crash);
        std::future::pending().await
    }
}

/// Short waits, so that a test of «tries again» does not take minutes.
pub(crate) fn quick() -> Pace {
    Pace {
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(4),
        grace: Duration::from_millis(60),
        park_grace: Duration::from_millis(40),
        ..Pace::default()
    }
}

/// One box with a database, a world, and the jobs that run.
pub(crate) struct Bench {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) world: Arc<World>,
    pub(crate) asked: mpsc::UnboundedReceiver<Signal>,
    pub(crate) jobs: Jobs,
}

pub(crate) fn logs(dir: &Path) -> PathBuf {
    dir.join("logs/jobs")
}

pub(crate) async fn start(store: &Store, dir: &Path, world: &Arc<World>, pace: Pace) -> Jobs {
    let play = Play { world: Arc::clone(world), limit: Duration::from_secs(20) };
    Jobs::builder(store.clone(), logs(dir)).kind(play).pace(pace).start().await.unwrap()
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::paced(quick()).await
    }

    pub(crate) async fn paced(pace: Pace) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        let (world, asked) = World::new();
        let jobs = start(&store, dir.path(), &world, pace).await;
        Self { dir, store, world, asked, jobs }
    }

    pub(crate) async fn add(&self, key: &str, steps: &[Scripted]) -> JobId {
        self.add_job(key, steps, |job| job).await
    }

    pub(crate) async fn add_job(&self, key: &str, steps: &[Scripted], change: impl FnOnce(NewJob) -> NewJob) -> JobId {
        let script = Script { key: key.to_owned(), steps: steps.to_vec() };
        add(&self.store, change(NewJob::of::<Play>(&script, format!("Play {key}"), Actor::Local { uid: 0 }).unwrap()))
            .await
    }

    pub(crate) async fn cancel(&self, id: JobId) -> Result<(), Problem> {
        self.jobs.cancel(id, &Actor::Local { uid: 0 }, None).await.map_err(Problem::from)
    }

    /// All of a job's log, once it has ended.
    pub(crate) async fn log(&self, id: JobId) -> String {
        whole_log(&self.jobs, id).await
    }

    /// Waits until something holds; the test's own time limit ends a wait in vain.
    pub(crate) async fn until(&self, holds: impl Fn() -> bool) {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// What the kinds said at the end of jobs: (key, outcome), the oldest first.
    pub(crate) async fn ends(&self) -> Vec<(String, String)> {
        ends(&self.store).await
    }
}

pub(crate) async fn add(store: &Store, job: NewJob) -> JobId {
    store.write(move |tx| enqueue(tx, job)).await.unwrap()
}

pub(crate) async fn whole_log(jobs: &Jobs, id: JobId) -> String {
    let (mut text, mut from) = (String::new(), 0);
    loop {
        let chunk = jobs.log(id, from, 0).await.unwrap();
        text.push_str(&chunk.text);
        from = chunk.next;
        if chunk.ended {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) async fn history(store: &Store, action: &'static str) -> Vec<store::events::Event> {
    let filter = store::events::Filter { action: Some(action.to_owned()), ..Default::default() };
    let page = orbitr_model::PageRequest { cursor: None, limit: 200 };
    let mut events = store.read(move |conn| store::events::page(conn, &filter, &page)).await.unwrap().items;
    events.reverse();
    events
}

pub(crate) async fn ends(store: &Store) -> Vec<(String, String)> {
    history(store, "test.ended").await.into_iter().map(|event| (event.subject.id, event.subject.name)).collect()
}
