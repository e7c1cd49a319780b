//! The process really dies (feature `fault-injection`): this test starts itself as a child that aborts at
//! one committed point, then once more to see the next start finish or undo the work.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use orbitr_jobs::{Filter, Jobs, Kind, NewJob, Outcome, Step, StepContext, StepError};
use orbitr_model::{Actor, JobState, PageRequest, Problem};
use orbitr_store::{self as store, Store, Tx};

const DIR: &str = "ORBITR_TEST_DIR";

/// Makes one file for each step; the last step fails where a file says so.
struct Files {
    dir: PathBuf,
}

impl Kind for Files {
    const NAME: &'static str = "test.files";
    type Args = ();

    fn steps(&self, (): &()) -> Vec<Step> {
        let limit = Duration::from_secs(10);
        ["one", "two"].map(|name| Step { name, title: name.into(), limit, reversible: true }).to_vec()
    }

    async fn run(&self, step: &str, _: &StepContext, (): &()) -> Result<(), StepError> {
        fs::write(self.dir.join(format!("made-{step}")), "").unwrap();
        if step == "two" && self.dir.join("fail").exists() {
            return Err(StepError::lasting(Problem::new(500, "test-broken", "It broke")));
        }
        Ok(())
    }

    async fn undo(&self, step: &str, _: &StepContext, (): &()) -> Result<(), StepError> {
        let _ = fs::remove_file(self.dir.join(format!("made-{step}")));
        Ok(())
    }

    fn ended(&self, _: &mut Tx<'_>, (): &(), _: &Outcome) -> Result<(), store::Error> {
        Ok(())
    }
}

/// Not a test of its own: what the child does. Without the variable it has nothing to do.
#[tokio::test]
async fn child() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else { return };
    let store = Store::open(&dir).await.unwrap();
    let jobs = Jobs::builder(store.clone(), dir.join("logs")).kind(Files { dir: dir.clone() }).start().await.unwrap();
    let known = jobs.list(Filter::default(), &PageRequest::default()).await.unwrap().items;
    let id = match known.first() {
        Some(job) => job.id,
        None => crate::world::add(&store, NewJob::of::<Files>(&(), "Make files", Actor::Box).unwrap()).await,
    };
    let job = jobs.wait(id).await.unwrap();
    fs::write(dir.join("state"), job.state.as_str()).unwrap();
    fs::write(dir.join("resumed"), job.resumed.to_string()).unwrap();
    jobs.park().await;
    store.close().await;
}

#[expect(clippy::disallowed_methods, reason = "the child is this test itself, and dies by itself")]
fn run_child(dir: &Path, point: &str) -> ExitStatus {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "abort::child", "--nocapture"])
        .env(DIR, dir)
        .env("ORBITR_ABORT_AT", point)
        .env("ORBITR_ABORT_ONCE", dir.join("aborted"))
        .status()
        .unwrap()
}

#[test]
fn a_process_that_dies_at_any_committed_point_leaves_all_or_nothing() {
    for failing in [false, true] {
        for moment in ["one/before", "one/after", "two/before", "two/after", "two/undo-before", "one/undo-after"] {
            // A failing step is never written as done, and a job that succeeds is never undone.
            if failing != moment.contains("undo") && moment != "one/after" {
                continue;
            }
            let dir = tempfile::tempdir().unwrap();
            if failing {
                fs::write(dir.path().join("fail"), "").unwrap();
            }
            let point = format!("test.files/{moment}");
            assert!(!run_child(dir.path(), &point).success(), "{point}: the first run dies");
            assert!(dir.path().join("aborted").exists(), "{point}: it dies there");
            assert!(run_child(dir.path(), &point).success(), "{point}: the second run goes on");
            let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
            let wanted = if failing { JobState::Failed } else { JobState::Succeeded };
            assert_eq!((read("state").as_str(), read("resumed").as_str()), (wanted.as_str(), "1"), "{point}");
            let made = ["one", "two"].map(|step| dir.path().join(format!("made-{step}")).exists());
            assert_eq!(made, [!failing; 2], "{point}");
        }
    }
}
