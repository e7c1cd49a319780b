//! Taking over a Compose project: from its containers to a reachable app, or back to its containers. Its volumes and files
//! are only read.

use std::time::Duration;

use orbitr_docker::ContainerId;
use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::{AppId, Problem, ReleaseId};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use super::{CONTAINERS, PROBE, PULL, SHORT, forget, step, unknown};
use crate::{
    adopt::Move,
    rows, safe_mode,
    snapshot::COPY,
    work::{Hands, blocking},
};

/// How long each container may take to end by itself.
const GRACE: Duration = Duration::from_secs(60);

/// What the job works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    pub(crate) release: ReleaseId,
    /// The Compose project.
    pub(crate) project: String,
    /// Its containers that ran.
    pub(crate) ran: Vec<ContainerId>,
    /// The data that it has.
    pub(crate) moves: Vec<Move>,
}

/// The job that takes over.
pub(crate) struct Adopt(pub(crate) Hands);

impl Kind for Adopt {
    const NAME: &'static str = "app.adopt";
    type Args = Args;

    fn steps(&self, _: &Args) -> Vec<Step> {
        vec![
            step("pull", "Get the images", PULL),
            step("stop", "Stop the Compose project", CONTAINERS),
            step("copy", "Copy its data", COPY),
            step("prepare", "Write the app's files", SHORT),
            step("start", "Start the app in its place", CONTAINERS),
            step("probe", "Wait until it answers", PROBE),
            step("activate", "Make it the active release", SHORT),
            Step { reversible: false, ..step("retire", "Remove the project's containers", CONTAINERS) },
        ]
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let loaded = self.0.load(&args.app, args.release).await?;
        match step {
            "prepare" => Ok(self.0.prepare(cx, &loaded).await?),
            "pull" => Ok(self.0.pull(cx, &loaded).await?),
            "stop" => Ok(self.0.docker.stop_foreign(&args.project, GRACE).await.map_err(crate::Error::from)?),
            "copy" => self.copy(cx, args).await,
            "start" if self.0.store.read(safe_mode::is_on).await? => {
                Err(StepError::lasting(crate::Error::SafeMode.into()))
            }
            "start" => Ok(self.0.up(cx, &loaded).await?),
            "probe" => self.0.probe(cx, &loaded).await,
            "activate" => {
                // The last moment at which there is a way back.
                self.stands_still(args).await?;
                Ok(self.0.point_at(&loaded).await?)
            }
            "retire" => {
                self.0.docker.remove_foreign(&args.project).await.map_err(crate::Error::from)?;
                cx.log("The project's containers are gone. Its volumes and its folder are as they were; remove them when you like.");
                Ok(())
            }
            other => Err(unknown(other)),
        }
    }

    async fn undo(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let loaded = self.0.load(&args.app, args.release).await?;
        let (folder, number) = (loaded.folder.clone(), loaded.release.number);
        match step {
            "pull" => Ok(self.0.drop_images(cx, vec![loaded.release]).await?),
            "stop" => {
                cx.log("Starting the project's own containers again");
                match self.0.docker.start_foreign(&args.project, &args.ran).await {
                    // Who holds it says what helps: it may be Docker itself.
                    Err(orbitr_docker::Error::PortTaken { port, by_docker }) => {
                        Err(self.0.port_held(port, by_docker).await.into())
                    }
                    other => Ok(other.map_err(crate::Error::from)?),
                }
            }
            "copy" => Ok(blocking(move || folder.remove_all()).await?),
            "prepare" => Ok(blocking(move || folder.remove_release(number)).await?),
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

impl Adopt {
    async fn copy(&self, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let folder = self.0.folder(&args.app);
        self.0.gather_into(cx, &args.moves, &folder).await?;
        if let Err(came_back) = self.stands_still(args).await {
            blocking(move || folder.remove_all()).await?;
            return Err(came_back);
        }
        Ok(())
    }

    /// Docker itself may have brought the project up meanwhile, where it says `restart: always` and Docker began anew.
    async fn stands_still(&self, args: &Args) -> Result<(), StepError> {
        if !self.0.docker.foreign_runs(&args.project).await.map_err(crate::Error::from)? {
            return Ok(());
        }
        let problem =
            Problem::new(409, "project-came-back", format!("The project {} was started meanwhile", args.project))
                .why("What it wrote since then would be missing in the copy.")
                .then("Stop whatever starts it, then try again.");
        Err(StepError::lasting(problem))
    }
}
