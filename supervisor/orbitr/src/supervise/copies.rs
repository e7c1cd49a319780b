//! A copy of the database every day, so that there is one to go back to.

use std::{convert::Infallible, path::Path, time::Duration};

use jiff::Timestamp;
use orbitr_store::{Store, recovery};
use tokio::time::sleep;

/// How old the newest copy may get.
const AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// How often its age is looked at: a clock may be set and a machine may sleep, so one long wait would not do.
const LOOK: Duration = Duration::from_secs(60 * 60);

/// Keeps the copies coming for as long as it is polled. `worth_it` says whether there is anything to keep yet.
pub(super) async fn keep(store: &Store, state_dir: &Path, worth_it: impl Fn() -> bool) -> Infallible {
    loop {
        if worth_it() && is_due(state_dir, Timestamp::now()).await {
            match store.keep_copy().await {
                Ok(copy) => tracing::info!(size = %copy.size, "kept a copy of the database"),
                Err(error) => {
                    tracing::warn!(%error, "a copy of the database could not be kept; the older ones are still there")
                }
            }
        }
        sleep(LOOK).await;
    }
}

/// A copy from the future is one of a clock that was wrong: it does not count.
async fn is_due(state_dir: &Path, now: Timestamp) -> bool {
    let kept = match recovery::kept(state_dir).await {
        Ok(kept) => kept,
        Err(error) => {
            tracing::warn!(%error, "the copies of the database cannot be listed");
            return true;
        }
    };
    !kept.iter().any(|copy| copy.at <= now && now.duration_since(copy.at).unsigned_abs() < AGE)
}
