//! The rooms and mechanisms, from the bottom up.

use std::{fs, os::unix::fs::MetadataExt};

use anyhow::Context;
use orbitr_access::{Access, Secret};
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
    access: Access,
    /// Made at this start; none once the box is claimed.
    setup_code: Option<Secret>,
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
            Self::Rooms(rooms) if rooms.access.is_claimed() => "ready".to_owned(),
            Self::Rooms(_) => "waiting to be claimed".to_owned(),
            Self::Recovery(_) => "Recovery mode, because the database cannot be used".to_owned(),
        }
    }

    /// What makes whoever types it the first admin, while there is none.
    pub(super) fn setup_code(&self) -> Option<&str> {
        match self {
            Self::Rooms(rooms) => rooms.setup_code.as_ref().map(Secret::expose),
            Self::Recovery(_) => None,
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
        let access = Access::open(store.clone(), own_uid()?).await.context("the accounts cannot be opened")?;
        let setup_code = access.new_setup_code().await.context("a setup code cannot be made")?;
        let jobs = Jobs::builder(store.clone(), config.state_dir.join("logs/jobs"));
        let jobs = jobs.start().await.context("the jobs cannot be started")?;
        Ok(Self { store, access, setup_code, jobs })
    }
}

/// The Unix user that this process runs as: the owner of its own folder in /proc (proc(5)).
fn own_uid() -> anyhow::Result<u32> {
    Ok(fs::metadata("/proc/self").context("the process cannot find out its own user")?.uid())
}
