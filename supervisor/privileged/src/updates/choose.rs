//! `choose-version`: which of the installed versions the next starts are of.

use orbitr_model::{ChooseVersionRequest, ImageVersion, UpdateFacts};
use serde_json::{Value, json};

use super::{Kernel, look, look_after, set_default};
use crate::{Error, Run};

pub(crate) async fn choose_version(run: &Run) -> Result<Option<Value>, Error> {
    let request: ChooseVersionRequest = run.request()?.ok_or_else(|| Error::Request("nobody asked".to_owned()))?;
    run.step("Looking at the installed versions")?;
    let entry = entry(&look(run).await?, &request.target)?;
    run.step("Choosing what is started")?;
    let done = set_default(run, &entry.clone().unwrap_or_default()).await;
    look_after(run, done).await?;
    Ok(Some(json!({ "version": request.target, "kept": entry.is_some() })))
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
