//! The rooms and mechanisms, from the bottom up.

use std::{fs, os::unix::fs::MetadataExt, sync::Arc};

use anyhow::Context;
use orbitr_access::{Access, Secret};
use orbitr_apps::{Apps, BoxFacts, Prepared};
use orbitr_catalog::Catalog;
use orbitr_docker::Docker;
use orbitr_jobs::Jobs;
use orbitr_machine::Machine;
use orbitr_model::RecoveryReason;
use orbitr_store::{OpenError, Store};

use super::{Config, VERSION, identity};

/// What the box can do at this start.
pub(super) enum Parts {
    /// The database is open and every room is there.
    Rooms(Box<Rooms>),
    /// The database cannot be used; the owner chooses how to go on.
    Recovery(RecoveryReason),
}

/// Every room, over an open database.
pub(super) struct Rooms {
    pub(super) store: Store,
    pub(super) access: Access,
    pub(super) machine: Machine,
    pub(super) jobs: Jobs,
    pub(super) apps: Apps,
    /// Made at this start; none once the box is claimed.
    setup_code: Option<Secret>,
}

impl Parts {
    pub(super) async fn build(config: &Config) -> anyhow::Result<Self> {
        match Store::open(&config.state_dir).await {
            Ok(store) => Ok(Self::Rooms(Box::new(Rooms::build(config, store).await?))),
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
        let machine = Machine::open(store.clone(), config.state_dir.clone(), VERSION);
        let machine = machine.await.context("the box's settings cannot be read")?;
        let access = Access::open(store.clone(), own_uid()?).await.context("the accounts cannot be opened")?;
        let setup_code = access.new_setup_code().await.context("a setup code cannot be made")?;
        let docker = Docker::new(orbitr_docker::Config {
            socket: config.docker_socket.clone(),
            box_id: machine.box_id(),
            docker_bin: config.docker_bin.clone(),
            compose_bin: config.compose_bin.clone(),
        });
        let (named, zoned) = (config.clone(), machine.clone());
        let facts = move || BoxFacts {
            host_name: identity::host_name(&named),
            time_zone: zoned.time_zone().iana_name().unwrap_or("UTC").to_owned(),
        };
        // Kinds before jobs before the room: no job may find that nobody knows its kind.
        let apps = Prepared::new(store.clone(), docker, config.state_dir.join("apps"), Arc::new(facts));
        let jobs = apps.kinds(Jobs::builder(store.clone(), config.state_dir.join("logs/jobs")));
        let jobs = jobs.start().await.context("the jobs cannot be started")?;
        let apps = apps.open(jobs.clone(), catalog(config));
        Ok(Self { store, access, machine, jobs, apps, setup_code })
    }
}

/// The store: the official extensions, and those of a folder that the owner named.
fn catalog(config: &Config) -> Catalog {
    let catalog = match &config.extensions {
        Some(folder) => Catalog::official().with_folder(folder),
        None => Catalog::official(),
    };
    for problem in catalog.problems() {
        tracing::warn!(%problem, "an extension is left out");
    }
    catalog
}

/// The Unix user that this process runs as: the owner of its own folder in /proc (proc(5)).
fn own_uid() -> anyhow::Result<u32> {
    Ok(fs::metadata("/proc/self").context("the process cannot find out its own user")?.uid())
}
