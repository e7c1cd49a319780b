//! `install`: copies the system that runs onto another disk.
//!
//! While it is under way, the new disk's partitions are called [`UNFINISHED`]: so the next run knows its own half work, asks
//! for no serial number again, and writes only what is not there yet. They get their names, and the identifiers that the
//! kernel's command line names, after everything was read back, the ESP last: before that, a machine that starts from the
//! stick again could take the half copy for the system, as both would have the same identifiers.

mod copy;
mod esp;

use std::{
    fs,
    path::{Path, PathBuf},
};

use orbitr_host::{
    disks::{self, BlockDisk, Signature, partition},
    files,
};
use orbitr_model::{InstallRequest, PartUuid};
use serde_json::{Value, json};

use crate::{
    Error, Run,
    data::survey::{Survey, disk as told},
};

/// What the partitions of a disk are called while they are being written.
pub(crate) const UNFINISHED: &str = "orbitr-installing";
/// What the ESP is called then; the others are called as those that they were copied from.
const ESP_LABEL: &str = "orbitr-esp";
const WHAT: &str = "Preparing the installation";
/// Their numbers on a disk that `definitions` made.
const ESP: u32 = 1;
const ROOT: u32 = 2;
const VERITY: u32 = 3;

/// The partitions that hold the system.
#[derive(Clone, Debug)]
struct Source {
    root: Part,
    verity: Part,
}

/// One that is copied, with what the copy is called in the end.
#[derive(Clone, Debug)]
struct Part {
    device: PathBuf,
    partuuid: PartUuid,
    label: String,
}

pub(crate) async fn install(run: &Run) -> Result<Option<Value>, Error> {
    let request: InstallRequest = run.request()?.ok_or_else(|| Error::Request("nobody asked".to_owned()))?;
    run.step("Looking at the disks")?;
    let survey = Survey::take_closed(&run.places, &run.cancel).await?;
    let (boot, target) = choose(&survey, &request, run.places.smallest_disk)?;
    let source = source(run, boot).await?;
    let again = is_unfinished(run, target).await?;
    if !again
        && request.serial.trim() != target.serial.as_deref().unwrap_or_default()
        && holds_something(run, target).await?
    {
        return Err(Error::Serial(target.device.to_string_lossy().into_owned()));
    }
    run.step(if again { "Going on with the installation that was cut off" } else { "Partitioning the disk" })?;
    let parts = layout(run, target, again).await?;
    run.step("Copying the system")?;
    let total = copy::blocks(run, &source.root.device, &parts.root, (0.0, 0.55)).await?
        + copy::blocks(run, &source.verity.device, &parts.verity, (0.55, 0.6)).await?;
    run.step("Copying the boot files")?;
    esp::fill(run, &parts.esp).await?;
    run.step("Reading everything back")?;
    copy::verify(run, &source.root.device, &parts.root, (0.65, 0.92)).await?;
    copy::verify(run, &source.verity.device, &parts.verity, (0.92, 0.95)).await?;
    esp::verify(run, &parts.esp).await?;
    run.step("Finishing the disk")?;
    finish(run, target, &source).await?;
    Ok(Some(json!({ "disk": told(target), "bytes": total, "resumed": again })))
}

/// The disk that runs, and the one to write: another one, large enough, writable.
fn choose<'s>(
    survey: &'s Survey,
    request: &InstallRequest,
    smallest: u64,
) -> Result<(&'s BlockDisk, &'s BlockDisk), Error> {
    let boot = survey.boot_disk.and_then(|index| survey.disks.get(index)).ok_or(Error::NoBootDisk)?;
    let target = survey.disks.iter().find(|disk| disk.device.as_os_str() == request.disk.as_str());
    let target = target.ok_or_else(|| Error::NoDisk(request.disk.clone()))?;
    let unfit = |why| Err(Error::Unfit { disk: request.disk.clone(), why });
    if target.name == boot.name {
        return unfit("the system runs from it");
    }
    if target.read_only {
        return unfit("it is read-only");
    }
    if target.bytes < smallest {
        return unfit("it is smaller than 8 GiB");
    }
    if target.partitions.iter().any(|partition| !partition.mapped.is_empty()) {
        return unfit("something uses it");
    }
    Ok((boot, target))
}

/// Whether there is anything on a disk that somebody could miss.
async fn holds_something(run: &Run, target: &BlockDisk) -> Result<bool, Error> {
    if disks::probe(&target.device, &run.cancel).await? != Signature::None {
        return Ok(true);
    }
    let blank = disks::is_blank(&target.device, 1024 * 1024).map_err(Error::io(WHAT))?;
    Ok(!blank)
}

/// Whether this is our own half work.
async fn is_unfinished(run: &Run, target: &BlockDisk) -> Result<bool, Error> {
    let table = disks::table(&target.device, &run.cancel).await?;
    Ok(table.is_some_and(|table| table.entries.first().is_some_and(|first| first.label == UNFINISHED)))
}

/// Where the system that runs is: `roothash=` holds both identifiers (repart.d(5), `Verity=`).
async fn source(run: &Run, boot: &BlockDisk) -> Result<Source, Error> {
    let cmdline = fs::read_to_string(&run.places.cmdline).map_err(Error::io(WHAT))?;
    let (root, verity) = halves(&cmdline).ok_or_else(|| Error::Foreign {
        device: boot.device.clone(),
        why: "the system that runs is not one of verified partitions".to_owned(),
    })?;
    let table = disks::table(&boot.device, &run.cancel).await?;
    let entries = table.map(|table| table.entries).unwrap_or_default();
    let find = |wanted: PartUuid| {
        let entry = entries.iter().find(|entry| entry.partuuid == Some(wanted));
        let partition = entry.and_then(|entry| boot.partitions.iter().find(|known| known.number == entry.number));
        let part = partition.zip(entry).map(|(known, entry)| Part {
            device: known.device.clone(),
            partuuid: wanted,
            label: entry.label.clone(),
        });
        part.ok_or(Error::NoBootDisk)
    };
    Ok(Source { root: find(root)?, verity: find(verity)? })
}

fn halves(cmdline: &str) -> Option<(PartUuid, PartUuid)> {
    let hash = cmdline.split_whitespace().find_map(|word| word.strip_prefix("roothash="))?;
    let id = |digits: &str| {
        let part = |range| digits.get(range);
        let text = [part(0..8)?, part(8..12)?, part(12..16)?, part(16..20)?, part(20..32)?].join("-");
        text.parse().ok()
    };
    Some((id(hash.get(..32)?)?, id(hash.get(hash.len().checked_sub(32)?..)?)?))
}

/// The nodes of the new disk's partitions.
#[derive(Debug)]
struct Parts {
    esp: PathBuf,
    root: PathBuf,
    verity: PathBuf,
}

/// Partitions the disk; keeps the partitions of an installation that was cut off before it gave any of them its name.
async fn layout(run: &Run, target: &BlockDisk, again: bool) -> Result<Parts, Error> {
    if let Some(parts) = parts(run, target).await?.filter(|_| again) {
        return Ok(parts);
    }
    let folder = definitions(run)?;
    partition::wipe(&target.device, &run.cancel).await?;
    partition::apply(&target.device, &folder, partition::Existing::Erase, &run.cancel).await?;
    partition::tell_kernel(&target.device, &run.cancel).await?;
    crate::data::open::settle(run).await;
    parts(run, target).await?.ok_or_else(|| Error::NoDisk(target.device.to_string_lossy().into_owned()))
}

/// The partitions that are being written; none where one of them has got its name already, or where there are none.
async fn parts(run: &Run, target: &BlockDisk) -> Result<Option<Parts>, Error> {
    let Some(table) = disks::table(&target.device, &run.cancel).await? else { return Ok(None) };
    let disks = run.places.blocks.disks().map_err(Error::io(WHAT))?;
    let Some(disk) = disks.into_iter().find(|disk| disk.name == target.name) else { return Ok(None) };
    let node = |wanted: u32| {
        let written = table.entries.iter().find(|entry| entry.number == wanted && entry.label == UNFINISHED)?;
        disk.partitions.iter().find(|known| known.number == written.number).map(|known| known.device.clone())
    };
    Ok(match (node(ESP), node(ROOT), node(VERITY)) {
        (Some(esp), Some(root), Some(verity)) => Some(Parts { esp, root, verity }),
        _ => None,
    })
}

/// repart.d(5) of a disk whose slot A is still to be written.
fn definitions(run: &Run) -> Result<PathBuf, Error> {
    let folder = run.places.work.join("install.repart.d");
    files::remove(&folder).and_then(|()| files::make_dir(&folder, 0o700)).map_err(Error::io(WHAT))?;
    let (boot, system) = (format!("Label={UNFINISHED}\n"), format!("Label={UNFINISHED}\nReadOnly=1\n"));
    for (file, more) in [
        ("00-esp.conf", boot.as_str()),
        ("10-root-a.conf", &system),
        ("20-verity-a.conf", &system),
        ("30-root-b.conf", ""),
        ("40-verity-b.conf", ""),
    ] {
        let text = fs::read_to_string(run.places.definitions.join(file)).map_err(Error::io(WHAT))?;
        let kept: String = text
            .lines()
            .filter(|line| more.is_empty() || !line.starts_with("Label="))
            .map(|line| format!("{line}\n"))
            .collect();
        fs::write(folder.join(file), format!("{kept}{more}")).map_err(Error::io(WHAT))?;
    }
    Ok(folder)
}

/// Gives the partitions their names and identifiers. The identifiers come after the names, and the ESP is last, so that
/// whatever is cut off here is made anew: nothing is ever written to a partition that has an identifier of a system.
async fn finish(run: &Run, target: &BlockDisk, source: &Source) -> Result<(), Error> {
    let disk = &target.device;
    let parts = [(ROOT, &source.root), (VERITY, &source.verity)];
    for (number, part) in parts {
        partition::rename(disk, number, &part.label, &run.cancel).await?;
    }
    for (number, part) in parts {
        partition::identify(disk, number, part.partuuid, &run.cancel).await?;
    }
    partition::rename(disk, ESP, ESP_LABEL, &run.cancel).await?;
    flush(disk)
}

/// Waits until a device has everything.
fn flush(device: &Path) -> Result<(), Error> {
    fs::File::open(device).and_then(|file| file.sync_all()).map_err(Error::io("Writing to the disk"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_identifiers_are_halves_of_the_root_hash() {
        let hash = "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f";
        let (root, verity) = halves(&format!("quiet roothash={hash} console=ttyS0\n")).unwrap();
        assert_eq!(root.to_string(), "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(verity.to_string(), "10213243-5465-7687-98a9-bacbdcedfe0f");
        for wrong in ["", "roothash=", "roothash=00", "roothash=ä", "root=/dev/sda"] {
            assert_eq!(halves(wrong), None, "{wrong}");
        }
    }
}
