//! Versions of the system: which are installed and what became of them (`look-at-updates`), another one into the other slot
//! (`install-update`), and which is started (`choose-version`).

mod choose;
mod install;
mod kernels;
mod marks;
mod slots;

use std::{
    fs::{self, File},
    path::PathBuf,
    time::Duration,
};

use orbitr_host::{
    exec::{Command, Output},
    files,
};
use orbitr_model::{GateFacts, ImageVersion, InstalledVersion, ReturnedVersion, UpdateFacts};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) use self::{
    choose::choose_version,
    install::install_update,
    kernels::Kernel,
    marks::{Mark, journal, leave_mark, sync},
    slots::Slots,
};
use crate::{Error, Places, Run, data::survey, report::leave};

const WHAT: &str = "Looking at the installed versions";
/// The EFI variable in which somebody's choice is.
const DEFAULT: &str = "LoaderEntryDefault-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
const LIMIT: Duration = Duration::from_secs(30);

/// `look-at-updates`: writes `updates.json` anew.
pub(crate) async fn look_at_updates(run: &Run) -> Result<Option<Value>, Error> {
    run.step("Looking at the installed versions")?;
    let facts = look(run).await?;
    Ok(Some(json!({ "running": facts.running })))
}

/// Looks, and tells everybody.
pub(crate) async fn look(run: &Run) -> Result<UpdateFacts, Error> {
    let slots = Slots::read(run).await?;
    let kernels = kernels::list(&run.places).map_err(Error::io(WHAT))?;
    let marks = marks::list(&run.places);
    let _lock = lock(&run.places)?;
    let facts = facts(&run.places, &slots, &kernels, marks.clone());
    for silent in facts.returned.iter().filter(|back| !marks.contains(back)) {
        if let Err(error) = marks::leave_silent_mark(&run.places, silent) {
            tracing::warn!(%error, version = %silent.version, "that it came back could not be noted");
        }
    }
    leave(&run.places.updates_facts(), &facts)?;
    Ok(facts)
}

/// The same with what has become of it; that it cannot be told is not what the act failed of.
async fn look_after<T>(run: &Run, done: Result<T, Error>) -> Result<T, Error> {
    if let Err(error) = look(run).await {
        tracing::warn!(%error, "the installed versions could not be looked at");
    }
    done
}

/// Tells how far the health gate is; everything else stays as it was told.
pub(crate) fn tell_gate(places: &Places, gate: &GateFacts) -> Result<(), Error> {
    let _lock = lock(places)?;
    leave(&places.gate_facts(), gate)?;
    if let Some(mut facts) = read::<UpdateFacts>(places.updates_facts()) {
        facts.gate = Some(gate.clone());
        leave(&places.updates_facts(), &facts)?;
    }
    Ok(())
}

fn facts(places: &Places, slots: &Slots, kernels: &[Kernel], marks: Vec<ReturnedVersion>) -> UpdateFacts {
    let running = running(places);
    let mut installed = Vec::new();
    let mut returned = marks;
    for kernel in kernels {
        let runs = Some(&kernel.version) == running.as_ref();
        // Its last try may be the one that is under way.
        if kernel.is_given_up() && !runs && !returned.iter().any(|known| known.version == kernel.version) {
            let version = kernel.version.clone();
            returned.push(ReturnedVersion { version, at: None, reason: None, boot_id: None });
        }
        // A kernel whose slot was given to another version starts nothing.
        let Some(slot) = slots.of(&kernel.version) else { continue };
        installed.push(InstalledVersion {
            version: kernel.version.clone(),
            slot,
            tries_left: kernel.left,
            tries_done: kernel.done,
            blessed: kernel.left.is_none(),
            running: runs,
        });
    }
    returned.sort_by(|a, b| b.version.cmp(&a.version));
    UpdateFacts { version: 1, running, default: chosen(places), installed, returned, gate: read(places.gate_facts()) }
}

/// The version that runs.
pub(crate) fn running(places: &Places) -> Option<ImageVersion> {
    let text = fs::read_to_string(&places.os_release).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix("IMAGE_VERSION="))?;
    value.trim_matches(['"', '\'']).parse().ok()
}

/// The version that somebody chose for every start.
fn chosen(places: &Places) -> Option<ImageVersion> {
    let entry = survey::efi_text(&places.efivars.join(DEFAULT))?;
    entry.strip_prefix("orbitr_")?.strip_suffix(".efi")?.parse().ok()
}

/// Has systemd-boot start this entry from now on; the newest good one when there is none.
async fn set_default(run: &Run, entry: &str) -> Result<(), Error> {
    if !run.places.has_systemd() {
        return Ok(());
    }
    let done = Command::new("bootctl").args(["set-default", entry]).limit(LIMIT).run(&run.cancel).await;
    done.and_then(Output::success).map_err(Error::program("Choosing what is started"))?;
    Ok(())
}

/// A file that we left; none when it is not there or is of another day.
pub(crate) fn read<T: DeserializeOwned>(path: PathBuf) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// One at a time: the health gate and an act may both have something to tell. Held for as long as a file takes.
fn lock(places: &Places) -> Result<File, Error> {
    files::make_dir(&places.work, 0o700).map_err(Error::io(WHAT))?;
    let file = File::create(places.work.join("updates.lock")).map_err(Error::io(WHAT))?;
    file.lock().map_err(Error::io(WHAT))?;
    Ok(file)
}
