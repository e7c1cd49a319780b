//! Docker's store: whether it is whole, setting it aside and beginning another one, and what became of that. Root looks and
//! moves (overlays/image/README.md); the box asks root by itself once a day at most, and a person whenever they like. In
//! hosted mode Docker is somebody else's: there it is only told that it does not start.

mod follow;
mod job;
mod kept;

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use orbitr_access::{
    Permit,
    action::{RebuildDockerStore, ViewMachine},
};
use orbitr_jobs::{NewJob, unfinished};
use orbitr_model::{
    Actor, AppId, DockerStoreFacts, GateState, JobId, Problem, SetAside, StoreDamage, Timestamp, Topic, UpdateFacts,
    deed,
};
use orbitr_store::{NewEvent, Outcome, Subject, Tx, time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::job::Tend;
pub(crate) use self::job::{KnownApps, RebuildJob, TendJob, Works};
pub use self::kept::{Missing, Rebuild, RebuildEnd};
use crate::{Error, Machine, MachineJob, Used};

const DOCKER: &str = "docker.service";
const HOSTED: &str =
    "This is hosted mode: Docker's store is not Orbitr's to move. docs/recovery.md says how to do it by hand.";
/// How often systemd has tried again when it gives up: three starts are two more than one.
const TRIED_AGAIN: u32 = 2;
/// systemd's word for a unit that was started too often.
const TOO_OFTEN: &str = "start-limit-hit";
/// The box rebuilds by itself once in so long.
const BY_ITSELF: SignedDuration = SignedDuration::from_hours(24);
/// A rebuild that was cut off keeps Docker down, so it is gone on with sooner.
const CUT_OFF: SignedDuration = SignedDuration::from_mins(15);

/// What is wrong with Docker's store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StoreTrouble {
    /// A rebuild was begun and not ended; Docker does not start before it is.
    CutOff,
    /// Files of it are not what Docker wrote.
    Damaged,
    /// Docker failed to start three times in a row, and systemd gave up.
    DoesNotStart {
        /// How the last start ended, in systemd's word.
        result: String,
    },
}

impl StoreTrouble {
    /// What is wrong, in one sentence.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::CutOff => "Setting Docker's store aside was cut off, and Docker does not start before it has ended",
            Self::Damaged => "Docker's store is damaged",
            Self::DoesNotStart { .. } => "Docker failed to start three times in a row",
        }
    }
}

/// Docker's store as it is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DockerStore {
    /// Whether it can be looked at and rebuilt from here.
    pub available: bool,
    /// Why not; empty when it can.
    pub reason: String,
    /// What is wrong with it.
    pub trouble: Option<StoreTrouble>,
    /// The files that are not what Docker wrote; at most 20.
    pub damage: Vec<StoreDamage>,
    /// How many more there are.
    pub more: u32,
    /// When root last looked.
    pub looked_at: Option<Timestamp>,
    /// Whether that look saw all of it.
    pub complete: bool,
    /// Why the box does not rebuild it by itself although it should be; none where it does, or nothing is wrong.
    pub asks: Option<String>,
    /// Stores that were set aside, the oldest first. They stay until somebody removes them.
    pub aside: Vec<SetAside>,
    /// The last rebuild.
    pub last: Option<Rebuild>,
    /// The job that is at it now.
    pub job: Option<JobId>,
}

/// Which stores that were set aside are to go.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveStores {
    /// By their names; left out, all of them.
    pub names: Option<Vec<String>>,
}

/// An app after Docker's store was rebuilt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppBack {
    /// Which.
    pub id: AppId,
    /// Whether it answers again.
    pub back: bool,
    /// Whether the box has tried, and nothing is under way for it.
    pub settled: bool,
    /// Why it is not back.
    pub why: String,
}

/// The apps that should be up, for whoever waits until they are again.
pub trait AppsBack: fmt::Debug + Send + Sync {
    /// How they are now.
    fn look(&self) -> BoxFuture<'_, Result<Vec<AppBack>, Problem>>;
}

impl Machine {
    /// Says who knows the apps. The jobs run before the apps are opened: those that need them wait for this.
    pub fn know_apps(&self, apps: Arc<dyn AppsBack>) {
        // Said once at each start.
        let _ = self.inner.apps.set(apps);
    }

    /// How Docker's store is.
    ///
    /// # Errors
    /// When the database or systemd does not answer.
    pub async fn docker_store(&self, _permit: &Permit<ViewMachine>) -> Result<DockerStore, Error> {
        self.find_docker_store().await
    }

    /// The same for the box's own eyes.
    ///
    /// # Errors
    /// As [`Machine::docker_store`].
    pub async fn find_docker_store(&self) -> Result<DockerStore, Error> {
        let facts = self.outside().acts.as_ref().and_then(|acts| acts.docker_store().ok());
        let failed = self.docker_gave_up().await?;
        let (last, tried, jobs) = self
            .inner
            .store
            .read(|conn| Ok::<_, Error>((kept::last(conn)?, kept::tried(conn)?, unfinished(conn, None)?)))
            .await?;
        let job = job::at_work(&jobs);
        let trouble = trouble(facts.as_ref(), failed);
        let full = self.disk().as_ref().is_some_and(Used::is_full);
        // While it is being rebuilt nobody has to be asked.
        let trial =
            self.outside().acts.as_ref().and_then(|acts| acts.updates().ok()).is_some_and(|facts| is_trial(&facts));
        let asks = trouble
            .as_ref()
            .filter(|_| job.is_none())
            .and_then(|trouble| asks(trouble, tried, full, trial, time::now()));
        let available = self.outside().acts.is_some();
        let reason = if available { String::new() } else { HOSTED.to_owned() };
        let facts = facts.unwrap_or_else(nothing_seen);
        Ok(DockerStore {
            available,
            reason,
            trouble,
            damage: facts.damage,
            more: facts.more,
            looked_at: Some(facts.looked_at).filter(|at| *at != Timestamp::UNIX_EPOCH),
            complete: facts.complete,
            asks,
            aside: facts.aside,
            last,
            job,
        })
    }

    /// How the last start of Docker ended, where systemd has given up to start it.
    async fn docker_gave_up(&self) -> Result<Option<String>, Error> {
        let unit = match self.outside().bus.unit(DOCKER).await {
            Err(orbitr_host::dbus::Error::Unknown { .. }) => return Ok(None),
            Err(error) if error.is_absence() => return Ok(None),
            found => found?,
        };
        let gave_up = unit.restarts >= TRIED_AGAIN || unit.result == TOO_OFTEN;
        Ok((unit.row.active == "failed" && gave_up).then_some(unit.result))
    }

    /// Sets Docker's store aside and begins another one, as a job.
    ///
    /// # Errors
    /// [`Error::Unavailable`] in hosted mode; [`Error::StoreAtWork`].
    pub async fn rebuild_docker_store(&self, permit: &Permit<RebuildDockerStore>) -> Result<MachineJob, Error> {
        let store = self.find_docker_store().await?;
        let why = store.trouble.as_ref().map_or("Somebody asked for it", StoreTrouble::sentence);
        self.begin_rebuild(&store, permit.actor().clone(), Some(permit), why).await
    }

    async fn begin_rebuild(
        &self,
        store: &DockerStore,
        actor: Actor,
        permit: Option<&Permit<RebuildDockerStore>>,
        why: &str,
    ) -> Result<MachineJob, Error> {
        if !store.available {
            return Err(Error::Unavailable(store.reason.clone()));
        }
        let (by_the_box, now, why) = (permit.is_none(), time::now(), why.to_owned());
        let event = event(actor.clone(), permit, deed::BOX_DOCKER_STORE_REBUILD, json!({ "why": why }));
        let job = NewJob::of::<RebuildJob>(&(), "Rebuild Docker's store", actor)?;
        let write = move |tx: &mut Tx<'_>| {
            let job = job::begin(tx, job)?;
            kept::begin(tx, &Rebuild::begun(job, now, by_the_box, why))?;
            if by_the_box {
                kept::note_try(tx, now)?;
            }
            tx.event(event)?;
            tx.changed(Topic::Box);
            Ok::<_, Error>(job)
        };
        Ok(MachineJob { job: self.inner.store.write(write).await? })
    }

    /// Removes stores that were set aside, as a job.
    ///
    /// # Errors
    /// [`Error::Unavailable`] in hosted mode; [`Error::NoSetAside`]; [`Error::StoreAtWork`].
    pub async fn remove_docker_stores(
        &self,
        permit: &Permit<RebuildDockerStore>,
        request: &RemoveStores,
    ) -> Result<MachineJob, Error> {
        let store = self.find_docker_store().await?;
        let there = || store.aside.iter().map(|one| one.name.clone());
        let names = request.names.clone().unwrap_or_else(|| there().collect());
        if let Some(unknown) = names.iter().find(|name| !there().any(|other| other == **name)) {
            return Err(Error::NoSetAside(unknown.chars().filter(|c| !c.is_control()).take(80).collect()));
        }
        let event =
            event(permit.actor().clone(), Some(permit), deed::BOX_DOCKER_STORE_REMOVE, json!({ "names": names }));
        let title = if names.len() == 1 { "Remove Docker's old store" } else { "Remove Docker's old stores" };
        self.tend(permit, &store, &Tend::Remove { names }, title, Some(event)).await
    }

    /// Has root look at the store now, as a job.
    ///
    /// # Errors
    /// [`Error::Unavailable`] in hosted mode; [`Error::StoreAtWork`].
    pub async fn look_at_docker_store(&self, permit: &Permit<RebuildDockerStore>) -> Result<MachineJob, Error> {
        let store = self.find_docker_store().await?;
        self.tend(permit, &store, &Tend::Look, "Look at Docker's store", None).await
    }

    async fn tend(
        &self,
        permit: &Permit<RebuildDockerStore>,
        store: &DockerStore,
        what: &Tend,
        title: &str,
        event: Option<NewEvent>,
    ) -> Result<MachineJob, Error> {
        if !store.available {
            return Err(Error::Unavailable(store.reason.clone()));
        }
        let job = NewJob::of::<TendJob>(what, title, permit.actor().clone())?;
        let write = move |tx: &mut Tx<'_>| {
            let job = job::begin(tx, job)?;
            if let Some(event) = event {
                tx.event(event)?;
            }
            tx.changed(Topic::Box);
            Ok::<_, Error>(job)
        };
        Ok(MachineJob { job: self.inner.store.write(write).await? })
    }
}

fn event(actor: Actor, permit: Option<&Permit<RebuildDockerStore>>, action: &'static str, detail: Value) -> NewEvent {
    let address = permit.and_then(Permit::address);
    NewEvent { actor, action, subject: Subject::the_box(), outcome: Outcome::Ok, detail, address }
}

/// Where root has not looked yet, or nobody looks.
fn nothing_seen() -> DockerStoreFacts {
    DockerStoreFacts {
        version: 1,
        looked_at: Timestamp::UNIX_EPOCH,
        complete: false,
        unfinished: false,
        damage: Vec::new(),
        more: 0,
        aside: Vec::new(),
    }
}

/// What is wrong, the worst first; pure.
fn trouble(facts: Option<&DockerStoreFacts>, gave_up: Option<String>) -> Option<StoreTrouble> {
    match facts {
        Some(facts) if facts.unfinished => Some(StoreTrouble::CutOff),
        Some(facts) if !facts.damage.is_empty() => Some(StoreTrouble::Damaged),
        _ => gave_up.map(|result| StoreTrouble::DoesNotStart { result }),
    }
}

/// Whether the version that runs has yet to pass the health gate, and is left when it does not.
fn is_trial(facts: &UpdateFacts) -> bool {
    facts.gate.as_ref().is_some_and(|gate| gate.counted && gate.state != GateState::Passed)
}

/// Why the box does not mend it by itself; none when it does. Pure.
fn asks(trouble: &StoreTrouble, tried: Option<Timestamp>, full: bool, trial: bool, now: Timestamp) -> Option<String> {
    // A version whose Docker does not start says nothing about the store that the version before gets back.
    if trial && matches!(trouble, StoreTrouble::DoesNotStart { .. }) {
        return Some(
            "This version of the system is new here and has yet to prove itself. When its Docker does not start, the \
             version before comes back."
                .to_owned(),
        );
    }
    let (pause, words) = match trouble {
        StoreTrouble::CutOff => (CUT_OFF, "15 minutes"),
        StoreTrouble::Damaged | StoreTrouble::DoesNotStart { .. } => (BY_ITSELF, "24 hours"),
    };
    // A clock that jumps makes a pause neither longer nor shorter than it is.
    let lately = tried.is_some_and(|tried| now.duration_since(tried).abs() < pause);
    if lately {
        return Some(format!(
            "The box has rebuilt it within the last {words} already, and what happens twice has a cause."
        ));
    }
    // Going on with what was cut off takes no room.
    let full = full && *trouble != StoreTrouble::CutOff;
    full.then(|| {
        "The disk is full, so images could not be got again. Make room first; Docker may start then by itself."
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use orbitr_model::GateFacts;

    use super::*;

    fn facts(unfinished: bool, damage: usize) -> DockerStoreFacts {
        let one = StoreDamage { file: "/var/lib/docker/x".to_owned(), what: "is empty".to_owned() };
        DockerStoreFacts { unfinished, damage: vec![one; damage], ..nothing_seen() }
    }

    #[test]
    fn what_is_wrong_is_what_root_saw_and_else_what_systemd_says() {
        let failed = || Some("exit-code".to_owned());
        assert_eq!(trouble(None, None), None);
        assert_eq!(trouble(Some(&facts(false, 0)), None), None);
        assert_eq!(trouble(Some(&facts(false, 1)), None), Some(StoreTrouble::Damaged));
        assert_eq!(trouble(Some(&facts(false, 1)), failed()), Some(StoreTrouble::Damaged));
        assert_eq!(trouble(Some(&facts(true, 1)), failed()), Some(StoreTrouble::CutOff));
        let alone = Some(StoreTrouble::DoesNotStart { result: "exit-code".to_owned() });
        assert_eq!(trouble(Some(&facts(false, 0)), failed()), alone);
    }

    #[test]
    fn the_box_mends_it_by_itself_once_a_day_and_never_on_a_full_disk() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let ago = |hours| now.checked_sub(SignedDuration::from_hours(hours)).ok();
        let damaged = StoreTrouble::Damaged;
        assert_eq!(asks(&damaged, None, false, false, now), None);
        assert!(asks(&damaged, ago(23), false, false, now).unwrap().contains("24 hours"));
        assert_eq!(asks(&damaged, ago(24), false, false, now), None);
        assert!(asks(&damaged, ago(-1), false, false, now).is_some(), "a try that a wrong clock wrote");
        assert!(asks(&damaged, None, true, false, now).unwrap().contains("full"));
        assert_eq!(asks(&StoreTrouble::CutOff, ago(1), true, false, now), None);
        assert!(asks(&StoreTrouble::CutOff, Some(now), false, false, now).is_some());
    }

    #[test]
    fn a_version_on_trial_whose_docker_does_not_start_loses_nobody_their_store() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let down = StoreTrouble::DoesNotStart { result: "exit-code".to_owned() };
        assert!(asks(&down, None, false, true, now).unwrap().contains("the version before comes back"));
        assert_eq!(asks(&down, None, false, false, now), None);
        // What the version before began is ended, and what root saw is so in either version.
        assert_eq!(asks(&StoreTrouble::CutOff, None, false, true, now), None);
        assert_eq!(asks(&StoreTrouble::Damaged, None, false, true, now), None);

        let gate = |counted, state| GateFacts { state, counted, tiers: Vec::new(), deadline_s: 600 };
        let of = |gate| UpdateFacts {
            version: 1,
            running: None,
            default: None,
            installed: Vec::new(),
            returned: Vec::new(),
            gate: Some(gate),
        };
        assert!(is_trial(&of(gate(true, GateState::Watching))));
        assert!(is_trial(&of(gate(true, GateState::Failed))));
        assert!(!is_trial(&of(gate(true, GateState::Passed))));
        assert!(!is_trial(&of(gate(false, GateState::Failed))), "it was kept long ago");
    }
}
