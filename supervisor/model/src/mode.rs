//! What the box as a whole is doing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The box's mode, decided from facts on disk at each start and kept by nobody's flag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "mode", rename_all = "lowercase")]
pub enum Mode {
    /// Nobody has claimed the box yet.
    Setup,
    /// Claimed and working.
    Running,
    /// Working, but something that it needs is missing.
    Degraded {
        /// Each missing thing in a sentence.
        reasons: Vec<String>,
    },
    /// The database cannot be used; the owner chooses how to go on.
    Recovery {
        /// What is wrong with it.
        reason: RecoveryReason,
    },
}

/// Why the database cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RecoveryReason {
    /// SQLite cannot read it.
    Corrupt {
        /// What SQLite says.
        detail: String,
    },
    /// It opens, but a table or column that its version has is not there.
    Incomplete {
        /// The first missing thing.
        missing: String,
    },
    /// A newer Orbitr wrote it, and no copy for this version is kept.
    TooNew {
        /// The version it has.
        found: u32,
        /// The newest version that this Orbitr knows.
        known: u32,
    },
    /// The box key is gone or is another one, so its secrets cannot be read.
    KeyMismatch {
        /// What is wrong with the key.
        detail: String,
    },
    /// Opening it, or what is done with it, made the supervisor crash again and again.
    CrashLoop {
        /// How often within five minutes.
        times: u32,
    },
    /// A migration failed; the database is untouched.
    MigrationFailed {
        /// Which one and why.
        detail: String,
    },
}
