//! What apps give to each other: where each requirement of an app comes from, the place that a provider makes for it, and
//! what becomes of it when either of the two changes or goes.

mod choose;
mod ops;
pub(crate) mod order;
mod provider;
pub(crate) mod rows;

use std::collections::BTreeMap;

use orbitr_model::AppId;
use orbitr_sdk::{BindingChoice, Bindings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    choose::{Chosen, choose},
    ops::dependants,
    provider::{Fields, Join, Password, READY},
};
pub use self::{
    choose::{RequirementField, RequirementView},
    ops::{BindingView, Dependant},
};

/// Where a requirement is asked to come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BindingRequest {
    /// From where.
    pub from: BindingSource,
    /// The app, if it comes from one that is there.
    #[serde(default)]
    pub app: Option<AppId>,
    /// The fields, if it comes from outside.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
}

/// From where a requirement can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BindingSource {
    /// From nowhere: the app works without it.
    None,
    /// From an app that the box chooses, or installs if there is none.
    Managed,
    /// From an app that is there.
    Existing,
    /// From outside the box.
    External,
    /// From the app's own copy.
    Bundled,
}

impl BindingSource {
    pub(crate) const fn choice(self) -> Option<BindingChoice> {
        match self {
            Self::None => None,
            Self::Managed => Some(BindingChoice::Managed),
            Self::Existing => Some(BindingChoice::Existing),
            Self::External => Some(BindingChoice::External),
            Self::Bundled => Some(BindingChoice::Bundled),
        }
    }
}

/// Where a requirement of a release comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "from", rename_all = "lowercase")]
pub enum Binding {
    /// An app that the box chose.
    Managed {
        /// The app.
        app: AppId,
    },
    /// An app that somebody chose.
    Existing {
        /// The app.
        app: AppId,
    },
    /// Something outside the box.
    External {
        /// The fields, but for passwords.
        values: BTreeMap<String, String>,
    },
    /// The app's own copy.
    Bundled,
}

impl Binding {
    /// The word for it.
    #[must_use]
    pub const fn choice(&self) -> BindingChoice {
        match self {
            Self::Managed { .. } => BindingChoice::Managed,
            Self::Existing { .. } => BindingChoice::Existing,
            Self::External { .. } => BindingChoice::External,
            Self::Bundled => BindingChoice::Bundled,
        }
    }

    /// The app of this box that fulfils it.
    #[must_use]
    pub const fn provider(&self) -> Option<&AppId> {
        match self {
            Self::Managed { app } | Self::Existing { app } => Some(app),
            Self::External { .. } | Self::Bundled => None,
        }
    }
}

/// The words for all of a release's.
pub(crate) fn words(bindings: &BTreeMap<String, Binding>) -> Bindings {
    bindings.iter().map(|(name, binding)| (name.clone(), binding.choice())).collect()
}

/// Where the password of an app's place at a provider is kept.
pub(crate) fn password_name(app: &AppId, requirement: &str) -> String {
    format!("{}binding/{requirement}", crate::secret_prefix_of_app(app))
}

/// Where the next one is kept while it is being changed.
pub(crate) fn next_password_name(app: &AppId, requirement: &str) -> String {
    format!("{}binding-next/{requirement}", crate::secret_prefix_of_app(app))
}

/// The name of the network in which others reach an app.
pub(crate) fn network(provider: &AppId) -> String {
    format!("orbitr-{provider}-shared")
}

/// The name under which others reach it there.
pub(crate) fn host(provider: &AppId) -> String {
    format!("{provider}.orbitr.internal")
}
