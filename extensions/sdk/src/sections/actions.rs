//! Things to press, by hand or by the clock, and what to do after the installation.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Input, Name, TimeSpan};

/// A command that people can press.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// What the button says.
    pub label: String,
    /// The Compose service.
    pub service: String,
    /// The user inside the container.
    #[serde(default)]
    pub user: Option<String>,
    /// The program and its arguments.
    #[schemars(length(min = 1))]
    pub run: Vec<String>,
    /// Variables for it.
    #[serde(default)]
    pub env: IndexMap<String, String>,
    /// What is asked first; the answers are in `${ACTION_<NAME>}`.
    #[serde(default)]
    pub inputs: IndexMap<Name, Input>,
    /// In which state of the app it can be pressed.
    #[serde(default)]
    pub when: ActionWhen,
    /// What is asked before it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// How long it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<TimeSpan>,
    /// What its output is.
    #[serde(default)]
    pub result: ResultKind,
    /// Of those who may change the app, who may press it; empty means all of them.
    #[serde(default)]
    pub roles: Vec<RoleName>,
}

/// In which state of the app an action can be pressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActionWhen {
    /// While it runs.
    #[default]
    Running,
    /// While it is stopped.
    Stopped,
    /// Always.
    Any,
}

/// What an action's output is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResultKind {
    /// Text to show.
    #[default]
    Text,
    /// A password or key, shown once and never in a log.
    Credential,
    /// A file to download.
    File,
}

/// A role of the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are what they are")]
pub enum RoleName {
    Admin,
    User,
    Viewer,
}

/// An action by the clock; exactly one of `cron` and `every`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Five cron fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The time between two runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<TimeSpan>,
    /// The action.
    pub action: Name,
}

/// What to do after the installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstRun {
    /// The route to open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Name>,
    /// What to sign in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<FirstRunCredentials>,
    /// What is left to do.
    #[serde(default)]
    pub tasks: Vec<FirstRunTask>,
}

/// What to sign in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstRunCredentials {
    /// The input that holds the name.
    pub user: Name,
    /// The input or secret that holds the password.
    pub password: Name,
}

/// One thing left to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstRunTask {
    /// How much it matters.
    pub level: TaskLevel,
    /// What is to be done.
    pub text: String,
    /// The action that does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Name>,
}

/// How much a task matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskLevel {
    /// The app is not safe before.
    Critical,
    /// The app is not much use before.
    Important,
    /// As one likes.
    Optional,
}
