//! Which stick is meant: the one partition on a USB disk that a file can be put onto. Nothing is changed to find out.

use std::path::{Path, PathBuf};

use orbitr_host::disks::{self, BlockDisk, Signature};
use orbitr_model::ByteSize;

use crate::{
    Error, Run,
    data::{DATA_TYPE, survey::Survey},
};

/// File systems that sticks have and that everybody's computer can read, as blkid names them.
const KINDS: [&str; 4] = ["vfat", "exfat", "ext4", "btrfs"];
/// What a system starts from, this one's or another's: an ESP in both kinds of table, a root, its verity (the Discoverable
/// Partitions Specification), and a box's data.
const SYSTEMS: [&str; 5] = [
    "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
    "0xef",
    "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
    "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5",
    DATA_TYPE,
];
/// The longest name that a stick may have given itself.
const LONGEST_LABEL: usize = 32;

/// Something that a file can be put onto.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stick {
    /// The partition, or the whole stick where it has none.
    pub(super) device: PathBuf,
    /// Its file system.
    pub(super) kind: String,
    /// For people.
    pub(super) called: String,
    /// Whether nothing can be written to it.
    pub(super) read_only: bool,
}

/// The only one that will do.
pub(super) async fn the_only(run: &Run) -> Result<Stick, Error> {
    let survey = Survey::take_closed(&run.places, &run.cancel).await?;
    let boot = survey.boot_disk.ok_or(Error::NoBootDisk)?;
    let (mut fit, mut unfit) = (Vec::new(), Vec::new());
    let others = survey.disks.iter().enumerate().filter(|(index, _)| *index != boot).map(|(_, disk)| disk);
    for disk in others.filter(|disk| disk.transport == "usb" && !is_in_use(disk)) {
        for device in volumes(disk) {
            match look(run, disk, device).await? {
                Ok(stick) => fit.push(stick),
                Err(why) => unfit.push(why),
            }
        }
    }
    match &fit[..] {
        [only] => Ok(only.clone()),
        [] if unfit.is_empty() => Err(Error::NoStick),
        [] => Err(Error::UnfitStick(unfit.join("; "))),
        several => {
            let names: Vec<&str> = several.iter().map(|stick| stick.called.as_str()).collect();
            Err(Error::ManySticks(names.join("; ")))
        }
    }
}

/// Whether the box keeps something on it that is open: its root, its data.
fn is_in_use(disk: &BlockDisk) -> bool {
    disk.partitions.iter().any(|partition| !partition.mapped.is_empty())
}

/// Its partitions; many a stick has none, and the file system is on the whole of it.
fn volumes(disk: &BlockDisk) -> Vec<&Path> {
    let parts: Vec<&Path> = disk.partitions.iter().map(|partition| partition.device.as_path()).collect();
    if parts.is_empty() { vec![disk.device.as_path()] } else { parts }
}

/// Whether it will do; in words why it will not.
async fn look(run: &Run, disk: &BlockDisk, device: &Path) -> Result<Result<Stick, String>, Error> {
    let model = disk.model.as_deref().unwrap_or("USB stick");
    let named = |label: Option<String>| {
        let label =
            label.map(|label| label.chars().filter(|c| !c.is_control()).take(LONGEST_LABEL).collect::<String>());
        let label = label.filter(|label| !label.is_empty()).map(|label| format!(" «{label}»")).unwrap_or_default();
        format!("{model}, {} ({}{label})", ByteSize(disk.bytes), device.display())
    };
    let why = |label, why: &str| Ok(Err(format!("{}: {why}", named(label))));
    match disks::probe(device, &run.cancel).await {
        Ok(Signature::Holds { label, partition_type: Some(kind), .. }) if SYSTEMS.contains(&kind.as_str()) => {
            why(label, "a system starts from it")
        }
        Ok(Signature::Holds { kind, label, .. }) if KINDS.contains(&kind.as_str()) => {
            Ok(Ok(Stick { device: device.to_owned(), kind, called: named(label), read_only: disk.read_only }))
        }
        Ok(Signature::Holds { kind, label, .. }) => why(label, &format!("it is formatted with {kind}")),
        Ok(Signature::None) => why(None, "it is not formatted"),
        Ok(Signature::Partitioned { .. } | Signature::Several) => why(None, "nobody can tell how it is formatted"),
        Err(error) if error.is_cancelled() => Err(Error::Stopped),
        Err(_) => why(None, "it cannot be read"),
    }
}
