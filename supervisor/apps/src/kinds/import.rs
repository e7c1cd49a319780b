//! Installing from an archive: from a file to a reachable app, or back to nothing.

use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::{AppId, ReleaseId};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CONTAINERS, PROBE, PULL, SHORT, forget, step, unknown};
use crate::{
    rows,
    snapshot::COPY,
    work::{Hands, blocking},
};

/// What the job works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    pub(crate) release: ReleaseId,
    pub(crate) archive: Uuid,
}

/// The job that installs from an archive.
pub(crate) struct Import(pub(crate) Hands);

impl Kind for Import {
    const NAME: &'static str = "app.import";
    type Args = Args;

    fn steps(&self, _: &Args) -> Vec<Step> {
        vec![
            step("unpack", "Check the archive and unpack its data", COPY),
            step("prepare", "Write the app's files", SHORT),
            step("pull", "Get the images", PULL),
            step("start", "Start the containers", CONTAINERS),
            step("probe", "Wait until it answers", PROBE),
            step("activate", "Make it the active release", SHORT),
        ]
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let loaded = self.0.load(&args.app, args.release).await?;
        match step {
            "unpack" => self.0.unpack(cx, args.archive, &loaded.folder).await,
            "prepare" => Ok(self.0.prepare(cx, &loaded).await?),
            "pull" => Ok(self.0.pull(cx, &loaded).await?),
            "start" => Ok(self.0.up(cx, &loaded).await?),
            "probe" => self.0.probe(cx, &loaded).await,
            "activate" => Ok(self.0.point_at(&loaded).await?),
            other => Err(unknown(other)),
        }
    }

    async fn undo(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let loaded = self.0.load(&args.app, args.release).await?;
        let (folder, number) = (loaded.folder.clone(), loaded.release.number);
        match step {
            "unpack" => Ok(blocking(move || folder.remove_all()).await?),
            "prepare" => Ok(blocking(move || folder.remove_release(number)).await?),
            "pull" => Ok(self.0.drop_images(cx, vec![loaded.release]).await?),
            "start" => Ok(self.0.clear(cx, &args.app).await?),
            "probe" => Ok(()),
            "activate" => Ok(blocking(move || folder.deactivate()).await?),
            other => Err(unknown(other)),
        }
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &Args, outcome: &Outcome) -> Result<(), store::Error> {
        match outcome {
            Outcome::Succeeded => rows::activate(tx, &args.app, args.release),
            // Something of it is left: the app stays to be seen and removed.
            Outcome::Failed { undone: false, .. } => Ok(()),
            Outcome::Failed { .. } | Outcome::Cancelled => forget(&self.0, tx, &args.app),
        }
    }
}
