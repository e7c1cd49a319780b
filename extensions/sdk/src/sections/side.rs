//! Long texts, and what an app tells about itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, SidePath};

/// Longer texts, as Markdown files beside the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Docs {
    /// Before the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_install: Option<SidePath>,
    /// After the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_install: Option<SidePath>,
    /// For whoever looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<SidePath>,
}

/// A Prometheus endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// The route it is on.
    pub route: Name,
    /// Its path.
    #[schemars(regex(pattern = "^/"))]
    pub path: String,
}

/// How an app's logs read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    /// The Compose service whose logs matter most.
    pub service: String,
    /// The form of a line.
    #[serde(default)]
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
    /// key=value pairs.
    Logfmt,
}

/// What an app shows on the home page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dashboard {
    /// One tile each.
    pub widgets: Vec<Widget>,
}

/// One tile: a value that the app's JSON answer holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Widget {
    /// What it is called.
    pub label: String,
    /// The route to ask.
    pub route: Name,
    /// The path to ask for.
    #[schemars(regex(pattern = "^/"))]
    pub path: String,
    /// The key of the value.
    pub value: String,
    /// What it is measured in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}
