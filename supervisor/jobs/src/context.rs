//! What a step gets to work with.

use std::{fmt, sync::Arc};

use orbitr_model::{Actor, AppId, JobId, Timestamp};
use orbitr_store::Store;
use tokio_util::sync::CancellationToken;

use crate::{live::Live, log::plain};

/// The step's hands: its log, its progress, the signal to stop, the database. Cheap to clone.
#[derive(Clone)]
pub struct StepContext {
    pub(crate) live: Arc<Live>,
    pub(crate) store: Store,
    pub(crate) stop: CancellationToken,
    pub(crate) turn: u64,
    pub(crate) attempt: u32,
    pub(crate) resumed: bool,
    pub(crate) actor: Arc<Actor>,
    pub(crate) app: Option<AppId>,
}

impl StepContext {
    /// Ends when the step has to stop: the job is cancelled, the step's limit has passed, or the
    /// supervisor shuts down. A step that has not returned a few seconds later is dropped. What it
    /// returns after this does not matter: it is undone, tried again or begun again.
    pub async fn cancelled(&self) {
        self.stop.cancelled().await;
    }

    /// The same signal as a token, for calls that take one.
    #[must_use]
    pub const fn token(&self) -> &CancellationToken {
        &self.stop
    }

    /// Adds to the job's log: each line is stamped, and every known secret is taken out. Never blocks.
    pub fn log(&self, line: &str) {
        self.live.log.line(Timestamp::now(), line);
    }

    /// Says how far this step is, from 0 to 1 where that is known, and what it is at. Kept in memory and
    /// shown live; the last one is written with the step's end.
    pub fn progress(&self, fraction: Option<f64>, text: impl AsRef<str>) {
        let plain = plain(text.as_ref());
        self.live.progress(self.turn, fraction, &self.store.redactor().redact(&plain));
    }

    /// The job.
    #[must_use]
    pub fn job(&self) -> JobId {
        self.live.id
    }

    /// The app that the job works on.
    #[must_use]
    pub const fn app(&self) -> Option<&AppId> {
        self.app.as_ref()
    }

    /// Who wanted the job.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Which try of this step, or of its undo, this is; from 1. More than 1 means that it may have half
    /// run before.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether the job began under an earlier run of the supervisor: the machine may have been off since, and what earlier
    /// steps started may have ended with it.
    #[must_use]
    pub const fn resumed(&self) -> bool {
        self.resumed
    }

    /// The database.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }
}

impl fmt::Debug for StepContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepContext").field("job", &self.job()).field("attempt", &self.attempt).finish_non_exhaustive()
    }
}
