//! The block itself.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Action, Arch, Backup, Dashboard, Docs, FirstRun, Hardware, Health, Input, Instances, Job, Logs, Meta, Metrics,
    Name, Permission, Port, Provide, Require, Resources, Role, Route, SecretSpec, SidePath, Slug, Tests, Upgrade,
    Variant, VersionRange, Volume,
};

/// The `x-orbitr` block of `extension.yaml`: everything Orbitr knows about an extension beyond its Compose part.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XOrbitr {
    /// The version of this format; 1.
    #[schemars(range(min = 1, max = 1))]
    pub schema: u32,
    /// The extension's id in its registry.
    pub id: Slug,
    /// The version of the software that is packaged, as upstream writes it.
    pub version: String,
    /// The revision of the package, counted up for each change that keeps `version`.
    pub revision: u32,
    /// How versions are compared.
    #[serde(default)]
    pub scheme: Scheme,
    /// Which versions of Orbitr can run it.
    pub os: VersionRange,
    /// What people are shown in the store.
    pub meta: Meta,
    /// The processors its images are built for.
    #[schemars(length(min = 1))]
    pub arch: Vec<Arch>,
    /// Special hardware.
    #[serde(default)]
    pub hardware: Option<Hardware>,
    /// Other images or devices for special hardware.
    #[serde(default)]
    pub variants: IndexMap<Name, Variant>,
    /// What it needs of the box.
    pub resources: Resources,
    /// Whether a box may run it more than once.
    #[serde(default)]
    pub instances: Instances,
    /// What each Compose service is for.
    pub services: IndexMap<String, Role>,
    /// What the person who installs it is asked.
    #[serde(default)]
    #[schemars(schema_with = "super::inputs::labelled")]
    pub inputs: IndexMap<Name, Input>,
    /// What the box makes up and keeps.
    #[serde(default)]
    pub secrets: IndexMap<Name, SecretSpec>,
    /// What it needs from other apps.
    #[serde(default)]
    pub requires: IndexMap<Name, Require>,
    /// What it gives to other apps.
    #[serde(default)]
    pub provides: IndexMap<Name, Provide>,
    /// Contracts it fulfils as a drop-in for another capability.
    #[serde(default)]
    pub implements: IndexMap<Name, Provide>,
    /// Its web addresses.
    #[serde(default)]
    pub routes: IndexMap<Name, Route>,
    /// Its ports on the box, for what is not web.
    #[serde(default)]
    pub ports: IndexMap<Name, Port>,
    /// What each volume holds.
    pub volumes: IndexMap<String, Volume>,
    /// What it may do beyond an ordinary container.
    #[serde(default)]
    pub permissions: Vec<Permission>,
    /// How the box sees from outside that it works.
    #[serde(default)]
    pub health: Option<Health>,
    /// How its data is backed up.
    #[serde(default)]
    pub backup: Option<Backup>,
    /// How it gets from older versions to this one.
    #[serde(default)]
    pub upgrade: Option<Upgrade>,
    /// Things to press.
    #[serde(default)]
    pub actions: IndexMap<Name, Action>,
    /// Actions by the clock.
    #[serde(default)]
    pub jobs: IndexMap<Name, Job>,
    /// What to do after the installation.
    #[serde(default)]
    pub first_run: Option<FirstRun>,
    /// Its Prometheus endpoint.
    #[serde(default)]
    pub metrics: Option<Metrics>,
    /// How its logs read.
    #[serde(default)]
    pub logs: Option<Logs>,
    /// What it shows on the home page.
    #[serde(default)]
    pub dashboard: Option<Dashboard>,
    /// The folder of translations.
    #[serde(default)]
    pub i18n: Option<SidePath>,
    /// Longer texts.
    #[serde(default)]
    pub docs: Docs,
    /// How the registry's tests install and probe it.
    pub tests: Tests,
}

/// How versions are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// By the rules of semver.org.
    #[default]
    Semver,
    /// By date, number by number.
    Calver,
    /// Number by number, whatever the numbers mean.
    Loose,
}
