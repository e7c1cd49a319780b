//! Factory reset: everything that is on the data partition goes, and the box is new at its next start. Only on Orbitr OS,
//! where root does it (overlays/image); in hosted mode the machine is somebody's own, and this says so.

pub(crate) mod kind;

use orbitr_access::{
    Permit,
    action::{ResetBox, ViewMachine},
};
use orbitr_host::clock::boot_id;
use orbitr_jobs::{Kind, NewJob, Unfinished, unfinished};
use orbitr_model::{JobId, deed};
use orbitr_store::{NewEvent, Outcome, Subject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Error, Holder, Machine,
    data::Acts,
    power::{holding, others_hold},
    units::MachineJob,
};

const HOSTED: &str = "This is hosted mode: the machine is not Orbitr's, and what else is on it is nobody's to erase. Uninstall Orbitr and delete its state folder instead.";
const NAMELESS: &str = "This machine has neither a serial number nor an id, so nothing can be typed that names it.";

/// Whether everything can be erased from here, what must be typed for it, and what stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reset {
    /// Whether it can be done here, or could if nothing held it back.
    pub available: bool,
    /// Why not; empty when it can.
    pub reason: String,
    /// What must be typed: the machine's serial number, or the first 8 digits of its id where it has none.
    pub serial: Option<String>,
    /// The jobs that must not be cut.
    pub jobs: Vec<Holder>,
    /// What else on this machine holds a shutdown back.
    pub held_by: Vec<Holder>,
    /// The job of a reset that was asked for already and waits; it can be cancelled.
    pub pending: Option<JobId>,
}

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    /// The machine's serial number, typed by whoever agrees that everything goes.
    #[schemars(length(min = 1, max = 128))]
    pub serial: String,
    /// While jobs run: `true` waits until they have ended, `false` refuses.
    #[serde(default)]
    pub wait: bool,
}

/// The reset that waits, if one does.
pub(crate) fn pending(jobs: &[Unfinished]) -> Option<JobId> {
    jobs.iter().find(|job| job.kind == kind::ResetJob::NAME).map(|job| job.id)
}

impl Machine {
    /// Whether everything can be erased from here.
    ///
    /// # Errors
    /// [`Error::Bus`] when hostnamed or logind are there and do not answer; otherwise as the database.
    pub async fn reset(&self, _permit: &Permit<ViewMachine>) -> Result<Reset, Error> {
        let jobs = self.inner.store.read(|conn| unfinished(conn, None)).await?;
        let pending = pending(&jobs);
        let (reason, serial) = match self.resettable().await {
            Ok((_, serial)) => (String::new(), Some(serial)),
            Err(Error::Unavailable(why)) => (why, None),
            Err(error) => return Err(error),
        };
        let held_by = if serial.is_some() { others_hold(&self.outside().bus).await? } else { Vec::new() };
        Ok(Reset { available: serial.is_some(), reason, serial, jobs: holding(jobs), held_by, pending })
    }

    /// Who does it, and what must be typed.
    async fn resettable(&self) -> Result<(&Acts, String), Error> {
        let acts = self.outside().acts.as_ref().ok_or_else(|| Error::Unavailable(HOSTED.to_owned()))?;
        let serial = acts.machine_serial().await?;
        Ok((acts, serial.ok_or_else(|| Error::Unavailable(NAMELESS.to_owned()))?))
    }

    /// Erases everything on the data partition and restarts, as a job: at once when nothing holds it back, else, with `wait`,
    /// when the last job has ended.
    ///
    /// # Errors
    /// [`Error::WrongSerial`]; [`Error::ResetPending`], [`Error::PowerPending`]; [`Error::HeldBack`] says by what;
    /// [`Error::Unavailable`] in hosted mode.
    pub async fn factory_reset(&self, permit: &Permit<ResetBox>, request: &ResetRequest) -> Result<MachineJob, Error> {
        let (_, serial) = self.resettable().await?;
        if request.serial.trim() != serial {
            return Err(Error::WrongSerial);
        }
        let others = if request.wait { Vec::new() } else { others_hold(&self.outside().bus).await? };
        let args = kind::Args { serial, boot: boot_id() };
        let job = NewJob::of::<kind::ResetJob>(&args, "Factory reset", permit.actor().clone())?.lock("power");
        let event = NewEvent {
            actor: permit.actor().clone(),
            action: deed::BOX_FACTORY_RESET,
            subject: Subject::the_box(),
            outcome: Outcome::Ok,
            detail: json!({}),
            address: permit.address(),
        };
        self.go_down(job, event, others, request.wait).await
    }
}
