//! What a disk's GPT says, as sfdisk reads it.

use std::path::Path;

use orbitr_model::PartUuid;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::Error;
use crate::exec::{Command, Exit};

const WHAT: &str = "Reading a disk's partition table";

/// A GPT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Where the last byte that a partition may have is; behind the disk's growth until the table is written again.
    pub last_byte: u64,
    /// Its partitions, as they stand in the table.
    pub entries: Vec<Entry>,
}

/// One partition of a GPT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub number: u32,
    /// Its own identifier; none when it is none.
    pub partuuid: Option<PartUuid>,
    /// What it is for: a UUID, lower case.
    pub kind: String,
    /// Its name.
    pub label: String,
    /// Where it begins, in bytes.
    pub start: u64,
    /// Its size in bytes.
    pub bytes: u64,
}

#[derive(Deserialize)]
struct Printed {
    partitiontable: PrintedTable,
}

#[derive(Deserialize)]
struct PrintedTable {
    label: String,
    #[serde(default)]
    lastlba: u64,
    #[serde(default)]
    sectorsize: u64,
    #[serde(default)]
    partitions: Vec<PrintedEntry>,
}

#[derive(Deserialize)]
struct PrintedEntry {
    node: String,
    start: u64,
    size: u64,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    uuid: String,
    #[serde(default)]
    name: String,
}

/// The GPT of a disk, or of a file; none when it has none.
///
/// # Errors
/// The disk cannot be read.
pub async fn table(disk: &Path, cancel: &CancellationToken) -> Result<Option<Table>, Error> {
    let command = Command::new("sfdisk").arg("--json").arg("--").arg(disk);
    let output = command.run(cancel).await.map_err(Error::program(WHAT))?;
    // 1 is what it says of a disk without a table as well as of one that is gone; the latter does not open.
    if output.status == Exit::Code(1) {
        std::fs::File::open(disk).map_err(Error::io(WHAT))?;
        return Ok(None);
    }
    let output = output.success().map_err(Error::program(WHAT))?;
    parse(&output.stdout_text(), &disk.to_string_lossy()).map_err(|detail| Error::unreadable(WHAT, detail))
}

fn parse(text: &str, disk: &str) -> Result<Option<Table>, String> {
    let printed: Printed = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let table = printed.partitiontable;
    if table.label != "gpt" {
        return Ok(None);
    }
    let sector = if table.sectorsize == 0 { 512 } else { table.sectorsize };
    let in_bytes = |sectors: u64| sectors.checked_mul(sector).ok_or_else(|| "a size is out of range".to_owned());
    let mut entries = Vec::new();
    for entry in table.partitions {
        let number = number_of(&entry.node, disk).ok_or_else(|| format!("«{}» is no partition", entry.node))?;
        entries.push(Entry {
            number,
            partuuid: entry.uuid.parse().ok(),
            kind: entry.kind.to_ascii_lowercase(),
            label: entry.name,
            start: in_bytes(entry.start)?,
            bytes: in_bytes(entry.size)?,
        });
    }
    Ok(Some(Table { last_byte: in_bytes(table.lastlba.saturating_add(1))?.saturating_sub(1), entries }))
}

/// `/dev/vda6` and `/dev/nvme0n1p6` are both number 6.
fn number_of(node: &str, disk: &str) -> Option<u32> {
    let rest = node.strip_prefix(disk)?;
    rest.strip_prefix('p').unwrap_or(rest).parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_sfdisk_prints_is_read() {
        let text = r#"{"partitiontable":{"label":"gpt","id":"9B","device":"/dev/nvme0n1","unit":"sectors","firstlba":2048,
            "lastlba":16777182,"sectorsize":512,"partitions":[{"node":"/dev/nvme0n1p6","start":10749952,"size":6027224,
            "type":"4D1E513E-77F6-48FA-9E3D-A004057C625A","uuid":"0F410F90-EA92-4BCF-B701-B7503621B14F","name":"orbitr-data"}]}}"#;
        let table = parse(text, "/dev/nvme0n1").unwrap().unwrap();
        assert_eq!(table.last_byte, 16_777_183 * 512 - 1);
        let [entry] = &table.entries[..] else { panic!("one entry") };
        assert_eq!((entry.number, entry.bytes), (6, 6_027_224 * 512));
        assert_eq!(entry.kind, "4d1e513e-77f6-48fa-9e3d-a004057c625a");
        assert_eq!(entry.partuuid.unwrap().to_string(), "0f410f90-ea92-4bcf-b701-b7503621b14f");
        assert_eq!(parse(r#"{"partitiontable":{"label":"dos"}}"#, "/dev/sda").unwrap(), None);
    }

    proptest! {
        #[test]
        fn no_table_breaks_the_reader(label in "gpt|dos", start: u64, size: u64, sector: u64, node in "/dev/sda[p0-9]{0,20}") {
            let text = serde_json::json!({"partitiontable": {"label": label, "lastlba": size, "sectorsize": sector,
                "partitions": [{"node": node, "start": start, "size": size, "type": "X"}]}});
            let _ = parse(&text.to_string(), "/dev/sda");
        }
    }
}
