//! Getting the images of an app again, where they are gone or damaged, and bringing it up.

use orbitr_docker::Removed;
use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::{AppId, Problem};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use super::{CONTAINERS, PROBE, PULL, step, unknown};
use crate::{
    Error,
    model::Wanted,
    rows, safe_mode,
    work::{Hands, Loaded},
};

/// What the job works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    /// Whether the images that are there are damaged.
    pub(crate) damaged: bool,
    /// What was wanted before: it comes back when the job fails.
    pub(crate) before: Wanted,
}

/// The job that gets them.
pub(crate) struct Repair(pub(crate) Hands);

impl Repair {
    /// Removes what is damaged: only images that this box brought, and that nothing runs.
    async fn drop_damaged(&self, cx: &StepContext, loaded: &Loaded) -> Result<(), StepError> {
        let brought = self.0.store.read(rows::receipts).await?;
        for image in loaded.release.images.values() {
            let name = image.pinned();
            if self.0.docker.image(&name).await?.is_none() {
                continue;
            }
            let Some(receipt) =
                brought.iter().find(|receipt| *receipt.image() == image.reference || *receipt.image() == name)
            else {
                return Err(StepError::lasting(not_removed(&name, "This box did not bring it, so it is not removed.")));
            };
            match self.0.docker.remove_image(receipt).await? {
                Removed::Yes => cx.log(&format!("Removed the image {name}")),
                Removed::InUse => {
                    return Err(StepError::lasting(not_removed(
                        &name,
                        "A container of another app or program uses it.",
                    )));
                }
                Removed::Changed => cx.log(&format!("{name} is another image by now")),
            }
        }
        Ok(())
    }
}

fn not_removed(image: &orbitr_docker::ImageRef, why: &str) -> Problem {
    Problem::new(409, "image-in-use", format!("The damaged image {image} cannot be removed"))
        .why(why)
        .then("Stop what uses it and remove the image in Docker, then try again.")
}

impl Kind for Repair {
    const NAME: &'static str = "app.repair";
    type Args = Args;

    fn steps(&self, args: &Args) -> Vec<Step> {
        let clear = args.damaged.then(|| step("clear", "Remove containers and networks", CONTAINERS));
        let drop = args.damaged.then(|| step("drop", "Remove the damaged images", CONTAINERS));
        let rest = [
            step("images", "Get the images", PULL),
            step("start", "Start the containers", CONTAINERS),
            step("probe", "Wait until it answers", PROBE),
        ];
        clear.into_iter().chain(drop).chain(rest).collect()
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        // Safe mode was turned on after this was asked for.
        if self.0.store.read(safe_mode::is_on).await? {
            return Err(StepError::lasting(Error::SafeMode.into()));
        }
        let loaded = self.0.load_active(&args.app).await?;
        match step {
            "clear" => Ok(self.0.clear(cx, &args.app).await?),
            "drop" => self.drop_damaged(cx, &loaded).await,
            "images" => Ok(self.0.pull_again(cx, &loaded).await?),
            "start" => Ok(self.0.up(cx, &loaded).await?),
            "probe" => self.0.probe(cx, &loaded).await,
            other => Err(unknown(other)),
        }
    }

    async fn undo(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        match (step, args.before) {
            ("start", Wanted::Stopped) => Ok(self.0.stop(cx, &self.0.load_active(&args.app).await?).await?),
            // Containers and images are made again at each start; what was found was not as it should be.
            _ => Ok(()),
        }
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &Args, outcome: &Outcome) -> Result<(), store::Error> {
        rows::touched(tx, &args.app);
        match outcome {
            Outcome::Succeeded => Ok(()),
            Outcome::Failed { .. } | Outcome::Cancelled => rows::set_wanted(tx, &args.app, args.before),
        }
    }
}
