//! `make-data`: makes the second slot and the data partition on the disk that runs.
//!
//! The order is what makes a power cut harmless. Before the table names the partition, its beginning is zeros; before
//! anything is written into it, the ESP says that it is being made; the mark inside says that it is complete before the
//! ESP records it; and only then does anybody write data to it. So whatever is named by `making` and not recorded holds
//! nothing of anybody.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use orbitr_host::{
    disks::{self, BlockDisk, btrfs, luks, mount, partition},
    files,
};
use orbitr_model::{DataFacts, DataState, Encrypt, MakeDataRequest, OpenPartition, PartUuid, Timestamp, UnlockedBy};
use serde_json::Value;

use super::{
    DATA_TYPE, Holds, Mark, mark, open,
    survey::{Survey, WIPED},
};
use crate::{Error, Run, report::leave};

const LABEL: &str = "orbitr-data";
/// Users and groups of the image, by the numbers that its sysusers.d fixes.
const JOURNAL_GROUP: &str = "systemd-journal";

/// Makes the data partition.
pub(crate) async fn make_data(run: &Run) -> Result<Option<Value>, Error> {
    let request: MakeDataRequest = run.request()?.ok_or_else(|| Error::Request("nobody asked".to_owned()))?;
    if run.places.link().exists() {
        return Err(Error::Open);
    }
    run.step("Looking at the disk")?;
    let survey = Survey::take(&run.places, &run.cancel).await?;
    let disk = survey.boot_disk.and_then(|index| survey.disks.get(index)).ok_or(Error::NoBootDisk)?;
    if request.disk.as_ref().is_some_and(|asked| disk.device.as_os_str() != asked.as_str()) {
        let why = "only the disk that the box runs from can hold its data for now";
        return Err(Error::Unfit { disk: request.disk.unwrap_or_default(), why });
    }
    let again = may_make(&survey)?;
    let (partuuid, device) = match again {
        Some(candidate) => (candidate.partuuid, candidate.device.clone()),
        None => add_partition(run, disk).await?,
    };
    open::write_line(&run.places.making(), partuuid)?;
    fill(run, partuuid, &device, request.encrypt.as_ref()).await
}

/// Whether there is nobody's data in the way; the unfinished partition to make again, if there is one.
fn may_make(survey: &Survey) -> Result<Option<&super::survey::Candidate>, Error> {
    let seen = survey.seen();
    let occupied = |index: usize| match survey.candidates.get(index) {
        Some(candidate) => Error::Occupied(candidate.device.clone()),
        None => Error::Changed,
    };
    let again = seen.to_make_again().map_err(occupied)?;
    if let Some(recorded) = survey.recorded {
        match seen.only(recorded) {
            Err(0) => {}
            Ok(index) if Some(index) == again => {}
            Ok(index) => return Err(occupied(index)),
            Err(_) => return Err(Error::Twice(recorded)),
        }
    }
    Ok(again.and_then(|index| survey.candidates.get(index)))
}

/// Adds what the disk lacks: slot B and the data partition.
async fn add_partition(run: &Run, disk: &BlockDisk) -> Result<(PartUuid, std::path::PathBuf), Error> {
    run.step("Partitioning the disk")?;
    let (device, definitions, cancel) = (&disk.device, &run.places.definitions, &run.cancel);
    // The image is smaller than any disk, so its table ends too early.
    partition::relocate(device, cancel).await?;
    let plan = partition::plan(device, definitions, partition::Existing::Keep, cancel).await?;
    let new = plan.iter().find(|planned| planned.kind == DATA_TYPE && planned.old_size == 0);
    let new = new.ok_or_else(|| Error::Occupied(device.clone()))?;
    let (target, from) = (device.clone(), new.offset);
    let zeroed = tokio::task::spawn_blocking(move || disks::zero(&target, from, WIPED)).await;
    zeroed.map_err(|_| Error::Stopped)?.map_err(Error::io("Preparing the disk"))?;
    run.step("Writing the partition table")?;
    partition::apply(device, definitions, partition::Existing::Keep, cancel).await?;
    partition::tell_kernel(device, cancel).await?;
    open::settle(run).await;
    let survey = Survey::take(&run.places, cancel).await?;
    let made = survey.candidates.iter().find(|candidate| {
        survey.disk_of(candidate).is_some_and(|other| other.device == *device) && candidate.holds == Holds::Nothing
    });
    let made = made.ok_or_else(|| Error::Occupied(device.clone()))?;
    Ok((made.partuuid, made.device.clone()))
}

/// Formats it, makes what is in it, and opens it.
async fn fill(
    run: &Run,
    partuuid: PartUuid,
    partition: &Path,
    encrypt: Option<&Encrypt>,
) -> Result<Option<Value>, Error> {
    let (device, unlocked_by) = match encrypt {
        None => (partition.to_owned(), None),
        Some(encrypt) => {
            let by = encrypted(run, partition, encrypt).await?;
            (luks::node(&run.places.mapper), Some(by))
        }
    };
    run.step("Making the file system")?;
    btrfs::make(&device, LABEL, &run.cancel).await?;
    run.step("Making the folders")?;
    let top = run.places.top();
    files::make_dir(&top, 0o700).map_err(Error::io("Making a folder to mount on"))?;
    mount::mount(&device, &top, "btrfs", "subvolid=5", &run.cancel).await?;
    let made = furnish(run, &top, partuuid).await;
    // A run that was stopped leaves it as a power cut would; any other error is tidied up after.
    if !matches!(made, Err(Error::Stopped)) {
        mount::unmount(&top, &run.cancel).await?;
    }
    made?;
    run.step("Recording the data partition")?;
    open::record(run, partuuid)?;
    run.step("Opening the data partition")?;
    open::link(run, &device)?;
    let mut survey = Survey::take_closed(&run.places, &run.cancel).await?;
    if let Some(made) = survey.candidates.iter_mut().find(|candidate| candidate.device == partition) {
        // In use, so nobody looks inside; and nobody needs to.
        (made.holds, made.encrypted) = (Holds::Data, encrypt.is_some());
    }
    let mut facts = DataFacts::of(DataState::Open);
    facts.recorded = Some(partuuid);
    facts.candidates = survey.told();
    facts.boot_disk = survey.told_boot_disk();
    facts.open = Some(OpenPartition {
        partuuid,
        device: partition.to_string_lossy().into_owned(),
        encrypted: encrypt.is_some(),
        unlocked_by,
        grown_by: 0,
    });
    leave(&run.places.facts(), &facts)?;
    let chip = unlocked_by == Some(UnlockedBy::Tpm2);
    Ok(Some(serde_json::json!({ "partuuid": partuuid, "encrypted": encrypt.is_some(), "tpm2": chip })))
}

/// Encrypts and opens it; says what will open it at the next start.
async fn encrypted(run: &Run, partition: &Path, encrypt: &Encrypt) -> Result<UnlockedBy, Error> {
    run.step("Encrypting the partition")?;
    if luks::node(&run.places.mapper).exists() {
        luks::close(&run.places.mapper, &run.cancel).await?;
    }
    luks::format(partition, LABEL, &encrypt.recovery_key, &run.cancel).await?;
    let mut by = UnlockedBy::Key;
    if encrypt.tpm2 {
        run.step("Binding the encryption to the security chip")?;
        luks::enrol_chip(partition, &encrypt.recovery_key, &run.cancel).await?;
        by = UnlockedBy::Tpm2;
    }
    if !luks::open(partition, &run.places.mapper, &encrypt.recovery_key, &run.cancel).await? {
        return Err(Error::Key(partition.to_owned()));
    }
    Ok(by)
}

/// The mark, the subvolumes, the folders, the mark again.
async fn furnish(run: &Run, top: &Path, partuuid: PartUuid) -> Result<(), Error> {
    let machine_id = fs::read_to_string(&run.places.machine_id).map_err(Error::io("Reading the machine's id"))?;
    let machine_id = machine_id.trim().to_owned();
    let mut mark = Mark { version: 1, partuuid, machine_id, made_at: Timestamp::now(), complete: false };
    mark.write(top)?;
    for subvolume in mark::SUBVOLUMES.iter().chain(&mark::INNER) {
        run.step("Making the folders")?;
        btrfs::create_subvolume(&top.join(subvolume), &run.cancel).await?;
    }
    owners(run, top).map_err(Error::io("Making the folders"))?;
    run.step("Finishing the data partition")?;
    mark.complete = true;
    mark.write(top)
}

fn owners(run: &Run, top: &Path) -> std::io::Result<()> {
    for path in ["@orbitr", "@orbitr/apps", "@orbitr/snapshots"] {
        let path = top.join(path);
        chown(&path, Some(run.places.asker), Some(run.places.asker))?;
        fs::set_permissions(&path, Permissions::from_mode(0o700))?;
    }
    for path in ["@system", "@systemd", "@log", "@docker", "@containerd"] {
        fs::set_permissions(top.join(path), Permissions::from_mode(0o755))?;
    }
    let journal = top.join("@log/journal");
    fs::create_dir(&journal)?;
    chown(&journal, Some(0), group(JOURNAL_GROUP))?;
    fs::set_permissions(&journal, Permissions::from_mode(0o2755))?;
    files::sync_dir(&journal)
}

/// A group's number, from `/etc/group`; none leaves the folder to root, and journald works all the same.
fn group(name: &str) -> Option<u32> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}
