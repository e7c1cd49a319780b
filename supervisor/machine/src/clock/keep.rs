//! The last moment at which the box ran, in a file of its own: it is read before anything else can be trusted, and written
//! too often for the database.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use orbitr_host::{clock, files};
use orbitr_model::Timestamp;

use super::{Facts, Verdict, is_worth_keeping, judge};

/// The file in the state folder: seconds since 1970, one line.
const FILE: &str = "last-seen";
/// Nothing is known.
const NEVER: i64 = i64::MIN;

/// Judges the clock and keeps the last moment seen. A handle.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    file: PathBuf,
    built: Timestamp,
    last_seen: Arc<AtomicI64>,
}

impl Keeper {
    /// Reads what was kept. A file that cannot be read is as none: nothing may keep a box from starting.
    pub(crate) fn open(state_dir: &Path, built: Timestamp) -> Self {
        let file = state_dir.join(FILE);
        let kept = std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(NEVER);
        Self { file, built, last_seen: Arc::new(AtomicI64::new(kept)) }
    }

    fn facts(&self, now: Timestamp, synchronised: Option<bool>) -> Facts {
        let last_seen = Timestamp::from_second(self.last_seen.load(Ordering::Relaxed)).ok();
        let battery = clock::battery_backed().and_then(|seconds| Timestamp::from_second(seconds).ok());
        Facts {
            now,
            built: self.built,
            last_seen: last_seen.filter(|seen| *seen > Timestamp::UNIX_EPOCH),
            battery,
            synchronised,
        }
    }

    pub(crate) fn judge(&self, now: Timestamp, synchronised: Option<bool>) -> Verdict {
        judge(&self.facts(now, synchronised))
    }

    /// Keeps this moment, if it may be kept. What time servers confirm replaces a later one, too.
    pub(crate) async fn keep(&self, now: Timestamp, synchronised: Option<bool>) {
        let facts = self.facts(now, synchronised);
        let is_later = facts.last_seen.is_none_or(|seen| now > seen);
        if !is_worth_keeping(&facts) || !(is_later || synchronised == Some(true)) {
            return;
        }
        self.last_seen.store(now.as_second(), Ordering::Relaxed);
        let (file, text) = (self.file.clone(), format!("{}\n", now.as_second()));
        match tokio::task::spawn_blocking(move || files::write(&file, text.as_bytes(), 0o600)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "when the box was last seen could not be written down"),
            Err(error) => tracing::error!(%error, "writing down when the box was last seen broke off"),
        }
    }
}
