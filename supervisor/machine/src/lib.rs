//! This box as a machine: its name, its time zone, its figures, what it is.
//!
//! What lives here: the settings of the box itself; the figures and facts of the machine as pages and the API show them;
//! its units, power, time, network and journal; the support bundle. What may not: apps, people, and any talk with the machine
//! that is not the host crate's. A machine without systemd is shown as such, and never made up.

mod about;
mod apply;
mod box_file;
mod clock;
pub mod data;
mod docker_store;
mod error;
mod figures;
mod follow;
mod issues;
mod journal;
mod network;
mod outside;
mod power;
mod reset;
mod settings;
mod ssh;
mod support;
mod time;
mod troubles;
mod units;
mod updates;
mod upkeep;
pub mod zones;

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use jiff::tz::TimeZone;
use orbitr_access::{Permit, action::ChangeBox};
use orbitr_host::figures::Sampler;
use orbitr_model::DisplayName;
use orbitr_store::Store;
use tokio::sync::{Mutex, Notify};

use self::settings::Known;
pub use self::{
    about::{About, Interface},
    clock::Verdict,
    docker_store::{AppBack, AppsBack, DockerStore, Missing, Rebuild, RebuildEnd, RemoveStores, StoreTrouble},
    error::Error,
    figures::{FRESH, Figures, Traffic, Used},
    follow::JournalWatch,
    issues::Issue,
    journal::{Boot, JOURNAL_LINES_MAX, JournalLine, JournalPage, JournalQuery, JournalStream, PRIORITIES, Told},
    network::{
        Card, CardChange, CardSettings, ChangeHostName, Changing, Gateway, Ipv4, LastTrial, Link, Mdns, Method,
        Network, Trial, TrialEnd,
    },
    outside::Outside,
    power::{Holder, Pending, Power, PowerRequest, Verb},
    reset::{Reset, ResetRequest},
    settings::{ChangeSettings, Settings},
    ssh::{ChangeSshAccess, SshAccess, SshKey},
    support::Bundle,
    time::{ChangeTime, MachineClock, TimeServers, TimeState},
    units::{MachineJob, Unit, UnitDetail, Units},
    updates::{
        AnswerUpdate, AppHealth, AppTrouble, AppsHealth, ChangeUpdateSettings, Channel, Checked, ChooseVersion,
        InstallUpdate, LiftQuarantine, Offer, OlderState, PassedOver, Proving, ProvingState, Refused, Returned,
        Supplies, UpdateAnswer, UpdateAnswered, UpdatePolicy, UpdateSettings, UpdateUpload, Updates, Updating,
    },
    upkeep::{CertificateState, Certificates, CopyState},
};

/// The settings, figures and facts of this box. A handle: clones share everything.
#[derive(Clone)]
pub struct Machine {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    sampler: Sampler,
    /// The last figures and when they were taken.
    sampled: Mutex<Option<(Instant, Figures)>>,
    /// What the pages ask for all the time, as it is in the database.
    known: RwLock<Known>,
    /// The version of Orbitr.
    version: &'static str,
    state_dir: PathBuf,
    outside: Outside,
    keeper: clock::Keeper,
    /// What was last found of the clock, for pages that do not ask anew.
    verdict: RwLock<Verdict>,
    /// Who follows the journal at the moment.
    followers: follow::Followers,
    /// One at a time brings settings to the machine: what the database says, then the file, then the unit.
    applying: Mutex<()>,
    /// Told when the network shall be another.
    network: Notify,
    /// Told when there may be something to do about updates.
    updates: Notify,
    /// Who knows the apps, once they are opened.
    apps: docker_store::KnownApps,
    /// Held by whoever brings an update as a file.
    uploading: Arc<Mutex<()>>,
}

impl Machine {
    /// Over an open store; `state_dir` is on the disk whose room is shown, `version` is Orbitr's. On the
    /// first start this gives the box its identifier.
    ///
    /// # Errors
    /// When the database cannot be read or written, or its settings are not what this version writes.
    pub async fn open(store: Store, state_dir: PathBuf, version: &'static str) -> Result<Self, Error> {
        Self::open_with(store, state_dir, version, Outside::this_machine()).await
    }

    /// The same, with the machine that it looks after.
    ///
    /// # Errors
    /// As [`Machine::open`].
    pub async fn open_with(
        store: Store,
        state_dir: PathBuf,
        version: &'static str,
        outside: Outside,
    ) -> Result<Self, Error> {
        let known = settings::load_or_begin(&store).await?;
        let keeper = clock::Keeper::open(&state_dir, outside.built);
        let verdict = RwLock::new(keeper.judge(orbitr_store::time::now(), None));
        let inner = Inner {
            store,
            sampler: Sampler::new(state_dir.clone()),
            sampled: Mutex::default(),
            known: RwLock::new(known),
            version,
            state_dir,
            outside,
            keeper,
            verdict,
            followers: follow::Followers::default(),
            applying: Mutex::default(),
            network: Notify::new(),
            updates: Notify::new(),
            apps: docker_store::KnownApps::default(),
            uploading: Arc::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Adds this room's kinds of jobs, before the runner starts.
    #[must_use]
    pub fn kinds(&self, jobs: orbitr_jobs::Builder) -> orbitr_jobs::Builder {
        let outside = self.outside();
        let store = || docker_store::Works { outside: outside.clone(), apps: Arc::clone(&self.inner.apps) };
        jobs.kind(units::kind::Restart(outside.clone()))
            .kind(power::kind::PowerJob(self.works()))
            .kind(reset::kind::ResetJob(outside.clone()))
            .kind(upkeep::Renew(outside.clone()))
            .kind(upkeep::Copy)
            .kind(docker_store::RebuildJob(store()))
            .kind(docker_store::TendJob(store()))
            .kind(updates::CheckJob::new(self.works()))
            .kind(updates::UpdateJob::new(self.works()))
            .kind(updates::ReadJob::new(self.works(), Arc::clone(&self.inner.uploading)))
            .kind(updates::ChooseJob::new(self.works()))
    }

    fn outside(&self) -> &Outside {
        &self.inner.outside
    }

    /// Whether this is Orbitr OS, and not hosted mode.
    #[must_use]
    pub fn is_orbitr_os(&self) -> bool {
        self.inner.outside.image
    }

    /// What was last found of the clock: whether certificates can be judged by it, and what is wrong with it.
    #[must_use]
    pub fn clock(&self) -> Verdict {
        self.inner.verdict.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_verdict(&self, verdict: &Verdict) {
        let mut last = self.inner.verdict.write().unwrap_or_else(PoisonError::into_inner);
        if *last != *verdict {
            if let Some(why) = verdict.why() {
                tracing::warn!(why, "the clock");
            }
            last.clone_from(verdict);
        }
    }

    /// The box's identifier: made at the first start, never changed. Not a secret; the label on
    /// everything that the box owns in Docker.
    #[must_use]
    pub fn box_id(&self) -> String {
        self.known(|known| known.settings.id.clone())
    }

    /// What the box is called. Everybody may know it: it is on the sign-in page.
    #[must_use]
    pub fn name(&self) -> DisplayName {
        self.known(|known| known.settings.name.clone())
    }

    /// Makes a fresh box key and seals every secret of the box with it, as one step: a crash leaves the old key with the
    /// old seals or the new one with the new.
    ///
    /// # Errors
    /// [`Refused::OnTrial`] while a version of the system waits for its first start or is on trial, [`Refused::AtWork`] while one
    /// is installed; a secret cannot be opened: then nothing has changed; the database or the disk refuses.
    pub async fn rotate_key(&self, permit: &Permit<ChangeBox>) -> Result<(), Error> {
        self.refuse_between_versions().await?;
        Ok(self.inner.store.secrets().rotate_key(permit.actor().clone(), permit.address()).await?)
    }

    /// The time zone in which times are shown.
    #[must_use]
    pub fn time_zone(&self) -> TimeZone {
        self.known(|known| known.zone.clone())
    }

    fn known<T>(&self, f: impl FnOnce(&Known) -> T) -> T {
        f(&self.inner.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn remember(&self, known: Known) {
        let mut last = self.inner.known.write().unwrap_or_else(PoisonError::into_inner);
        // Two changes may come back in another order than they were made.
        if known.settings.version >= last.settings.version {
            *last = known;
        }
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.known(|known| f.debug_struct("Machine").field("settings", &known.settings).finish_non_exhaustive())
    }
}
