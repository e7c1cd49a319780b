//! What a Compose service is for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a Compose service is for. Every service but `job` and `init` needs a `healthcheck`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// What people use.
    Main,
    /// Helps the main service.
    Sidecar,
    /// Works in the background.
    Worker,
    /// Keeps the data.
    Database,
    /// Runs now and then and ends; its end is not a failure.
    Job,
    /// Runs once before the others and ends.
    Init,
}

impl Role {
    /// Whether the service is meant to keep running.
    #[must_use]
    pub const fn keeps_running(self) -> bool {
        !matches!(self, Self::Job | Self::Init)
    }
}
