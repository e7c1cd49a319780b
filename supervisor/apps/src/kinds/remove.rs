//! Removing: once begun it only goes forward, so an app is never half there for good.

use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::{AppId, Problem, ReleaseId};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CONTAINERS, export, forget, step, unknown};
use crate::{
    Error,
    bindings::READY,
    model::{DataChoice, Phase},
    rows, safe_mode,
    snapshot::COPY,
    work::{Hands, blocking},
};

/// What the job works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    pub(crate) data: DataChoice,
    /// Where the app was in its life: it is there again when the job is cancelled before it begins.
    pub(crate) before: Phase,
    /// Whether other apps gave it a place.
    #[serde(default)]
    pub(crate) bound: bool,
    /// What is made first, of an app that is archived.
    #[serde(default)]
    pub(crate) archive: Option<Archiving>,
}

/// What an archive is made of before its app goes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Archiving {
    pub(crate) id: Uuid,
    pub(crate) release: ReleaseId,
    /// Whether the app is up, and comes up again when there is no archive.
    pub(crate) running: bool,
}

/// The job that removes.
pub(crate) struct Remove(pub(crate) Hands);

impl Kind for Remove {
    const NAME: &'static str = "app.remove";
    type Args = Args;

    fn steps(&self, args: &Args) -> Vec<Step> {
        let files = match args.data {
            DataChoice::Keep => "Remove the app's files, keep its data",
            DataChoice::Delete | DataChoice::Archive => "Remove the app's files and its data",
        };
        let places = (args.bound && args.data == DataChoice::Delete)
            .then_some(("places", "Keep a last dump of its places in other apps, and take them away"));
        let rest = [("down", "Remove the containers")]
            .into_iter()
            .chain(places)
            .chain([("images", "Remove images that nothing needs"), ("files", files)])
            .map(|(name, title)| Step { reversible: false, ..step(name, title, limit(name)) });
        let first = args.archive.into_iter().flat_map(|archiving| {
            let stop = archiving.running.then(|| step("stop", "Stop the containers", CONTAINERS));
            stop.into_iter().chain([step("pack", "Write the archive", COPY)])
        });
        first.chain(rest).collect()
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        match (step, args.archive) {
            ("stop", Some(archiving)) => {
                let loaded = self.0.load(&args.app, archiving.release).await?;
                return Ok(self.0.stop(cx, &loaded).await?);
            }
            ("pack", Some(archiving)) => {
                let loaded = self.0.load(&args.app, archiving.release).await?;
                loaded.folder.check().await?;
                let data = loaded.folder.data();
                return self.0.pack(cx, &loaded, data, archiving.id, None).await;
            }
            _ => {}
        }
        match step {
            "down" => Ok(self.0.clear(cx, &args.app).await?),
            "places" => self.0.unbind(cx, &args.app, true).await,
            "images" => {
                let app = args.app.clone();
                let releases = self.0.store.read(move |conn| rows::releases(conn, &app)).await?;
                Ok(self.0.drop_images(cx, releases).await?)
            }
            "files" => {
                self.0.docker.remove_shared_network(&args.app).await?;
                let folder = self.0.folder(&args.app);
                if let Err(error) = folder.check().await {
                    cx.log(&format!("What is on that disk stays there: {}", Problem::from(error)));
                }
                let data = args.data;
                blocking(move || match data {
                    DataChoice::Keep => folder.remove_releases(),
                    DataChoice::Delete | DataChoice::Archive => folder.remove_all(),
                })
                .await?;
                Ok(())
            }
            other => Err(unknown(other)),
        }
    }

    async fn undo(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        match (step, args.archive) {
            ("stop", Some(_)) if self.0.store.read(safe_mode::is_on).await? => Ok(()),
            ("stop", Some(archiving)) => {
                let loaded = self.0.load(&args.app, archiving.release).await?;
                Ok(self.0.up(cx, &loaded).await?)
            }
            ("pack", Some(archiving)) => Ok(self.0.drop_archive(archiving.id).await?),
            _ => Err(unknown(step)),
        }
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &Args, outcome: &Outcome) -> Result<(), store::Error> {
        if let Some(archiving) = args.archive {
            export::end(&self.0, tx, archiving.id, outcome == &Outcome::Succeeded)?;
        }
        match (outcome, args.data) {
            (Outcome::Succeeded, DataChoice::Keep) => rows::keep(tx, &args.app),
            (Outcome::Succeeded, DataChoice::Delete | DataChoice::Archive) => forget(&self.0, tx, &args.app),
            (Outcome::Failed { .. } | Outcome::Cancelled, _) => rows::set_phase(tx, &args.app, args.before),
        }
    }
}

fn limit(step: &str) -> std::time::Duration {
    if step == "places" { READY } else { CONTAINERS }
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
