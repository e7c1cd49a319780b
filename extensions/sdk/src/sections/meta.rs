//! What people are shown in the store.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Link, SidePath};

/// What people are shown in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// The name people know it by.
    #[schemars(length(min = 1, max = 60))]
    pub name: String,
    /// What it is, in one line of at most 80 characters.
    #[schemars(length(min = 1, max = 80))]
    pub summary: String,
    /// The shelf it stands on.
    pub category: Category,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Its picture, an SVG file.
    pub icon: SidePath,
    /// Pictures of it in use.
    #[serde(default)]
    pub screenshots: Vec<SidePath>,
    /// Its licence, as an SPDX expression.
    #[schemars(regex(pattern = r"^[A-Za-z0-9 .+()-]+$"))]
    pub license: String,
    /// Where to read more.
    pub links: Links,
    /// Who looks after the package.
    #[serde(default)]
    pub maintainers: Vec<String>,
    /// Its name in vulnerability lists, CPE 2.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpe: Option<String>,
    /// Whether it works today.
    #[serde(default)]
    pub status: Status,
    /// Since when it is not to be installed any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<DeprecatedExtension>,
    /// What people may not like about it.
    #[serde(default)]
    pub antifeatures: Vec<Antifeature>,
}

/// The shelf of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are what they are")]
pub enum Category {
    Ai,
    Automation,
    Backup,
    Communication,
    Databases,
    Development,
    Documents,
    Education,
    Files,
    Finance,
    Games,
    Home,
    Media,
    Monitoring,
    Network,
    Photos,
    Productivity,
    Security,
    Social,
    Utilities,
    Web,
}

/// Where to read more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Links {
    /// The project's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<Link>,
    /// Its source code.
    pub source: Link,
    /// Its manual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<Link>,
    /// Where to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<Link>,
    /// What changed in each version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changelog: Option<Link>,
    /// How to give money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub donate: Option<Link>,
    /// Where to try it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demo: Option<Link>,
}

/// Whether it works today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Yes.
    #[default]
    Working,
    /// Mostly.
    Beta,
    /// No; it cannot be installed.
    Broken,
    /// Yes, but something else should be used.
    Deprecated,
}

/// Since when it is not to be installed any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeprecatedExtension {
    /// The day it was deprecated, YYYY-MM-DD.
    #[schemars(regex(pattern = r"^\d{4}-\d{2}-\d{2}$"))]
    pub since: String,
    /// The day it leaves the registry, YYYY-MM-DD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^\d{4}-\d{2}-\d{2}$"))]
    pub removed_on: Option<String>,
    /// What to use instead: an extension's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<String>,
}

/// What people may not like about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Antifeature {
    /// It reports on its users.
    Tracking,
    /// Its licence is not a free one.
    NonFree,
    /// It needs an account elsewhere.
    CloudAccount,
    /// It withholds features for money.
    ArbitraryLimits,
    /// Nobody mends it any more.
    Unmaintained,
}
