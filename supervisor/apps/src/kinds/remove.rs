//! Removing: once begun it only goes forward, so an app is never half there for good.

use orbitr_access::scope;
use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::AppId;
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use super::{CONTAINERS, step, unknown};
use crate::{
    Error,
    model::{DataChoice, Phase},
    rows, secret_prefix_of_app,
    work::{Hands, blocking},
};

/// What the job works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    pub(crate) data: DataChoice,
    /// Where the app was in its life: it is there again when the job is cancelled before it begins.
    pub(crate) before: Phase,
}

/// The job that removes.
pub(crate) struct Remove(pub(crate) Hands);

impl Kind for Remove {
    const NAME: &'static str = "app.remove";
    type Args = Args;

    fn steps(&self, args: &Args) -> Vec<Step> {
        let files = match args.data {
            DataChoice::Keep => "Remove the app's files, keep its data",
            DataChoice::Delete => "Remove the app's files and its data",
        };
        [("down", "Remove the containers"), ("images", "Remove images that nothing needs"), ("files", files)]
            .map(|(name, title)| Step { reversible: false, ..step(name, title, CONTAINERS) })
            .to_vec()
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        match step {
            "down" => Ok(self.0.clear(cx, &args.app).await?),
            "images" => {
                let app = args.app.clone();
                let releases = self.0.store.read(move |conn| rows::releases(conn, &app)).await?;
                Ok(self.0.drop_images(cx, releases).await?)
            }
            "files" => {
                let folder = self.0.folder(&args.app);
                let data = args.data;
                blocking(move || match data {
                    DataChoice::Keep => folder.remove_releases(),
                    DataChoice::Delete => folder.remove_all(),
                })
                .await?;
                Ok(())
            }
            other => Err(unknown(other)),
        }
    }

    async fn undo(&self, step: &str, _: &StepContext, _: &Args) -> Result<(), StepError> {
        Err(unknown(step))
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &Args, outcome: &Outcome) -> Result<(), store::Error> {
        match (outcome, args.data) {
            (Outcome::Succeeded, DataChoice::Keep) => rows::keep(tx, &args.app),
            (Outcome::Succeeded, DataChoice::Delete) => {
                self.0.store.secrets().remove_prefix(tx, &secret_prefix_of_app(&args.app))?;
                scope::remove_app(tx, &args.app)?;
                rows::delete_app(tx, &args.app)
            }
            (Outcome::Failed { .. } | Outcome::Cancelled, _) => rows::set_phase(tx, &args.app, args.before),
        }
    }
}

/// An app can be removed from every phase but the one in which it already is.
pub(crate) fn check(app: &crate::model::App, data: DataChoice) -> Result<(), Error> {
    let no = |why: &str| Err(Error::WrongState { app: app.id.clone(), why: why.to_owned() });
    match (app.phase, data) {
        (Phase::Removing, _) => no("is being removed already"),
        (Phase::Kept, DataChoice::Keep) => no("is removed already; only its data is left"),
        _ => Ok(()),
    }
}
