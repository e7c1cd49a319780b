//! An update that lies on a USB stick: root reads the stick, and hands the file over a socket as it is. It is judged here, as
//! one is that comes in through the browser.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use orbitr_access::{Permit, action::UpdateBox};
use orbitr_host::files;
use orbitr_jobs::{Kind, NewJob, Outcome, Step, StepContext, StepError, enqueue, unfinished};
use orbitr_model::{Act, ActReport, Actor, ReadUpdateRequest, Topic};
use orbitr_store::Tx;
use serde::{Deserialize, Serialize};
use tokio::{
    io::AsyncReadExt,
    net::{UnixListener, UnixStream},
    sync::Mutex,
};

use super::{
    error::Refused,
    job::{self, step},
    look::Works,
    upload::{Bringer, UpdateUpload},
};
use crate::{Error, Machine, MachineJob};

/// As the act's unit says, and a little more.
const READ: Duration = Duration::from_secs(31 * 60);
/// How long the last pieces may take after the act has ended, or the act after the file was refused.
const REST: Duration = Duration::from_secs(60);
const PIECE: usize = 256 * 1024;

/// Who wants it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReadArgs {
    actor: Actor,
    address: Option<IpAddr>,
}

/// Takes an update from a stick.
pub(crate) struct ReadJob {
    works: Works,
    uploading: Arc<Mutex<()>>,
}

impl ReadJob {
    pub(crate) const fn new(works: Works, uploading: Arc<Mutex<()>>) -> Self {
        Self { works, uploading }
    }

    async fn read(&self, cx: &StepContext, args: &ReadArgs) -> Result<(), StepError> {
        let lasting = |error: Error| StepError::lasting(error.into());
        let alone = Arc::clone(&self.uploading).try_lock_owned();
        let alone = alone.map_err(|_| lasting(Refused::AtWork(None).into()))?;
        let known = self.works.known(cx.store()).await?;
        let acts = self.works.acts()?;
        let place = Place::listen(acts.request_folder().join(ReadUpdateRequest::SOCKET));
        let place = place.map_err(|error| lasting(Refused::Folder(error.to_string()).into()))?;
        let id = format!("{}-{}", cx.job(), cx.attempt());
        let request = ReadUpdateRequest { version: 1, id: id.clone() };
        let tell = |report: &ActReport| cx.progress(report.fraction, &report.step);
        let mut act = std::pin::pin!(acts.perform_telling(Act::ReadUpdate, &id, &request, READ, tell));
        let mut taking = std::pin::pin!(take(&place.listener, UpdateUpload::new(self.works.clone(), known, alone)));
        let upload = tokio::select! {
            // Root looks for the stick first: why there is none, it says itself.
            done = &mut act => {
                done.map_err(StepError::lasting)?;
                let rest = tokio::time::timeout(REST, taking).await;
                rest.map_err(|_| lasting(Refused::Odd("it did not come in as a whole".to_owned()).into()))?
            }
            taken = &mut taking => {
                // Root meets a closed door where it was refused, and ends.
                let ended = tokio::time::timeout(REST, act).await;
                if let Ok(Err(problem)) = ended && taken.is_ok() {
                    return Err(StepError::lasting(problem));
                }
                taken
            }
            () = cx.cancelled() => return Ok(()),
        };
        let by = Bringer { actor: args.actor.clone(), address: args.address, from: "stick" };
        let offer = upload.map_err(lasting)?.finish(cx.store(), by).await.map_err(lasting)?;
        cx.log(&format!("{} is here and can be installed; the stick may be pulled out", offer.version));
        Ok(())
    }
}

/// Everything that comes through the socket once.
async fn take(listener: &UnixListener, mut upload: UpdateUpload) -> Result<UpdateUpload, Error> {
    let (mut stream, _): (UnixStream, _) = listener.accept().await.map_err(Refused::from)?;
    let mut piece = vec![0; PIECE];
    loop {
        let read = stream.read(&mut piece).await.map_err(Refused::from)?;
        if read == 0 {
            return Ok(upload);
        }
        upload.write(piece.get(..read).unwrap_or_default()).await?;
    }
}

/// Where root hands it over; gone when this is dropped.
struct Place {
    listener: UnixListener,
    path: PathBuf,
}

impl Place {
    fn listen(path: PathBuf) -> std::io::Result<Self> {
        files::make_dir(path.parent().unwrap_or(&path), 0o700)?;
        files::remove(&path)?;
        Ok(Self { listener: UnixListener::bind(&path)?, path })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = files::remove(&self.path) {
            tracing::warn!(%error, "the socket for an update from a stick stays");
        }
    }
}

impl Kind for ReadJob {
    const NAME: &'static str = "box.read-update";
    type Args = ReadArgs;

    fn steps(&self, _: &ReadArgs) -> Vec<Step> {
        vec![step("read", "Read it from the stick", READ + 2 * REST)]
    }

    async fn run(&self, _: &str, cx: &StepContext, args: &ReadArgs) -> Result<(), StepError> {
        self.read(cx, args).await
    }

    /// What had come in went when it was cut off.
    async fn undo(&self, _: &str, _: &StepContext, _: &ReadArgs) -> Result<(), StepError> {
        Ok(())
    }

    fn ended(&self, tx: &mut Tx<'_>, _: &ReadArgs, _: &Outcome) -> Result<(), orbitr_store::Error> {
        tx.changed(Topic::Box);
        Ok(())
    }
}

impl Machine {
    /// Takes the newest update from the one USB stick that is plugged in, as a job.
    ///
    /// # Errors
    /// [`Error::Unavailable`] in hosted mode; [`Refused::AtWork`] while an update is under way.
    pub async fn read_update(&self, permit: &Permit<UpdateBox>) -> Result<MachineJob, Error> {
        self.works().acts()?;
        let actor = permit.actor().clone();
        let args = ReadArgs { actor: actor.clone(), address: permit.address() };
        let job = NewJob::of::<ReadJob>(&args, "Read an update from a USB stick", actor)?.lock("updates");
        let write = move |tx: &mut Tx<'_>| {
            if let Some(job) = job::at_work(&unfinished(tx, None)?) {
                return Err(Refused::AtWork(Some(job.id)).into());
            }
            Ok::<_, Error>(enqueue(tx, job)?)
        };
        Ok(MachineJob { job: self.inner.store.write(write).await? })
    }
}
