//! The ways out of Recovery mode.

use std::path::Path;

use orbitr_model::ImageVersion;
use orbitr_store::recovery::{self, RecoveryError};

/// What starting over asks to be typed.
pub(super) const WORDS: &str = "START OVER";

/// A way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Only open the database again: the key is back, the disk has room.
    Again,
    /// Go back to a kept copy.
    Restore(String),
    /// Download the database as it is.
    Export,
    /// Go on without the secrets.
    ForgetSecrets,
    /// An empty box.
    StartOver,
    /// The version of the system that ran before.
    Version(ImageVersion),
}

impl Choice {
    /// From the form's value.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "again" => Self::Again,
            "export" => Self::Export,
            "forget-secrets" => Self::ForgetSecrets,
            "start-over" => Self::StartOver,
            other => match other.split_once(':')? {
                ("restore", id) => Self::Restore(id.to_owned()),
                ("version", version) => Self::Version(version.parse().ok()?),
                _ => return None,
            },
        })
    }

    /// Whether it may be done without another question.
    pub(super) fn is_confirmed_by(&self, words: &str) -> bool {
        *self != Self::StartOver || words.trim() == WORDS
    }

    /// Does it. What is no matter of the database is not done here.
    pub(super) async fn carry_out(&self, dir: &Path) -> Result<(), RecoveryError> {
        match self {
            Self::Again | Self::Export | Self::Version(_) => Ok(()),
            Self::Restore(id) => recovery::restore(dir, id).await,
            Self::ForgetSecrets => recovery::forget_secrets(dir).await.map(drop),
            Self::StartOver => recovery::start_over(dir).await.map(drop),
        }
    }
}
