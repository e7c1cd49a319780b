//! What a device holds, as blkid reads it from the device itself.

use std::{collections::BTreeMap, path::Path};

use tokio_util::sync::CancellationToken;

use super::Error;
use crate::exec::{Command, Exit};

const WHAT: &str = "Looking at what a disk holds";
/// blkid(8): nothing was found.
const NOTHING: Exit = Exit::Code(2);
/// blkid(8): more than one thing was found, so none can be named.
const AMBIVALENT: Exit = Exit::Code(8);

/// What a device holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// Nothing that anybody knows.
    None,
    /// A file system, LUKS, swap and the like.
    Holds {
        /// For example `btrfs`, `crypto_LUKS`, `vfat`.
        kind: String,
        /// The file system's own identifier.
        uuid: Option<String>,
        /// Its label.
        label: Option<String>,
        /// What the table of its disk says that the partition is for: a UUID, or a number such as `0xef`. None for a
        /// whole disk.
        partition_type: Option<String>,
    },
    /// A partition table.
    Partitioned {
        /// For example `gpt`, `dos`.
        kind: String,
    },
    /// The traces of more than one thing.
    Several,
}

/// What a device holds, read from the device, not from anybody's cache.
///
/// # Errors
/// The device cannot be read.
pub async fn probe(device: &Path, cancel: &CancellationToken) -> Result<Signature, Error> {
    let command = Command::new("blkid").args(["--probe", "--output", "export"]).arg(device);
    let output = command.run(cancel).await.map_err(Error::program(WHAT))?;
    match output.status {
        NOTHING => {
            // It says the same of a device that cannot be opened.
            std::fs::File::open(device).map_err(Error::io(WHAT))?;
            Ok(Signature::None)
        }
        AMBIVALENT => Ok(Signature::Several),
        _ => Ok(parse(&output.success().map_err(Error::program(WHAT))?.stdout_text())),
    }
}

fn parse(text: &str) -> Signature {
    let mut fields: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let mut take = |name| fields.remove(name).map(str::to_owned);
    match (take("TYPE"), take("PTTYPE")) {
        (Some(kind), _) => {
            Signature::Holds { kind, uuid: take("UUID"), label: take("LABEL"), partition_type: take("PART_ENTRY_TYPE") }
        }
        (None, Some(kind)) => Signature::Partitioned { kind },
        // Only the partition's entry in the table of its disk.
        (None, None) => Signature::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_blkid_prints_is_read() {
        let btrfs = "DEVNAME=/dev/vda6\nUUID=e3\nTYPE=btrfs\nPART_ENTRY_TYPE=4d1e\n";
        let holds = Signature::Holds {
            kind: "btrfs".into(),
            uuid: Some("e3".into()),
            label: None,
            partition_type: Some("4d1e".into()),
        };
        assert_eq!(parse(btrfs), holds);
        assert_eq!(parse("DEVNAME=/dev/vda\nPTTYPE=gpt\n"), Signature::Partitioned { kind: "gpt".into() });
        assert_eq!(parse("DEVNAME=/dev/vda6\nPART_ENTRY_TYPE=4d1e\n"), Signature::None);
    }
}
