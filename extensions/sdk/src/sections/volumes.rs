//! What each volume holds, and what happens to it.

use orbitr_model::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Owner;

/// One volume, or one input of type `path`. Each named volume of the Compose part must have an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// What it holds.
    pub class: VolumeClass,
    /// Who owns the folder inside the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// How large it will likely be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_hint: Option<ByteSize>,
    /// The name under which it is offered as a network share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    /// How it is backed up; without it, by its class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<VolumeBackup>,
    /// What happens to it when the app is removed.
    #[serde(default)]
    pub on_remove: OnRemove,
}

/// What a volume holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VolumeClass {
    /// What people made.
    Data,
    /// Settings.
    Config,
    /// The files of a database; a copy of them is only good when the database is stopped.
    Database,
    /// Large files that rarely change.
    Media,
    /// What can be made again.
    Cache,
    /// Logs.
    Logs,
}

/// How a volume is backed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VolumeBackup {
    /// Its files.
    Include,
    /// Not at all.
    Exclude,
    /// Through a dump.
    Dump,
}

/// What happens to a volume when the app is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnRemove {
    /// It stays.
    Keep,
    /// The person is asked.
    #[default]
    Ask,
    /// It goes too.
    Delete,
}
