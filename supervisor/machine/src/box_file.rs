//! `box.json`: the machine's settings as the image's unit `orbitr-apply-settings.service` reads them (overlays/image). The
//! database is the truth; this file is written from it, at each start and after each change, whole or not at all.
//!
//! Its members, all but `version` optional: `version` (1), `host_name`, `time_zone` (an IANA name), `ntp_servers` (a list of
//! names or addresses). Members that others put there stay.

use std::path::Path;

use orbitr_host::files;
use serde_json::{Map, Value, json};

/// The file in the state folder.
const FILE: &str = "box.json";

/// The settings that this room writes; what is none is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BoxFile {
    pub(crate) host_name: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) ntp_servers: Vec<String>,
}

impl BoxFile {
    /// Writes it, if it is not so already; says whether it was written. Blocks.
    pub(crate) fn write(&self, state_dir: &Path) -> std::io::Result<bool> {
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
        if old.as_ref() == Some(&new) {
            return Ok(false);
        }
        let text = serde_json::to_vec_pretty(&Value::Object(new))?;
        files::write(&path, &text, 0o600).map(|()| true)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_others_wrote_stays_and_the_same_is_not_written_twice() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        std::fs::write(&path, r#"{"version":1,"ssh":{"on":true},"host_name":"old"}"#).unwrap();
        let wanted = BoxFile { host_name: Some("attic".to_owned()), ..BoxFile::default() };
        assert!(wanted.write(dir.path()).unwrap());
        let read = || serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(read(), json!({ "version": 1, "ssh": { "on": true }, "host_name": "attic" }));
        assert!(!wanted.write(dir.path()).unwrap());
        assert!(BoxFile::default().write(dir.path()).unwrap());
        assert_eq!(read(), json!({ "version": 1, "ssh": { "on": true } }));
    }
}
