//! Whatever happens, in whatever order: a job is done as a whole or not at all.

use std::{collections::BTreeSet, time::Duration};

use orbitr_jobs::{Job, NewJob};
use orbitr_model::{Actor, JobId, JobState, StepState};
use orbitr_store::Store;
use proptest::prelude::*;
use tokio::{runtime, time::timeout};

use crate::world::{Act, NAMES, Play, Script, Scripted, Signal, When, World, add, ends, quick, start};

fn when() -> impl Strategy<Value = When> {
    prop_oneof![Just(When::Before), Just(When::Half), Just(When::After)]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Work),
        2 => Just(Act::Fail),
        2 => Just(Act::FailForNow),
        2 => Just(Act::HalfThenFail),
        1 => Just(Act::Panic),
        4 => when().prop_map(Act::Crash),
        2 => Just(Act::Cancel),
        2 => Just(Act::Park),
    ]
}

fn step() -> impl Strategy<Value = Scripted> {
    let run = prop::collection::vec(act(), 0..4);
    let undo = prop::collection::vec(act(), 0..4);
    (prop::bool::weighted(0.75), run, undo).prop_map(|(reversible, run, undo)| Scripted { reversible, run, undo })
}

/// What one start of the supervisor came to.
enum Life {
    Ended(Box<Job>),
    Over,
}

/// One start of the supervisor on a runtime of its own; a crash drops all of its tasks where they stand.
fn live(store: &Store, dir: &std::path::Path, script: &Script, id: JobId, seen: &mut Seen) -> Life {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = seen.world.clone();
    runtime.block_on(async {
        let jobs = start(store, dir, &world, quick()).await;
        let end = async {
            loop {
                tokio::select! {
                    job = jobs.wait(id) => return Life::Ended(Box::new(job.unwrap())),
                    signal = seen.signals.recv() => match signal.unwrap() {
                        Signal::Crash => return Life::Over,
                        Signal::Park => {
                            jobs.park().await;
                            return Life::Over;
                        }
                        Signal::Cancel(id, done) => {
                            seen.cancelled |= jobs.cancel(id, &Actor::Box, None).await.is_ok();
                            let _ = done.send(());
                        }
                    },
                }
            }
        };
        timeout(Duration::from_secs(60), end).await.unwrap_or_else(|_| panic!("no end in sight for {script:?}"))
    })
}

struct Seen {
    world: std::sync::Arc<World>,
    signals: tokio::sync::mpsc::UnboundedReceiver<Signal>,
    cancelled: bool,
}

fn whole(steps: &[Scripted]) -> BTreeSet<String> {
    let parts = |name: &&str| [format!("a/{name}.first"), format!("a/{name}.second")];
    NAMES.iter().take(steps.len()).flat_map(parts).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_job_is_done_as_a_whole_or_not_at_all(steps in prop::collection::vec(step(), 1..5)) {
        let dir = tempfile::tempdir().unwrap();
        let keeper = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = keeper.block_on(Store::open(dir.path())).unwrap();
        let (world, signals) = World::new();
        let script = Script { key: "a".into(), steps: steps.clone() };
        let new = NewJob::of::<Play>(&script, "Play a", Actor::Box).unwrap();
        let id = keeper.block_on(add(&store, new));
        let mut seen = Seen { world, signals, cancelled: false };
        let job = loop {
            if let Life::Ended(job) = live(&store, dir.path(), &script, id, &mut seen) {
                break job;
            }
        };

        let things = seen.world.things.lock().unwrap().clone();
        let no_way_back = steps.iter().zip(NAMES).any(|(step, name)| !step.reversible && seen.world.tries(&format!("a/{name}")) > 0);
        let outcome = match job.state {
            JobState::Succeeded => {
                prop_assert_eq!(&things, &whole(&steps));
                prop_assert!(job.steps.iter().all(|step| step.state == StepState::Done));
                prop_assert!(job.problem.is_none() && !seen.cancelled);
                "succeeded"
            }
            JobState::Failed | JobState::Cancelled => {
                prop_assert!(things.is_empty(), "left behind: {things:?}");
                prop_assert!(job.steps.iter().all(|s| matches!(s.state, StepState::Undone | StepState::Pending)));
                prop_assert!(!no_way_back, "a job with a step for good that began must go to its end");
                prop_assert_eq!(job.problem.is_some(), job.state == JobState::Failed);
                prop_assert!(job.state == JobState::Failed || seen.cancelled);
                if job.state == JobState::Failed { "failed" } else { "cancelled" }
            }
            state => return Err(TestCaseError::fail(format!("ended as {state:?}"))),
        };
        prop_assert_eq!(keeper.block_on(ends(&store)), [("a".to_owned(), outcome.to_owned())], "said once");
    }
}
