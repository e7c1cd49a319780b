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
        let mut sampled = self.inner.sampled.lock().await;
        if let Some((taken, figures)) = &*sampled
            && taken.elapsed() < FRESH
        {
            return Ok(figures.clone());
        }
        let found = self.inner.sampler.sample().await.map_err(|error| Error::Host(error.into()))?;
        let figures = Figures {
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
