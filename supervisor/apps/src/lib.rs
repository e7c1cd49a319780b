//! Apps: from an extension in the store to something that runs, and back.
//!
//! What lives here: the plan of an install, the jobs that install, start, stop, change and remove an app,
//! its folder, the effective state of each app, and what pages and the API show of it. What may not: the
//! manifest's rules (`sdk`), how Docker is spoken to (`docker`), who may (`access`), HTML and HTTP.

mod actions;
mod adopt;
mod archive;
mod bindings;
mod browse;
mod care;
mod caretaker;
mod clock;
mod compare;
mod consent;
mod copies;
mod disks;
mod down;
mod ends;
mod error;
mod extension;
mod folder;
mod health;
mod hooks;
mod judge;
mod kinds;
mod leaks;
mod logs;
mod model;
mod naming;
mod obstacles;
mod operate;
mod ops;
mod plan;
mod policy;
mod probe;
mod reach;
mod releases;
mod remedies;
mod removal;
mod render;
mod rows;
mod safe_mode;
mod schedule;
mod seen;
mod snapshot;
mod standing;
mod status;
mod stones;
mod store_front;
mod sweep;
mod tidy;
mod view;
mod watch;
mod window;
mod work;

use std::{collections::BTreeMap, fmt, future::ready, path::PathBuf, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};

use orbitr_catalog::Catalog;
use orbitr_docker::Docker;
use orbitr_jobs::{Builder, Jobs};
use orbitr_model::{AppId, ReleaseId};
use orbitr_store::Store;
use rusqlite::Connection;

pub use self::{
    actions::{ActRequest, ActionResult, ActionView},
    adopt::{AdoptPlan, AdoptRequest, ComposeProject, ComposeService},
    archive::{Archive, Contents, Download, ExportRequest, Exporting, ImportRequest, Origin, Sealing, Upload},
    bindings::{Binding, BindingRequest, BindingSource, BindingView, Dependant, RequirementField, RequirementView},
    browse::{Entry, EntryKind, Listing, SnapshotFile},
    compare::{Comparison, Difference, What},
    consent::NoticeView,
    copies::CloneRequest,
    disks::{DataDisk, DataPlan, DiskState, MoveDataRequest, OtherDisk},
    error::Error,
    health::{Health, Span},
    kinds::{change::NAME as CHANGE_JOB, lifecycle::Verb},
    leaks::{Leak, Rotation},
    logs::{LOG_LINES_MAX, LogQuery, LogStream},
    model::{
        ChangeRequest, DataChoice, HostPort, InstallRequest, Phase, Protocol, RemoveRequest, RenameRequest,
        RollBackData, RollBackRequest, Snapshot, UpdateRequest, Wanted,
    },
    plan::Plan,
    policy::{Hold, UpdatePolicy, Updates},
    releases::UpdatePlan,
    remedies::START_JOBS,
    safe_mode::{ChangeSafeMode, SafeMode},
    schedule::ScheduleView,
    standing::Standing,
    store_front::{ExtensionDetail, ExtensionView, PermissionView},
    view::{
        AppDetail, AppView, Care, ContainerView, DataSize, Endpoint, JobBrief, LogEntry, ReleaseView, Started, Version,
    },
    watch::OUT_OF_MEMORY,
    window::{Day, InvalidTime, TimeOfDay, Window},
};
use self::{
    kinds::{
        act::Act, adopt::Adopt, calm::Calm, change::Change, clone::Clone as CloneApp, export::Export, forget::Forget,
        heal::Heal, import::Import, install::Install, lifecycle::Lifecycle, move_data::MoveData, rebind::Rebind,
        remove::Remove, repair::Repair, rotate::Rotate,
    },
    model::Release,
    watch::Watch,
    work::Hands,
};

/// What apps are told about the box, as it is when they are rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoxFacts {
    /// The box's host name.
    pub host_name: String,
    /// The box's time zone, as the tz database names it.
    pub time_zone: String,
}

impl BoxFacts {
    fn knows_time_zone(&self, name: &str) -> bool {
        name == self.time_zone || jiff::tz::TimeZone::get(name).is_ok()
    }
}

/// Tells the facts of the moment.
pub type Facts = Arc<dyn Fn() -> BoxFacts + Send + Sync>;

/// Tells why no app is updated without a person at the moment, as a sentence; none when they may be.
pub type Restraint = Arc<dyn Fn() -> BoxFuture<'static, Option<String>> + Send + Sync>;

/// The room. A handle: clones share everything.
#[derive(Clone)]
pub struct Apps {
    hands: Hands,
    jobs: Jobs,
    catalog: Arc<Catalog>,
    watch: Watch,
}

impl fmt::Debug for Apps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apps").field("root", &self.hands.root).finish_non_exhaustive()
    }
}

/// The room before its jobs run: first the job kinds are made known, then the jobs are started, then the
/// room is opened over them.
pub struct Prepared {
    hands: Hands,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("root", &self.hands.root).finish_non_exhaustive()
    }
}

impl Prepared {
    /// Over the store and the engine; `root` is the folder that holds each app's own.
    #[must_use]
    pub fn new(store: Store, docker: Docker, root: PathBuf, facts: Facts) -> Self {
        let restraint: Restraint = Arc::new(|| ready(None).boxed());
        Self { hands: Hands { store, docker, root, facts, restraint, seen: seen::Seen::default() } }
    }

    /// Has automatic updates of apps wait whenever this says so.
    #[must_use]
    pub fn restrained_by(mut self, restraint: Restraint) -> Self {
        self.hands.restraint = restraint;
        self
    }

    /// Makes the room's kinds of jobs known.
    #[must_use]
    pub fn kinds(&self, jobs: Builder) -> Builder {
        jobs.kind(Install(self.hands.clone()))
            .kind(Change(self.hands.clone()))
            .kind(Lifecycle(self.hands.clone()))
            .kind(Calm(self.hands.clone()))
            .kind(Heal(self.hands.clone()))
            .kind(Forget(self.hands.clone()))
            .kind(MoveData(self.hands.clone()))
            .kind(Act(self.hands.clone()))
            .kind(Rebind(self.hands.clone()))
            .kind(Rotate(self.hands.clone()))
            .kind(CloneApp(self.hands.clone()))
            .kind(Export(self.hands.clone()))
            .kind(Import(self.hands.clone()))
            .kind(Adopt(self.hands.clone()))
            .kind(Remove(self.hands.clone()))
            .kind(Repair(self.hands.clone()))
    }

    /// Opens the room. Must be called within a tokio runtime: it begins to watch the apps.
    #[must_use]
    pub fn open(self, jobs: Jobs, catalog: Catalog) -> Apps {
        adopt::tidy(&self.hands.root);
        tokio::spawn(self.hands.clone().keep_archives_tidy());
        let watch = Watch::start(self.hands.clone(), jobs.clone());
        Apps { hands: self.hands, jobs, catalog: Arc::new(catalog), watch }
    }
}

impl Apps {
    pub(crate) const fn docker(&self) -> &Docker {
        &self.hands.docker
    }

    /// Whether Docker answers; else why not, as a sentence.
    ///
    /// # Errors
    /// Why it does not.
    pub fn docker_answers(&self) -> Result<(), String> {
        match &*self.hands.docker.connection().borrow() {
            orbitr_docker::Connection::Up { .. } => Ok(()),
            orbitr_docker::Connection::Down { reason, .. } => Err(reason.clone()),
        }
    }

    /// What keeps apps from being looked after, as sentences; empty when nothing does.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let docker = self
            .docker_answers()
            .err()
            .map(|why| format!("Docker does not answer: {why}. Apps that run go on; nothing can be changed."));
        let watch =
            (!self.watch.is_alive()).then(|| "Apps are not watched any more. Restart the supervisor.".to_owned());
        docker.into_iter().chain(watch).collect()
    }

    fn facts(&self) -> BoxFacts {
        (self.hands.facts)()
    }
}

/// Where a release's secrets are kept.
fn secret_prefix(app: &AppId, release: ReleaseId) -> String {
    format!("{}{release}/", secret_prefix_of_app(app))
}

/// Where an app's secrets are kept.
fn secret_prefix_of_app(app: &AppId) -> String {
    format!("app/{app}/")
}

/// A release's secrets by `input/<name>` and `secret/<name>`.
async fn secret_values(store: &Store, release: &Release) -> Result<BTreeMap<String, String>, Error> {
    let prefix = secret_prefix(&release.app, release.id);
    let secrets = store.secrets().clone();
    store
        .read(move |conn: &Connection| {
            let mut values = BTreeMap::new();
            for name in secrets.names(conn, &prefix)? {
                if let (Some(short), Some(value)) = (name.strip_prefix(&prefix), secrets.get(conn, &name)?) {
                    values.insert(short.to_owned(), value.reveal().to_owned());
                }
            }
            Ok(values)
        })
        .await
}
