//! What the machine does at this moment, taken only when somebody looks.

use std::time::{Duration, Instant};

use orbitr_access::{Permit, action::ViewBox};
use orbitr_host::figures as host;
use orbitr_model::{ByteSize, Timestamp};
use orbitr_store::time;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Error, Machine};

/// Figures younger than this are handed to the next one who asks: many open pages cost one look.
pub const FRESH: Duration = Duration::from_secs(2);

/// An average over more than this says nothing about how it is lately.
const LATELY: Duration = Duration::from_secs(60 * 60);

/// The machine at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Figures {
    /// When they were taken.
    pub at: Timestamp,
    /// How busy all processors together were lately, 0 to 100 per cent.
    pub cpu: f32,
    /// How many processors there are.
    pub cores: usize,
    /// The load averages over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Working memory.
    pub memory: Used,
    /// Swap space; a total of 0 when there is none.
    pub swap: Used,
    /// The disk that holds the box's state and apps.
    pub disk: Used,
    /// Seconds since the machine started.
    pub uptime: u64,
    /// Bytes received since the machine started.
    pub received: ByteSize,
    /// Bytes sent since the machine started.
    pub sent: ByteSize,
    /// How fast they came and went lately; none at the first look, and when the last one was too long ago.
    pub traffic: Option<Traffic>,
}

/// Bytes a second on average since the look before: nothing is counted while nobody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Traffic {
    /// Bytes received a second.
    pub received: ByteSize,
    /// Bytes sent a second.
    pub sent: ByteSize,
    /// Over so many seconds.
    pub over: u64,
}

impl Traffic {
    /// Between two readings of (received, sent). None when they are so far apart that an average says little about now,
    /// or when a counter went backwards because an interface is gone.
    fn between(before: (u64, u64), now: (u64, u64), span: Duration) -> Option<Self> {
        if span > LATELY || span < Duration::from_secs(1) {
            return None;
        }
        let millis = u64::try_from(span.as_millis()).ok()?;
        let rate = |before: u64, now: u64| now.checked_sub(before).map(|bytes| bytes.saturating_mul(1000) / millis);
        Some(Self {
            received: ByteSize(rate(before.0, now.0)?),
            sent: ByteSize(rate(before.1, now.1)?),
            over: (millis + 500) / 1000,
        })
    }
}

/// How much of something is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Used {
    /// What is taken.
    pub used: ByteSize,
    /// All of it.
    pub total: ByteSize,
}

impl Used {
    /// How much is taken, 0 to 100 per cent; 0 of nothing.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "shown as whole per cent")]
    pub fn percent(&self) -> f64 {
        if self.total.0 == 0 { 0.0 } else { self.used.0 as f64 / self.total.0 as f64 * 100.0 }
    }
}

impl From<host::Used> for Used {
    fn from(used: host::Used) -> Self {
        Self { used: ByteSize(used.used()), total: ByteSize(used.total) }
    }
}

impl Machine {
    /// The figures, at most [`FRESH`] old. The first look after a while takes a quarter of a second.
    ///
    /// # Errors
    /// [`Error::Host`] when the kernel does not say.
    pub async fn figures(&self, _permit: &Permit<ViewBox>) -> Result<Figures, Error> {
        self.take_figures().await
    }

    pub(crate) async fn take_figures(&self) -> Result<Figures, Error> {
        let mut sampled = self.inner.sampled.lock().await;
        if let Some((taken, figures)) = &*sampled
            && taken.elapsed() < FRESH
        {
            return Ok(figures.clone());
        }
        let found = self.inner.sampler.sample().await.map_err(|error| Error::Host(error.into()))?;
        let traffic = sampled.as_ref().and_then(|(taken, last)| {
            Traffic::between((last.received.0, last.sent.0), (found.received, found.sent), taken.elapsed())
        });
        let figures = Figures {
            traffic,
            at: time::now(),
            cpu: found.cpu,
            cores: found.cores,
            load: found.load,
            memory: found.memory.into(),
            swap: found.swap.into(),
            disk: found.disk.into(),
            uptime: found.uptime,
            received: ByteSize(found.received),
            sent: ByteSize(found.sent),
        };
        *sampled = Some((Instant::now(), figures.clone()));
        Ok(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_what_came_between_two_looks_for_each_second() {
        let rate = Traffic::between((1000, 50), (21_000, 50), Duration::from_secs(10)).unwrap();
        assert_eq!((rate.received.0, rate.sent.0, rate.over), (2000, 0, 10));
        let rate = Traffic::between((0, 0), (3000, 1500), Duration::from_millis(2500)).unwrap();
        assert_eq!((rate.received.0, rate.sent.0), (1200, 600));
    }

    #[test]
    fn no_rate_is_made_up() {
        let at = |now, seconds| Traffic::between((1000, 1000), now, Duration::from_secs(seconds));
        assert_eq!(at((900, 2000), 10), None, "an interface is gone");
        assert_eq!(at((2000, 2000), 0), None, "no time has passed");
        assert_eq!(at((2000, 2000), 3601), None, "an average of more than an hour is not how it is lately");
        assert!(at((u64::MAX, u64::MAX), 10).is_some());
    }
}
