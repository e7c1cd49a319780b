//! The rooms and mechanisms, from the bottom up.

use std::{
    convert::Infallible,
    fs,
    future::pending,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use futures_util::FutureExt;
use orbitr_access::{Access, Secret};
use orbitr_apps::{Apps, BoxFacts, Prepared, Restraint};
use orbitr_catalog::Catalog;
use orbitr_docker::Docker;
use orbitr_edge::Certificates;
use orbitr_host::facts;
use orbitr_jobs::Jobs;
use orbitr_machine::{Machine, Outside, data::Acts};
use orbitr_model::{RecoveryReason, Topic};
use orbitr_store::{OpenError, Store};
use orbitr_watch::Watch;
use orbitr_web::recovery::{self, Recovery};
use tokio::{
    sync::{
        Notify,
        broadcast::{Receiver, error::RecvError},
    },
    time::sleep,
};

use super::{
    Config, VERSION,
    comeback::Comeback,
    copies, health, identity,
    waiting::{self, Waiting},
};

/// The user of the menu on the box's own screen (overlays/image/README.md).
const CONSOLE: &str = "orbitr-console";

/// How long Recovery mode lasts after crashes.
const TRY_AGAIN: Duration = Duration::from_secs(15 * 60);

/// What the box can do at this start.
pub(super) enum Parts {
    /// The database is open and every room is there.
    Rooms(Box<Rooms>),
    /// Nothing that lasts is there: the data partition is not open.
    Waiting(Waiting),
    /// The database cannot be used; the owner chooses how to go on.
    Recovery(Recovering),
}

/// Every room, over an open database.
pub(super) struct Rooms {
    pub(super) store: Store,
    pub(super) access: Access,
    pub(super) machine: Machine,
    pub(super) jobs: Jobs,
    pub(super) apps: Apps,
    pub(super) watch: Watch,
    /// Made at this start; none once the box is claimed.
    setup_code: Option<Secret>,
}

/// What Recovery mode needs.
pub(super) struct Recovering {
    reason: RecoveryReason,
    state_dir: PathBuf,
    /// Root's acts, where the system is ours.
    acts: Option<Acts>,
    /// Made at this start: without accounts, it is what tells the owner from others.
    code: Secret,
    /// Told when a choice was carried out.
    chosen: Arc<Notify>,
}

impl Recovering {
    fn new(config: &Config, reason: RecoveryReason) -> anyhow::Result<Self> {
        tracing::error!(?reason, "the box is in Recovery mode");
        let code = recovery::new_code().context("a recovery code cannot be made: the system gives no randomness")?;
        let acts = config.image.clone().map(Acts::new);
        Ok(Self { reason, state_dir: config.state_dir.clone(), acts, code, chosen: Arc::default() })
    }

    /// Waits until a choice was carried out. After crashes the box tries again by itself, too: its owner may be far away.
    async fn over(&self) {
        let patience = async {
            match self.reason {
                RecoveryReason::CrashLoop { .. } => sleep(TRY_AGAIN).await,
                _ => pending().await,
            }
        };
        tokio::select! {
            () = self.chosen.notified() => {}
            () = patience => tracing::info!("trying again"),
        }
    }

    /// What its page needs.
    pub(super) fn site(&self) -> Recovery {
        let Self { reason, state_dir, acts, code, chosen } = self;
        let (reason, state_dir, code) = (reason.clone(), state_dir.clone(), code.clone());
        Recovery { reason, state_dir, code, restart: chosen.clone(), acts: acts.clone() }
    }
}

impl Parts {
    pub(super) async fn build(
        config: &Config,
        certificates: &Certificates,
        waiting: Option<Waiting>,
    ) -> anyhow::Result<Self> {
        if let Some(waiting) = waiting {
            return Ok(Self::Waiting(waiting));
        }
        match Store::open(&config.state_dir).await {
            Ok(store) => Ok(Self::Rooms(Box::new(Rooms::build(config, certificates, store).await?))),
            Err(OpenError::Recovery(reason)) => Ok(Self::Recovery(Recovering::new(config, reason)?)),
            Err(error) => Err(error).context("the database cannot be opened"),
        }
    }

    /// After too many crashes: nothing is opened.
    pub(super) fn crashed(config: &Config, times: usize) -> anyhow::Result<Self> {
        let times = times.try_into().unwrap_or(u32::MAX);
        Ok(Self::Recovery(Recovering::new(config, RecoveryReason::CrashLoop { times })?))
    }

    /// What the box does, in a few words.
    pub(super) fn summary(&self) -> String {
        match self {
            Self::Rooms(rooms) if rooms.access.is_claimed() => "ready".to_owned(),
            Self::Rooms(_) => "waiting to be claimed".to_owned(),
            Self::Waiting(waiting) => waiting.summary().to_owned(),
            Self::Recovery(recovering) => match recovering.reason {
                RecoveryReason::CrashLoop { times } => format!("Recovery mode, because Orbitr crashed {times} times"),
                _ => "Recovery mode, because the database cannot be used".to_owned(),
            },
        }
    }

    /// What lets its reader in while nobody can sign in, and what it is called.
    pub(super) fn code(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Rooms(rooms) => rooms.setup_code.as_ref().map(|code| ("Setup code", code.expose())),
            Self::Waiting(waiting) => Some(("Setup code", waiting.code())),
            Self::Recovery(recovering) => Some(("Recovery code", recovering.code.expose())),
        }
    }

    /// From now on, whatever may make the summary another one.
    pub(super) fn changes(&self) -> Changes {
        Changes(match self {
            Self::Rooms(rooms) => Some(rooms.store.changes()),
            Self::Waiting(_) | Self::Recovery(_) => None,
        })
    }

    /// Waits until somebody has chosen how to go on; never, unless the box is in Recovery mode.
    pub(super) async fn recovered(&self) {
        match self {
            Self::Rooms(_) | Self::Waiting(_) => pending().await,
            Self::Recovery(recovering) => recovering.over().await,
        }
    }

    /// Keeps copies of the database for as long as it is polled.
    pub(super) async fn keep_copies(&self, state_dir: &Path) -> Infallible {
        match self {
            Self::Rooms(rooms) => copies::keep(&rooms.store, state_dir, || rooms.access.is_claimed()).await,
            Self::Waiting(_) | Self::Recovery(_) => pending().await,
        }
    }

    /// Waits until the data partition is open and mounted; never, unless the box waits for it.
    pub(super) async fn data_opened(&self) {
        match self {
            Self::Waiting(waiting) => waiting.opened().await,
            Self::Rooms(_) | Self::Recovery(_) => pending().await,
        }
    }

    /// Looks after the machine for as long as it is polled: its units, its clock, its journal.
    pub(super) async fn follow_machine(&self) -> Infallible {
        match self {
            Self::Rooms(rooms) => rooms.machine.follow().await,
            Self::Waiting(_) | Self::Recovery(_) => pending().await,
        }
    }

    /// Looks for what is wrong for as long as it is polled.
    pub(super) async fn watch(&self) -> Infallible {
        match self {
            Self::Rooms(rooms) => rooms.watch.follow().await,
            Self::Waiting(_) | Self::Recovery(_) => pending().await,
        }
    }

    /// Does what the clock brings to apps for as long as it is polled.
    pub(super) async fn keep_time(&self) -> Infallible {
        match self {
            Self::Rooms(rooms) => rooms.apps.keep_time().await,
            Self::Waiting(_) | Self::Recovery(_) => pending().await,
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

/// What may make the summary another one.
pub(super) struct Changes(Option<Receiver<Topic>>);

impl Changes {
    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        let Some(changes) = &mut self.0 else { return pending().await };
        loop {
            match changes.recv().await {
                Ok(Topic::People | Topic::Box) | Err(RecvError::Lagged(_)) => return,
                Ok(_) => {}
                Err(RecvError::Closed) => return pending().await,
            }
        }
    }
}

impl Rooms {
    async fn build(config: &Config, certificates: &Certificates, store: Store) -> anyhow::Result<Self> {
        let mut outside = Outside::this_machine().built(identity::built());
        let own = identity::Own { config: config.clone(), certificates: certificates.clone() };
        outside.certificates = Some(Arc::new(own));
        if let Some(places) = &config.image {
            outside.image = true;
            outside.acts = Some(Acts::new(places.clone()));
            if places.stands_in {
                outside.updating.image = places.run.join("updates");
            }
        }
        let own_apps = health::OwnApps::default();
        outside.apps = Some(Arc::new(own_apps.clone()));
        let machine = Machine::open_with(store.clone(), config.state_dir.clone(), VERSION, outside);
        let machine = machine.await.context("the box's settings cannot be read")?;
        let access = Access::open(store.clone(), own_uid()?).await.context("the accounts cannot be opened")?;
        if let Some(console) = config.image.as_ref().and_then(|_| facts::user_id(CONSOLE)) {
            access.let_console_in(console);
        }
        let setup_code = waiting::setup_code(config, &access).await.context("a setup code cannot be made")?;
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
        let apps = apps.restrained_by(restraint(machine.clone()));
        let jobs = apps.kinds(Jobs::builder(store.clone(), config.state_dir.join("logs/jobs")));
        let jobs = machine.kinds(jobs).start().await.context("the jobs cannot be started")?;
        let apps = apps.open(jobs.clone(), catalog(config));
        own_apps.are(&apps);
        machine.know_apps(Arc::new(Comeback::new(apps.clone(), store.clone())));
        let watch = Watch::new(store.clone(), apps.clone(), machine.clone());
        Ok(Self { store, access, machine, jobs, apps, watch, setup_code })
    }
}

/// While a version of the system is on trial, no app is updated by itself: its data would be newer than what the version before
/// knows of it.
fn restraint(machine: Machine) -> Restraint {
    Arc::new(move || {
        let machine = machine.clone();
        let why =
            |version| format!("the system was updated to {version}, and it is not decided yet whether that stays");
        async move { machine.on_trial().await.map(why) }.boxed()
    })
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
