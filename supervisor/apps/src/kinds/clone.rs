//! Cloning: another app with a copy of the data of the first, or nothing. The first one stands still while its data is
//! copied, and runs again whatever becomes of the clone.

use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::{AppId, ReleaseId};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use super::{CONTAINERS, PROBE, PULL, SHORT, forget, step, unknown};
use crate::{
    rows, safe_mode,
    snapshot::COPY,
    work::{Hands, blocking},
};

/// What the job works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    /// The app that is cloned.
    pub(crate) source: AppId,
    /// What it runs.
    pub(crate) source_release: ReleaseId,
    /// The new app.
    pub(crate) app: AppId,
    /// Its first release.
    pub(crate) release: ReleaseId,
    /// Whether the first app is up, and is to be so again.
    pub(crate) running: bool,
}

/// The job that clones.
pub(crate) struct Clone(pub(crate) Hands);

impl Clone {
    /// Lets the first app go on, unless somebody turned safe mode on meanwhile.
    async fn resume(&self, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        if self.0.store.read(safe_mode::is_on).await? {
            cx.log("Safe mode is on: it stays stopped");
            return Ok(());
        }
        let source = self.0.load(&args.source, args.source_release).await?;
        Ok(self.0.up(cx, &source).await?)
    }
}

impl Kind for Clone {
    const NAME: &'static str = "app.clone";
    type Args = Args;

    fn steps(&self, args: &Args) -> Vec<Step> {
        let mut steps = vec![step("pull", "Get the images", PULL)];
        if args.running {
            steps.push(step("stop", "Stop the app that is cloned", CONTAINERS));
        }
        steps.push(step("copy", "Copy its data", COPY));
        if args.running {
            steps.push(step("resume", "Start it again", CONTAINERS));
        }
        steps.extend([
            step("prepare", "Write the clone's files", SHORT),
            step("start", "Start the clone's containers", CONTAINERS),
            step("probe", "Wait until the clone answers", PROBE),
            step("activate", "Make it the active release", SHORT),
        ]);
        steps
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let loaded = self.0.load(&args.app, args.release).await?;
        match step {
            "pull" => Ok(self.0.pull(cx, &loaded).await?),
            "stop" => {
                let source = self.0.load(&args.source, args.source_release).await?;
                Ok(self.0.stop(cx, &source).await?)
            }
            "copy" => {
                let source = self.0.folder(&args.source);
                source.check().await?;
                self.0.copy_into(cx, &source.data(), &loaded.folder).await
            }
            "resume" => self.resume(cx, args).await,
            "prepare" => Ok(self.0.prepare(cx, &loaded).await?),
            "start" if self.0.store.read(safe_mode::is_on).await? => {
                Err(StepError::lasting(crate::Error::SafeMode.into()))
            }
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
            "pull" => Ok(self.0.drop_images(cx, vec![loaded.release]).await?),
            "stop" => self.resume(cx, args).await,
            "copy" => Ok(blocking(move || folder.remove_all()).await?),
            "resume" | "probe" => Ok(()),
            "prepare" => Ok(blocking(move || folder.remove_release(number)).await?),
            "start" => Ok(self.0.clear(cx, &args.app).await?),
            "activate" => Ok(blocking(move || folder.deactivate()).await?),
            other => Err(unknown(other)),
        }
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &Args, outcome: &Outcome) -> Result<(), store::Error> {
        match outcome {
            Outcome::Succeeded => rows::activate(tx, &args.app, args.release),
            // Something of it is left: the clone stays to be seen and removed.
            Outcome::Failed { undone: false, .. } => Ok(()),
            Outcome::Failed { .. } | Outcome::Cancelled => forget(&self.0, tx, &args.app),
        }
    }
}
