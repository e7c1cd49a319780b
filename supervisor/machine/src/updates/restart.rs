//! Restarting into another version: putting the restart into the queue, and what is written down right before it.

use std::time::Duration;

use orbitr_host::clock::boot_id;
use orbitr_jobs::{Error as JobsError, NewJob, enqueue, unfinished};
use orbitr_model::{Actor, JobId, Topic};
use orbitr_store::{self as store, Store, Tx, time};
use tokio::time::timeout;

use super::{look::Works, proof::Proof, settings};
use crate::{
    Error, Verb,
    power::{kind as power, pending},
    reset,
};

/// A restart does not wait longer for what the apps say.
const LIMIT: Duration = Duration::from_secs(20);

/// Has the machine restart when nothing is in the way, in the transaction that wants it; unless it goes down already.
pub(super) fn restart(tx: &mut Tx<'_>, actor: Actor) -> Result<Option<JobId>, store::Error> {
    let jobs = unfinished(tx, None)?;
    if pending(&jobs).is_some() || reset::pending(&jobs).is_some() {
        return Ok(None);
    }
    let args = power::Args { verb: Verb::Reboot, boot: boot_id() };
    let job = NewJob::of::<power::PowerJob>(&args, Verb::Reboot.word(), actor);
    match job.and_then(|job| enqueue(tx, job.lock("power"))) {
        Ok(job) => Ok(Some(job)),
        Err(JobsError::Store(error)) => Err(error),
        // The arguments are ours and can be written.
        Err(_) => Ok(None),
    }
}

impl Works {
    /// Right before the machine goes down: where the next start is of another version, which apps are healthy now is written
    /// down, to be compared with when that version runs. Whoever has it go down, and why. It never keeps the machine up: what
    /// could not be written down is not compared.
    pub(crate) async fn before_restart(&self, store: &Store) {
        let Ok(known) = self.known(store).await else { return };
        let Some(to) = known.waiting().cloned() else { return };
        match timeout(LIMIT, self.note(store, known.running, to)).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => tracing::warn!(why, "which apps are healthy is not known after the update"),
            Err(_) => {
                tracing::warn!("the apps did not say in time how they are; they are not compared after the update")
            }
        }
    }

    async fn note(
        &self,
        store: &Store,
        from: orbitr_model::ImageVersion,
        to: orbitr_model::ImageVersion,
    ) -> Result<(), String> {
        let asked = self.outside.apps.as_ref().ok_or("nobody tells how the apps are")?;
        let proof = Proof::begin(from, to, time::now(), boot_id(), asked.look().await?);
        tracing::info!(apps = proof.apps(), to = %proof.to, "wrote down which apps are healthy before the update");
        let write = move |tx: &mut Tx<'_>| {
            settings::note_proof(tx, &proof)?;
            tx.changed(Topic::Box);
            Ok::<_, Error>(())
        };
        store.write(write).await.map_err(|error| error.to_string())
    }
}
