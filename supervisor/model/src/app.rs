//! What an app is doing, in one word.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The effective state of an app: what its owner wants, what Docker says and what the probe saw, in
/// one word that is the same on every page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AppState {
    /// A job installs it.
    Installing,
    /// Its containers start or its probe has not answered yet.
    Starting,
    /// A job stops it and starts it again.
    Restarting,
    /// Wanted, up, and reached from outside.
    Running,
    /// Wanted and up, but the probe does not reach it.
    Unhealthy,
    /// A job changes it.
    Changing,
    /// A job stops it.
    Stopping,
    /// Stopped, as its owner wants it.
    Stopped,
    /// Wanted, but its containers are not up.
    Down,
    /// A job removes it.
    Removing,
    /// Docker does not answer, so nobody knows.
    Unknown,
}

impl AppState {
    /// Every state.
    pub const ALL: [Self; 11] = [
        Self::Installing,
        Self::Starting,
        Self::Restarting,
        Self::Running,
        Self::Unhealthy,
        Self::Changing,
        Self::Stopping,
        Self::Stopped,
        Self::Down,
        Self::Removing,
        Self::Unknown,
    ];

    /// The state's one word, as the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Installing => "installing",
            Self::Starting => "starting",
            Self::Restarting => "restarting",
            Self::Running => "running",
            Self::Unhealthy => "unhealthy",
            Self::Changing => "changing",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Down => "down",
            Self::Removing => "removing",
            Self::Unknown => "unknown",
        }
    }
}

/// The state with its reason, in a sentence for the owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppStatus {
    /// The one word.
    pub state: AppState,
    /// Why it is so, for example «the database does not answer on port 5432»; empty when there is
    /// nothing to say.
    pub reason: String,
}
