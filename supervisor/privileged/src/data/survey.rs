//! What there is: disks, partitions of our type, what they hold, and what the ESP says.

use std::{fs, path::PathBuf};

use orbitr_host::disks::{self, BlockDisk, BlockPartition, Signature, mount};
use orbitr_model::{DataCandidate, Disk, PartUuid};
use tokio_util::sync::CancellationToken;

use super::{DATA_TYPE, Found, Holds, Mark, Seen, mark};
use crate::{Error, Places};

/// systemd's own vendor id for EFI variables, and the variable in which systemd-boot leaves its partition.
const BOOT_PARTITION: &str = "LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// An EFI variable's file begins with four bytes of attributes (kernel, efivarfs).
const ATTRIBUTES: usize = 4;
/// What repart wipes when it makes a partition.
pub(crate) const WIPED: u64 = 1024 * 1024;
/// What the image calls its verified root.
const ROOT_MAPPING: &str = "root";
/// LUKS as blkid names it.
const LUKS: &str = "crypto_LUKS";

/// One partition of our type, with all that was learnt of it.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) partuuid: PartUuid,
    pub(crate) number: u32,
    pub(crate) device: PathBuf,
    pub(crate) bytes: u64,
    /// Where its disk is in the survey.
    pub(crate) disk: usize,
    pub(crate) encrypted: bool,
    pub(crate) holds: Holds,
    pub(crate) mark: Option<Mark>,
}

/// Everything that was found.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    pub(crate) disks: Vec<BlockDisk>,
    pub(crate) boot_disk: Option<usize>,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) recorded: Option<PartUuid>,
    pub(crate) making: Option<PartUuid>,
}

impl Survey {
    /// Looks at everything and changes nothing.
    pub(crate) async fn take(places: &Places, cancel: &CancellationToken) -> Result<Self, Error> {
        let mut survey = Self::take_closed(places, cancel).await?;
        look_inside(&mut survey.candidates, places, cancel).await?;
        Ok(survey)
    }

    /// The same without a look at what the partitions hold, for when one of them is in use.
    pub(crate) async fn take_closed(places: &Places, cancel: &CancellationToken) -> Result<Self, Error> {
        let disks = places.blocks.disks().map_err(Error::io("Listing the disks"))?;
        let (mut candidates, mut esps) = (Vec::new(), Vec::new());
        let boot_partition = boot_partition(places);
        for (index, disk) in disks.iter().enumerate() {
            // A disk that cannot be read must not keep the others from being found.
            let table = match disks::table(&disk.device, cancel).await {
                Ok(table) => table,
                Err(error) if error.is_cancelled() => return Err(Error::Stopped),
                Err(error) => {
                    tracing::warn!(disk = %disk.device.display(), %error, "a disk cannot be read");
                    None
                }
            };
            for entry in table.into_iter().flat_map(|table| table.entries) {
                let Some(partuuid) = entry.partuuid else { continue };
                if Some(partuuid) == boot_partition {
                    esps.push(index);
                }
                let known = disk.partitions.iter().find(|partition| partition.number == entry.number);
                if let Some(partition) = known.filter(|_| entry.kind == DATA_TYPE) {
                    candidates.push(Candidate::new(partuuid, partition, index));
                }
            }
        }
        Ok(Self {
            boot_disk: boot_disk(&disks, &esps),
            disks,
            candidates,
            recorded: line(&places.record()),
            making: line(&places.making()),
        })
    }

    /// What a decision needs of it.
    pub(crate) fn seen(&self) -> Seen {
        let found = self.candidates.iter().map(|candidate| Found {
            partuuid: candidate.partuuid,
            holds: candidate.holds,
            on_boot_disk: Some(candidate.disk) == self.boot_disk,
        });
        Seen { recorded: self.recorded, making: self.making, found: found.collect() }
    }

    pub(crate) fn disk_of(&self, candidate: &Candidate) -> Option<&BlockDisk> {
        self.disks.get(candidate.disk)
    }

    /// The candidates as the supervisor is told of them.
    pub(crate) fn told(&self) -> Vec<DataCandidate> {
        let told = |candidate: &Candidate| {
            Some(DataCandidate {
                partuuid: candidate.partuuid,
                device: candidate.device.to_string_lossy().into_owned(),
                disk: disk(self.disk_of(candidate)?),
                bytes: candidate.bytes,
                encrypted: candidate.encrypted,
                complete: match candidate.holds {
                    Holds::Data => Some(true),
                    Holds::Nothing | Holds::Begun => Some(false),
                    Holds::Unknown => None,
                },
                machine_id: candidate.mark.as_ref().map(|mark| mark.machine_id.clone()),
                made_at: candidate.mark.as_ref().map(|mark| mark.made_at),
            })
        };
        self.candidates.iter().filter_map(told).collect()
    }

    /// The disk that runs, as the supervisor is told of it.
    pub(crate) fn told_boot_disk(&self) -> Option<Disk> {
        self.disks.get(self.boot_disk?).map(disk)
    }
}

impl Candidate {
    fn new(partuuid: PartUuid, partition: &BlockPartition, disk: usize) -> Self {
        Self {
            partuuid,
            number: partition.number,
            device: partition.device.clone(),
            bytes: partition.bytes,
            disk,
            encrypted: false,
            holds: Holds::Unknown,
            mark: None,
        }
    }
}

/// A disk as the supervisor is told of it.
pub(crate) fn disk(disk: &BlockDisk) -> Disk {
    Disk {
        device: disk.device.to_string_lossy().into_owned(),
        model: disk.model.clone(),
        serial: disk.serial.clone(),
        bytes: disk.bytes,
        transport: disk.transport.to_owned(),
        removable: disk.removable,
    }
}

/// A file of one line that names a partition.
pub(crate) fn line(path: &std::path::Path) -> Option<PartUuid> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The partition that the firmware started us from.
fn boot_partition(places: &Places) -> Option<PartUuid> {
    efi_text(&places.efivars.join(BOOT_PARTITION))?.parse().ok()
}

/// The text of an EFI variable; none when there is no such variable.
pub(crate) fn efi_text(variable: &std::path::Path) -> Option<String> {
    let bytes = fs::read(variable).ok()?;
    let (units, _) = bytes.get(ATTRIBUTES..)?.as_chunks::<2>();
    let units = units.iter().map(|pair| u16::from_le_bytes(*pair));
    Some(char::decode_utf16(units).map_while(Result::ok).take_while(|c| *c != '\0').collect())
}

/// The disk with that partition. A stick and a disk may hold the same image, so that there are two: then the one whose
/// root runs, and none when that does not say either.
fn boot_disk(disks: &[BlockDisk], esps: &[usize]) -> Option<usize> {
    if let [only] = esps {
        return Some(*only);
    }
    let runs = |disk: &BlockDisk| {
        disk.partitions.iter().any(|partition| partition.mapped.iter().any(|name| name == ROOT_MAPPING))
    };
    let mut running = disks.iter().enumerate().filter(|(_, disk)| runs(disk)).map(|(index, _)| index);
    match (running.next(), running.next()) {
        (Some(index), None) => Some(index),
        _ => None,
    }
}

async fn look_inside(candidates: &mut [Candidate], places: &Places, cancel: &CancellationToken) -> Result<(), Error> {
    let mut signatures = Vec::new();
    for candidate in &*candidates {
        signatures.push(disks::probe(&candidate.device, cancel).await.unwrap_or(Signature::Several));
    }
    let ids: Vec<PartUuid> = candidates.iter().map(|candidate| candidate.partuuid).collect();
    for (candidate, signature) in candidates.iter_mut().zip(&signatures) {
        // btrfs takes two file systems with one identifier for two halves of one: such are never mounted to look.
        let twins = ids.iter().filter(|id| **id == candidate.partuuid).count() > 1
            || signatures.iter().filter(|other| own_id(other).is_some() && own_id(other) == own_id(signature)).count()
                > 1;
        match signature {
            Signature::None if disks::is_blank(&candidate.device, WIPED).unwrap_or(false) => {
                candidate.holds = Holds::Nothing;
            }
            Signature::Holds { kind, .. } if kind == LUKS => candidate.encrypted = true,
            Signature::Holds { kind, .. } if kind == "btrfs" && !twins => {
                (candidate.holds, candidate.mark) = look(&candidate.device, places, cancel).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn own_id(signature: &Signature) -> Option<&str> {
    if let Signature::Holds { uuid: Some(uuid), .. } = signature { Some(uuid) } else { None }
}

/// Looks at the top of a btrfs, read-only.
pub(crate) async fn look(
    device: &std::path::Path,
    places: &Places,
    cancel: &CancellationToken,
) -> Result<(Holds, Option<Mark>), Error> {
    let top = places.top();
    orbitr_host::files::make_dir(&top, 0o700).map_err(Error::io("Making a folder to mount on"))?;
    match mount::mount(device, &top, "btrfs", "ro,subvolid=5", cancel).await {
        Ok(()) => {}
        Err(error) if error.is_cancelled() => return Err(Error::Stopped),
        Err(error) => {
            tracing::warn!(device = %device.display(), %error, "a data partition cannot be mounted");
            return Ok((Holds::Unknown, None));
        }
    }
    let mark = Mark::read(&top);
    let bare = mark::is_bare(&top);
    mount::unmount(&top, cancel).await?;
    let holds = match (&mark, bare) {
        (Some(mark), _) if mark.complete => Holds::Data,
        (Some(_), Ok(true)) => Holds::Begun,
        _ => Holds::Unknown,
    };
    Ok((holds, mark))
}
