//! Crashes one after another. What makes the supervisor end each time is most likely something that it opens, so after
//! the third it comes up without opening it: in Recovery mode, which needs no database.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use orbitr_host::{clock, files};
use serde::{Deserialize, Serialize};

/// So many within the window, and the next start is another one.
const LIMIT: usize = 3;
const WINDOW: Duration = Duration::from_secs(5 * 60);
const FILE: &str = "starts.json";

/// The starts of this boot that nobody ended in an orderly way, this one among them.
#[derive(Debug)]
pub(super) struct Starts {
    path: PathBuf,
    before: usize,
}

#[derive(Default, Serialize, Deserialize)]
struct Record {
    /// The kernel's: a power cut is no crash.
    boot: String,
    /// In seconds since then, which no clock that is set changes.
    starts: Vec<u64>,
}

impl Starts {
    /// Notes this start. What cannot be read or written counts for nothing: this must never be what keeps the box down.
    pub(super) fn note(state_dir: &Path) -> Self {
        let path = state_dir.join(FILE);
        let before = note(&path).unwrap_or_else(|error| {
            tracing::warn!(%error, file = %path.display(), "starts are not counted");
            0
        });
        Self { path, before }
    }

    /// How often it crashed within the last five minutes, if that is too often.
    pub(super) fn too_many(&self) -> Option<usize> {
        (self.before >= LIMIT).then_some(self.before)
    }

    /// From here on it counts anew, with this start as the first.
    pub(super) fn count_anew(&mut self) {
        self.ended_well();
        *self = Self::note(self.path.parent().unwrap_or(&self.path));
    }

    /// This was no crash.
    pub(super) fn ended_well(&self) {
        if let Err(error) = files::remove(&self.path) {
            tracing::warn!(%error, "the count of starts cannot be removed");
        }
    }
}

fn note(path: &Path) -> io::Result<usize> {
    let (boot, now) = (clock::boot_id(), clock::since_boot()?.as_secs());
    let mut record: Record =
        fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    if record.boot != boot {
        record = Record { boot, starts: Vec::new() };
    }
    record.starts.retain(|start| now.saturating_sub(*start) < WINDOW.as_secs());
    let before = record.starts.len();
    record.starts.push(now);
    // Not beyond what is asked for: a loop that nobody sees may go on for days.
    let over = record.starts.len().saturating_sub(LIMIT + 1);
    record.starts.drain(..over);
    files::write(path, &serde_json::to_vec(&record)?, 0o600)?;
    Ok(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_crash_is_one_too_many_and_an_orderly_end_forgets_them() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            assert_eq!(Starts::note(dir.path()).too_many(), None);
        }
        assert_eq!(Starts::note(dir.path()).too_many(), Some(3));
        let mut again = Starts::note(dir.path());
        assert!(again.too_many().is_some());
        again.count_anew();
        assert_eq!(again.too_many(), None);
        assert_eq!(Starts::note(dir.path()).before, 1, "the start that goes on counts");
        again.ended_well();
        assert_eq!(Starts::note(dir.path()).before, 0);
    }

    #[test]
    fn a_power_cut_is_no_crash_and_neither_is_what_was_long_ago() {
        let dir = tempfile::tempdir().unwrap();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        for (boot, starts) in [("another", "[1, 2, 3]"), (boot.trim(), "[0, 0, 0]")] {
            fs::write(dir.path().join(FILE), format!(r#"{{"boot": "{boot}", "starts": {starts}}}"#)).unwrap();
            // (a machine that has just been started cannot tell)
            if boot == "another" || fs::read_to_string("/proc/uptime").unwrap().len() > "300.00 300.00\n".len() {
                assert_eq!(Starts::note(dir.path()).before, 0, "{boot}");
            }
        }
        fs::write(dir.path().join(FILE), "nonsense").unwrap();
        assert_eq!(Starts::note(dir.path()).before, 0);
    }
}
