//! The job that restarts a unit.

use std::time::Duration;

use orbitr_host::dbus::JobResult;
use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::{Problem, Topic};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use crate::outside::Outside;

/// systemd's own limit for stopping and starting is 90 s each.
const LIMIT: Duration = Duration::from_secs(4 * 60);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) unit: String,
    /// The run of the unit that is to end: another one means that it was restarted.
    pub(crate) invocation: String,
}

pub(crate) struct Restart(pub(crate) Outside);

impl Kind for Restart {
    const NAME: &'static str = "machine.restart-unit";
    type Args = Args;

    fn steps(&self, args: &Args) -> Vec<Step> {
        // Nothing is there to take back: a unit that did not come up is shown as failed, with its log.
        vec![Step { name: "restart", title: format!("Restart {}", args.unit), limit: LIMIT, reversible: true }]
    }

    async fn run(&self, _: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let bus = &self.0.bus;
        // The supervisor's own restart ends the first try of this step; so may a crash.
        if cx.attempt() > 1 && bus.unit(&args.unit).await?.invocation != args.invocation {
            cx.log("It has been restarted.");
            return Ok(());
        }
        cx.log(&format!("Asking systemd to restart {}", args.unit));
        let ended = tokio::select! {
            ended = bus.restart_unit(&args.unit, LIMIT) => ended?,
            // systemd goes on with it; there is nothing to undo.
            () = cx.cancelled() => return Ok(()),
        };
        match ended {
            JobResult::Done => {
                let now = bus.unit(&args.unit).await?;
                cx.log(&format!("It is {} ({}).", now.row.active, now.row.sub));
                if now.row.active == "failed" { Err(failed(&args.unit, &now.result)) } else { Ok(()) }
            }
            JobResult::NotDone(word) => Err(failed(&args.unit, &word)),
        }
    }

    async fn undo(&self, _: &str, _: &StepContext, _: &Args) -> Result<(), StepError> {
        Ok(())
    }

    fn ended(&self, tx: &mut Tx<'_>, _: &Args, _: &Outcome) -> Result<(), store::Error> {
        tx.changed(Topic::Units);
        Ok(())
    }
}

fn failed(unit: &str, word: &str) -> StepError {
    let why = match word {
        "failed" | "exit-code" => "it ended with an error".to_owned(),
        "timeout" => "it did not come up in its time".to_owned(),
        "dependency" => "something that it needs did not come up".to_owned(),
        "canceled" => "somebody else started or stopped it meanwhile".to_owned(),
        other => format!("systemd says «{other}»"),
    };
    StepError::lasting(
        Problem::new(502, "unit-restart-failed", format!("{unit} did not come up again"))
            .why(why)
            .then("Its page shows its last lines."),
    )
}
