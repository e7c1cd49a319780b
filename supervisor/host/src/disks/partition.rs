//! Changes of a disk's GPT: systemd-repart adds and grows, sfdisk moves and removes.

use std::{path::Path, time::Duration};

use orbitr_model::PartUuid;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::Error;
use crate::exec::{Command, Output};

/// Writing a table waits for the disk to have it; repart may copy and format as well.
const LIMIT: Duration = Duration::from_secs(10 * 60);
const PLAN: &str = "Planning a disk's partitions";
const APPLY: &str = "Partitioning the disk";
const RELOCATE: &str = "Adapting the partition table to the disk's size";
const TELL: &str = "Telling the kernel about new partitions";
const REMOVE: &str = "Removing a partition from the table";
const WIPE: &str = "Erasing what a partition holds";
const RENAME: &str = "Naming a partition";

/// What repart does with a disk that has something else on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Keeps every partition; adds what is missing, grows what may grow.
    Keep,
    /// Begins an empty table.
    Erase,
}

/// One partition that repart would make or grow.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Planned {
    /// Its type: a name or a UUID.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Its size now; 0 when it is new.
    pub old_size: u64,
    /// Its size then.
    pub raw_size: u64,
}

/// What [`apply`] would do.
///
/// # Errors
/// The partitions do not fit, or the disk cannot be read.
pub async fn plan(
    disk: &Path,
    definitions: &Path,
    existing: Existing,
    cancel: &CancellationToken,
) -> Result<Vec<Planned>, Error> {
    let command = repart(definitions, existing).args(["--dry-run=yes", "--json=short"]).arg(disk);
    let output = command.run(cancel).await.and_then(Output::success).map_err(Error::program(PLAN))?;
    serde_json::from_slice(&output.stdout).map_err(|error| Error::unreadable(PLAN, error))
}

/// Brings the disk to what the definitions in a folder say (repart.d(5)); formats only what they say.
///
/// # Errors
/// As [`plan`]; the disk cannot be written.
pub async fn apply(
    disk: &Path,
    definitions: &Path,
    existing: Existing,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let command = repart(definitions, existing).arg("--dry-run=no").arg(disk).limit(LIMIT);
    command.run(cancel).await.and_then(Output::success).map_err(Error::program(APPLY))?;
    Ok(())
}

fn repart(definitions: &Path, existing: Existing) -> Command {
    let mut folder = std::ffi::OsString::from("--definitions=");
    folder.push(definitions);
    let empty = if existing == Existing::Keep { "--empty=refuse" } else { "--empty=force" };
    Command::new("systemd-repart").arg(folder).args(["--seed=random", "--pretty=no", empty])
}

/// Moves the table's second copy to the end of the disk, which has grown: until then nobody may use the room.
///
/// # Errors
/// The disk cannot be written.
pub async fn relocate(disk: &Path, cancel: &CancellationToken) -> Result<(), Error> {
    let command = Command::new("sfdisk")
        .args(["--no-reread", "--no-tell-kernel", "--relocate", "gpt-bak-std"])
        .arg(disk)
        .limit(LIMIT);
    command.run(cancel).await.and_then(Output::success).map_err(Error::program(RELOCATE))?;
    Ok(())
}

/// Brings the kernel's list of a disk's partitions to what the table says, while others of them are in use.
///
/// # Errors
/// The kernel does not take it.
pub async fn tell_kernel(disk: &Path, cancel: &CancellationToken) -> Result<(), Error> {
    let command = Command::new("partx").arg("--update").arg(disk);
    command.run(cancel).await.and_then(Output::success).map_err(Error::program(TELL))?;
    Ok(())
}

/// Takes a partition out of the table.
///
/// # Errors
/// There is none of that number, or the disk cannot be written.
pub async fn remove(disk: &Path, number: u32, cancel: &CancellationToken) -> Result<(), Error> {
    let command =
        Command::new("sfdisk").args(["--no-reread", "--no-tell-kernel", "--delete"]).arg(disk).arg(number.to_string());
    command.run(cancel).await.and_then(Output::success).map_err(Error::program(REMOVE))?;
    let forget = Command::new("partx").args(["--delete", "--nr", &number.to_string()]).arg(disk);
    forget.run(cancel).await.map_err(Error::program(TELL))?;
    Ok(())
}

/// Removes every trace by which a file system or the like is known from a device.
///
/// # Errors
/// It cannot be written, or is in use.
pub async fn wipe(device: &Path, cancel: &CancellationToken) -> Result<(), Error> {
    let command = Command::new("wipefs").args(["--all", "--quiet"]).arg(device);
    command.run(cancel).await.and_then(Output::success).map_err(Error::program(WIPE))?;
    Ok(())
}

/// Gives a partition another name.
///
/// # Errors
/// As [`remove`].
pub async fn rename(disk: &Path, number: u32, label: &str, cancel: &CancellationToken) -> Result<(), Error> {
    change(disk, "--part-label", number, label, cancel).await
}

/// Gives a partition another identifier of its own. The kernel keeps what it knew of it until the disk is read again.
///
/// # Errors
/// As [`remove`].
pub async fn identify(disk: &Path, number: u32, id: PartUuid, cancel: &CancellationToken) -> Result<(), Error> {
    change(disk, "--part-uuid", number, &id.to_string(), cancel).await
}

async fn change(disk: &Path, what: &str, number: u32, value: &str, cancel: &CancellationToken) -> Result<(), Error> {
    let command = Command::new("sfdisk")
        .args(["--no-reread", "--no-tell-kernel", what])
        .arg(disk)
        .arg(number.to_string())
        .arg(value);
    command.run(cancel).await.and_then(Output::success).map_err(Error::program(RENAME))?;
    Ok(())
}
