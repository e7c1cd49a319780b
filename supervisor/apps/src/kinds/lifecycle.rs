//! Starting, stopping and restarting.

use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::AppId;
use orbitr_store::{self as store, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CONTAINERS, PROBE, step, unknown};
use crate::{
    Error,
    model::Wanted,
    rows, safe_mode,
    work::{Hands, Loaded},
};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Bring it up.
    Start,
    /// Take it down; data and containers stay.
    Stop,
    /// Down and up again.
    Restart,
}

/// What the job works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    pub(crate) verb: Verb,
    /// What was wanted before: it comes back when the job fails.
    pub(crate) before: Wanted,
}

/// The job that starts, stops or restarts.
pub(crate) struct Lifecycle(pub(crate) Hands);

impl Hands {
    /// An app with the release that is active now.
    pub(crate) async fn load_active(&self, app: &AppId) -> Result<Loaded, Error> {
        let id = app.clone();
        let active = self.store.read(move |conn| Ok::<_, Error>(rows::get(conn, &id)?.active)).await?;
        match active {
            Some(release) => self.load(app, release).await,
            None => Err(Error::WrongState { app: app.clone(), why: "has no active release".to_owned() }),
        }
    }
}

impl Kind for Lifecycle {
    const NAME: &'static str = "app.lifecycle";
    type Args = Args;

    fn steps(&self, args: &Args) -> Vec<Step> {
        let stop = step("stop", "Stop the containers", CONTAINERS);
        let start = step("start", "Start the containers", CONTAINERS);
        let probe = step("probe", "Wait until it answers", PROBE);
        match args.verb {
            Verb::Start => vec![start, probe],
            Verb::Stop => vec![stop],
            Verb::Restart => vec![stop, start, probe],
        }
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        // Safe mode was turned on after this was asked for.
        if step != "stop" && self.0.store.read(safe_mode::is_on).await? {
            return Err(StepError::lasting(Error::SafeMode.into()));
        }
        let loaded = self.0.load_active(&args.app).await?;
        match step {
            "start" => Ok(self.0.up(cx, &loaded).await?),
            "stop" => Ok(self.0.stop(cx, &loaded).await?),
            "probe" => self.0.probe(cx, &loaded).await,
            other => Err(unknown(other)),
        }
    }

    async fn undo(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let loaded = self.0.load_active(&args.app).await?;
        match (step, args.before) {
            // What was up stays up, so that its log and its state can be looked at.
            ("start", Wanted::Running) | ("stop", Wanted::Stopped) | ("probe", _) => Ok(()),
            ("start", Wanted::Stopped) => Ok(self.0.stop(cx, &loaded).await?),
            ("stop", Wanted::Running) if self.0.store.read(safe_mode::is_on).await? => Ok(()),
            ("stop", Wanted::Running) => Ok(self.0.up(cx, &loaded).await?),
            (other, _) => Err(unknown(other)),
        }
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &Args, outcome: &Outcome) -> Result<(), store::Error> {
        match outcome {
            Outcome::Succeeded => Ok(()),
            Outcome::Failed { .. } | Outcome::Cancelled => rows::set_wanted(tx, &args.app, args.before),
        }
    }
}
