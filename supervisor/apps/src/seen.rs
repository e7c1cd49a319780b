//! What is known of each app at this moment, in memory: nothing of it is needed after a restart.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use orbitr_model::{AppId, Timestamp};

use crate::{care::Case, view::Care};

/// One app.
#[derive(Default)]
pub(crate) struct Known {
    /// What the probe saw last.
    pub(crate) probe: Option<Result<(), String>>,
    /// What it needs that is not there, where that keeps it from working: «it needs another app: Database is stopped».
    pub(crate) waits: Option<String>,
    /// Where the app is not well, or was not lately.
    pub(crate) case: Option<Case>,
    /// The span of its history that goes on: its beginning, and whether the app is up in it.
    pub(crate) span: Option<(Timestamp, bool)>,
}

/// All apps. A handle: clones share everything.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<HashMap<AppId, Known>>>);

impl Seen {
    fn locked<T>(&self, f: impl FnOnce(&mut HashMap<AppId, Known>) -> T) -> T {
        // No code of ours can panic while it holds the lock; what it guards is whole.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn with<T>(&self, app: &AppId, f: impl FnOnce(&mut Known) -> T) -> T {
        self.locked(|all| f(all.entry(app.clone()).or_default()))
    }

    /// A job reached the app: nobody has to look again to know it.
    pub(crate) fn reached(&self, app: &AppId) {
        self.with(app, |known| known.probe = Some(Ok(())));
    }

    /// It is as it should be; a case that was so for long is closed.
    pub(crate) fn is_well(&self, app: &AppId) {
        let now = Instant::now();
        self.with(app, |known| {
            known.waits = None;
            if known.case.as_mut().is_some_and(|case| case.is_over(now)) {
                known.case = None;
            }
        });
    }

    /// What the probe saw last; none before its first answer.
    pub(crate) fn probe(&self, app: &AppId) -> Option<Result<(), String>> {
        self.locked(|all| all.get(app)?.probe.clone())
    }

    /// What it waits for, if anything.
    pub(crate) fn waits(&self, app: &AppId) -> Option<String> {
        self.locked(|all| all.get(app)?.waits.clone())
    }

    /// What is done to bring it back.
    pub(crate) fn care(&self, app: &AppId) -> Option<Care> {
        self.locked(|all| all.get(app)?.case.as_ref()?.shown())
    }

    /// When the span that goes on began.
    pub(crate) fn span(&self, app: &AppId) -> Option<Timestamp> {
        self.locked(|all| all.get(app)?.span.map(|(since, _)| since))
    }

    /// Every span that goes on.
    pub(crate) fn spans(&self) -> Vec<(AppId, Timestamp)> {
        self.locked(|all| all.iter().filter_map(|(app, known)| Some((app.clone(), known.span?.0))).collect())
    }

    /// False where nothing was known.
    pub(crate) fn forget(&self, app: &AppId) -> bool {
        self.locked(|all| all.remove(app).is_some())
    }

    pub(crate) fn forget_all(&self) {
        self.locked(HashMap::clear);
    }
}
