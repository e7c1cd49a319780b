//! The two slots of the disk that runs: a root and its hashes each, called `orbitr_VERSION` and `orbitr_VERSION_verity`.

use std::path::PathBuf;

use orbitr_host::disks::{self, partition};
use orbitr_model::{ImageVersion, Slot};

use crate::{Error, Run, data::survey::Survey};

/// What the partitions of a slot are for (UAPI.2, discoverable partitions), on x86-64.
const ROOT: &str = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";
const VERITY: &str = "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5";
/// What an empty one is called (systemd-sysupdate's own word).
pub(crate) const EMPTY: &str = "_empty";

/// A partition of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) number: u32,
    pub(crate) label: String,
}

/// The slots, in the order in which they lie on the disk.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    pub(crate) disk: PathBuf,
    pub(crate) read_only: bool,
    pub(crate) roots: Vec<Part>,
    pub(crate) verities: Vec<Part>,
}

impl Slots {
    /// Reads the table of the disk that runs.
    pub(crate) async fn read(run: &Run) -> Result<Self, Error> {
        let survey = Survey::take_closed(&run.places, &run.cancel).await?;
        let boot = survey.boot_disk.and_then(|index| survey.disks.get(index)).ok_or(Error::NoBootDisk)?;
        let table = disks::table(&boot.device, &run.cancel).await?.ok_or(Error::NoBootDisk)?;
        let mut slots =
            Self { disk: boot.device.clone(), read_only: boot.read_only, roots: Vec::new(), verities: Vec::new() };
        for entry in table.entries {
            let part = Part { number: entry.number, label: entry.label };
            match entry.kind.as_str() {
                ROOT => slots.roots.push(part),
                VERITY => slots.verities.push(part),
                _ => {}
            }
        }
        Ok(slots)
    }

    /// Where a version is, whole.
    pub(crate) fn of(&self, version: &ImageVersion) -> Option<Slot> {
        let at = |parts: &[Part], label: &str| parts.iter().position(|part| part.label == label);
        let root = at(&self.roots, &root_label(version))?;
        at(&self.verities, &verity_label(version))?;
        match root {
            0 => Some(Slot::A),
            1 => Some(Slot::B),
            _ => None,
        }
    }

    /// Takes a version's name from its partitions, so that they count as empty.
    pub(crate) async fn forget(&self, version: &ImageVersion, run: &Run) -> Result<(), Error> {
        let (root, verity) = (root_label(version), verity_label(version));
        let named = self.roots.iter().filter(|part| part.label == root);
        let named = named.chain(self.verities.iter().filter(|part| part.label == verity));
        for part in named {
            partition::rename(&self.disk, part.number, EMPTY, &run.cancel).await?;
        }
        Ok(())
    }
}

fn root_label(version: &ImageVersion) -> String {
    format!("orbitr_{version}")
}

fn verity_label(version: &ImageVersion) -> String {
    format!("orbitr_{version}_verity")
}
