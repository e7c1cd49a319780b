//! A version that did not pass: it is marked, it is not started again, and the machine restarts into the one before it.

use std::time::Duration;

use orbitr_host::{clock, exec::Command};
use orbitr_model::{ReturnReason, Timestamp, UpdateFacts};

use super::{LIMIT, bless};
use crate::{Error, Run, updates};

const WHAT: &str = "Restarting into the version before";
/// How long an orderly restart may take before it is forced.
const ORDERLY: &str = "60s";

/// Gives up the version that runs, where there is another one to start.
pub(super) async fn give_up(run: &Run, facts: Option<&UpdateFacts>, why: &Error) -> Result<(), Error> {
    let Some((facts, version)) = facts.and_then(|facts| Some((facts, facts.running.clone()?))) else { return Ok(()) };
    if !has_another(facts) {
        tracing::warn!("there is no other version to go back to: this one stays");
        return Ok(());
    }
    run.step("Noting why this version is given up")?;
    let reason = match why {
        Error::Unhealthy { code, title, detail } => {
            ReturnReason { code: (*code).to_owned(), title: (*title).to_owned(), detail: detail.clone() }
        }
        other => ReturnReason { code: "health-unknown".to_owned(), title: other.to_string(), detail: String::new() },
    };
    let mark = updates::Mark { version, reason, boot_id: clock::boot_id(), journal: updates::journal(run).await };
    // Without its mark it goes back all the same; its counter says as much.
    if let Err(error) = updates::leave_mark(&run.places, mark, Timestamp::now()) {
        tracing::warn!(%error, "the mark could not be left");
    }
    if let Err(error) = bless(run, "bad").await {
        tracing::warn!(%error, "its tries could not be used up: it will be tried again");
    }
    updates::sync(run).await;
    if let Err(error) = updates::look(run).await {
        tracing::warn!(%error, "the installed versions could not be looked at");
    }
    run.step("Restarting into the version before")?;
    restart(run).await
}

/// Whether systemd-boot would start another one.
fn has_another(facts: &UpdateFacts) -> bool {
    facts.installed.iter().any(|known| !known.running && known.tries_left != Some(0))
}

/// In an orderly way; by force when that takes too long. What forces it is no part of what is being stopped meanwhile.
async fn restart(run: &Run) -> Result<(), Error> {
    if !run.places.has_systemd() {
        return Ok(());
    }
    let force = Command::new("systemd-run")
        .args(["--unit=orbitr-forced-restart", "--no-block"])
        .arg(format!("--on-active={ORDERLY}"))
        .args(["--timer-property=DefaultDependencies=no", "--property=DefaultDependencies=no"])
        .args(["systemctl", "reboot", "--force"])
        .limit(LIMIT);
    let forced = force.run(&run.cancel).await.and_then(orbitr_host::exec::Output::success);
    if let Err(error) = forced {
        tracing::warn!(%error, "nobody will force the restart");
    }
    let reboot = Command::new("systemctl").args(["--no-block", "reboot"]).limit(Duration::from_secs(60));
    let done = reboot.run(&run.cancel).await.and_then(orbitr_host::exec::Output::success);
    done.map_err(Error::program(WHAT))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use orbitr_model::{InstalledVersion, Slot};

    use super::*;

    #[test]
    fn a_version_that_is_alone_is_never_given_up() {
        let installed = |version: &str, left, running| InstalledVersion {
            version: version.parse().unwrap(),
            slot: Slot::A,
            tries_left: left,
            tries_done: None,
            blessed: left.is_none(),
            running,
        };
        let facts = |installed| UpdateFacts {
            version: 1,
            running: "0.3.0".parse().ok(),
            default: None,
            installed,
            returned: Vec::new(),
            gate: None,
        };
        assert!(!has_another(&facts(vec![installed("0.3.0", Some(2), true)])));
        assert!(!has_another(&facts(vec![installed("0.3.0", Some(2), true), installed("0.2.0", Some(0), false)])));
        assert!(has_another(&facts(vec![installed("0.3.0", Some(2), true), installed("0.2.0", None, false)])));
    }
}
