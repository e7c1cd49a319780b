//! `health-gate`: whether the version that runs does its work. Only then is the boot complete, and systemd-bless-boot keeps
//! the version; a new version that does not is given up, with the reason for whoever comes next, and the machine restarts.
//!
//! It changes nothing on a version that was kept already, and on one that has none beside it to go back to.

mod ask;
mod give_up;
mod look;
mod verdict;

use std::{
    fs,
    time::{Duration, Instant},
};

use orbitr_host::exec::{Command, Output};
use orbitr_model::{GateFacts, GateState, UpdateFacts};
use serde_json::{Value, json};
use tokio::time::sleep;

pub(crate) use self::ask::{Answer, Ask};
use self::{look::CHECKS, verdict::Standing};
use crate::{Error, Run, updates};

/// How long everything may take to be as it should be.
const DEADLINE: Duration = Duration::from_secs(600);
/// The same where nothing depends on it: the start of the machine is not complete before.
const UNCOUNTED: Duration = Duration::from_secs(120);
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(3);
const LIMIT: Duration = Duration::from_secs(30);
/// What systemd-bless-boot says of a boot that is one of the tries of a version.
const TRIED: &str = "indeterminate";

pub(crate) async fn health_gate(run: &Run) -> Result<Option<Value>, Error> {
    run.step("Watching what was started")?;
    let began = Instant::now();
    let counted = bless(run, "status").await.is_ok_and(|printed| printed.stdout_text().trim() == TRIED);
    let deadline = if counted { deadline(run) } else { deadline(run).min(UNCOUNTED) };
    let mut told = GateFacts { state: GateState::Watching, counted, tiers: Vec::new(), deadline_s: deadline.as_secs() };
    updates::tell_gate(&run.places, &told)?;
    look_at_versions(run).await;
    let mut standing = Standing::default();
    loop {
        standing.take(look::look(run, began.elapsed()).await, began.elapsed());
        let now = GateFacts {
            state: standing.state(CHECKS.len(), began.elapsed(), deadline),
            tiers: standing.told(&CHECKS),
            ..told.clone()
        };
        if now != told {
            updates::tell_gate(&run.places, &now)?;
            told = now;
        }
        if told.state != GateState::Watching {
            break;
        }
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = run.cancel.cancelled() => return Err(Error::Stopped),
        }
    }
    let passed = told.state == GateState::Passed;
    // On a version that was kept long ago it only tells.
    if passed || !counted {
        let seconds = began.elapsed().as_secs();
        return Ok(Some(json!({ "passed": passed, "counted": counted, "seconds": seconds })));
    }
    let error = unhealthy(&standing);
    give_up::give_up(run, look_at_versions(run).await.as_ref(), &error).await?;
    Err(error)
}

/// What the versions are is told as well; the gate needs it only when it fails.
async fn look_at_versions(run: &Run) -> Option<UpdateFacts> {
    match updates::look(run).await {
        Ok(facts) => Some(facts),
        Err(error) => {
            tracing::warn!(%error, "the installed versions could not be looked at");
            None
        }
    }
}

fn unhealthy(standing: &Standing) -> Error {
    match standing.reason() {
        Some((check, detail)) => Error::Unhealthy { code: check.code, title: check.title, detail },
        None => {
            Error::Unhealthy { code: "health-unknown", title: "The gate did not see enough", detail: String::new() }
        }
    }
}

/// What the image says, in seconds; images for tests say less.
fn deadline(run: &Run) -> Duration {
    let said = fs::read_to_string(run.places.updates.join("gate-deadline")).ok();
    said.and_then(|text| text.trim().parse().ok()).map_or(DEADLINE, Duration::from_secs)
}

async fn bless(run: &Run, verb: &str) -> Result<Output, Error> {
    let done = Command::new(&run.places.bless).arg(verb).limit(LIMIT).run(&run.cancel).await;
    done.and_then(Output::success).map_err(Error::program("Looking at how this start is counted"))
}
