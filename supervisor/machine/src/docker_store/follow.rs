//! The box hears that Docker's store is damaged, and has it rebuilt by itself where it may.

use std::{convert::Infallible, future::pending, time::Duration};

use orbitr_host::watch::Watch;
use orbitr_model::{Actor, Topic};
use tokio::{sync::broadcast::error::RecvError, time::sleep};

use super::StoreTrouble;
use crate::{Error, Machine};

/// Nobody tells that a pause is over; so often it is looked.
const LOOK: Duration = Duration::from_secs(5 * 60);
/// What is told comes in bursts.
const SETTLE: Duration = Duration::from_secs(1);

impl Machine {
    /// Does this for as long as it is polled.
    pub(crate) async fn follow_docker_store(&self) -> Infallible {
        let Some(acts) = self.outside().acts.clone() else { return pending().await };
        let folder = acts.told_in();
        let mut watch = Watch::folders([folder.as_path()]).ok();
        let mut changes = self.inner.store.changes();
        let mut seen = None;
        loop {
            let facts = acts.docker_store().ok();
            if facts != seen {
                seen = facts;
                self.inner.store.notify(Topic::Box);
            }
            if let Err(error) = self.look_after_docker_store().await {
                tracing::warn!(%error, "Docker's store could not be looked after");
            }
            let root = async {
                let heard = match &mut watch {
                    Some(watch) => watch.changed().await.is_ok(),
                    None => false,
                };
                if !heard {
                    pending::<()>().await;
                }
            };
            let units = async {
                loop {
                    match changes.recv().await {
                        Ok(Topic::Units) | Err(RecvError::Lagged(_)) => return,
                        Ok(_) => {}
                        Err(RecvError::Closed) => pending::<()>().await,
                    }
                }
            };
            tokio::select! {
                () = root => sleep(SETTLE).await,
                () = units => sleep(SETTLE).await,
                () = sleep(LOOK) => {}
            }
        }
    }

    async fn look_after_docker_store(&self) -> Result<(), Error> {
        let store = self.find_docker_store().await?;
        let Some(trouble) = store.trouble.as_ref().filter(|_| store.asks.is_none() && store.job.is_none()) else {
            return Ok(());
        };
        tracing::warn!(?trouble, damage = ?store.damage, "Docker's store is rebuilt");
        self.begin_rebuild(&store, Actor::Box, None, StoreTrouble::sentence(trouble)).await.map(drop)
    }
}
