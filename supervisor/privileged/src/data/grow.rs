//! Growing the data partition to the end of a disk that has grown, and its file system with it.

use orbitr_host::disks::{self, btrfs, luks, mount, partition};
use orbitr_model::RecoveryKey;

use super::{
    survey::{Candidate, Survey},
    unlock::Unlocked,
};
use crate::{Error, Run};

/// Room that is not worth a change of the partition table: alignment, the table's second copy, LUKS's header.
const NOT_WORTH_IT: u64 = 64 * 1024 * 1024;

/// Grows the partition. Each step is finished by the next start if a power cut stops it.
pub(crate) async fn grow_partition(run: &Run, survey: &Survey, candidate: &Candidate) -> Result<u64, Error> {
    let Some(disk) = survey.disk_of(candidate) else { return Ok(0) };
    let Some(table) = disks::table(&disk.device, &run.cancel).await? else { return Ok(0) };
    let last = table.entries.iter().max_by_key(|entry| entry.start);
    let Some(entry) = last.filter(|entry| entry.number == candidate.number) else { return Ok(0) };
    let end = entry.start.saturating_add(entry.bytes);
    if disk.bytes.saturating_sub(end) < NOT_WORTH_IT {
        return Ok(0);
    }
    run.step("Growing the data partition to the end of the disk")?;
    partition::relocate(&disk.device, &run.cancel).await?;
    partition::apply(&disk.device, &run.places.definitions, partition::Existing::Keep, &run.cancel).await?;
    partition::tell_kernel(&disk.device, &run.cancel).await?;
    let grown = disks::table(&disk.device, &run.cancel).await?;
    let now = grown.into_iter().flat_map(|table| table.entries).find(|entry| entry.number == candidate.number);
    Ok(now.map_or(0, |now| now.bytes.saturating_sub(entry.bytes)))
}

/// Grows what is on the partition, whenever it is smaller than the partition: also what an earlier start began.
pub(crate) async fn grow_contents(
    run: &Run,
    candidate: &Candidate,
    unlocked: &Unlocked,
    partition_bytes: u64,
    key: Option<&RecoveryKey>,
) -> Result<(), Error> {
    let device = unlocked.device.clone();
    let size = tokio::task::spawn_blocking(move || btrfs::size(&device)).await;
    let size = size.map_err(|_| Error::Stopped)?.map_err(Error::io("Reading the data partition"))?;
    let Some(size) = size else {
        let why = "it holds no btrfs file system, or a damaged one".to_owned();
        return Err(Error::Foreign { device: candidate.device.clone(), why });
    };
    if partition_bytes.saturating_sub(size) < NOT_WORTH_IT {
        return Ok(());
    }
    run.step("Growing the file system")?;
    if candidate.encrypted {
        luks::fill(&run.places.mapper, key, &run.cancel).await?;
    }
    let top = run.places.top();
    mount::mount(&unlocked.device, &top, "btrfs", "subvolid=5", &run.cancel).await?;
    let filled = btrfs::fill(&top, &run.cancel).await;
    mount::unmount(&top, &run.cancel).await?;
    Ok(filled?)
}
