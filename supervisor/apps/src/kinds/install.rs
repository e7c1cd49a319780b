//! Installing: from rows to a reachable app, or back to nothing.

use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::{AppId, ReleaseId};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use super::{CONTAINERS, PROBE, PULL, SHORT, forget, step, unknown};
use crate::{
    bindings::READY,
    rows, secret_prefix,
    work::{Hands, blocking},
};

/// The kind's name.
pub(crate) const NAME: &str = "app.install";

/// The job that installs.
pub(crate) struct Install(pub(crate) Hands);

/// What it works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    pub(crate) release: ReleaseId,
    /// Whether the data of an earlier install is there: it stays whatever happens.
    pub(crate) onto_kept_data: bool,
    /// So many other apps give it a place.
    #[serde(default)]
    pub(crate) binds: usize,
}

impl Kind for Install {
    const NAME: &'static str = NAME;
    type Args = Args;

    fn steps(&self, args: &Args) -> Vec<Step> {
        let bind = step("bind", "Have a place made for it in other apps", READY);
        [step("prepare", "Write the app's files", SHORT), step("pull", "Get the images", PULL)]
            .into_iter()
            .chain((args.binds > 0).then_some(bind))
            .chain([
                step("start", "Start the containers", CONTAINERS),
                step("probe", "Wait until it answers", PROBE),
                step("activate", "Make it the active release", SHORT),
            ])
            .collect()
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let loaded = self.0.load(&args.app, args.release).await?;
        match step {
            "prepare" => Ok(self.0.prepare(cx, &loaded).await?),
            "pull" => Ok(self.0.pull(cx, &loaded).await?),
            "bind" => self.0.bind(cx, &args.app, args.binds).await,
            "start" => Ok(self.0.up(cx, &loaded).await?),
            "probe" => self.0.probe(cx, &loaded).await,
            "activate" => Ok(self.0.point_at(&loaded).await?),
            other => Err(unknown(other)),
        }
    }

    async fn undo(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let loaded = self.0.load(&args.app, args.release).await?;
        let folder = loaded.folder.clone();
        match step {
            "prepare" if args.onto_kept_data => {
                let number = loaded.release.number;
                Ok(blocking(move || folder.remove_release(number)).await?)
            }
            "prepare" => Ok(blocking(move || folder.remove_all()).await?),
            "pull" => Ok(self.0.drop_images(cx, vec![loaded.release]).await?),
            // What it wrote there before is its data, which stays.
            "bind" if args.onto_kept_data => Ok(()),
            "bind" => self.0.unbind(cx, &args.app, false).await,
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
            Outcome::Failed { .. } | Outcome::Cancelled if args.onto_kept_data => {
                self.0.store.secrets().remove_prefix(tx, &secret_prefix(&args.app, args.release))?;
                rows::delete_release(tx, &args.app, args.release)?;
                rows::keep(tx, &args.app)
            }
            Outcome::Failed { .. } | Outcome::Cancelled => forget(&self.0, tx, &args.app),
        }
    }
}
