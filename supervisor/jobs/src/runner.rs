//! Which jobs run: goes on with what a start of the supervisor found unfinished, then begins queued jobs,
//! first come, first served, while there is room.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use orbitr_model::{JobId, Problem, Topic};
use orbitr_store::{Store, Tx};
use tokio::{
    runtime::Handle,
    sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast::error::RecvError},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Error, Pace,
    driver::{self, Start},
    error::chain,
    kind::{AnyKind, Step, Work},
    live::{Live, Throttle, lock},
    log::{LogSink, Logs},
    machine::Machine,
    problem, rows,
    transition::{self, Step as Applied},
};

/// How long the runner waits when the database refuses to say what is queued.
const RETRY: Duration = Duration::from_secs(5);

/// What all the tasks of the runner share.
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) kinds: HashMap<&'static str, Arc<dyn AnyKind>>,
    pub(crate) logs: Logs,
    pub(crate) pace: Pace,
    pub(crate) runtime: Handle,
    pub(crate) lives: Mutex<HashMap<JobId, Arc<Live>>>,
    /// Places for jobs that do work right now.
    pub(crate) places: Arc<Semaphore>,
    /// Shut down: no new step begins, running ones stop and stay to be resumed.
    pub(crate) stop: CancellationToken,
    /// Drop everything where it stands.
    pub(crate) kill: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) wake: Notify,
}

impl Core {
    /// A kind with a job's arguments, or why this release cannot work on it.
    pub(crate) fn open(&self, kind: &str, args: &str) -> Result<Arc<dyn Work>, Box<Problem>> {
        let known = self.kinds.get(kind).ok_or_else(|| Box::new(problem::unknown_kind(kind)))?;
        Arc::clone(known).open(args).map_err(|error| Box::new(problem::unreadable_arguments(kind, &error)))
    }

    /// Changes a job in a transaction of its own; the logs of jobs that it pushed out go afterwards.
    pub(crate) async fn advance<R: Send + 'static>(
        &self,
        id: JobId,
        work: Option<Arc<dyn Work>>,
        change: impl FnOnce(&mut Machine, orbitr_model::Timestamp) -> Result<R, Error> + Send + 'static,
    ) -> Result<Applied<R>, Error> {
        let shown = lock(&self.lives).get(&id).map(|live| live.shown());
        let kept = self.pace.kept;
        self.write(move |tx| transition::apply(tx, id, work.as_ref(), shown.as_ref(), kept, change)).await
    }

    /// A write that may end a job.
    pub(crate) async fn write<R: Send + 'static>(
        &self,
        write: impl FnOnce(&mut Tx<'_>) -> Result<Applied<R>, Error> + Send + 'static,
    ) -> Result<Applied<R>, Error> {
        let applied = self.store.write(write).await?;
        if !applied.forgotten.is_empty() {
            let (logs, forgotten) = (self.logs.clone(), applied.forgotten.clone());
            self.runtime.spawn_blocking(move || forgotten.into_iter().for_each(|id| logs.remove(id)));
        }
        Ok(applied)
    }

    /// Notes that a job is worked on, with its log open.
    pub(crate) async fn enter(&self, id: JobId) -> Arc<Live> {
        let throttle = Throttle::new(self.store.clone(), id, self.runtime.clone());
        let log = LogSink::open(self.logs.path(id), self.store.redactor().clone(), Arc::clone(&throttle)).await;
        let live = Arc::new(Live::new(id, log, throttle));
        lock(&self.lives).insert(id, Arc::clone(&live));
        live
    }

    fn drive(self: &Arc<Self>, id: JobId, start: Start, place: Option<OwnedSemaphorePermit>) {
        let core = Arc::clone(self);
        let kill = self.kill.clone();
        self.tasks.spawn(async move {
            kill.run_until_cancelled_owned(driver::drive(core, id, start, place)).await;
        });
    }
}

/// Runs until the shutdown. `begun` are the jobs that the start found unfinished.
pub(crate) async fn run(core: Arc<Core>, begun: Vec<JobId>) {
    let mut changes = core.store.changes();
    for id in begun {
        // They go first: what is in the queue gets the places that are left.
        core.drive(id, Start::Resumed, Arc::clone(&core.places).try_acquire_owned().ok());
    }
    loop {
        let refused = fill(&core).await.is_err_and(|error| {
            tracing::error!(error = chain(&error), "the queue of jobs cannot be read");
            true
        });
        tokio::select! {
            () = core.stop.cancelled() => return,
            () = core.wake.notified() => {}
            () = tokio::time::sleep(RETRY), if refused => {}
            () = queue_changed(&mut changes) => {}
        }
    }
}

/// Ends when the list of jobs may have changed.
async fn queue_changed(changes: &mut tokio::sync::broadcast::Receiver<Topic>) {
    loop {
        match changes.recv().await {
            Ok(Topic::Jobs) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            // The store is gone; nothing will ever change again.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Begins queued jobs while there is a place and one whose lock is free.
async fn fill(core: &Arc<Core>) -> Result<(), Error> {
    while !core.stop.is_cancelled() {
        let Ok(place) = Arc::clone(&core.places).try_acquire_owned() else { return Ok(()) };
        let Some(id) = core.store.read(|conn| rows::first_ready(conn).map_err(Error::from)).await? else {
            return Ok(());
        };
        if begin(core, id).await? {
            core.drive(id, Start::Fresh, Some(place));
        }
    }
    Ok(())
}

/// Queued → running. False when there is nothing to drive: it was cancelled just now, or it cannot run.
async fn begin(core: &Core, id: JobId) -> Result<bool, Error> {
    let found = core.store.read(move |conn| rows::load(conn, id).map_err(Error::from)).await?;
    let Some((head, _)) = found else { return Ok(false) };
    let opened = core.open(&head.kind, &head.args);
    let steps = match &opened {
        Ok(work) => checked(&head.kind, work.steps()),
        Err(problem) => Err(problem.clone()),
    };
    let change = move |machine: &mut Machine, _| {
        Ok(match steps {
            Ok(steps) => machine.begin(steps).map(|()| true)?,
            Err(problem) => machine.broke(*problem).map(|()| false)?,
        })
    };
    match core.advance(id, opened.ok(), change).await {
        Ok(applied) => Ok(applied.result),
        // Cancelled between the two transactions.
        Err(Error::Illegal(_) | Error::Unknown(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn checked(kind: &str, steps: Vec<Step>) -> Result<Vec<Step>, Box<Problem>> {
    let mut names = HashSet::new();
    match steps.iter().find(|step| !names.insert(step.name)) {
        Some(doubled) => Err(Box::new(problem::doubled_step(kind, doubled.name))),
        None => Ok(steps),
    }
}
