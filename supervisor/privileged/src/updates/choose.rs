//! `choose-version`: which of the installed versions the next starts are of.

use orbitr_host::clock;
use orbitr_model::{ChooseVersionRequest, ImageVersion, ReturnReason, Timestamp, UpdateFacts};
use serde_json::{Value, json};

use super::{Kernel, Mark, journal, kernels, leave_mark, look, look_after, set_default, sync};
use crate::{Error, Run};

/// The only reason for which somebody else than the health gate may have a version given up.
const APPS: &str = "health-apps";
/// The longest title and detail, in bytes: the ESP is small, and what is told of versions is read by everybody.
const TITLE_MAX: usize = 200;
const DETAIL_MAX: usize = 16 * 1024;

pub(crate) async fn choose_version(run: &Run) -> Result<Option<Value>, Error> {
    let request: ChooseVersionRequest = run.request()?.ok_or_else(|| Error::Request("nobody asked".to_owned()))?;
    run.step("Looking at the installed versions")?;
    let mut facts = look(run).await?;
    let mut start = entry(&facts, &request.target)?;
    if let Some((version, reason)) = left(&facts, &request)? {
        leave(run, version, reason).await?;
        facts = look(run).await?;
        start = entry(&facts, &request.target)?;
    }
    run.step("Choosing what is started")?;
    let done = set_default(run, &start.clone().unwrap_or_default()).await;
    look_after(run, done).await?;
    Ok(Some(json!({ "version": request.target, "kept": start.is_some() })))
}

/// The version that is given up, with its reason; none when nobody says so, or when it is not the one that runs any more:
/// the request of a job that goes on after the restart.
fn left(facts: &UpdateFacts, request: &ChooseVersionRequest) -> Result<Option<(ImageVersion, ReturnReason)>, Error> {
    let Some(reason) = &request.reason else { return Ok(None) };
    let refused = |why| Err(Error::Version { version: request.target.clone(), why });
    let Some(running) = facts.running.clone() else { return refused("nobody knows which version runs") };
    if running == request.target {
        return Ok(None);
    }
    if running < request.target {
        return refused("it is newer than the one that runs, which is given up only for the one before");
    }
    if reason.code != APPS {
        return Err(Error::Request(format!("a version is given up for {APPS}, not for «{}»", short(&reason.code))));
    }
    let fits = |text: &str, most| text.len() <= most && !text.chars().any(|c| c.is_control() && c != '\n');
    if !fits(&reason.title, TITLE_MAX) || reason.title.contains('\n') || !fits(&reason.detail, DETAIL_MAX) {
        let why =
            format!("a reason has {TITLE_MAX} bytes, its detail {DETAIL_MAX}, and neither has control characters");
        return Err(Error::Request(why));
    }
    Ok(Some((running, reason.clone())))
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// Gives up the version that runs: first its mark, so that whoever comes after it knows why, then its tries. Cut off in
/// between, it is started once more, and whoever asked asks again.
async fn leave(run: &Run, version: ImageVersion, reason: ReturnReason) -> Result<(), Error> {
    run.step("Noting why this version is given up")?;
    let mark = Mark { version: version.clone(), reason, boot_id: clock::boot_id(), journal: journal(run).await };
    leave_mark(&run.places, mark, Timestamp::now())?;
    sync(run).await;
    kernels::give_up(&run.places, &version).map_err(Error::io("Giving up the version that runs"))?;
    sync(run).await;
    Ok(())
}

/// What systemd-boot has to be told so that it starts this version: its entry, or nothing when it would anyway. It starts
/// what it is told whatever the counter says, so that is only ever a version which has proved itself.
fn entry(facts: &UpdateFacts, target: &ImageVersion) -> Result<Option<String>, Error> {
    let refused = |why| Err(Error::Version { version: target.clone(), why });
    let Some(wanted) = facts.installed.iter().find(|known| known.version == *target) else {
        return refused("it is not installed");
    };
    if facts.returned.iter().any(|known| known.version == *target) {
        return refused("it did not do its work when it was started");
    }
    let by_itself = facts.installed.iter().find(|known| known.tries_left != Some(0)).map(|known| &known.version);
    if by_itself == Some(target) {
        return Ok(None);
    }
    if !wanted.blessed && !wanted.running {
        return refused("it has not proved itself yet");
    }
    Ok(Some(Kernel::entry(target)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use orbitr_model::{InstalledVersion, ReturnedVersion, Slot};

    use super::*;

    fn facts(of: &[(&str, Option<u32>)], running: &str) -> UpdateFacts {
        let installed = of.iter().map(|(version, left)| InstalledVersion {
            version: version.parse().unwrap(),
            slot: Slot::A,
            tries_left: *left,
            tries_done: left.map(|_| 0),
            blessed: left.is_none(),
            running: *version == running,
        });
        let running = running.parse().ok();
        UpdateFacts { version: 1, running, default: None, installed: installed.collect(), returned: vec![], gate: None }
    }

    fn chosen(facts: &UpdateFacts, target: &str) -> Result<Option<String>, String> {
        entry(facts, &target.parse().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_older_version_is_kept_and_the_newest_one_goes_by_itself() {
        let facts = facts(&[("0.2.0", None), ("0.1.0", None)], "0.2.0");
        assert_eq!(chosen(&facts, "0.1.0").unwrap().as_deref(), Some("orbitr_0.1.0.efi"));
        assert_eq!(chosen(&facts, "0.2.0").unwrap(), None);
        assert!(chosen(&facts, "0.3.0").unwrap_err().contains("not installed"));
    }

    #[test]
    fn a_version_that_was_never_kept_is_tried_and_never_forced() {
        let untried = facts(&[("0.2.0", Some(3)), ("0.1.0", None)], "0.1.0");
        assert_eq!(chosen(&untried, "0.2.0").unwrap(), None, "its tries are counted");
        let mut bad = facts(&[("0.2.0", Some(0)), ("0.1.0", None)], "0.1.0");
        assert!(chosen(&bad, "0.2.0").unwrap_err().contains("not proved"));
        assert_eq!(chosen(&bad, "0.1.0").unwrap(), None, "systemd-boot passes over the bad one");
        let version = "0.2.0".parse().unwrap();
        bad.returned.push(ReturnedVersion { version, at: None, reason: None, boot_id: None });
        assert!(chosen(&bad, "0.2.0").unwrap_err().contains("did not do its work"));
    }
}
