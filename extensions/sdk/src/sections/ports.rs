//! Ports on the box, for what is not web.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PortRange;

/// One port on the box; its number is in `${PORT_<NAME>}`. The box picks it when the app is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The Compose service that listens.
    pub service: String,
    /// The port it listens on, inside its container.
    #[schemars(range(min = 1))]
    pub target: u16,
    /// TCP or UDP.
    #[serde(default)]
    pub protocol: Transport,
    /// The port on the box that is taken if it is free.
    #[schemars(range(min = 1))]
    pub preferred: u16,
    /// Whether only the preferred port will do.
    #[serde(default)]
    pub fixed: bool,
    /// Where else to look for a free port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<PortRange>,
    /// Whether it is open from the start.
    #[serde(default)]
    pub default: PortDefault,
    /// What it is for, in a few words for people.
    #[schemars(length(min = 1))]
    pub purpose: String,
}

/// The transport of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// Whether a port is open from the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PortDefault {
    /// It is.
    #[default]
    On,
    /// Only once somebody opens it.
    Off,
}
