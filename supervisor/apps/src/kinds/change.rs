//! Changing inputs: a new release beside the old one, and the old one back when the new one fails.

use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::{AppId, ReleaseId};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use super::{CONTAINERS, PROBE, PULL, SHORT, step, unknown};
use crate::{
    rows, secret_prefix,
    work::{Hands, blocking},
};

/// The kind's name.
pub(crate) const NAME: &str = "app.change";

/// The job that changes.
pub(crate) struct Change(pub(crate) Hands);

/// What it works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    /// The new release.
    pub(crate) release: ReleaseId,
    /// The one that runs until the new one answers, and again if it never does.
    pub(crate) previous: ReleaseId,
    /// Whether the app is up: a stopped one gets its new release without being started.
    pub(crate) running: bool,
}

impl Kind for Change {
    const NAME: &'static str = NAME;
    type Args = Args;

    fn steps(&self, args: &Args) -> Vec<Step> {
        let mut steps =
            vec![step("prepare", "Write the new release's files", SHORT), step("pull", "Get the images", PULL)];
        if args.running {
            steps.push(step("switch", "Switch to the new release", CONTAINERS));
            steps.push(step("probe", "Wait until it answers", PROBE));
        }
        steps.push(step("activate", "Make it the active release", SHORT));
        steps
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let loaded = self.0.load(&args.app, args.release).await?;
        match step {
            "prepare" => Ok(self.0.prepare(cx, &loaded).await?),
            "pull" => Ok(self.0.pull(cx, &loaded).await?),
            "switch" => Ok(self.0.up(cx, &loaded).await?),
            "probe" => self.0.probe(cx, &loaded).await,
            "activate" => Ok(self.0.point_at(&loaded).await?),
            other => Err(unknown(other)),
        }
    }

    async fn undo(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let loaded = self.0.load(&args.app, args.release).await?;
        match step {
            "prepare" => {
                let (folder, number) = (loaded.folder, loaded.release.number);
                Ok(blocking(move || folder.remove_release(number)).await?)
            }
            "pull" => Ok(self.0.drop_images(cx, vec![loaded.release]).await?),
            "switch" => {
                let previous = self.0.load(&args.app, args.previous).await?;
                cx.log("Going back to the release before");
                Ok(self.0.up(cx, &previous).await?)
            }
            "probe" => Ok(()),
            "activate" => {
                let previous = self.0.load(&args.app, args.previous).await?;
                Ok(self.0.point_at(&previous).await?)
            }
            other => Err(unknown(other)),
        }
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &Args, outcome: &Outcome) -> Result<(), store::Error> {
        match outcome {
            Outcome::Succeeded => rows::activate(tx, &args.app, args.release),
            // The rows stay, so that what is left can be told apart; the pointer never moved.
            Outcome::Failed { undone: false, .. } => Ok(()),
            Outcome::Failed { .. } | Outcome::Cancelled => {
                self.0.store.secrets().remove_prefix(tx, &secret_prefix(&args.app, args.release))?;
                rows::delete_release(tx, &args.app, args.release)
            }
        }
    }
}
