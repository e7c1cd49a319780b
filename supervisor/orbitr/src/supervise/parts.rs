//! The rooms and mechanisms, from the bottom up.

use anyhow::Context;
use orbitr_model::RecoveryReason;
use orbitr_store::{OpenError, Store};

use super::Config;

/// What the box can do at this start.
pub(super) enum Parts {
    /// The database is open and every room is there.
    Rooms(Rooms),
    /// The database cannot be used; the owner chooses how to go on.
    Recovery(RecoveryReason),
}

/// Every room, over an open database.
pub(super) struct Rooms {
    store: Store,
}

impl Parts {
    pub(super) async fn build(config: &Config) -> anyhow::Result<Self> {
        match Store::open(&config.state_dir).await {
            Ok(store) => Ok(Self::Rooms(Rooms { store })),
            Err(OpenError::Recovery(reason)) => {
                tracing::error!(?reason, "the database cannot be used: the box starts in Recovery mode");
                Ok(Self::Recovery(reason))
            }
            Err(error) => Err(error).context("the database cannot be opened"),
        }
    }

    /// What the box does, in a few words.
    pub(super) fn summary(&self) -> String {
        match self {
            Self::Rooms(_) => "ready".to_owned(),
            Self::Recovery(_) => "Recovery mode, because the database cannot be used".to_owned(),
        }
    }

    /// Ends all work so that the next start goes on with it.
    pub(super) async fn close(&self) {
        if let Self::Rooms(rooms) = self {
            rooms.store.close().await;
        }
    }
}
