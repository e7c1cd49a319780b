//! The job that reboots or powers off: it waits until no other job is at work, then tells logind, then is cut off itself.

use std::time::Duration;

use orbitr_host::clock::boot_id;
use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError, unfinished};
use orbitr_model::{Problem, Topic};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};
use tokio::{sync::broadcast::error::RecvError, time::sleep};

use super::{Holder, Verb, holding, others_hold};
use crate::{outside::Outside, updates::Works};

/// A job may pull images over a slow line for hours.
pub(crate) const WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// From logind's yes to the end of this process: systemd stops every service first.
pub(crate) const GO: Duration = Duration::from_secs(10 * 60);
/// Inhibitors of other programs tell nobody that they have gone; so often they are looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) verb: Verb,
    /// The boot in which it was asked for: in another one, it has happened.
    pub(crate) boot: String,
}

pub(crate) struct PowerJob(pub(crate) Works);

/// What holds a job back that takes the machine down, except itself.
async fn held(outside: &Outside, cx: &StepContext) -> Result<Vec<Holder>, StepError> {
    let own = cx.job();
    let jobs = cx.store().read(|conn| unfinished(conn, None)).await?;
    let mut held = holding(jobs);
    held.retain(|holder| holder.job != Some(own));
    held.extend(others_hold(&outside.bus).await?);
    Ok(held)
}

/// Returns when nothing holds a job back that takes the machine down; false when it is to stop.
pub(crate) async fn wait(outside: &Outside, cx: &StepContext) -> Result<bool, StepError> {
    let mut changes = cx.store().changes();
    loop {
        let held = held(outside, cx).await?;
        let Some(first) = held.first() else { return Ok(true) };
        let why = if first.why.is_empty() { String::new() } else { format!(" ({})", first.why) };
        cx.progress(None, format!("Waits for: {}{why}", first.who));
        let heard = async {
            loop {
                match changes.recv().await {
                    Ok(Topic::Jobs) | Err(RecvError::Lagged(_)) => return,
                    Ok(_) => {}
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            () = heard => {}
            () = sleep(LOOK_AGAIN) => {}
            () = cx.cancelled() => return Ok(false),
        }
    }
}

/// Waits for the end of this process, which is on its way.
pub(crate) async fn go_down(cx: &StepContext) -> Result<(), StepError> {
    tokio::select! {
        () = cx.cancelled() => Ok(()),
        () = sleep(GO) => Err(StepError::lasting(
            Problem::new(504, "machine-stays-up", "The machine did not go down")
                .why("It was accepted, and nothing happened for ten minutes.")
                .then("Look at the journal; something refuses to stop."),
        )),
    }
}

impl PowerJob {
    async fn go(&self, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let outside = self.0.outside();
        if !wait(outside, cx).await? {
            return Ok(());
        }
        // A machine that is off and comes up again starts the other version as well.
        self.0.before_restart(cx.store()).await;
        cx.log(&format!("{}: telling logind", args.verb.word()));
        cx.progress(None, "The machine goes down");
        outside.bus.power(args.verb.into()).await?;
        go_down(cx).await
    }
}

impl Kind for PowerJob {
    const NAME: &'static str = "machine.power";
    type Args = Args;

    fn steps(&self, args: &Args) -> Vec<Step> {
        // Neither leaves anything that would have to be taken back.
        let step = |name, title: &str, limit| Step { name, title: title.to_owned(), limit, reversible: true };
        vec![step("wait", "Wait until nothing is in the way", WAIT), step("go", args.verb.word(), GO * 2)]
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        if boot_id() != args.boot {
            cx.log("The machine has been started anew.");
            return Ok(());
        }
        match step {
            "wait" => wait(self.0.outside(), cx).await.map(drop),
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
