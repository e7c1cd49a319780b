//! `box.json`: the machine's settings as the image's unit `orbitr-apply-settings.service` reads them (overlays/image). The
//! database is the truth; this file is written from it, at each start and after each change, whole or not at all.
//!
//! Its members, all but `version` optional: `version` (1), `host_name`, `time_zone` (an IANA name), `ntp_servers` (a list of
//! names or addresses), `network` (a list of cards), `network_trial` (a card that is tried, until when), `ssh` (whether it is on,
//! and whose keys open it). Members that others put there stay.

use std::path::Path;

use orbitr_host::files;
use serde_json::{Map, Value, json};

use crate::{
    network::{CardSettings, card::KeptTrial},
    ssh::KeptSsh,
};

/// The file in the state folder.
const FILE: &str = "box.json";

/// The settings that this room writes; what is none is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BoxFile {
    pub(crate) host_name: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) ntp_servers: Vec<String>,
    pub(crate) network: Vec<CardSettings>,
    pub(crate) trial: Option<KeptTrial>,
    pub(crate) ssh: Option<KeptSsh>,
}

impl BoxFile {
    /// Writes it, if it is not so already. Blocks.
    pub(crate) fn write(&self, state_dir: &Path) -> std::io::Result<()> {
        let path = state_dir.join(FILE);
        let old = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Map<String, Value>>(&text).ok());
        let mut new = old.clone().unwrap_or_default();
        new.insert("version".to_owned(), json!(1));
        let mut set = |name: &str, value: Option<Value>| match value {
            Some(value) => drop(new.insert(name.to_owned(), value)),
            None => drop(new.remove(name)),
        };
        set("host_name", self.host_name.as_ref().map(|name| json!(name)));
        set("time_zone", self.time_zone.as_ref().map(|zone| json!(zone)));
        set("ntp_servers", (!self.ntp_servers.is_empty()).then(|| json!(self.ntp_servers)));
        set("network", (!self.network.is_empty()).then(|| json!(self.network)));
        let trial = self.trial.as_ref();
        set(
            "network_trial",
            trial.map(|trial| json!({ "boot": trial.boot, "until_ms": trial.until_ms, "card": trial.to })),
        );
        set("ssh", self.ssh.as_ref().map(|ssh| json!(ssh)));
        if old.as_ref() == Some(&new) {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(&Value::Object(new))?;
        files::write(&path, &text, 0o600)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn what_others_wrote_stays_and_the_same_is_not_written_twice() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        std::fs::write(&path, r#"{"version":1,"lamp":{"on":true},"host_name":"old"}"#).unwrap();
        let wanted = BoxFile { host_name: Some("attic".to_owned()), ..BoxFile::default() };
        let write = |wanted: &BoxFile| {
            wanted.write(dir.path()).unwrap();
            let text = std::fs::read(&path).unwrap();
            (serde_json::from_slice::<Value>(&text).unwrap(), std::fs::metadata(&path).unwrap().ino())
        };
        let (first, file) = write(&wanted);
        assert_eq!(first, json!({ "version": 1, "lamp": { "on": true }, "host_name": "attic" }));
        assert_eq!(write(&wanted).1, file, "the same file");
        assert_eq!(write(&BoxFile::default()).0, json!({ "version": 1, "lamp": { "on": true } }));
    }
}
