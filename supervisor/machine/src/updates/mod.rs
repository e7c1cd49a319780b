//! Updates of the system itself: where they come from, what is offered, downloading one, having root write it into the
//! other slot, going back. Only on Orbitr OS; in hosted mode the operating system is somebody else's to update, and this
//! says so. overlays/image/README.md is the contract with what root does.

mod apps;
mod clock;
mod error;
mod fit;
mod job;
mod look;
mod manifest;
mod proof;
mod question;
mod restart;
mod serve;
mod sets;
mod settings;
mod source;
mod stick;
mod trial;
mod upload;

use orbitr_access::{
    Permit,
    action::{UpdateBox, ViewMachine},
};
use orbitr_jobs::{NewJob, enqueue, unfinished};
use orbitr_model::{
    ByteSize, GateFacts, ImageVersion, InstalledVersion, JobId, ReturnReason, ReturnedVersion, Timestamp, Topic, deed,
};
use orbitr_store::{NewEvent, Outcome, Subject, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::{
    apps::{AppHealth, AppTrouble, AppsHealth},
    error::Refused,
    fit::Supplies,
    look::Updating,
    question::{AnswerUpdate, Proving, ProvingState, UpdateAnswer, UpdateAnswered},
    settings::{ChangeUpdateSettings, Channel, Checked, UpdatePolicy, UpdateSettings},
    trial::OlderState,
    upload::UpdateUpload,
};
pub(crate) use self::{
    job::{CheckJob, ChooseJob, UpdateJob},
    look::Works,
    stick::ReadJob,
};
use self::{
    job::{ChooseArgs, Goal, UpdateArgs},
    manifest::Manifest,
};
use crate::{Error, Machine, MachineJob};

const HOSTED: &str = "This is hosted mode: the operating system is not Orbitr's to update. Update it as you always do; a new Orbitr is installed like any other package.";

/// Updates of the system, as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Updates {
    /// Whether the system can be updated from here.
    pub available: bool,
    /// Why not; empty when it can.
    pub reason: String,
    /// The version that runs.
    pub running: Option<ImageVersion>,
    /// The one that somebody chose for every start.
    pub chosen: Option<ImageVersion>,
    /// A newer one that is in its slot and begins with the next restart.
    pub waiting: Option<ImageVersion>,
    /// Those on the disk, the newest first.
    pub installed: Vec<InstalledVersion>,
    /// Those that were tried and came back.
    pub returned: Vec<Returned>,
    /// Whether this start was found good.
    pub gate: Option<GateFacts>,
    /// What can be installed.
    pub offer: Option<Offer>,
    /// Newer versions that cannot.
    pub passed_over: Vec<PassedOver>,
    /// When the source was looked at.
    pub checked_at: Option<Timestamp>,
    /// Why that found nothing out.
    pub check_problem: Option<orbitr_model::Problem>,
    /// How updates are set.
    pub settings: UpdateSettings,
    /// The address that is built into the image.
    pub built_in_source: Option<String>,
    /// The job of an update that is under way.
    pub job: Option<JobId>,
    /// The update whose apps are compared with how they were before it; none when there is none, or it was proved or kept.
    pub proving: Option<Proving>,
    /// The version that runs, while it is not decided whether it stays: the gate has not passed, or the apps are compared.
    pub on_trial: Option<ImageVersion>,
    /// The installed versions that go on with a database of before: choosing one is going back in time for what the box knows.
    pub older_states: Vec<OlderState>,
}

/// A version that can be installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offer {
    /// Which.
    pub version: ImageVersion,
    /// When it was made.
    pub published: Option<Timestamp>,
    /// What is new, as plain text.
    pub notes: String,
    /// How much is downloaded for it.
    pub size: ByteSize,
    /// Whether all of it is on the box already.
    pub ready: bool,
    /// Whether somebody brought it as a file.
    pub uploaded: bool,
}

impl Offer {
    fn of(manifest: &Manifest, ready: bool, uploaded: bool) -> Self {
        Self {
            version: manifest.version.clone(),
            published: manifest.published,
            notes: manifest.notes.clone(),
            size: manifest.size(),
            ready,
            uploaded,
        }
    }
}

/// A newer version that cannot be installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PassedOver {
    /// Which.
    pub version: ImageVersion,
    /// Why not.
    pub why: String,
}

/// A version that was tried and came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Returned {
    /// Which.
    pub version: ImageVersion,
    /// When; none when it did not come so far as to say.
    pub at: Option<Timestamp>,
    /// What it did not do; none when it did not come so far as to say.
    pub reason: Option<ReturnReason>,
    /// Whether somebody lifted its quarantine: it may be installed again.
    pub lifted: bool,
}

/// What to install.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InstallUpdate {
    /// Which version; without it the one that is offered.
    pub version: Option<ImageVersion>,
    /// Restart when it is in its slot and nothing is in the way.
    pub restart: bool,
}

/// Which installed version is to be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChooseVersion {
    /// Which.
    pub version: ImageVersion,
    /// Restart when nothing is in the way.
    #[serde(default)]
    pub restart: bool,
}

/// Which version may be tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LiftQuarantine {
    /// Which.
    pub version: ImageVersion,
}

fn about(version: &ImageVersion) -> Subject {
    Subject::new("version", version, version)
}

impl Machine {
    pub(crate) fn works(&self) -> Works {
        Works { outside: self.outside().clone(), state: self.inner.state_dir.clone(), version: self.inner.version }
    }

    /// Updates as they are.
    ///
    /// # Errors
    /// As the database.
    pub async fn updates(&self, _permit: &Permit<ViewMachine>) -> Result<Updates, Error> {
        self.look_at_updates().await
    }

    pub(crate) async fn look_at_updates(&self) -> Result<Updates, Error> {
        let works = self.works();
        let read = |conn: &_| {
            let job = job::at_work(&unfinished(conn, None)?).map(|job| job.id);
            let proof = settings::proof(conn)?;
            Ok::<_, Error>((settings::load(conn)?, settings::checked(conn)?, settings::lifted(conn)?, job, proof))
        };
        let (settings, checked, lifted, job, proof) = self.inner.store.read(read).await?;
        let mut updates = Updates {
            checked_at: checked.as_ref().map(|checked| checked.at),
            check_problem: checked.as_ref().and_then(|checked| checked.problem.clone()),
            built_in_source: settings::built_in(&works.outside.updating.image),
            settings,
            job,
            ..Updates::default()
        };
        let known = match works.known(&self.inner.store).await {
            Ok(known) => known,
            Err(Error::Unavailable(why) | Error::Update(Refused::Unknown(why))) => {
                updates.reason = why;
                return Ok(updates);
            }
            Err(error) => return Err(error),
        };
        updates.available = true;
        updates.proving = proof.and_then(|proof| question::shown(&proof, &known));
        updates.waiting = known.waiting().cloned();
        updates.offer = self.offered(&known, checked.as_ref());
        let over = checked.map(|checked| checked.passed_over).unwrap_or_default();
        updates.passed_over = over.into_iter().filter(|other| other.version > known.running).collect();
        updates.returned = known.facts.returned.iter().map(|back| returned(back, &lifted)).collect();
        updates.on_trial = Some(&known.running).filter(|_| known.is_on_trial() || updates.proving.is_some()).cloned();
        let installed = known.facts.installed.iter().map(|found| found.version.clone());
        updates.older_states = self.older_states(installed.collect()).await?;
        updates.running = Some(known.running);
        updates.chosen = known.facts.default;
        updates.installed = known.facts.installed;
        updates.gate = known.facts.gate;
        Ok(updates)
    }

    /// The newest version that can follow: of what the source has, and what is here.
    fn offered(&self, known: &look::Known, checked: Option<&Checked>) -> Option<Offer> {
        let ready = sets::ready(&self.inner.state_dir);
        let here = ready.iter().filter(|set| known.judge(&set.manifest).is_ok());
        let here = here.map(|set| Offer::of(&set.manifest, true, set.is_uploaded()));
        let there = checked.and_then(|checked| checked.offer.clone());
        let fits = |offer: &Offer| {
            let newer = known.kept().is_none_or(|kept| offer.version > *kept);
            newer && offer.version > known.running && !known.is_quarantined(&offer.version)
        };
        here.chain(there).filter(fits).max_by(|a, b| a.version.cmp(&b.version).then(a.ready.cmp(&b.ready)))
    }

    /// Changes where updates come from and what is done with them.
    ///
    /// # Errors
    /// [`Error::Invalid`] names every field that is not right; [`Error::Unavailable`] in hosted mode.
    pub async fn change_updates(
        &self,
        permit: &Permit<UpdateBox>,
        change: &ChangeUpdateSettings,
    ) -> Result<UpdateSettings, Error> {
        self.works().acts()?;
        let (actor, address, change) = (permit.actor().clone(), permit.address(), change.clone());
        let write = move |tx: &mut Tx<'_>| {
            let old = settings::load(tx)?;
            let new = change.over(&old)?;
            if new != old {
                settings::save(tx, &new)?;
                if (&new.source, new.channel) != (&old.source, old.channel) {
                    settings::forget_check(tx)?;
                }
                let (action, detail) = (deed::BOX_UPDATE_SETTINGS, json!({ "from": old, "to": new }));
                let subject = Subject::the_box();
                tx.event(NewEvent { actor, action, subject, outcome: Outcome::Ok, detail, address })?;
                tx.changed(Topic::Box);
            }
            Ok::<_, Error>(new)
        };
        let new = self.inner.store.write(write).await?;
        self.inner.updates.notify_one();
        Ok(new)
    }

    /// Looks for updates now, as a job.
    ///
    /// # Errors
    /// [`Error::Unavailable`] in hosted mode; [`Refused::NoSource`].
    pub async fn check_updates(&self, permit: &Permit<UpdateBox>) -> Result<MachineJob, Error> {
        let works = self.works();
        works.source(&works.known(&self.inner.store).await?.settings)?;
        let job = NewJob::of::<CheckJob>(&(), "Check for updates of the system", permit.actor().clone())?;
        let job = job.lock("updates");
        Ok(MachineJob { job: self.inner.store.write(move |tx| enqueue(tx, job)).await? })
    }

    /// Installs a version into the other slot, as a job.
    ///
    /// # Errors
    /// [`Error::Unavailable`] in hosted mode; [`Error::Update`] says why not.
    pub async fn install_update(
        &self,
        permit: &Permit<UpdateBox>,
        request: &InstallUpdate,
    ) -> Result<MachineJob, Error> {
        let updates = self.look_at_updates().await?;
        if !updates.available {
            return Err(Error::Unavailable(updates.reason));
        }
        let known = self.works().known(&self.inner.store).await?;
        let offered = || updates.offer.as_ref().map(|offer| offer.version.clone());
        let version = request.version.clone().or_else(offered).ok_or(Refused::NothingOffered)?;
        if known.is_quarantined(&version) {
            return Err(Refused::Quarantined(version).into());
        }
        if version <= known.running {
            let why = format!("it is not newer than {}, which runs", known.running);
            return Err(Refused::Unfit { version: version.to_string(), why }.into());
        }
        if let Some(proving) = updates.proving {
            return Err(Refused::Unproved(proving.version).into());
        }
        self.works().supplies().fit_to_install()?;
        let goal = if request.restart { Goal::Started } else { Goal::Installed };
        let event = self.event(permit, deed::BOX_UPDATE, &version, json!({ "restart": request.restart }));
        let args = UpdateArgs { version, goal, actor: permit.actor().clone() };
        let _alone = self.inner.uploading.try_lock().map_err(|_| Refused::AtWork(None))?;
        let write = move |tx: &mut Tx<'_>| {
            let job = job::begin(tx, &args)?;
            tx.event(event)?;
            tx.changed(Topic::Box);
            Ok::<_, Error>(job)
        };
        Ok(MachineJob { job: self.inner.store.write(write).await? })
    }

    fn event(
        &self,
        permit: &Permit<UpdateBox>,
        action: &'static str,
        version: &ImageVersion,
        detail: Value,
    ) -> NewEvent {
        let (actor, address) = (permit.actor().clone(), permit.address());
        NewEvent { actor, action, subject: about(version), outcome: Outcome::Ok, detail, address }
    }

    /// Has the next starts be of another installed version, as a job.
    ///
    /// # Errors
    /// [`Error::Unavailable`] in hosted mode; [`Refused::NotInstalled`], [`Refused::Quarantined`].
    pub async fn choose_version(
        &self,
        permit: &Permit<UpdateBox>,
        request: &ChooseVersion,
    ) -> Result<MachineJob, Error> {
        let known = self.works().known(&self.inner.store).await?;
        let version = request.version.clone();
        if !known.facts.installed.iter().any(|other| other.version == version) {
            return Err(Refused::NotInstalled(version).into());
        }
        if known.is_quarantined(&version) {
            return Err(Refused::Quarantined(version).into());
        }
        let event = self.event(permit, deed::BOX_CHOOSE_VERSION, &version, json!({ "restart": request.restart }));
        let title = format!("Start Orbitr OS {version} from now on");
        let actor = permit.actor().clone();
        let args = ChooseArgs { version, restart: request.restart, actor: actor.clone(), reason: None };
        let job = NewJob::of::<ChooseJob>(&args, title, actor)?.lock("updates");
        let write = move |tx: &mut Tx<'_>| {
            if let Some(job) = job::at_work(&unfinished(tx, None)?) {
                return Err(Refused::AtWork(Some(job.id)).into());
            }
            tx.event(event)?;
            Ok::<_, Error>(enqueue(tx, job)?)
        };
        Ok(MachineJob { job: self.inner.store.write(write).await? })
    }

    /// Says that a version that came back may be tried again.
    ///
    /// # Errors
    /// [`Error::Unavailable`] in hosted mode; [`Refused::NotReturned`].
    pub async fn lift_quarantine(&self, permit: &Permit<UpdateBox>, request: &LiftQuarantine) -> Result<(), Error> {
        let known = self.works().known(&self.inner.store).await?;
        let version = &request.version;
        if !known.is_quarantined(version) {
            return Err(Refused::NotReturned(version.clone()).into());
        }
        let of = known.facts.returned.iter().filter(|back| back.version == *version);
        let names: Vec<String> = of.map(settings::name_of).collect();
        let event = self.event(permit, deed::BOX_UPDATE_LIFT, version, json!({}));
        let write = move |tx: &mut Tx<'_>| {
            settings::lift(tx, names)?;
            tx.event(event)?;
            tx.changed(Topic::Box);
            Ok::<_, Error>(())
        };
        self.inner.store.write(write).await?;
        // What was passed over for it may be offered now.
        self.inner.updates.notify_one();
        Ok(())
    }

    /// The versions that came back and are in quarantine, for the box's own eyes; none where there is nothing to update.
    pub async fn returned_versions(&self) -> Vec<ReturnedVersion> {
        let Ok(known) = self.works().known(&self.inner.store).await else { return Vec::new() };
        // One that still runs is only about to be left.
        let gone = known.facts.returned.iter().filter(|back| back.version != known.running);
        gone.filter(|back| known.is_quarantined(&back.version)).cloned().collect()
    }
}

fn returned(back: &ReturnedVersion, lifted: &[String]) -> Returned {
    let (version, reason) = (back.version.clone(), back.reason.clone());
    Returned { version, at: back.at, reason, lifted: lifted.contains(&settings::name_of(back)) }
}
