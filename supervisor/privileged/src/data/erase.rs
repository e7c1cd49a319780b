//! The end of a factory reset: erasing the data partition that the ESP says is to be erased. The serial number was typed
//! before the box restarted.

use orbitr_host::{
    disks::{self, luks, partition},
    files,
};
use orbitr_model::PartUuid;

use super::survey::{Candidate, Survey, WIPED, line};
use crate::{Error, Run};

/// Erases what the ESP says; says whether there was anything to do. Any step that was cut off is done again.
pub(crate) async fn finish_reset(run: &Run, survey: &Survey) -> Result<bool, Error> {
    let Some(partuuid) = line(&run.places.reset()) else { return Ok(false) };
    // Two with one identifier: one of them is a copy that nobody asked to erase.
    match survey.seen().only(partuuid) {
        Ok(index) => {
            let Some(candidate) = survey.candidates.get(index) else { return Ok(false) };
            erase(run, survey, candidate).await?;
        }
        Err(0) => {}
        Err(_) => return Err(Error::Twice(partuuid)),
    }
    run.step("Forgetting the erased partition")?;
    forget(run, partuuid)?;
    Ok(true)
}

async fn erase(run: &Run, survey: &Survey, candidate: &Candidate) -> Result<(), Error> {
    run.step("Erasing the data partition")?;
    let Some(disk) = survey.disk_of(candidate) else { return Ok(()) };
    if candidate.encrypted {
        luks::erase(&candidate.device, &run.cancel).await?;
    }
    partition::wipe(&candidate.device, &run.cancel).await?;
    let device = candidate.device.clone();
    let wiped = tokio::task::spawn_blocking(move || disks::zero(&device, 0, WIPED)).await;
    wiped.map_err(|_| Error::Stopped)?.map_err(Error::io("Erasing the data partition"))?;
    partition::remove(&disk.device, candidate.number, &run.cancel).await?;
    Ok(())
}

/// The record first: while `reset` is there, the next start comes here again.
fn forget(run: &Run, partuuid: PartUuid) -> Result<(), Error> {
    let remove = |path: &std::path::Path| files::remove(path).map_err(Error::io("Forgetting the erased partition"));
    for path in [run.places.record(), run.places.making()] {
        if line(&path).is_none_or(|recorded| recorded == partuuid) {
            remove(&path)?;
        }
    }
    remove(&run.places.reset())
}
