//! The jobs: rebuilding the store and waiting until the apps are back; looking at it, and removing what was set aside.

use std::{
    future::pending,
    sync::{Arc, OnceLock},
    time::Duration,
};

use orbitr_jobs::{Kind, NewJob, Outcome, Step, StepContext, StepError, Unfinished, enqueue, unfinished};
use orbitr_model::{
    Act, ActReport, JobId, LookAtDockerStoreRequest, Problem, RebuildDockerStoreRequest, RemoveDockerStoresRequest,
    Topic, deed,
};
use orbitr_store::{self as store, NewEvent, Outcome as Went, Subject, Tx};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, sleep, timeout},
};

use super::{AppBack, AppsBack, DOCKER, HOSTED, Missing, RebuildEnd, kept};
use crate::{Error, data::Acts, outside::Outside};

/// Who knows the apps, once they are opened.
pub(crate) type KnownApps = Arc<OnceLock<Arc<dyn AppsBack>>>;

/// How long a job that is at an app may go on before Docker is stopped under it.
const OTHERS: Duration = Duration::from_secs(10 * 60);
/// As the act's unit says, and a little more.
const ACT: Duration = Duration::from_secs(31 * 60);
/// How long images may come over a slow line. Apps that are not back by then still come when they can.
const BACK: Duration = Duration::from_secs(60 * 60);
/// A look ends by itself after 90 s.
const LOOK: Duration = Duration::from_secs(6 * 60);
const GRACE: Duration = Duration::from_secs(180);
/// So often it is looked whether apps are back, where nobody tells.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The apps are asked for again so soon at the box's own start.
const NOT_YET: Duration = Duration::from_millis(200);
/// One of these at a time.
const LOCK: &str = "docker-store";

/// What the jobs work with.
#[derive(Clone, Debug)]
pub(crate) struct Works {
    pub(crate) outside: Outside,
    pub(crate) apps: KnownApps,
}

impl Works {
    fn acts(&self) -> Result<&Acts, StepError> {
        let none =
            || StepError::lasting(Problem::new(409, "not-here", "This cannot be done on this machine").why(HOSTED));
        self.outside.acts.as_ref().ok_or_else(none)
    }

    async fn apps(&self) -> Result<Vec<AppBack>, StepError> {
        let apps = loop {
            match self.apps.get() {
                Some(apps) => break apps,
                None => sleep(NOT_YET).await,
            }
        };
        apps.look().await.map_err(StepError::passing)
    }
}

fn step(name: &'static str, title: &str, limit: Duration) -> Step {
    // The old store is kept whole, so there is nothing to take back.
    Step { name, title: title.to_owned(), limit, reversible: true }
}

/// Waits until something is told that concerns jobs or apps, or for a while.
async fn heard(changes: &mut tokio::sync::broadcast::Receiver<Topic>) {
    let told = async {
        loop {
            match changes.recv().await {
                Ok(Topic::Jobs | Topic::Apps) | Err(RecvError::Lagged(_)) => return,
                Ok(_) => {}
                Err(RecvError::Closed) => pending::<()>().await,
            }
        }
    };
    let _ = timeout(LOOK_AGAIN, told).await;
}

/// Sets Docker's store aside, begins another one, and waits until the apps are back.
pub(crate) struct RebuildJob(pub(crate) Works);

impl RebuildJob {
    /// Lets what is at an app end, where Docker still runs so that it can.
    async fn wait(&self, cx: &StepContext) -> Result<(), StepError> {
        let until = Instant::now() + OTHERS;
        let mut changes = cx.store().changes();
        loop {
            let runs = self.0.outside.bus.unit(DOCKER).await.is_ok_and(|unit| unit.row.active == "active");
            let jobs = cx.store().read(|conn| unfinished(conn, None)).await?;
            let Some(other) = jobs.iter().find(|job| job.app.is_some()).filter(|_| runs) else { return Ok(()) };
            if Instant::now() >= until {
                cx.log(&format!("«{}» takes too long and is not waited for any longer", other.title));
                return Ok(());
            }
            cx.progress(None, format!("Waits for: {}", other.title));
            tokio::select! {
                () = heard(&mut changes) => {}
                () = cx.cancelled() => return Ok(()),
            }
        }
    }

    async fn rebuild(&self, cx: &StepContext) -> Result<(), StepError> {
        let acts = self.0.acts()?;
        // One that was begun before a restart of the supervisor goes on by itself.
        acts.settled(Act::RebuildDockerStore, ACT).await;
        let (job, id) = (cx.job(), format!("{}-{}", cx.job(), cx.attempt()));
        let request = RebuildDockerStoreRequest { version: 1, id: id.clone(), key: job.to_string() };
        cx.log("Asking root to set Docker's store aside");
        let tell = |report: &ActReport| cx.progress(report.fraction, &report.step);
        let made = tokio::select! {
            done = acts.perform_telling(Act::RebuildDockerStore, &id, &request, ACT, tell) => {
                done.map_err(StepError::lasting)?
            }
            // Root ends what it has begun: half a store is no use to anybody.
            () = cx.cancelled() => return Ok(()),
        };
        let text = |name: &str| made.as_ref().and_then(|made| Some(made.get(name)?.as_str()?.to_owned()));
        let (name, path) = (text("name"), text("path"));
        if let Some(path) = &path {
            cx.log(&format!("The old store is kept as {path}"));
        }
        let noted = cx.store().write(move |tx| {
            tx.changed(Topic::Box);
            kept::change(tx, job, |rebuild| (rebuild.name, rebuild.path) = (name, path))
        });
        noted.await.map(drop).map_err(|error| StepError::from(Problem::from(error)))
    }

    /// Waits until each app that should be up is back, or was tried and could not.
    async fn apps(&self, cx: &StepContext) -> Result<(), StepError> {
        let job = cx.job();
        let until = Instant::now() + BACK;
        let mut changes = cx.store().changes();
        let apps = loop {
            let apps = self.0.apps().await?;
            let back = apps.iter().filter(|app| app.back).count();
            if apps.iter().all(|app| app.back || app.settled) || Instant::now() >= until {
                break apps;
            }
            let done = u32::try_from(back).unwrap_or(0);
            let all = u32::try_from(apps.len()).unwrap_or(u32::MAX);
            cx.progress(Some(f64::from(done) / f64::from(all)), format!("{done} of {all} apps are back"));
            tokio::select! {
                () = heard(&mut changes) => {}
                () = cx.cancelled() => return Ok(()),
            }
        };
        for app in &apps {
            let how = if app.back { "is back".to_owned() } else { format!("is not back: {}", app.why) };
            cx.log(&format!("{} {how}", app.id));
        }
        let (back, missing): (Vec<_>, Vec<_>) = apps.into_iter().partition(|app| app.back);
        let missing = missing.into_iter().map(|app| Missing { app: app.id, why: app.why }).collect();
        let back = back.into_iter().map(|app| app.id).collect();
        let noted = cx
            .store()
            .write(move |tx| kept::change(tx, job, |rebuild| (rebuild.back, rebuild.missing) = (back, missing)));
        noted.await.map(drop).map_err(|error| StepError::from(Problem::from(error)))
    }
}

impl Kind for RebuildJob {
    const NAME: &'static str = "box.rebuild-docker-store";
    type Args = ();

    fn steps(&self, (): &()) -> Vec<Step> {
        vec![
            step("wait", "Let other work end", OTHERS + GRACE),
            step("rebuild", "Set the store aside and begin another one", ACT * 2 + GRACE),
            step("apps", "Wait until the apps are back", BACK + GRACE),
        ]
    }

    async fn run(&self, step: &str, cx: &StepContext, (): &()) -> Result<(), StepError> {
        match step {
            "wait" => self.wait(cx).await,
            "rebuild" => self.rebuild(cx).await,
            _ => self.apps(cx).await,
        }
    }

    async fn undo(&self, _: &str, _: &StepContext, (): &()) -> Result<(), StepError> {
        Ok(())
    }

    fn ended(&self, tx: &mut Tx<'_>, (): &(), outcome: &Outcome) -> Result<(), store::Error> {
        let (end, problem) = match outcome {
            Outcome::Succeeded => (RebuildEnd::Done, None),
            Outcome::Cancelled => (RebuildEnd::Cancelled, None),
            Outcome::Failed { problem, .. } => (RebuildEnd::Failed, Some(problem.clone())),
        };
        match kept::end(tx, end, problem) {
            Ok(Some(rebuild)) => {
                let detail = json!({ "path": rebuild.path, "back": rebuild.back, "missing": rebuild.missing });
                let outcome = if end == RebuildEnd::Done { Went::Ok } else { Went::Failed };
                let event = NewEvent::by_the_box(deed::BOX_DOCKER_STORE_REBUILT, Subject::the_box(), detail);
                tx.event(NewEvent { outcome, ..event })?;
            }
            Ok(None) => {}
            Err(Error::Store(error)) => return Err(error),
            // What cannot be read says nothing; the job itself tells how it ended.
            Err(error) => tracing::warn!(%error, "the end of a rebuild could not be noted"),
        }
        tx.changed(Topic::Box);
        Ok(())
    }
}

/// What else there is to do about the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(crate) enum Tend {
    Look,
    Remove { names: Vec<String> },
}

/// Does it.
pub(crate) struct TendJob(pub(crate) Works);

impl Kind for TendJob {
    const NAME: &'static str = "box.tend-docker-store";
    type Args = Tend;

    fn steps(&self, args: &Tend) -> Vec<Step> {
        vec![match args {
            Tend::Look => step("look", "Look at Docker's store", LOOK + GRACE),
            Tend::Remove { .. } => step("remove", "Remove what was set aside", ACT + GRACE),
        }]
    }

    async fn run(&self, _: &str, cx: &StepContext, args: &Tend) -> Result<(), StepError> {
        let acts = self.0.acts()?;
        let id = format!("{}-{}", cx.job(), cx.attempt());
        let done = match args {
            Tend::Look => {
                let request = LookAtDockerStoreRequest { version: 1, id: id.clone() };
                acts.perform(Act::LookAtDockerStore, &id, &request, LOOK).await
            }
            Tend::Remove { names } => {
                acts.settled(Act::RemoveDockerStores, ACT).await;
                let request = RemoveDockerStoresRequest { version: 1, id: id.clone(), names: names.clone() };
                acts.perform(Act::RemoveDockerStores, &id, &request, ACT).await
            }
        };
        done.map_err(StepError::lasting)?;
        if let Ok(facts) = acts.docker_store() {
            for one in &facts.damage {
                cx.log(&format!("{} {}", one.file, one.what));
            }
        }
        Ok(())
    }

    async fn undo(&self, _: &str, _: &StepContext, _: &Tend) -> Result<(), StepError> {
        Ok(())
    }

    fn ended(&self, tx: &mut Tx<'_>, _: &Tend, _: &Outcome) -> Result<(), store::Error> {
        tx.changed(Topic::Box);
        Ok(())
    }
}

/// The job that is at the store.
pub(super) fn at_work(jobs: &[Unfinished]) -> Option<JobId> {
    jobs.iter().find(|job| [RebuildJob::NAME, TendJob::NAME].contains(&job.kind.as_str())).map(|job| job.id)
}

/// Puts a job into the queue; one at a time.
pub(super) fn begin(tx: &mut Tx<'_>, job: NewJob) -> Result<JobId, Error> {
    match at_work(&unfinished(tx, None)?) {
        Some(job) => Err(Error::StoreAtWork(job)),
        None => Ok(enqueue(tx, job.lock(LOCK))?),
    }
}
