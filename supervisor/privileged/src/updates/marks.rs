//! What a version that did not do its work leaves on the ESP, for the version that takes its place:
//! `orbitr/failed/VERSION.json`, and the end of the supervisor's journal beside it.

use std::{fs, path::PathBuf};

use orbitr_host::{exec::Command, files};
use orbitr_model::{ImageVersion, ReturnReason, ReturnedVersion, Timestamp};

use super::LIMIT;
use crate::{Error, Places, Run, updates::read};

const WHAT: &str = "Noting why the version is given up";
/// The most of the journal that is kept; the ESP is small.
const MOST: usize = 64 * 1024;

/// Why a version is given up.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) version: ImageVersion,
    pub(crate) reason: ReturnReason,
    pub(crate) boot_id: String,
    pub(crate) journal: String,
}

/// Leaves it; the journal first, so that what is marked is whole.
pub(crate) fn leave_mark(places: &Places, mark: Mark, now: Timestamp) -> Result<(), Error> {
    let folder = folder(places);
    let cut = mark.journal.len().saturating_sub(MOST);
    let start = (cut..mark.journal.len()).find(|at| mark.journal.is_char_boundary(*at)).unwrap_or(cut);
    let journal = mark.journal.get(start..).unwrap_or_default();
    let (log, json) = (folder.join(format!("{}.log", mark.version)), folder.join(format!("{}.json", mark.version)));
    let told = ReturnedVersion {
        version: mark.version,
        at: Some(now),
        reason: Some(mark.reason),
        boot_id: Some(mark.boot_id),
    };
    let bytes = serde_json::to_vec(&told).map_err(|error| Error::Request(error.to_string()))?;
    files::make_dir(&folder, 0o700)
        .and_then(|()| files::write(&log, journal.as_bytes(), 0o600))
        .and_then(|()| files::write(&json, &bytes, 0o600))
        .map_err(Error::io(WHAT))
}

/// Notes that a version did not come so far as to say why: another one will take its slot, and it must not be tried again then.
pub(super) fn leave_silent_mark(places: &Places, silent: &ReturnedVersion) -> Result<(), Error> {
    let bytes = serde_json::to_vec(silent).map_err(|error| Error::Request(error.to_string()))?;
    let folder = folder(places);
    let left = files::make_dir(&folder, 0o700)
        .and_then(|()| files::write(&folder.join(format!("{}.json", silent.version)), &bytes, 0o600));
    left.map_err(Error::io(WHAT))
}

/// The last words of the supervisor.
pub(crate) async fn journal(run: &Run) -> String {
    let command = Command::new("journalctl")
        .args(["--unit=orbitr.service", "--boot", "--lines=200", "--no-pager", "--output=short-iso"])
        .limit(LIMIT);
    match command.run(&run.cancel).await {
        Ok(output) => output.stdout_text().into_owned(),
        Err(error) => format!("(the journal cannot be read: {error})\n"),
    }
}

/// Brings what was written to the ESP onto the disk, before the machine goes down.
pub(crate) async fn sync(run: &Run) {
    let sync = Command::new("sync").arg("--file-system").arg(&run.places.esp).limit(LIMIT);
    if let Err(error) = sync.run(&run.cancel).await {
        tracing::warn!(%error, "the boot partition could not be synchronised");
    }
}

/// Takes it away: the owner wants that version once more.
pub(crate) fn lift(places: &Places, version: &ImageVersion) -> Result<(), Error> {
    for kind in ["json", "log"] {
        files::remove(&folder(places).join(format!("{version}.{kind}"))).map_err(Error::io(WHAT))?;
    }
    Ok(())
}

/// All of them.
pub(crate) fn list(places: &Places) -> Vec<ReturnedVersion> {
    let entries = fs::read_dir(folder(places)).into_iter().flatten().flatten();
    let marks = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|kind| kind == "json"));
    marks.filter_map(read).collect()
}

fn folder(places: &Places) -> PathBuf {
    places.esp.join("orbitr/failed")
}
