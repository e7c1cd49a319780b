//! `open-data`: finds this box's data partition and opens it, or says why not. It formats nothing.

use std::{path::Path, time::Duration};

use orbitr_host::{exec::Command, files};
use orbitr_model::{ActProblem, DataFacts, DataReason, DataState, OpenDataRequest, OpenPartition, PartUuid, Problem};
use serde_json::Value;

use super::{
    Decision, Holds, decide, erase, grow,
    survey::{Candidate, Survey, line, look},
    unlock,
};
use crate::{Error, Run, report::leave};

/// How long the recorded partition is waited for, and how long udev is: disks in USB cases take their time.
const APPEARS: Duration = Duration::from_secs(30);
const SETTLES: Duration = Duration::from_secs(10);

/// Opens the data partition. With an answer of the owner in the request, the one that it names.
pub(crate) async fn open_data(run: &Run) -> Result<Option<Value>, Error> {
    let request: Option<OpenDataRequest> = run.request()?;
    if run.places.link().exists() {
        return Err(Error::Open);
    }
    run.step("Looking for the data partition")?;
    wait_for_disks(run).await;
    let facts = match find_and_open(run, request.as_ref()).await {
        Ok(facts) => facts,
        Err(Error::Stopped) => return Err(Error::Stopped),
        Err(error) => {
            let mut facts = DataFacts::of(DataState::Failed);
            facts.recorded = line(&run.places.record());
            facts.problem = Some(ActProblem::from(Problem::from(&error)));
            if let Ok(survey) = Survey::take(&run.places, &run.cancel).await {
                facts.candidates = survey.told();
                facts.boot_disk = survey.told_boot_disk();
            }
            // A key that was mistyped changes nothing: it is still locked.
            if matches!(error, Error::Key(_)) {
                facts.state = DataState::Locked;
                facts.problem = None;
            }
            leave(&run.places.facts(), &facts)?;
            return Err(error);
        }
    };
    leave(&run.places.facts(), &facts)?;
    let state = serde_json::to_value(facts.state).map_err(|error| Error::Request(error.to_string()))?;
    Ok(Some(serde_json::json!({ "state": state })))
}

async fn wait_for_disks(run: &Run) {
    if !run.places.udev.exists() {
        return;
    }
    if let Some(recorded) = line(&run.places.record()) {
        let node = Path::new("/dev/disk/by-partuuid").join(recorded.to_string());
        let command =
            Command::new("udevadm").args(["wait", &format!("--timeout={}", APPEARS.as_secs()), "--"]).arg(node);
        // Whether it came is seen when the disks are looked at.
        let _ = command.limit(APPEARS + SETTLES).run(&run.cancel).await;
    }
    settle(run).await;
}

/// Waits until udev has nothing left to do, so that every partition has its node.
pub(crate) async fn settle(run: &Run) {
    if run.places.udev.exists() {
        let limit = format!("--timeout={}", SETTLES.as_secs());
        let command = Command::new("udevadm").args(["settle", &limit]).limit(SETTLES * 2);
        let _ = command.run(&run.cancel).await;
    }
}

async fn find_and_open(run: &Run, request: Option<&OpenDataRequest>) -> Result<DataFacts, Error> {
    let mut survey = Survey::take(&run.places, &run.cancel).await?;
    let reset = erase::finish_reset(run, &survey).await?;
    if reset {
        survey = Survey::take(&run.places, &run.cancel).await?;
    }
    let key = request.and_then(|request| request.key.as_ref());
    let (decision, silent) = match request.and_then(|request| request.adopt.map(|adopt| (adopt, request))) {
        Some((adopt, request)) => (Decision::Record(adopted(&survey, adopt, request.device.as_deref())?), false),
        None => (decide(&survey.seen()), true),
    };
    let mut facts = DataFacts::of(DataState::None);
    facts.recorded = survey.recorded;
    facts.candidates = survey.told();
    facts.boot_disk = survey.told_boot_disk();
    match decision {
        Decision::Leave(state, reason) => {
            facts.state = state;
            facts.reason = if reset && state == DataState::None { Some(DataReason::ResetDone) } else { reason };
            return Ok(facts);
        }
        Decision::Open(index) | Decision::Record(index) => {
            let Some(candidate) = survey.candidates.get(index) else { return Err(Error::Changed) };
            let Some(open) = open(run, &survey, candidate, key, decision).await? else {
                facts.state = DataState::Locked;
                return Ok(facts);
            };
            facts.recorded = Some(candidate.partuuid);
            facts.state = DataState::Open;
            facts.open = Some(open);
        }
    }
    // A twin that was chosen away is told of until it is gone.
    if !silent && facts.candidates.iter().filter(|other| Some(other.partuuid) == facts.recorded).count() > 1 {
        facts.reason = Some(DataReason::Ambiguous);
    }
    Ok(facts)
}

/// The one that the owner named.
fn adopted(survey: &Survey, adopt: PartUuid, device: Option<&str>) -> Result<usize, Error> {
    let named = |candidate: &Candidate| {
        candidate.partuuid == adopt && device.is_none_or(|device| candidate.device.as_os_str() == device)
    };
    let mut matching = survey.candidates.iter().enumerate().filter(|(_, candidate)| named(candidate));
    match (matching.next(), matching.next()) {
        (None, _) => Err(Error::NoPartition(adopt)),
        (Some((index, _)), None) => Ok(index),
        _ => Err(Error::Twice(adopt)),
    }
}

/// Unlocks, looks, grows, records, links. None when it stays locked.
async fn open(
    run: &Run,
    survey: &Survey,
    candidate: &Candidate,
    key: Option<&orbitr_model::RecoveryKey>,
    decision: Decision,
) -> Result<Option<OpenPartition>, Error> {
    run.step("Opening the data partition")?;
    let Some(unlocked) = unlock::unlock(candidate, key, &run.places, &run.cancel).await? else { return Ok(None) };
    let grown_by = grow::grow_partition(run, survey, candidate).await?;
    grow::grow_contents(run, candidate, &unlocked, candidate.bytes + grown_by, key).await?;
    if matches!(decision, Decision::Record(_)) {
        // What a person chose is looked at once more, now that it is open: half a partition is not a box.
        let (holds, _) = look(&unlocked.device, &run.places, &run.cancel).await?;
        if holds != Holds::Data {
            let why = match holds {
                Holds::Begun => "making it was cut off, so there is nothing on it".to_owned(),
                _ => "it has no mark of a box".to_owned(),
            };
            return Err(Error::Foreign { device: candidate.device.clone(), why });
        }
        record(run, candidate.partuuid)?;
    }
    link(run, &unlocked.device)?;
    Ok(Some(OpenPartition {
        partuuid: candidate.partuuid,
        device: candidate.device.to_string_lossy().into_owned(),
        encrypted: candidate.encrypted,
        unlocked_by: unlocked.by,
        grown_by,
    }))
}

/// From here on, this partition is the box's, and nothing was begun.
pub(crate) fn record(run: &Run, partuuid: PartUuid) -> Result<(), Error> {
    write_line(&run.places.record(), partuuid)?;
    files::remove(&run.places.making()).map_err(Error::io("Recording the data partition"))
}

/// One line on the ESP, on the disk when this returns.
pub(crate) fn write_line(path: &Path, partuuid: PartUuid) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(path);
    files::make_dir(folder, 0o700)
        .and_then(|()| files::write(path, format!("{partuuid}\n").as_bytes(), 0o600))
        .map_err(Error::io("Recording the data partition"))
}

/// What the mounts use.
pub(crate) fn link(run: &Run, device: &Path) -> Result<(), Error> {
    let (link, new) = (run.places.link(), run.places.box_run.join(".data-device.new"));
    files::remove(&new)
        .and_then(|()| std::os::unix::fs::symlink(device, &new))
        .and_then(|()| std::fs::rename(&new, &link))
        .map_err(Error::io("Linking the data partition"))
}
