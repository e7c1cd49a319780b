//! What is known of a job only while it is worked on: its progress, its cancel token, its log.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use orbitr_model::{JobId, Topic};
use orbitr_store::Store;
use tokio::{runtime::Handle, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    log::{LogSink, cut},
    rows::Shown,
};

/// Readers of one job hear of its progress and log at most this often.
const NOTIFY_EVERY: Duration = Duration::from_millis(100);
const MESSAGE_MAX_BYTES: usize = 300;

/// A job that is being worked on.
pub(crate) struct Live {
    pub(crate) id: JobId,
    /// Somebody asked for a cancel.
    pub(crate) cancel: CancellationToken,
    pub(crate) log: LogSink,
    throttle: Arc<Throttle>,
    now: Mutex<AtHand>,
}

struct AtHand {
    shown: Shown,
    /// Counts the tries, so that what a finished step left running cannot speak for the next one.
    turn: u64,
}

impl Live {
    pub(crate) fn new(id: JobId, log: LogSink, throttle: Arc<Throttle>) -> Self {
        let now = Mutex::new(AtHand { shown: Shown::default(), turn: 0 });
        Self { id, cancel: CancellationToken::new(), log, throttle, now }
    }

    pub(crate) fn shown(&self) -> Shown {
        lock(&self.now).shown.clone()
    }

    /// A new try begins: its progress starts from nothing. Returns its number.
    pub(crate) fn new_turn(&self) -> u64 {
        let mut now = lock(&self.now);
        now.turn += 1;
        now.shown = Shown::default();
        now.turn
    }

    /// What a step says of itself; heard only in its own turn.
    pub(crate) fn progress(&self, turn: u64, fraction: Option<f64>, message: &str) {
        let message = message.replace('\n', " ");
        {
            let mut now = lock(&self.now);
            if now.turn != turn {
                return;
            }
            now.shown.progress = fraction.filter(|f| f.is_finite()).map(|f| f.clamp(0.0, 1.0));
            now.shown.message = cut(message.trim(), MESSAGE_MAX_BYTES).to_owned();
        }
        self.throttle.hit();
    }

    /// What the runner says, between two tries.
    pub(crate) fn say(&self, message: &str) {
        let turn = self.new_turn();
        self.progress(turn, None, message);
    }
}

/// Lets one notice in a while through; the last one always arrives.
pub(crate) struct Throttle {
    store: Store,
    topic: Topic,
    runtime: Handle,
    state: Mutex<ThrottleState>,
}

#[derive(Default)]
struct ThrottleState {
    last: Option<Instant>,
    due: bool,
}

impl Throttle {
    pub(crate) fn new(store: Store, id: JobId, runtime: Handle) -> Arc<Self> {
        Arc::new(Self { store, topic: Topic::Job(id), runtime, state: Mutex::default() })
    }

    /// Something changed.
    pub(crate) fn hit(self: &Arc<Self>) {
        let now = Instant::now();
        let mut state = lock(&self.state);
        if state.due {
            return;
        }
        match state.last.map(|last| last + NOTIFY_EVERY) {
            Some(next) if next > now => {
                state.due = true;
                drop(state);
                let this = Arc::clone(self);
                self.runtime.spawn(async move {
                    tokio::time::sleep_until(next).await;
                    *lock(&this.state) = ThrottleState { last: Some(next), due: false };
                    this.store.notify(this.topic.clone());
                });
            }
            _ => {
                state.last = Some(now);
                drop(state);
                self.store.notify(self.topic.clone());
            }
        }
    }
}

/// A step that panics while it reports progress must not take the report of other jobs with it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
