//! Bringing an app back to what its owner wants, after somebody or something else changed what runs.

use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::AppId;
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use super::{CONTAINERS, PROBE, step, unknown};
use crate::{
    care::How,
    model::{App, Phase, Wanted},
    rows, safe_mode,
    work::Hands,
};

/// What the job works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    pub(crate) how: How,
    /// What was found.
    pub(crate) why: String,
}

/// The job that brings it back.
pub(crate) struct Heal(pub(crate) Hands);

impl Heal {
    /// The app, if it is still wanted as it was when the job was put into the queue.
    async fn still_wanted(&self, args: &Args) -> Result<Option<App>, crate::Error> {
        let id = args.app.clone();
        let read =
            move |conn: &rusqlite::Connection| Ok::<_, crate::Error>((rows::find(conn, &id)?, safe_mode::is_on(conn)?));
        let (app, calm) = self.0.store.read(read).await?;
        let wanted = if args.how == How::Stop { Wanted::Stopped } else { Wanted::Running };
        Ok(app.filter(|app| app.phase == Phase::Installed && app.wanted == wanted && (args.how == How::Stop || !calm)))
    }
}

impl Kind for Heal {
    const NAME: &'static str = "app.heal";
    type Args = Args;

    fn steps(&self, args: &Args) -> Vec<Step> {
        let stop = step("stop", "Stop the containers", CONTAINERS);
        let clear = step("clear", "Remove containers and networks", CONTAINERS);
        let start = step("start", "Start the containers", CONTAINERS);
        let probe = step("probe", "Wait until it answers", PROBE);
        match args.how {
            How::Up => vec![start, probe],
            How::Restart => vec![stop, start, probe],
            How::Anew => vec![clear, start, probe],
            How::Stop => vec![stop],
        }
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let Some(release) = self.still_wanted(args).await?.and_then(|app| app.active) else {
            cx.log("It is not wanted so any more.");
            return Ok(());
        };
        let loaded = self.0.load(&args.app, release).await?;
        if self.steps(args).first().is_some_and(|first| first.name == step) {
            cx.log(&format!("What was found: {}", args.why));
        }
        match step {
            "stop" => {
                self.0.unpause(&args.app).await?;
                Ok(self.0.stop(cx, &loaded).await?)
            }
            "clear" => Ok(self.0.clear(cx, &args.app).await?),
            "start" => {
                self.0.unpause(&args.app).await?;
                Ok(self.0.up(cx, &loaded).await?)
            }
            "probe" => self.0.probe(cx, &loaded).await,
            other => Err(unknown(other)),
        }
    }

    async fn undo(&self, _: &str, _: &StepContext, _: &Args) -> Result<(), StepError> {
        // What was found was not as it should be; there is nothing to go back to.
        Ok(())
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &Args, _: &Outcome) -> Result<(), store::Error> {
        rows::touched(tx, &args.app);
        Ok(())
    }
}
