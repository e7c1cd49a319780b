//! What the box keeps in order by itself, and what somebody may ask for when that fails: its certificate, and the daily copy
//! of its database.

use std::{fmt, sync::Arc, time::Duration};

use orbitr_access::{Permit, action::ChangeBox};
use orbitr_jobs::{Kind, NewJob, Outcome, Step, StepContext, StepError, enqueue};
use orbitr_model::{Problem, Timestamp, Topic, deed};
use orbitr_store::{self as store, NewEvent, Outcome as Ended, Subject, Tx, recovery};
use serde_json::json;

use crate::{Error, Machine, MachineJob, outside::Outside};

/// A few files.
const LIMIT: Duration = Duration::from_secs(60);
/// A large database on a slow disk.
const COPY_LIMIT: Duration = Duration::from_secs(30 * 60);

/// The box's own certificates, as those who serve them know them.
pub trait Certificates: fmt::Debug + Send + Sync {
    /// How they are.
    fn state(&self) -> CertificateState;

    /// Makes what is due anew, and a new certificate for the box's names. Blocks on the disk.
    ///
    /// # Errors
    /// Why it cannot be done; what there was stays.
    fn renew(&self) -> Result<(), Problem>;
}

/// How the box's certificates are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateState {
    /// When the certificate that browsers are shown ends.
    pub leaf_ends: Timestamp,
    /// When that of the authority ends, which people have installed.
    pub authority_ends: Timestamp,
    /// Why it could not be renewed when that was due; none where it was, or is not due.
    pub trouble: Option<String>,
}

/// How the daily copies of the database are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyState {
    /// When the newest was made; none where there is none.
    pub newest: Option<Timestamp>,
    /// Why the last one could not be made; none where it was.
    pub trouble: Option<String>,
}

impl Machine {
    /// How the box's certificates are, for the box's own eyes; none where nobody serves them.
    #[must_use]
    pub fn certificates(&self) -> Option<CertificateState> {
        self.outside().certificates.as_ref().map(|certificates| certificates.state())
    }

    /// How the copies of the database are, for the box's own eyes.
    pub async fn copies(&self) -> CopyState {
        let trouble = self.inner.store.copy_trouble();
        let now = orbitr_store::time::now();
        match recovery::kept(&self.inner.state_dir).await {
            // One from the future is of a clock that was wrong.
            Ok(kept) => CopyState { newest: kept.iter().map(|copy| copy.at).filter(|at| *at <= now).max(), trouble },
            Err(error) => CopyState { newest: None, trouble: trouble.or_else(|| Some(error.to_string())) },
        }
    }

    /// Renews the box's certificate, as a job. Who has accepted the old one by hand is asked again.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where nobody serves one; when the database does not answer.
    pub async fn renew_certificate(&self, permit: &Permit<ChangeBox>) -> Result<MachineJob, Error> {
        if self.outside().certificates.is_none() {
            return Err(Error::Unavailable("This box serves no certificate of its own.".to_owned()));
        }
        let job = NewJob::of::<Renew>(&(), "Renew the certificate of the box", permit.actor().clone())?;
        self.begin(permit, deed::BOX_CERTIFICATE, job.lock("box:certificate")).await
    }

    /// Makes a copy of the database, as a job, without waiting for the daily one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn copy_database(&self, permit: &Permit<ChangeBox>) -> Result<MachineJob, Error> {
        let job = NewJob::of::<Copy>(&(), "Copy the database of the box", permit.actor().clone())?;
        self.begin(permit, deed::BOX_COPY, job.lock("box:copy")).await
    }

    async fn begin(&self, permit: &Permit<ChangeBox>, action: &'static str, job: NewJob) -> Result<MachineJob, Error> {
        let event = NewEvent {
            actor: permit.actor().clone(),
            action,
            subject: Subject::the_box(),
            outcome: Ended::Ok,
            detail: json!({}),
            address: permit.address(),
        };
        let write = move |tx: &mut Tx<'_>| {
            tx.event(event)?;
            Ok::<_, Error>(enqueue(tx, job)?)
        };
        Ok(MachineJob { job: self.inner.store.write(write).await? })
    }
}

/// The job that renews the certificate.
pub(crate) struct Renew(pub(crate) Outside);

impl Kind for Renew {
    const NAME: &'static str = "machine.renew-certificate";
    type Args = ();

    fn steps(&self, (): &()) -> Vec<Step> {
        vec![Step { name: "renew", title: "Make a new certificate".to_owned(), limit: LIMIT, reversible: true }]
    }

    async fn run(&self, _: &str, cx: &StepContext, (): &()) -> Result<(), StepError> {
        let Some(certificates) = self.0.certificates.clone() else { return Ok(()) };
        let renew = |certificates: Arc<dyn Certificates>| move || certificates.renew();
        match tokio::task::spawn_blocking(renew(Arc::clone(&certificates))).await {
            Ok(renewed) => renewed.map_err(StepError::lasting)?,
            Err(_) => return Err(StepError::lasting(Problem::internal())),
        }
        cx.log(&format!("The new one is good until {}", certificates.state().leaf_ends));
        Ok(())
    }

    async fn undo(&self, _: &str, _: &StepContext, (): &()) -> Result<(), StepError> {
        // A newer certificate of the same authority is as good as the one before.
        Ok(())
    }

    fn ended(&self, tx: &mut Tx<'_>, (): &(), _: &Outcome) -> Result<(), store::Error> {
        tx.changed(Topic::Box);
        Ok(())
    }
}

/// The job that copies the database.
pub(crate) struct Copy;

impl Kind for Copy {
    const NAME: &'static str = "machine.copy-database";
    type Args = ();

    fn steps(&self, (): &()) -> Vec<Step> {
        vec![Step { name: "copy", title: "Copy the database".to_owned(), limit: COPY_LIMIT, reversible: true }]
    }

    async fn run(&self, _: &str, cx: &StepContext, (): &()) -> Result<(), StepError> {
        let kept = cx.store().keep_copy().await.map_err(|error| match error {
            store::Error::DiskFull => StepError::from(error),
            _ => StepError::lasting(
                Problem::new(500, "copy-failed", "The copy could not be made")
                    .why(cx.store().copy_trouble().unwrap_or_else(|| error.to_string()))
                    .then("Mend that, then try again. The older copies are still there."),
            ),
        })?;
        cx.log(&format!("Kept {} ({})", kept.id, kept.size));
        Ok(())
    }

    async fn undo(&self, _: &str, _: &StepContext, (): &()) -> Result<(), StepError> {
        // One copy more does no harm; the oldest goes by itself.
        Ok(())
    }

    fn ended(&self, tx: &mut Tx<'_>, (): &(), _: &Outcome) -> Result<(), store::Error> {
        tx.changed(Topic::Box);
        Ok(())
    }
}
