//! The service: starts the runner, answers questions about jobs, cancels them, parks them.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use orbitr_model::{Actor, JobId, Page, PageRequest, Topic, deed};
use orbitr_store::{self as store, NewEvent, Store};
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore, broadcast::error::RecvError},
    time::timeout,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    Error, Filter, Job, Kind, LogChunk, Pace,
    driver::is_driven,
    kind::AnyKind,
    live::lock,
    log::{self, Logs},
    rows,
    runner::{self, Core},
    transition, view,
};

/// Collects the kinds of jobs before the runner starts.
pub struct Builder {
    store: Store,
    log_dir: PathBuf,
    kinds: Vec<Arc<dyn AnyKind>>,
    pace: Pace,
}

impl Builder {
    /// Adds a kind.
    #[must_use]
    pub fn kind<K: Kind>(mut self, kind: K) -> Self {
        self.kinds.push(Arc::new(kind));
        self
    }

    /// Other bounds than the product's, for tests.
    #[must_use]
    pub const fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Starts the runner: it goes on with every unfinished job, then with the queue. Call it on the
    /// runtime that the jobs shall run on.
    ///
    /// # Errors
    /// [`Error::KindTwice`]; [`Error::Log`] when the folder of logs cannot be made; [`Error::Store`].
    pub async fn start(self) -> Result<Jobs, Error> {
        let mut kinds = HashMap::new();
        for kind in self.kinds {
            match kinds.entry(kind.name()) {
                Entry::Occupied(taken) => return Err(Error::KindTwice(taken.key())),
                Entry::Vacant(free) => drop(free.insert(kind)),
            }
        }
        let logs = open_logs(&self.store, self.log_dir).await?;
        let begun = self.store.read(|conn| rows::begun(conn).map_err(Error::from)).await?;
        let kill = CancellationToken::new();
        let core = Arc::new(Core {
            store: self.store,
            kinds,
            logs,
            runtime: Handle::current(),
            lives: Mutex::default(),
            places: Arc::new(Semaphore::new(self.pace.at_once.clamp(1, Semaphore::MAX_PERMITS))),
            pace: self.pace,
            stop: CancellationToken::new(),
            kill: kill.clone(),
            tasks: TaskTracker::new(),
            wake: Notify::new(),
        });
        let run = runner::run(Arc::clone(&core), begun);
        core.tasks.spawn(async move { kill.run_until_cancelled_owned(run).await });
        let guard = Arc::new(core.kill.clone().drop_guard());
        Ok(Jobs { core, _guard: guard })
    }
}

/// Makes the folder and removes logs whose job was forgotten just before a crash.
async fn open_logs(store: &Store, dir: PathBuf) -> Result<Logs, Error> {
    let known = store.read(|conn| rows::all(conn).map_err(Error::from)).await?;
    let opened = tokio::task::spawn_blocking(move || {
        let logs = Logs::open(dir)?;
        let ids = logs.ids().map_err(Error::log("reading the folder of job logs"))?;
        ids.into_iter().filter(|id| !known.contains(id)).for_each(|id| logs.remove(id));
        Ok(logs)
    });
    opened.await.map_err(|_| store::Error::Panicked)?
}

/// The jobs of the box. A handle: clones share everything. When the last one is dropped without
/// [`Jobs::park`], the work stops where it stands, as in a crash, and the next start resumes it.
#[derive(Clone)]
pub struct Jobs {
    core: Arc<Core>,
    _guard: Arc<DropGuard>,
}

impl Jobs {
    /// Begins to build the runner. `log_dir` is the folder that holds one `<id>.log` for each job; it is
    /// made with mode 0700.
    #[must_use]
    pub fn builder(store: Store, log_dir: impl Into<PathBuf>) -> Builder {
        Builder { store, log_dir: log_dir.into(), kinds: Vec::new(), pace: Pace::default() }
    }

    /// Looks at the queue now. Not needed after [`enqueue`](crate::enqueue()): the runner hears of the
    /// commit by itself. It does no harm.
    pub fn wake(&self) {
        self.core.wake.notify_one();
    }

    /// How many jobs are worked on right now, those that wait for their next try included.
    #[must_use]
    pub fn active(&self) -> usize {
        lock(&self.core.lives).len()
    }

    /// The wanted jobs, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`], also for a cursor that is none.
    pub async fn list(&self, filter: Filter, page: &PageRequest) -> Result<Page<Job>, Error> {
        let page = page.clone();
        let mut found = self.core.store.read(move |conn| view::list(conn, &filter, &page)).await?;
        found.items.iter_mut().for_each(|job| self.add_live(job));
        Ok(found)
    }

    /// One job with its steps, or none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn get(&self, id: JobId) -> Result<Option<Job>, Error> {
        let mut found = self.core.store.read(move |conn| view::get(conn, id)).await?;
        found.iter_mut().for_each(|job| self.add_live(job));
        Ok(found)
    }

    /// Cancels a job for `by`: one that has not begun ends at once; a running one is told to stop, and
    /// everything that it did is undone. Asking again does nothing more. Written to history as
    /// `job.cancel`.
    ///
    /// # Errors
    /// [`Error::Unknown`]; [`Error::Refused`] when it has ended, is being undone already, or is past the
    /// point where it can be undone.
    pub async fn cancel(&self, id: JobId, by: &Actor, address: Option<IpAddr>) -> Result<(), Error> {
        let core = Arc::clone(&self.core);
        let by = by.clone();
        let applied = self.core.write(move |tx| {
            let (head, before) = rows::load(tx, id)?.ok_or(Error::Unknown(id))?;
            if !before.is_cancelling() {
                let detail = serde_json::json!({ "job": id, "kind": head.kind, "title": head.title });
                let subject = transition::subject(&head);
                let outcome = store::Outcome::Ok;
                tx.event(NewEvent { actor: by, action: deed::JOB_CANCEL, subject, outcome, detail, address })?;
            }
            let work = core.open(&head.kind, &head.args).ok();
            let cancel = |machine: &mut crate::machine::Machine, _| machine.cancel().map_err(Error::Refused);
            transition::apply(tx, id, work.as_ref(), None, core.pace.kept, cancel)
        });
        if applied.await?.machine.is_cancelling()
            && let Some(live) = lock(&self.core.lives).get(&id)
        {
            live.cancel.cancel();
        }
        Ok(())
    }

    /// A piece of a job's log: whole lines from byte `from` on, at most `max` bytes (held within 16 KiB
    /// and [`LOG_MAX_BYTES`](crate::LOG_MAX_BYTES), which is all of it). Follow it with [`Topic::Job`] until the piece says that the log has ended.
    ///
    /// # Errors
    /// [`Error::Unknown`]; [`Error::Log`] when the file cannot be read.
    pub async fn log(&self, id: JobId, from: u64, max: usize) -> Result<LogChunk, Error> {
        let job = self.core.store.read(move |conn| view::get(conn, id)).await?.ok_or(Error::Unknown(id))?;
        // The last lines come after the last row.
        let ended = job.state.is_final() && !lock(&self.core.lives).contains_key(&id);
        let path = self.core.logs.path(id);
        let read = tokio::task::spawn_blocking(move || log::read(&path, from, max, ended));
        let chunk = read.await.map_err(|_| store::Error::Panicked)?;
        chunk.map_err(Error::log(format!("reading the log of job {id}")))
    }

    /// Waits until a job has ended.
    ///
    /// # Errors
    /// [`Error::Unknown`]; [`Error::Store`], also when the store is closed meanwhile.
    pub async fn wait(&self, id: JobId) -> Result<Job, Error> {
        let mut changes = self.core.store.changes();
        loop {
            let job = self.get(id).await?.ok_or(Error::Unknown(id))?;
            if job.state.is_final() {
                return Ok(job);
            }
            loop {
                match changes.recv().await {
                    Ok(topic) if topic != Topic::Job(id) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return Err(store::Error::Closed.into()),
                }
            }
        }
    }

    /// Stops for a shutdown, within a few seconds: no new step begins, running ones are told to stop, and
    /// the next start resumes every job where it is. Afterwards nothing runs any more.
    pub async fn park(&self) {
        self.core.stop.cancel();
        self.core.tasks.close();
        if timeout(self.core.pace.park_limit, self.core.tasks.wait()).await.is_err() {
            tracing::warn!("some jobs did not stop in time; they are broken off and resumed at the next start");
            self.core.kill.cancel();
        }
    }

    fn add_live(&self, job: &mut Job) {
        if is_driven(job.state)
            && let Some(live) = lock(&self.core.lives).get(&job.id)
        {
            let shown = live.shown();
            job.progress = shown.progress;
            job.message = shown.message;
        }
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").field("active", &self.active()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.name()).collect();
        f.debug_struct("Builder").field("kinds", &kinds).finish_non_exhaustive()
    }
}
