//! Moving an app's data to another disk. It stays where it was until the app has answered with the copy.

use std::path::PathBuf;

use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::{AppId, ReleaseId};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use super::{CONTAINERS, PROBE, SHORT, step, take_over, unknown};
use crate::{
    Error,
    snapshot::COPY,
    work::{Hands, Loaded, blocking},
};

/// The job that moves.
pub(crate) struct MoveData(pub(crate) Hands);

/// What it works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    /// The new release.
    pub(crate) release: ReleaseId,
    /// The one that runs with the data where it is, and again when the new one does not answer.
    pub(crate) previous: ReleaseId,
    /// The folder that has it, and the one that gets it; none is the box's own disk.
    pub(crate) from: Option<PathBuf>,
    pub(crate) to: Option<PathBuf>,
    /// Whether the app is up.
    pub(crate) running: bool,
}

impl MoveData {
    /// The release before, with the data where it was.
    async fn source(&self, args: &Args) -> Result<Loaded, Error> {
        let loaded = self.0.load(&args.app, args.previous).await?;
        Ok(Loaded { folder: loaded.folder.with_data_in(args.from.as_deref()), ..loaded })
    }

    /// The new release, with the data where it goes.
    async fn target(&self, args: &Args) -> Result<Loaded, Error> {
        let loaded = self.0.load(&args.app, args.release).await?;
        Ok(Loaded { folder: loaded.folder.with_data_in(args.to.as_deref()), ..loaded })
    }

    /// Makes a release with its place the ones that count.
    async fn settle_on(&self, loaded: &Loaded) -> Result<(), Error> {
        let folder = loaded.folder.clone();
        blocking(move || folder.point_to_data()).await?;
        self.0.point_at(loaded).await
    }
}

impl Kind for MoveData {
    const NAME: &'static str = "app.move-data";
    type Args = Args;

    fn steps(&self, args: &Args) -> Vec<Step> {
        let up = |name, title: &str, limit| args.running.then(|| step(name, title, limit));
        let steps = [
            Some(step("make", "Make its folder on the disk", SHORT)),
            up("stop", "Stop the app", CONTAINERS),
            Some(step("copy", "Copy the data", COPY)),
            Some(step("prepare", "Write the new release's files", SHORT)),
            up("switch", "Start it with the copy", CONTAINERS),
            up("probe", "Wait until it answers", PROBE),
            Some(step("activate", "Make the copy its data", SHORT)),
            Some(Step { reversible: false, ..step("leave", "Remove the data where it was", COPY) }),
        ];
        steps.into_iter().flatten().collect()
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let (old, new) = (self.source(args).await?, self.target(args).await?);
        match step {
            "make" => {
                self.0.tidy(cx, &args.app, &[args.release, args.previous], None).await?;
                Ok(self.0.make_place(&new.folder).await?)
            }
            "stop" => Ok(self.0.stop(cx, &old).await?),
            "copy" => self.0.copy_data_to(cx, &old.folder, &new.folder).await,
            "prepare" => Ok(self.0.prepare(cx, &new).await?),
            "switch" => Ok(self.0.up(cx, &new).await?),
            "probe" => self.0.probe(cx, &new).await,
            "activate" => Ok(self.settle_on(&new).await?),
            "leave" => {
                self.0.leave(cx, old.folder).await;
                Ok(())
            }
            other => Err(unknown(other)),
        }
    }

    async fn undo(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let (old, new) = (self.source(args).await?, self.target(args).await?);
        match step {
            "make" => Ok(blocking(move || new.folder.remove_data()).await?),
            "stop" => {
                cx.log("Going on with the data where it was");
                Ok(self.0.up(cx, &old).await?)
            }
            // What was copied goes with its folder.
            "copy" | "probe" => Ok(()),
            "prepare" => {
                let (folder, number) = (new.folder, new.release.number);
                Ok(blocking(move || folder.remove_release(number)).await?)
            }
            // Nobody may write while the copy is taken away; then `stop` is undone, which starts the release before.
            "switch" => Ok(self.0.clear_at_once(cx, &args.app).await?),
            "activate" => Ok(self.settle_on(&old).await?),
            other => Err(unknown(other)),
        }
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &Args, outcome: &Outcome) -> Result<(), store::Error> {
        take_over(&self.0, tx, &args.app, (args.release, args.previous), outcome)
    }
}
