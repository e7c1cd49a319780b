//! How an act is asked and how it tells what it does.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use orbitr_host::{files, inbox};
use orbitr_model::{Act, ActProblem, ActReport, ActState, Problem};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{Error, Places};

/// The most that a request may have.
const LONGEST_REQUEST: u64 = 64 * 1024;
/// The longest id of a request that is given back.
const LONGEST_ID: usize = 64;

type OnStep = Arc<dyn Fn(&str) + Send + Sync>;

/// One run of an act.
#[derive(Clone)]
pub struct Run {
    pub(crate) places: Places,
    pub(crate) cancel: CancellationToken,
    report: Arc<Mutex<ActReport>>,
    on_step: OnStep,
}

impl Run {
    /// Of an act, over these places, until it is cancelled. `on_step` is told each step before it is begun: for the journal.
    pub fn new(
        act: Act,
        places: Places,
        cancel: CancellationToken,
        on_step: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let report = ActReport {
            version: 1,
            act,
            id: String::new(),
            state: ActState::Running,
            step: String::new(),
            fraction: None,
            problem: None,
            value: None,
        };
        Self { places, cancel, report: Arc::new(Mutex::new(report)), on_step: Arc::new(on_step) }
    }

    /// What the act is asked, if anything. The file is gone afterwards.
    pub(crate) fn request<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        let act = self.change(|report| report.act);
        let file = format!("{act}.json");
        let places = &self.places;
        let asked = || inbox::take(&places.requests.join(&file), places.asker, LONGEST_REQUEST);
        let at_the_box = || inbox::take(&places.console_requests.join(&file), places.console, LONGEST_REQUEST);
        let bytes = match act {
            // Whoever stands in front of the box asks for the one thing that must work without the supervisor; what the
            // supervisor asked at the same time is gone with it.
            Act::FactoryReset => match (at_the_box(), asked()) {
                (Ok(None), asked) => asked,
                (found, _) => found,
            },
            Act::SaveSupport => at_the_box(),
            _ => asked(),
        };
        let bytes = bytes.map_err(|error| Error::Request(error.to_string()))?;
        let Some(bytes) = bytes else { return Ok(None) };
        // The id before the rest, so that whoever asked wrongly is told, too.
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| Error::Request("it is no JSON".to_owned()))?;
        if let Some(id) = value.get("id").and_then(Value::as_str) {
            let id: String = id.chars().filter(char::is_ascii_graphic).take(LONGEST_ID).collect();
            self.change(|report| report.id = id);
        }
        if value.get("version").and_then(Value::as_u64) != Some(1) {
            return Err(Error::Request("it is of another version".to_owned()));
        }
        // Not serde's own words: they would quote a key that stands in the wrong place.
        let wrong = |error: serde_json::Error| Error::Request(format!("wrong at column {}", error.column()));
        serde_json::from_value(value).map(Some).map_err(wrong)
    }

    /// Begins a step; also where an act that was asked to stop ends.
    pub(crate) fn step(&self, words: &str) -> Result<(), Error> {
        (self.on_step)(words);
        if self.cancel.is_cancelled() {
            return Err(Error::Stopped);
        }
        self.change(|report| words.clone_into(&mut report.step));
        self.write();
        Ok(())
    }

    /// Says how much is done, 0 to 1; at most a hundred times.
    pub(crate) fn fraction(&self, done: f64) -> Result<(), Error> {
        if self.cancel.is_cancelled() {
            return Err(Error::Stopped);
        }
        let rounded = (done.clamp(0.0, 1.0) * 100.0).floor() / 100.0;
        let changed = self.change(|report| report.fraction.replace(rounded) != Some(rounded));
        if changed {
            self.write();
        }
        Ok(())
    }

    /// Says how it went.
    pub(crate) fn end(&self, done: Result<Option<Value>, Error>) -> Result<(), Error> {
        let (state, value, failed) = match done {
            Ok(value) => (ActState::Done, value, None),
            Err(error) => (ActState::Failed, None, Some(error)),
        };
        let problem = failed.as_ref().map(|error| ActProblem::from(Problem::from(error)));
        self.change(|report| {
            report.state = state;
            report.value = value;
            report.problem = problem;
            if state == ActState::Done {
                report.fraction = report.fraction.map(|_| 1.0);
            }
        });
        self.write();
        failed.map_or(Ok(()), Err)
    }

    fn change<T>(&self, change: impl FnOnce(&mut ActReport) -> T) -> T {
        change(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self) {
        let report = self.change(|report| report.clone());
        let folder = self.places.box_run.join("results");
        let written = files::make_dir(&folder, 0o755)
            .map_err(Error::io("Writing the report"))
            .and_then(|()| leave(&folder.join(format!("{}.json", report.act)), &report));
        if let Err(error) = written {
            // The act itself is what counts.
            tracing::warn!(%error, "the report could not be written");
        }
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("places", &self.places).finish_non_exhaustive()
    }
}

/// Leaves a file for everybody, by rename.
pub(crate) fn leave(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let bytes = serde_json::to_vec(value).map_err(|error| Error::Request(error.to_string()))?;
    files::write(path, &bytes, 0o644).map_err(Error::io("Leaving a file for the supervisor"))
}
