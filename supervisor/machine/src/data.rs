//! Before there is a database that lasts: what root found of the data partition, and asking root for an act.
//!
//! It works over files (overlays/image/README.md): facts and reports are read, a request is written, and the act's unit is
//! started. Nothing here needs the store, an account or Docker. Folders may stand in for the machine's, for tests; then
//! whoever watches the requests does what the units would.

mod perform;
mod version;

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use orbitr_host::{
    dbus::{Bus, JobResult, PowerVerb},
    disks::{BlockDisk, Blocks},
    watch::Watch,
};
use orbitr_model::{
    Act, ActReport, ActState, DataFacts, DataReason, DataState, Disk, DockerStoreFacts, Problem, UpdateFacts,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::sleep;

/// The longest that an act may take, as its unit says, and a little more.
const ACT_LIMIT: Duration = Duration::from_secs(2 * 60 * 60 + 60);
/// How often, and for how long, the mounts are waited for once the partition is open.
const MOUNTS_LOOK: Duration = Duration::from_millis(500);
const MOUNTS_LIMIT: u32 = 240;
/// What the image gives the ESP of a disk that it is installing onto.
const UNFINISHED: &str = "orbitr-installing";
/// The acts that people wait for.
const ASKED_FOR: [Act; 4] = [Act::MakeData, Act::OpenData, Act::Install, Act::FactoryReset];
/// The word on the kernel's command line that a live medium has.
const LIVE: &str = "orbitr.live";

/// Which part of the product is served, decided from what root found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From a stick: this system can be put onto a disk.
    Installer,
    /// A new box, or one whose data wait to be taken over.
    Setup,
    /// A box that cannot open its data.
    Degraded,
    /// The data partition is open.
    Open,
}

/// From facts to the stage.
#[must_use]
pub fn stage(facts: &DataFacts, live: bool) -> Stage {
    let portable = facts.boot_disk.as_ref().is_some_and(Disk::is_portable);
    let new = facts.recorded.is_none();
    match (facts.state, facts.reason) {
        (DataState::Open, _) => Stage::Open,
        _ if live => Stage::Installer,
        (DataState::None, _) | (DataState::Choice, Some(DataReason::Unfinished)) if new && portable => Stage::Installer,
        (DataState::None, _) => Stage::Setup,
        (DataState::Choice, Some(DataReason::Unfinished | DataReason::Unrecorded)) if new => Stage::Setup,
        _ => Stage::Degraded,
    }
}

/// A disk that the system could be installed onto.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// The disk.
    pub disk: Disk,
    /// What is on it, in words; empty when nothing is known to be.
    pub contents: Vec<String>,
    /// Whether an installation onto it was cut off.
    pub unfinished: bool,
}

/// Where the files are.
#[derive(Clone, Debug)]
pub struct Places {
    /// `/run`, or a folder that stands in for it.
    pub run: PathBuf,
    /// The supervisor's state folder.
    pub state: PathBuf,
    /// Whether `run` stands in for the machine's: then there are no units, and nothing is mounted.
    pub stands_in: bool,
}

/// Root's acts, as the supervisor asks for them. A handle: clones share everything.
#[derive(Clone)]
pub struct Acts {
    inner: Arc<Inner>,
}

struct Inner {
    places: Places,
    /// Where requests are put: the supervisor's folder, or the menu's.
    requests: PathBuf,
    bus: Bus,
    /// What was asked last since this process started.
    asked: Mutex<Option<Asked>>,
}

/// An act that was asked for.
#[derive(Clone)]
struct Asked {
    act: Act,
    id: String,
    /// What went wrong before the act itself could report it.
    problem: Option<Problem>,
}

impl Acts {
    /// Over these places.
    #[must_use]
    pub fn new(places: Places) -> Self {
        Self::with_bus(places, Bus::system())
    }

    /// Over these places, with the systemd that this bus leads to.
    #[must_use]
    pub fn with_bus(places: Places, bus: Bus) -> Self {
        let requests = places.run.join("orbitr/requests");
        Self { inner: Arc::new(Inner { places, requests, bus, asked: Mutex::default() }) }
    }

    /// As the menu on the box's own screen asks: a factory reset, with the supervisor or without it, and to have a support
    /// bundle saved. Nothing else.
    #[must_use]
    pub fn at_the_box(places: Places, bus: Bus) -> Self {
        let requests = places.run.join("orbitr-console");
        Self { inner: Arc::new(Inner { places, requests, bus, asked: Mutex::default() }) }
    }

    fn box_run(&self) -> PathBuf {
        self.inner.places.run.join("orbitr-box")
    }

    /// What root found. Where it left nothing, that is what is wrong.
    #[must_use]
    pub fn facts(&self) -> DataFacts {
        read(&self.box_run().join("data.json")).unwrap_or_else(|error| {
            let mut facts = DataFacts::of(DataState::Failed);
            let problem = Problem::new(503, "data-not-looked-for", "Nobody has looked for the data partition yet")
                .why(error)
                .then("Look again. The unit orbitr-data.service and its journal say more.");
            facts.problem = Some(problem.into());
            facts
        })
    }

    /// Which part of the product is to be served.
    #[must_use]
    pub fn stage(&self) -> Stage {
        let facts = self.facts();
        match stage(&facts, self.is_live()) {
            // Open, and yet what holds the state is not what was opened: mounting it did not work.
            Stage::Open if !self.is_mounted() => Stage::Degraded,
            stage => stage,
        }
    }

    /// Whether this is a live medium.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let cmdline =
            if self.inner.places.stands_in { self.inner.places.run.join("cmdline") } else { "/proc/cmdline".into() };
        fs::read_to_string(cmdline).is_ok_and(|line| line.split_whitespace().any(|word| word == LIVE))
    }

    /// Whether the state folder is on the data partition.
    #[must_use]
    pub fn is_mounted(&self) -> bool {
        let state = &self.inner.places.state;
        let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
        self.inner.places.stands_in || state.parent().is_some_and(|above| device(state) != device(above))
    }

    /// Whether the machine has a security chip that can keep a key.
    #[must_use]
    pub fn has_chip(&self) -> bool {
        let tpm =
            if self.inner.places.stands_in { self.inner.places.run.join("tpm") } else { "/sys/class/tpm/tpm0".into() };
        tpm.exists()
    }

    /// Whether anything hangs at a USB bus that may be a stick; root looks closer. What the box runs from is none.
    ///
    /// # Errors
    /// The kernel does not list its disks.
    pub fn has_stick(&self) -> io::Result<bool> {
        let places = &self.inner.places;
        if places.stands_in {
            return Ok(places.run.join("stick").exists());
        }
        let boot = self.facts().boot_disk.map(|disk| disk.device);
        let others = |disk: &BlockDisk| Some(disk.device.to_string_lossy().into_owned()) != boot;
        Ok(Blocks::machine().disks()?.iter().any(|disk| disk.transport == "usb" && others(disk)))
    }

    /// What root last found in Docker's store.
    ///
    /// # Errors
    /// Why it cannot be told: nobody has looked in this boot, or a wrong file.
    pub fn docker_store(&self) -> Result<DockerStoreFacts, String> {
        read(&self.box_run().join("docker-store.json"))
    }

    /// The folder in which root tells what it has found.
    #[must_use]
    pub fn told_in(&self) -> PathBuf {
        self.box_run()
    }

    /// What root tells of versions.
    ///
    /// # Errors
    /// Why it does not tell.
    pub fn updates(&self) -> Result<UpdateFacts, String> {
        read(&self.box_run().join("updates.json"))
    }

    /// How the last act of a name goes or went; none when it was never asked for since the machine started.
    #[must_use]
    pub fn report(&self, act: Act) -> Option<ActReport> {
        read(&self.box_run().join(format!("results/{act}.json"))).ok()
    }

    /// What was asked last since this process started, if it has not been answered yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        let waits = |asked: &Asked| self.report(asked.act).is_none_or(|report| report.id != asked.id);
        self.asked().is_some_and(|asked| asked.problem.is_none() && waits(&asked))
    }

    /// Why what was asked last did not happen, if it did not; also when another run of this process asked for it.
    pub async fn failure(&self) -> Option<(Act, Problem)> {
        let Some(asked) = self.asked() else { return self.killed().await };
        let told = self.report(asked.act).filter(|report| report.id == asked.id && report.state == ActState::Failed);
        let problem = told.and_then(|report| report.problem).map(Problem::from).or(asked.problem)?;
        Some((asked.act, problem))
    }

    fn asked(&self) -> Option<Asked> {
        self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The act that is at work, if one is. One that was killed could not say so: its unit is asked.
    pub async fn at_work(&self) -> Option<ActReport> {
        // That its unit has ended was heard.
        let ended = self.asked().filter(|asked| asked.problem.is_some()).map(|asked| asked.act);
        for act in ASKED_FOR.into_iter().filter(|act| Some(*act) != ended) {
            if let Some(report) = self.running(act)
                && !self.was_killed(act).await
            {
                return Some(report);
            }
        }
        None
    }

    /// Whether the data partition is open and its folders are only being mounted, which is the last that the act's unit does.
    pub async fn is_mounting(&self) -> bool {
        if self.facts().state != DataState::Open || self.is_mounted() {
            return false;
        }
        for act in [Act::MakeData, Act::OpenData] {
            if self.inner.bus.unit(&act.unit()).await.is_ok_and(|unit| unit.row.active == "activating") {
                return true;
            }
        }
        false
    }

    /// Disks that the system could be installed onto, with what is on them.
    ///
    /// # Errors
    /// The kernel does not list its disks.
    pub fn targets(&self) -> Result<Vec<Target>, Problem> {
        let places = &self.inner.places;
        if places.stands_in {
            return Ok(read(&places.run.join("targets.json"))
                .map(|list: Vec<StandIn>| list.into_iter().map(Target::from).collect())
                .unwrap_or_default());
        }
        let boot = self.facts().boot_disk.map(|disk| disk.device);
        let disks = Blocks::machine().disks().map_err(|error| {
            Problem::new(502, "disks-unlisted", "The disks cannot be listed").why(error.to_string()).then("Try again.")
        })?;
        let others = disks.into_iter().filter(|disk| Some(disk.device.to_string_lossy().into_owned()) != boot);
        Ok(others.filter(|disk| !disk.read_only).map(|disk| target(&disk)).collect())
    }

    /// Writes a request, which holds this id, and starts the unit that reads it. The report says how it goes; this does not wait for it.
    ///
    /// # Errors
    /// The request cannot be written, or another act is at work.
    pub async fn ask(&self, act: Act, id: &str, request: &impl Serialize) -> Result<(), Problem> {
        if let Some(busy) = self.at_work().await {
            return Err(Problem::new(409, "act-at-work", "Something is under way already")
                .why(busy.step)
                .then("Wait until it has ended."));
        }
        self.hand_over(act, request).await?;
        *self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Asked { act, id: id.to_owned(), problem: None });
        if !self.inner.places.stands_in {
            let acts = self.clone();
            tokio::spawn(async move { acts.start(act).await });
        }
        Ok(())
    }

    /// Starts the unit of an act. What goes wrong before the act itself can report it is kept for the page.
    async fn start(&self, act: Act) {
        let problem = match self.start_unit(act, ACT_LIMIT).await {
            Ok(JobResult::Done) => return,
            // The act says itself why.
            Ok(JobResult::NotDone(_)) if self.report(act).is_some_and(|report| report.state == ActState::Failed) => {
                return;
            }
            Ok(JobResult::NotDone(word)) => perform::ended(&word),
            Err(error) => error.into(),
        };
        tracing::warn!(%act, %problem, "an act did not do its work");
        let mut asked = self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = asked.as_mut().filter(|asked| asked.act == act) {
            asked.problem = Some(problem);
        }
    }

    /// Restarts the machine.
    ///
    /// # Errors
    /// It does not let us.
    pub async fn restart_machine(&self) -> Result<(), Problem> {
        if self.inner.places.stands_in {
            return Ok(());
        }
        self.inner.bus.power(PowerVerb::Reboot).await.map_err(Problem::from)
    }

    /// Waits until the data partition is open and mounted.
    ///
    /// # Errors
    /// Changes of files cannot be waited for.
    pub async fn opened(&self) -> io::Result<()> {
        let folder = self.box_run();
        let mut watch = Watch::folders([folder.as_path()])?;
        loop {
            if self.facts().state == DataState::Open {
                // The mounts follow; nobody tells of them.
                for _ in 0..MOUNTS_LIMIT {
                    if self.is_mounted() {
                        return Ok(());
                    }
                    sleep(MOUNTS_LOOK).await;
                }
            }
            watch.changed().await?;
        }
    }
}

impl fmt::Debug for Acts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acts").field("places", &self.inner.places).finish_non_exhaustive()
    }
}

/// A target as tests write it.
#[derive(serde::Deserialize)]
struct StandIn {
    disk: Disk,
    contents: Vec<String>,
    unfinished: bool,
}

impl From<StandIn> for Target {
    fn from(StandIn { disk, contents, unfinished }: StandIn) -> Self {
        Self { disk, contents, unfinished }
    }
}

fn target(disk: &BlockDisk) -> Target {
    let unfinished = disk
        .partitions
        .first()
        .is_some_and(|first| first.label.as_deref().is_some_and(|label| label.eq_ignore_ascii_case(UNFINISHED)));
    let mut contents: Vec<String> = disk
        .partitions
        .iter()
        .map(|partition| {
            let holds = partition.holds.as_deref().unwrap_or("unknown");
            let name = partition.label.as_deref().map(|label| format!(" «{label}»")).unwrap_or_default();
            format!("{holds}{name}, {}", orbitr_model::ByteSize(partition.bytes))
        })
        .collect();
    if contents.is_empty() {
        contents.extend(disk.holds.clone());
    }
    Target {
        disk: Disk {
            device: disk.device.to_string_lossy().into_owned(),
            model: disk.model.clone(),
            serial: disk.serial.clone(),
            bytes: disk.bytes,
            transport: disk.transport.to_owned(),
            removable: disk.removable,
        },
        contents,
        unfinished,
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_stage() {
        use DataReason::{Ambiguous, Missing, ResetDone, Unfinished, Unrecorded};
        use DataState::{Choice, Failed, Locked, None as Nothing, Open};
        let id = "0f410f90-ea92-4bcf-b701-b7503621b14f".parse().ok();
        let stick = Disk {
            device: "/dev/sda".into(),
            model: None,
            serial: None,
            bytes: 1,
            transport: "usb".into(),
            removable: true,
        };
        for (state, reason, recorded, portable, live, then) in [
            (Open, None, id, false, false, Stage::Open),
            (Open, Some(Ambiguous), id, true, false, Stage::Open),
            (Nothing, None, None, false, false, Stage::Setup),
            (Nothing, Some(ResetDone), None, false, false, Stage::Setup),
            (Nothing, None, None, true, false, Stage::Installer),
            (Nothing, None, None, false, true, Stage::Installer),
            (Choice, Some(Unrecorded), None, false, true, Stage::Installer),
            (Choice, Some(Unrecorded), None, true, false, Stage::Setup),
            (Choice, Some(Unfinished), None, false, false, Stage::Setup),
            (Choice, Some(Unfinished), None, true, false, Stage::Installer),
            (Choice, Some(Unfinished), id, false, false, Stage::Degraded),
            (Choice, Some(Missing), id, false, false, Stage::Degraded),
            (Choice, Some(Ambiguous), id, false, false, Stage::Degraded),
            (Locked, None, id, false, false, Stage::Degraded),
            (Failed, None, id, false, false, Stage::Degraded),
        ] {
            let mut facts = DataFacts::of(state);
            (facts.reason, facts.recorded) = (reason, recorded);
            facts.boot_disk = portable.then(|| stick.clone());
            assert_eq!(stage(&facts, live), then, "{state:?} {reason:?} {recorded:?} {portable} {live}");
        }
    }
}
