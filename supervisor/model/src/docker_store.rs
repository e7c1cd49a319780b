//! How Docker's store is: `/run/orbitr-box/docker-store.json` (overlays/image/README.md describes the file), and what root is
//! asked to do about it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What root found in Docker's store when it last looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DockerStoreFacts {
    /// Of this shape: 1.
    pub version: u32,
    /// When it was looked at.
    pub looked_at: Timestamp,
    /// Whether all of it was looked at; not when the time that a look may take was over before.
    pub complete: bool,
    /// A rebuild was begun and not ended: Docker does not start before it is.
    pub unfinished: bool,
    /// Files that are not what Docker wrote; at most 20 of them.
    pub damage: Vec<StoreDamage>,
    /// How many more there are.
    pub more: u32,
    /// Stores that were set aside, the oldest first.
    pub aside: Vec<SetAside>,
}

/// A file of Docker's store that is not what Docker wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreDamage {
    /// Where.
    pub file: String,
    /// What is wrong with it, in a few words.
    pub what: String,
}

/// A store that was set aside by a rebuild.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetAside {
    /// What the folder is called, for example `set-aside-20261124T001530Z`.
    pub name: String,
    /// Where it is.
    pub path: String,
    /// When it was set aside; none where its note is gone.
    pub at: Option<Timestamp>,
    /// What it takes on the disk, in bytes.
    pub bytes: u64,
}

impl SetAside {
    /// What the name of such a folder begins with.
    pub const PREFIX: &str = "set-aside-";

    /// Whether a folder of Docker's store can be one by its name.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        let rest = name.strip_prefix(Self::PREFIX).unwrap_or_default();
        !rest.is_empty() && rest.len() <= 32 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    }
}

/// `rebuild-docker-store.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RebuildDockerStoreRequest {
    /// Of this shape: 1.
    pub version: u32,
    /// Chosen by whoever asks; comes back in the report.
    pub id: String,
    /// Names the rebuild: asked again with the same one, what was done is not done once more.
    pub key: String,
}

/// `remove-docker-stores.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveDockerStoresRequest {
    /// Of this shape: 1.
    pub version: u32,
    /// Chosen by whoever asks; comes back in the report.
    pub id: String,
    /// The stores that are to go, by their names. One that is not there is gone already.
    pub names: Vec<String>,
}

/// `look-at-docker-store.json`; the look also runs without anybody asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookAtDockerStoreRequest {
    /// Of this shape: 1.
    pub version: u32,
    /// Chosen by whoever asks; comes back in the report.
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_aside_is_known_by_its_name_and_no_path_is_one() {
        for name in ["set-aside-20261124T001530Z", "set-aside-20261124T001530Z-2"] {
            assert!(SetAside::is_name(name), "{name}");
        }
        for other in ["set-aside-", "set-aside-..", "set-aside-a/b", "volumes", "", "..", "overlay2"] {
            assert!(!SetAside::is_name(other), "{other}");
        }
    }
}
