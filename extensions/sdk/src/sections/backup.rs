//! How an app's data is backed up. No machinery yet.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Exec, Name, TimeSpan};

/// How an app's data is backed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// Whether the app runs meanwhile.
    pub mode: BackupMode,
    /// Before the copy.
    #[serde(default)]
    pub pre: Vec<Exec>,
    /// What is dumped rather than copied.
    #[serde(default)]
    pub dump: Vec<Dump>,
    /// After the copy, also when it failed.
    #[serde(default)]
    pub post: Vec<Exec>,
    /// The volumes and path inputs that are copied; without it, by their class.
    #[serde(default)]
    pub include: Vec<String>,
    /// Patterns that are left out, `volume:pattern`.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// After a restore.
    #[serde(default)]
    pub restore: Vec<Exec>,
    /// What shows that a restore is good.
    #[serde(default)]
    pub verify: Vec<Exec>,
    /// How large backups will be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_class: Option<SizeClass>,
}

/// Whether the app runs during a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BackupMode {
    /// It runs.
    Hot,
    /// It is frozen.
    Pause,
    /// It is stopped.
    Cold,
}

/// What is dumped: a bound database, or what a command prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dump {
    /// The bound database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Name>,
    /// The Compose service in which `run` runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The user inside the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The program and its arguments.
    #[serde(default)]
    pub run: Vec<String>,
    /// Variables for it.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
    /// How long it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<TimeSpan>,
    /// The name of the file that its output becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// How large backups will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SizeClass {
    /// Megabytes.
    Small,
    /// Gigabytes.
    Medium,
    /// Hundreds of gigabytes.
    Large,
}
