//! How an app gets from older versions to this one.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Exec, Name, Owner, SidePath, TimeSpan, VersionRange};

/// How an app gets from older versions to this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upgrade {
    /// The versions that can be upgraded.
    pub from: VersionRange,
    /// Which versions may be skipped.
    #[serde(default)]
    pub path: UpgradePath,
    /// The versions on the way.
    #[serde(default)]
    pub steps: Vec<UpgradeStep>,
    /// What shows that a version has done its own migrations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
    /// Whether a backup is made before.
    #[serde(default)]
    pub backup: UpgradeBackup,
    /// Whether an older version can read the data afterwards.
    #[serde(default)]
    pub reversible: bool,
    /// Versions that are never applied by themselves.
    #[serde(default)]
    pub hold: Vec<String>,
    /// Before.
    #[serde(default)]
    pub pre: Vec<Exec>,
    /// After.
    #[serde(default)]
    pub post: Vec<Exec>,
    /// What people must know.
    #[serde(default)]
    pub notices: Vec<Notice>,
    /// Inputs that changed.
    #[serde(default)]
    pub inputs_migrate: Vec<InputsMigration>,
    /// Volumes that changed.
    #[serde(default)]
    pub volumes_migrate: Vec<VolumesMigration>,
    /// A database's new major version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_major: Option<DatabaseMajor>,
}

/// Which versions may be skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpgradePath {
    /// Any.
    #[default]
    Any,
    /// None of the first numbers.
    MajorByMajor,
    /// None of the steps.
    Listed,
}

/// One version on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpgradeStep {
    /// The version.
    pub version: String,
    /// The images, by service.
    pub images: IndexMap<String, String>,
    /// What people must know about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<SidePath>,
}

/// What shows that a version has done its own migrations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    /// The Compose service.
    pub service: String,
    /// The user inside the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The program and its arguments.
    #[schemars(length(min = 1))]
    pub run: Vec<String>,
    /// Variables for it.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
    /// Values of the JSON object that it prints.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub json: IndexMap<String, serde_json::Value>,
    /// How long to wait for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<TimeSpan>,
}

/// Whether a backup is made before an upgrade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UpgradeBackup {
    /// It must be.
    Required,
    /// It should be.
    #[default]
    Recommended,
    /// It need not be.
    None,
}

/// What people must know about an upgrade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// The version at which it is shown.
    pub at: String,
    /// How much it matters.
    pub level: NoticeLevel,
    /// The file with the text.
    pub text: SidePath,
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NoticeLevel {
    /// Good to know.
    Info,
    /// Something is to be done.
    Action,
    /// Something stops working.
    Breaking,
}

/// Inputs that changed with a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputsMigration {
    /// The versions it applies to.
    pub from: VersionRange,
    /// Old name to new name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub rename: IndexMap<Name, Name>,
    /// Per input, old value to new value.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub map: IndexMap<Name, IndexMap<String, serde_json::Value>>,
}

/// A volume that changed with a version; exactly one of `rename`, `move` and `chown`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VolumesMigration {
    /// The version at which it changed.
    pub at: String,
    /// A volume has a new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rename: Option<Moved>,
    /// A folder moved, `volume:path`.
    #[serde(default, rename = "move", skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
    /// A volume has a new owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chown: Option<Owned>,
}

/// From where to where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// The old name.
    pub from: String,
    /// The new name.
    pub to: String,
}

/// A volume and its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Owned {
    /// The volume.
    pub volume: String,
    /// Its new owner.
    pub owner: Owner,
}

/// A database's new major version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseMajor {
    /// The requirement whose database it is.
    pub binding: Name,
    /// How the data gets across.
    pub method: DatabaseMethod,
}

/// How data gets into a database's new major version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseMethod {
    /// Dumped from the old, restored into the new.
    DumpRestore,
    /// By PostgreSQL's own tool.
    PgUpgrade,
}
