//! What an extension gives to other apps.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Exec, Slug};

/// A capability for other apps: how a database extension becomes a managed provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provide {
    /// What is provided.
    pub capability: Slug,
    /// Its version; without it, the extension's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The Compose service that other apps reach; without it, the one that makes places for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The contract's fields, but for the host.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub values: IndexMap<String, serde_json::Value>,
    /// How a place for one more app is made and unmade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provision: Option<Provision>,
    /// How many of what it can give.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub limits: IndexMap<String, u64>,
}

/// How a place for one more app is made and unmade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provision {
    /// Makes it.
    pub create: Exec,
    /// Changes its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate: Option<Exec>,
    /// Removes it.
    pub drop: Exec,
    /// Prints a dump of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dump: Option<Exec>,
    /// Reads a dump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Exec>,
}
