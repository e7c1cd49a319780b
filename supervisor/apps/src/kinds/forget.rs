//! Deleting one snapshot of an app's data.

use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::AppId;
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use super::{CONTAINERS, step, unknown};
use crate::work::Hands;

/// What the job works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    /// Its number.
    pub(crate) snapshot: u32,
}

/// The job that deletes it.
pub(crate) struct Forget(pub(crate) Hands);

impl Kind for Forget {
    const NAME: &'static str = "app.forget-snapshot";
    type Args = Args;

    fn steps(&self, _: &Args) -> Vec<Step> {
        vec![Step { reversible: false, ..step("remove", "Delete the data of then", CONTAINERS) }]
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        if step != "remove" {
            return Err(unknown(step));
        }
        self.0.forget_snapshot(&args.app, args.snapshot).await?;
        cx.log("It is deleted");
        Ok(())
    }

    async fn undo(&self, step: &str, _: &StepContext, _: &Args) -> Result<(), StepError> {
        Err(unknown(step))
    }

    fn ended(&self, _: &mut Tx<'_>, _: &Args, _: &Outcome) -> Result<(), store::Error> {
        Ok(())
    }
}
