//! Handing a request over, waiting for an act, and telling one that was killed from one that is at work.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use orbitr_host::{
    dbus::{Error as BusError, JobResult},
    files,
    watch::Watch,
};
use orbitr_model::{Act, ActReport, ActState, Problem, machine_serial};
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;

use super::{ASKED_FOR, Acts};

/// How long an act may take where something stands in for its unit.
const STAND_IN: Duration = Duration::from_secs(60);

/// How often an act that somebody else asked for is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// An act that is over and did not say how it went.
pub(super) fn ended(word: &str) -> Problem {
    Problem::new(502, "act-ended", "It ended before it was done").why(format!("systemd says «{word}»."))
}

async fn put(path: PathBuf, bytes: Vec<u8>) -> Result<(), Problem> {
    let written = tokio::task::spawn_blocking(move || {
        let folder = path.parent().unwrap_or(&path);
        files::make_dir(folder, 0o700).and_then(|()| files::write(&path, &bytes, 0o600))
    });
    written.await.map_err(|_| Problem::internal())?.map_err(|error| {
        Problem::new(502, "request-unwritten", "The request could not be handed over").why(error.to_string())
    })
}

impl Acts {
    fn request_file(&self, act: Act) -> PathBuf {
        self.inner.requests.join(format!("{act}.json"))
    }

    /// Puts a request where its act reads it.
    pub(super) async fn hand_over(&self, act: Act, request: &impl Serialize) -> Result<(), Problem> {
        let bytes = serde_json::to_vec(request).map_err(|_| Problem::internal())?;
        put(self.request_file(act), bytes).await
    }

    /// Where requests are put, and what goes with them.
    #[must_use]
    pub fn request_folder(&self) -> &Path {
        &self.inner.requests
    }

    /// Puts a file beside the request that speaks of it.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn hand_in(&self, name: &str, bytes: Vec<u8>) -> Result<(), Problem> {
        put(self.inner.requests.join(name), bytes).await
    }

    /// Takes it back, where its act did not take it.
    pub fn take_back(&self, name: &str) {
        if let Err(error) = files::remove(&self.inner.requests.join(name)) {
            tracing::warn!(name, %error, "what was handed in could not be taken back");
        }
    }

    /// Starts the unit of an act and waits until it has ended. A request that it did not take is taken back: it must not
    /// lie there for whoever starts the unit next.
    pub(super) async fn start_unit(&self, act: Act, limit: Duration) -> Result<JobResult, BusError> {
        let ended = self.inner.bus.start_unit(&act.unit(), limit).await;
        if let Err(error) = files::remove(&self.request_file(act)) {
            tracing::warn!(%act, %error, "a request could not be taken back");
        }
        ended
    }

    /// Has an act done and waits until it has ended, for at most `limit`. Gives what it found or made, if it said so.
    ///
    /// # Errors
    /// Why it did not do what was asked, in its own words where it has some.
    pub async fn perform(
        &self,
        act: Act,
        id: &str,
        request: &impl Serialize,
        limit: Duration,
    ) -> Result<Option<Value>, Problem> {
        self.hand_over(act, request).await?;
        if self.inner.places.stands_in {
            return self.stood_in(act, id).await;
        }
        let ended = self.start_unit(act, limit).await;
        let told = self.report(act).filter(|report| report.id == id && report.state != ActState::Running);
        let (problem, value) = told.map(|report| (report.problem, report.value)).unwrap_or_default();
        match (problem, ended) {
            (Some(problem), _) => Err(problem.into()),
            (None, Ok(JobResult::Done)) => Ok(value),
            (None, Ok(JobResult::NotDone(word))) => Err(self::ended(&word)),
            (None, Err(error)) => Err(error.into()),
        }
    }

    /// The same, and hands on what the act says of itself meanwhile.
    ///
    /// # Errors
    /// As [`Acts::perform`].
    pub async fn perform_telling(
        &self,
        act: Act,
        id: &str,
        request: &impl Serialize,
        limit: Duration,
        tell: impl Fn(&ActReport),
    ) -> Result<Option<Value>, Problem> {
        let folder = self.box_run().join("results");
        let mut watch = Watch::folders([folder.as_path()]).ok();
        let mut doing = std::pin::pin!(self.perform(act, id, request, limit));
        loop {
            let changed = async {
                let heard = match &mut watch {
                    Some(watch) => watch.changed().await.is_ok(),
                    None => false,
                };
                if !heard {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                ended = &mut doing => return ended,
                () = changed => {
                    if let Some(report) = self.report(act).filter(|report| report.id == id) {
                        tell(&report);
                    }
                }
            }
        }
    }

    /// Waits until an act that was asked for before has ended, for at most `limit`.
    pub async fn settled(&self, act: Act, limit: Duration) {
        let ended = async {
            while self.running(act).is_some() && !self.was_killed(act).await {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        if timeout(limit, ended).await.is_err() {
            tracing::warn!(%act, "an act is still at work");
        }
    }

    /// Waits for whoever does what the unit would.
    async fn stood_in(&self, act: Act, id: &str) -> Result<Option<Value>, Problem> {
        let folder = self.box_run().join("results");
        let answered = async {
            let mut watch = Watch::folders([folder.as_path()]).ok()?;
            loop {
                let report = self.report(act).filter(|report| report.id == id && report.state != ActState::Running);
                if report.is_some() {
                    return report;
                }
                watch.changed().await.ok()?;
            }
        };
        match timeout(STAND_IN, answered).await.ok().flatten() {
            Some(report) => report.problem.map_or(Ok(report.value), |problem| Err(problem.into())),
            None => Err(ended("timeout")),
        }
    }

    /// What an act says while it says that it is at work.
    pub(super) fn running(&self, act: Act) -> Option<ActReport> {
        self.report(act).filter(|report| report.state == ActState::Running)
    }

    /// Whether an act that says that it is at work is not: its unit does not run. Where systemd cannot be asked, it is
    /// believed.
    pub(super) async fn was_killed(&self, act: Act) -> bool {
        if self.inner.places.stands_in {
            return false;
        }
        let Ok(unit) = self.inner.bus.unit(&act.unit()).await else { return false };
        // It may have ended in this moment: then it has said how.
        matches!(unit.row.active.as_str(), "inactive" | "failed") && self.running(act).is_some()
    }

    /// An act that was killed while it was at work: by a power button, by somebody with a shell.
    pub(super) async fn killed(&self) -> Option<(Act, Problem)> {
        for act in ASKED_FOR {
            let Some(report) = self.running(act) else { continue };
            if self.was_killed(act).await {
                let problem = Problem::new(502, "act-killed", "It was cut off before it was done")
                    .why(format!("Its last words were «{}».", report.step))
                    .then("Start it again: it goes on where it was.");
                return Some((act, problem));
            }
        }
        None
    }

    /// What must be typed before everything is erased; none where the machine has neither a serial number nor an id.
    ///
    /// # Errors
    /// hostnamed is there and does not say.
    pub async fn machine_serial(&self) -> Result<Option<String>, BusError> {
        let firmware = match self.inner.bus.hardware_serial().await {
            Err(error) if error.is_absence() => None,
            found => found?,
        };
        let places = &self.inner.places;
        let id = if places.stands_in { places.run.join("machine-id") } else { "/etc/machine-id".into() };
        let id = std::fs::read_to_string(id).unwrap_or_default();
        Ok(machine_serial(firmware.as_deref(), &id))
    }
}
