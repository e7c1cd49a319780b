//! What an extension needs from other apps.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::when::When;

use super::{Slug, VersionRange};

/// Something another app provides; its fields are in `${BIND_<NAME>_<FIELD>}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Require {
    /// What is needed: postgres, mysql, redis, smtp, s3, oidc and so on.
    pub capability: Slug,
    /// Which versions fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRange>,
    /// What it must be able to do: pgvector, replica-set and so on.
    #[serde(default)]
    pub features: Vec<String>,
    /// Where it may come from; empty means anywhere but `bundled`.
    #[serde(default)]
    pub choices: Vec<BindingChoice>,
    /// Where it comes from if nobody chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<BindingChoice>,
    /// Whether the app works without.
    #[serde(default)]
    pub optional: bool,
    /// What the provider makes for the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<RequireGrant>,
    /// The app's own copy of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundled: Option<Bundled>,
    /// Whether the app is unhealthy without it.
    #[serde(default)]
    pub health: HealthNeed,
    /// When it is needed at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
}

/// Where a requirement may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BindingChoice {
    /// The box installs and keeps a provider.
    Managed,
    /// An app that is there already.
    Existing,
    /// Something outside the box.
    External,
    /// A service of this very extension.
    Bundled,
}

/// What the provider makes for the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequireGrant {
    /// A database of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Whether the app owns it.
    #[serde(default)]
    pub owner: bool,
    /// Database extensions to switch on.
    #[serde(default)]
    pub extensions: Vec<String>,
}

/// The app's own copy of what it requires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bundled {
    /// The Compose profile that switches it on.
    pub profile: String,
    /// The Compose service.
    pub service: String,
    /// The binding's fields.
    pub values: IndexMap<String, serde_json::Value>,
}

/// Whether an app is unhealthy without what it requires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthNeed {
    /// It is.
    #[default]
    Required,
    /// It only says so.
    Advisory,
}
