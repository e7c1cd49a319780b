//! The job that erases everything: it waits until no other job is at work, has root note the reset, and ends with the machine.

use std::time::Duration;

use orbitr_host::clock::boot_id;
use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::{Act, FactoryResetRequest, Problem, Topic};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use crate::{
    outside::Outside,
    power::kind::{GO, WAIT, go_down, wait},
};

/// How long the act may take: as its unit says, and a little more.
const ACT: Duration = Duration::from_secs(130);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    /// As it was typed. Root compares it again.
    pub(crate) serial: String,
    /// The boot in which it was asked for.
    pub(crate) boot: String,
}

pub(crate) struct ResetJob(pub(crate) Outside);

impl ResetJob {
    async fn go(&self, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        if !wait(&self.0, cx).await? {
            return Ok(());
        }
        let Some(acts) = &self.0.acts else {
            return Err(StepError::lasting(Problem::new(409, "not-here", "This cannot be done on this machine")));
        };
        let id = cx.job().to_string();
        let request = FactoryResetRequest { version: 1, id: id.clone(), serial: args.serial.clone(), partuuid: None };
        cx.log("Asking root to note the reset and to restart");
        cx.progress(None, "The machine restarts and erases its data");
        acts.perform(Act::FactoryReset, &id, &request, ACT).await.map_err(StepError::lasting)?;
        go_down(cx).await
    }
}

impl Kind for ResetJob {
    const NAME: &'static str = "machine.factory-reset";
    type Args = Args;

    fn steps(&self, _: &Args) -> Vec<Step> {
        // Until the machine goes down nothing is erased, so nothing has to be taken back.
        let step = |name, title: &str, limit| Step { name, title: title.to_owned(), limit, reversible: true };
        vec![
            step("wait", "Wait until nothing is in the way", WAIT),
            step("go", "Note the reset and restart", GO * 2 + ACT),
        ]
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        if boot_id() != args.boot {
            // This job stands in the database that was to be erased.
            return Err(StepError::lasting(
                Problem::new(409, "reset-not-done", "The machine was started anew and its data are still there")
                    .why("The data partition could not be erased at the start, or the machine was switched off before.")
                    .then("Look at the journal of this boot, then ask for it again."),
            ));
        }
        match step {
            "wait" => wait(&self.0, cx).await.map(drop),
            _ => self.go(cx, args).await,
        }
    }

    async fn undo(&self, _: &str, _: &StepContext, _: &Args) -> Result<(), StepError> {
        Ok(())
    }

    fn ended(&self, tx: &mut Tx<'_>, _: &Args, _: &Outcome) -> Result<(), store::Error> {
        tx.changed(Topic::Box);
        Ok(())
    }
}
