//! How the registry's tests install and probe an extension.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Exec, Name};

/// How the registry's tests install and probe an extension.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tests {
    /// The inputs to install it with; what is left out has its default.
    #[serde(default)]
    pub install: IndexMap<Name, serde_json::Value>,
    /// The versions to upgrade from.
    #[serde(default)]
    pub upgrade_from: Vec<String>,
    /// What must answer afterwards; without it, what `health` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// What shows that data is still there after a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persist_check: Option<Exec>,
}

/// One page that must answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The route to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Name>,
    /// The Compose service to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The port inside the service's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The path to ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The status to get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}
