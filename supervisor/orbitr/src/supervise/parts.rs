//! The rooms and mechanisms, from the bottom up.

use anyhow::Context;
use orbitr_jobs::Jobs;
use orbitr_model::RecoveryReason;
use orbitr_store::{OpenError, Store};

use super::Config;

/// What the box can do at this start.
pub(super) enum Parts {
    /// The database is open and every room is there.
    Rooms(Rooms),
    /// The database cannot be used; the owner chooses how to go on.
    Recovery(RecoveryReason),
}

/// Every room, over an open database.
pub(super) struct Rooms {
    store: Store,
    jobs: Jobs,
}

impl Parts {
    pub(super) async fn build(config: &Config) -> anyhow::Result<Self> {
        match Store::open(&config.state_dir).await {
            Ok(store) => Ok(Self::Rooms(Rooms::build(config, store).await?)),
            Err(OpenError::Recovery(reason)) => {
                tracing::error!(?reason, "the database cannot be used: the box starts in Recovery mode");
                Ok(Self::Recovery(reason))
            }
            Err(error) => Err(error).context("the database cannot be opened"),
        }
    }

    /// What the box does, in a few words.
    pub(super) fn summary(&self) -> String {
        match self {
            Self::Rooms(_) => "ready".to_owned(),
            Self::Recovery(_) => "Recovery mode, because the database cannot be used".to_owned(),
        }
    }

    /// Puts all jobs down where they are; the next start goes on with them.
    pub(super) async fn park(&self) {
        if let Self::Rooms(rooms) = self {
            rooms.jobs.park().await;
        }
    }

    /// Closes the database.
    pub(super) async fn close(&self) {
        if let Self::Rooms(rooms) = self {
            rooms.store.close().await;
        }
    }
}

impl Rooms {
    async fn build(config: &Config, store: Store) -> anyhow::Result<Self> {
        let jobs = Jobs::builder(store.clone(), config.state_dir.join("logs/jobs"));
        let jobs = jobs.start().await.context("the jobs cannot be started")?;
        Ok(Self { store, jobs })
    }
}
