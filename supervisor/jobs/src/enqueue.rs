//! Putting a job into the queue, in the transaction of the change that it carries out.

use orbitr_model::{Actor, AppId, JobId, JobState, Topic};
use orbitr_store::{self as store, Tx, time::to_ms};
use rusqlite::params;

use crate::{Error, Kind, log::cut};

/// A longer title is cut; history has no room for more.
const TITLE_MAX_BYTES: usize = 300;

/// A job to be done.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Its kind, [`Kind::NAME`].
    pub kind: &'static str,
    /// The kind's arguments as JSON.
    pub args: serde_json::Value,
    /// What people see, for example «Install PostgreSQL».
    pub title: String,
    /// Who wants it.
    pub actor: Actor,
    /// The app that it works on.
    pub app: Option<AppId>,
    /// A second app that it works on, such as the clone that it makes of the first; it holds that one's lock too.
    pub also: Option<AppId>,
    /// Jobs with the same lock run one at a time, first come, first served.
    pub lock: Option<String>,
}

impl NewJob {
    /// A job of a kind, with typed arguments, without an app and without a lock.
    ///
    /// # Errors
    /// [`Error::Arguments`] when the arguments cannot be written as JSON.
    pub fn of<K: Kind>(args: &K::Args, title: impl Into<String>, actor: Actor) -> Result<Self, Error> {
        let args = serde_json::to_value(args).map_err(|source| Error::Arguments { kind: K::NAME, source })?;
        Ok(Self { kind: K::NAME, args, title: title.into(), actor, app: None, also: None, lock: None })
    }

    /// The app that it works on; it also takes that app's lock, `app:<id>`.
    #[must_use]
    pub fn on(mut self, app: AppId) -> Self {
        self.lock = Some(lock_of(&app));
        self.app = Some(app);
        self
    }

    /// A second app that it works on: no other job works on that one meanwhile either.
    #[must_use]
    pub fn also_on(mut self, app: AppId) -> Self {
        self.also = Some(app);
        self
    }

    /// The lock that it needs.
    #[must_use]
    pub fn lock(mut self, lock: impl Into<String>) -> Self {
        self.lock = Some(lock.into());
        self
    }
}

/// Puts a job into the queue. It begins after the caller's transaction is committed, and never if that
/// is rolled back.
///
/// # Errors
/// When the database refuses.
pub fn enqueue(tx: &mut Tx<'_>, job: NewJob) -> Result<JobId, Error> {
    let id = JobId::new();
    let actor = serde_json::to_string(&job.actor).map_err(|source| Error::Arguments { kind: job.kind, source })?;
    tx.prepare_cached(
        "INSERT INTO job (id, kind, args, title, actor, owner, app, lock, state, queued, also, also_lock)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )
    .and_then(|mut insert| {
        insert.execute(params![
            id.to_string(),
            job.kind,
            job.args.to_string(),
            cut(&job.title, TITLE_MAX_BYTES),
            actor,
            job.actor.user().map(|user| user.to_string()),
            job.app.as_ref().map(AppId::as_str),
            job.lock,
            JobState::Queued.as_str(),
            to_ms(tx.now()),
            job.also.as_ref().map(AppId::as_str),
            job.also.as_ref().map(lock_of),
        ])
    })
    .map_err(store::Error::from)?;
    tx.changed(Topic::Jobs);
    for app in job.app.into_iter().chain(job.also) {
        tx.changed(Topic::App(app));
    }
    Ok(id)
}

/// The lock of an app.
fn lock_of(app: &AppId) -> String {
    format!("app:{app}")
}
