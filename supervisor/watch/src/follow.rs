//! What the room does by itself: it looks when something has changed, and now and then.

use std::{convert::Infallible, future::pending, time::Duration};

use orbitr_model::{Timestamp, Topic};
use orbitr_store::time;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{sleep, timeout},
};

use crate::Watch;

/// Nobody tells of a disk that fills, of memory that gets short and of a clock.
const SLOWLY: Duration = Duration::from_secs(60);
/// Bursts of changes are one.
const SETTLE: Duration = Duration::from_millis(500);
/// However much changes, it is not looked more often than this.
const PAUSE: Duration = Duration::from_secs(2);

impl Watch {
    /// Looks for as long as it is polled.
    pub async fn follow(&self) -> Infallible {
        loop {
            // Whatever was told before a look is in what it sees, however many changes that were.
            let mut changes = self.inner.store.changes();
            let next = match self.look().await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(%error, "what is wrong with the box cannot be found out");
                    None
                }
            };
            sleep(PAUSE).await;
            let wait = next.map_or(SLOWLY, |next| until(next).min(SLOWLY));
            if timeout(wait, woken(&mut changes)).await.is_ok() {
                sleep(SETTLE).await;
            }
        }
    }
}

/// How long until then; a moment that is over is now.
fn until(moment: Timestamp) -> Duration {
    Duration::try_from(moment.duration_since(time::now())).unwrap_or_default()
}

/// Waits until something has changed that may be an issue, or the end of one.
async fn woken(changes: &mut Receiver<Topic>) {
    loop {
        match changes.recv().await {
            Ok(Topic::Apps | Topic::Units | Topic::Box | Topic::Jobs) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => return pending().await,
        }
    }
}
