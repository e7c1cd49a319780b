//! From a partition to the device with the file system: itself, or what LUKS makes of it.

use std::path::{Path, PathBuf};

use orbitr_host::disks::luks;
use orbitr_model::{RecoveryKey, UnlockedBy};
use tokio_util::sync::CancellationToken;

use super::survey::Candidate;
use crate::{Error, Places};

/// A partition that can be read.
#[derive(Clone, Debug)]
pub(crate) struct Unlocked {
    /// What holds the file system.
    pub(crate) device: PathBuf,
    pub(crate) by: Option<UnlockedBy>,
}

/// Opens a candidate with the key that was typed, or with the security chip; none when it stays locked.
pub(crate) async fn unlock(
    candidate: &Candidate,
    key: Option<&RecoveryKey>,
    places: &Places,
    cancel: &CancellationToken,
) -> Result<Option<Unlocked>, Error> {
    if !candidate.encrypted {
        return Ok(Some(Unlocked { device: candidate.device.clone(), by: None }));
    }
    let node = luks::node(&places.mapper);
    if Path::new(&node).exists() {
        // Left by a run that was stopped, of this partition or of another one: nobody can tell, so it begins anew.
        luks::close(&places.mapper, cancel).await?;
    }
    if let Some(key) = key {
        // First alone: then a key that does not fit is never mistaken for a machine that cannot map it.
        if !luks::try_key(&candidate.device, key, cancel).await?
            || !luks::open(&candidate.device, &places.mapper, key, cancel).await?
        {
            return Err(Error::Key(candidate.device.clone()));
        }
        // It was to open by itself, and did not: another mainboard, or a chip that was cleared.
        if luks::is_bound(&candidate.device, cancel).await?
            && let Err(error) = luks::rebind_chip(&candidate.device, key, cancel).await
        {
            tracing::warn!(%error, "this machine's security chip does not open the data; the key is asked for again");
        }
        return Ok(Some(Unlocked { device: node, by: Some(UnlockedBy::Key) }));
    }
    let opened = luks::open_by_chip(&candidate.device, &places.mapper, cancel).await?;
    Ok(opened.then_some(Unlocked { device: node, by: Some(UnlockedBy::Tpm2) }))
}
