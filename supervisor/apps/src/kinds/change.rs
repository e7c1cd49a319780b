//! Another release in place of the active one: other inputs, another version, or an older release again. What runs stays
//! until everything for the new one is here, and comes back, with its data, when the new one does not answer.

use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::{AppId, ReleaseId};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use super::{CONTAINERS, PROBE, PULL, SHORT, step, unknown};
use crate::{
    rows, secret_prefix,
    snapshot::COPY,
    work::{Hands, Loaded, blocking},
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
    /// What becomes of the data, where the new release may change it.
    #[serde(default)]
    pub(crate) data: Option<Data>,
}

/// What becomes of the data when another version takes it over: it is kept as it was in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Data {
    /// The new release goes on with it.
    GoOn,
    /// The new release gets what is in this snapshot.
    From(u32),
}

impl Change {
    async fn previous(&self, args: &Args) -> Result<Loaded, crate::Error> {
        self.0.load(&args.app, args.previous).await
    }

    /// Takes the new release's containers away, or lets Compose turn them into those of the release before.
    async fn switch_back(&self, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        if args.data.is_some() {
            // Nobody may write while the data goes back; then `stop` is undone, which starts the release before.
            return Ok(self.0.clear(cx, &args.app).await?);
        }
        cx.log("Going back to the release before");
        Ok(self.0.up(cx, &self.previous(args).await?).await?)
    }
}

impl Kind for Change {
    const NAME: &'static str = NAME;
    type Args = Args;

    fn steps(&self, args: &Args) -> Vec<Step> {
        let mut steps =
            vec![step("prepare", "Write the new release's files", SHORT), step("pull", "Get the images", PULL)];
        if args.data.is_some() {
            if args.running {
                steps.push(step("stop", "Stop the release before", CONTAINERS));
            }
            steps.push(step("snapshot", "Keep the data as it is", COPY));
        }
        if let Some(Data::From(_)) = args.data {
            steps.push(step("data", "Put the older data in its place", COPY));
        }
        if args.running {
            steps.push(step("switch", "Switch to the new release", CONTAINERS));
            steps.push(step("probe", "Wait until it answers", PROBE));
        }
        steps.push(step("activate", "Make it the active release", SHORT));
        steps
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let loaded = self.0.load(&args.app, args.release).await?;
        match (step, args.data) {
            ("prepare", data) => {
                let wanted = if let Some(Data::From(number)) = data { Some(number) } else { None };
                self.0.tidy(cx, &args.app, &[args.release, args.previous], wanted).await?;
                Ok(self.0.prepare(cx, &loaded).await?)
            }
            ("pull", _) => Ok(self.0.pull(cx, &loaded).await?),
            ("stop", _) => Ok(self.0.stop(cx, &self.previous(args).await?).await?),
            ("snapshot", _) => self.0.take_snapshot(cx, &loaded, args.previous).await,
            ("data", Some(Data::From(number))) => self.0.use_snapshot(cx, &loaded, number).await,
            ("switch", _) => Ok(self.0.up(cx, &loaded).await?),
            ("probe", _) => self.0.probe(cx, &loaded).await,
            ("activate", _) => Ok(self.0.point_at(&loaded).await?),
            (other, _) => Err(unknown(other)),
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
            "stop" => {
                cx.log("Going back to the release before");
                Ok(self.0.up(cx, &self.previous(args).await?).await?)
            }
            "snapshot" => Ok(self.0.put_data_back(cx, &loaded).await?),
            "switch" => self.switch_back(cx, args).await,
            // What `data` did goes with the snapshot before it.
            "data" | "probe" => Ok(()),
            "activate" => Ok(self.0.point_at(&self.previous(args).await?).await?),
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
