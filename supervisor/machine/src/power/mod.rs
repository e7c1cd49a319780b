//! Power: rebooting and powering off, with a reason, and never through the middle of a job.

pub(crate) mod kind;

use orbitr_access::{
    Permit,
    action::{PowerBox, ViewMachine},
};
use orbitr_host::{
    clock::boot_id,
    dbus::{Bus, Can, Error as BusError, PowerVerb},
};
use orbitr_jobs::{Kind, NewJob, Unfinished, enqueue, unfinished};
use orbitr_model::{FieldError, JobId, deed};
use orbitr_store::{NewEvent, Outcome, Subject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Error, Machine,
    reset::{self, kind::ResetJob},
    units::MachineJob,
};

/// The longest reason, in characters.
const REASON_MAX: usize = 200;

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Down and up again.
    Reboot,
    /// Down; somebody has to press the button to bring it up again.
    PowerOff,
}

impl Verb {
    /// What it is called at the beginning of a sentence.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reboot => "Reboot",
            Self::PowerOff => "Power off",
        }
    }
}

impl From<Verb> for PowerVerb {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Reboot => Self::Reboot,
            Verb::PowerOff => Self::PowerOff,
        }
    }
}

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PowerRequest {
    /// What is to happen.
    pub verb: Verb,
    /// Why, in a few words; history keeps it. 1 to 200 characters.
    #[schemars(length(min = 1, max = 200))]
    pub reason: String,
    /// While jobs run: `true` waits until they have ended, `false` refuses.
    #[serde(default)]
    pub wait: bool,
}

/// Whether the machine can be restarted from here, and what stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Power {
    /// Whether it can, or would if nothing held it back.
    pub available: bool,
    /// Why not; empty when it can.
    pub reason: String,
    /// The jobs that must not be cut.
    pub jobs: Vec<Holder>,
    /// What else on this machine holds a shutdown back.
    pub held_by: Vec<Holder>,
    /// What was asked for already and waits.
    pub pending: Option<Pending>,
}

/// Something that holds a shutdown back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Holder {
    /// Who: a job's title, or a program.
    pub who: String,
    /// Why; empty when it does not say.
    pub why: String,
    /// The job, if it is one.
    pub job: Option<JobId>,
}

/// A reboot or power off that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pending {
    /// What it will be.
    pub verb: Verb,
    /// Its job, which can be cancelled.
    pub job: JobId,
}

/// The jobs that must not be cut: all that have not ended, but for those of this room's own that only wait.
pub(crate) fn holding(jobs: Vec<Unfinished>) -> Vec<Holder> {
    let held = jobs.into_iter().filter(|job| ![kind::PowerJob::NAME, ResetJob::NAME].contains(&job.kind.as_str()));
    held.map(|job| Holder { who: job.title, why: "A job is at work".to_owned(), job: Some(job.id) }).collect()
}

/// What else holds a shutdown back, as everybody asks who is about to take the machine down.
pub(crate) async fn others_hold(bus: &Bus) -> Result<Vec<Holder>, BusError> {
    let others = bus.held_by_others().await?;
    Ok(others.into_iter().map(|held| Holder { who: held.who, why: held.why, job: None }).collect())
}

pub(crate) fn pending(jobs: &[Unfinished]) -> Option<Pending> {
    let job = jobs.iter().find(|job| job.kind == kind::PowerJob::NAME)?;
    let args: kind::Args = serde_json::from_str(&job.args).ok()?;
    Some(Pending { verb: args.verb, job: job.id })
}

/// Refuses where something that takes the machine down waits already.
pub(crate) fn going_down(jobs: &[Unfinished]) -> Result<(), Error> {
    match (pending(jobs), reset::pending(jobs)) {
        (Some(pending), _) => Err(Error::PowerPending(pending)),
        (None, Some(job)) => Err(Error::ResetPending(job)),
        (None, None) => Ok(()),
    }
}

impl Machine {
    /// Whether the machine can be restarted from here, and what stands in the way.
    ///
    /// # Errors
    /// [`Error::Bus`] when logind is there and does not answer; otherwise as the database.
    pub async fn power(&self, _permit: &Permit<ViewMachine>) -> Result<Power, Error> {
        self.look_at_power().await
    }

    pub(crate) async fn look_at_power(&self) -> Result<Power, Error> {
        let jobs = self.inner.store.read(|conn| unfinished(conn, None)).await?;
        let pending = pending(&jobs);
        let (available, reason) = self.can(Verb::Reboot).await?;
        let held_by = if available { others_hold(&self.outside().bus).await? } else { Vec::new() };
        Ok(Power { available, reason, jobs: holding(jobs), held_by, pending })
    }

    /// Whether logind would do it, and if not, why.
    async fn can(&self, verb: Verb) -> Result<(bool, String), Error> {
        let why = match self.outside().bus.can(verb.into()).await {
            Ok(Can::Yes | Can::HeldBack) => return Ok((true, String::new())),
            Ok(Can::NotAllowed) => {
                "In hosted mode Orbitr is a service that may not restart the machine. Do it on the machine itself, or run Orbitr OS."
            }
            Ok(Can::Impossible) => "This machine cannot restart itself.",
            Err(error) if error.is_absence() => "This needs systemd's logind, and this machine has none.",
            Err(error) => return Err(error.into()),
        };
        Ok((false, why.to_owned()))
    }

    /// Reboots or powers off, as a job: at once when nothing holds it back, else, with `wait`, when the last job has ended.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::PowerPending`]; [`Error::HeldBack`] says by what; [`Error::Unavailable`] where the
    /// machine cannot or may not.
    pub async fn set_power(&self, permit: &Permit<PowerBox>, request: &PowerRequest) -> Result<MachineJob, Error> {
        let reason = reason(&request.reason)?;
        let verb = request.verb;
        let (available, why) = self.can(verb).await?;
        if !available {
            return Err(Error::Unavailable(why));
        }
        let others = if request.wait { Vec::new() } else { others_hold(&self.outside().bus).await? };
        let args = kind::Args { verb, boot: boot_id() };
        let job = NewJob::of::<kind::PowerJob>(&args, verb.word(), permit.actor().clone())?.lock("power");
        let event = NewEvent {
            actor: permit.actor().clone(),
            action: match verb {
                Verb::Reboot => deed::BOX_REBOOT,
                Verb::PowerOff => deed::BOX_POWER_OFF,
            },
            subject: Subject::the_box(),
            outcome: Outcome::Ok,
            detail: json!({ "reason": reason }),
            address: permit.address(),
        };
        self.go_down(job, event, others, request.wait).await
    }

    /// Begins a job that takes the machine down, with its line in the history: refused while another one waits, and, without
    /// `wait`, while a job or one of `others` holds it back.
    pub(crate) async fn go_down(
        &self,
        job: NewJob,
        event: NewEvent,
        others: Vec<Holder>,
        wait: bool,
    ) -> Result<MachineJob, Error> {
        let job = self
            .inner
            .store
            .write(move |tx| {
                let jobs = unfinished(tx, None)?;
                going_down(&jobs)?;
                let held = [holding(jobs), others].concat();
                if !wait && !held.is_empty() {
                    return Err(Error::HeldBack(held));
                }
                tx.event(event)?;
                Ok(enqueue(tx, job)?)
            })
            .await?;
        Ok(MachineJob { job })
    }
}

fn reason(text: &str) -> Result<String, Error> {
    let text = text.trim();
    if (1..=REASON_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    let message = format!("Say why in 1 to {REASON_MAX} characters, on one line.");
    Err(Error::Invalid(vec![FieldError { field: "reason".to_owned(), message }]))
}
