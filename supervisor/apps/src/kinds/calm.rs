//! Stopping an app for safe mode: it stays wanted as it was.

use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::AppId;
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use super::{CONTAINERS, step};
use crate::{model::Phase, rows, safe_mode, work::Hands};

/// What the job works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
}

/// The job that stops it.
pub(crate) struct Calm(pub(crate) Hands);

impl Kind for Calm {
    const NAME: &'static str = "app.safe-mode";
    type Args = Args;

    fn steps(&self, _: &Args) -> Vec<Step> {
        vec![step("stop", "Stop the containers", CONTAINERS)]
    }

    async fn run(&self, _: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let id = args.app.clone();
        // A job before this one may have taken the app away, and somebody may have left safe mode.
        let read =
            move |conn: &rusqlite::Connection| Ok::<_, crate::Error>((rows::find(conn, &id)?, safe_mode::is_on(conn)?));
        let (app, on) = self.0.store.read(read).await?;
        if !on {
            cx.log("Safe mode is off again: it goes on as it is.");
            return Ok(());
        }
        let release = app.filter(|app| app.phase == Phase::Installed).and_then(|app| app.active);
        let Some(release) = release else {
            cx.log("It is not installed any more.");
            return Ok(());
        };
        let loaded = self.0.load(&args.app, release).await?;
        Ok(self.0.stop(cx, &loaded).await?)
    }

    async fn undo(&self, _: &str, _: &StepContext, _: &Args) -> Result<(), StepError> {
        // In safe mode nothing is started, whatever went wrong.
        Ok(())
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &Args, _: &Outcome) -> Result<(), store::Error> {
        rows::touched(tx, &args.app);
        Ok(())
    }
}
