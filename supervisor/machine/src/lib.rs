//! This box as a machine: its name, its time zone, its figures, what it is.
//!
//! What lives here: the settings of the box itself, and the figures and facts of the machine as pages
//! and the API show them. What may not: apps, people, and any talk with the machine that is not the
//! host crate's.

mod about;
mod error;
mod figures;
mod settings;
pub mod zones;

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use jiff::tz::TimeZone;
use orbitr_host::figures::Sampler;
use orbitr_model::DisplayName;
use orbitr_store::Store;
use tokio::sync::Mutex;

use self::settings::Known;
pub use self::{
    about::{About, Interface},
    error::Error,
    figures::{FRESH, Figures, Traffic, Used},
    settings::{ChangeSettings, Settings},
};

/// The settings, figures and facts of this box. A handle: clones share everything.
#[derive(Clone)]
pub struct Machine {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    sampler: Sampler,
    /// The last figures and when they were taken.
    sampled: Mutex<Option<(Instant, Figures)>>,
    /// What the pages ask for all the time, as it is in the database.
    known: RwLock<Known>,
    /// The version of Orbitr.
    version: &'static str,
}

impl Machine {
    /// Over an open store; `state_dir` is on the disk whose room is shown, `version` is Orbitr's. On the
    /// first start this gives the box its identifier.
    ///
    /// # Errors
    /// When the database cannot be read or written, or its settings are not what this version writes.
    pub async fn open(store: Store, state_dir: PathBuf, version: &'static str) -> Result<Self, Error> {
        let known = settings::load_or_begin(&store).await?;
        let inner = Inner {
            store,
            sampler: Sampler::new(state_dir),
            sampled: Mutex::default(),
            known: RwLock::new(known),
            version,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The box's identifier: made at the first start, never changed. Not a secret; the label on
    /// everything that the box owns in Docker.
    #[must_use]
    pub fn box_id(&self) -> String {
        self.known(|known| known.settings.id.clone())
    }

    /// What the box is called. Everybody may know it: it is on the sign-in page.
    #[must_use]
    pub fn name(&self) -> DisplayName {
        self.known(|known| known.settings.name.clone())
    }

    /// The time zone in which times are shown.
    #[must_use]
    pub fn time_zone(&self) -> TimeZone {
        self.known(|known| known.zone.clone())
    }

    fn known<T>(&self, f: impl FnOnce(&Known) -> T) -> T {
        f(&self.inner.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn remember(&self, known: Known) {
        let mut last = self.inner.known.write().unwrap_or_else(PoisonError::into_inner);
        // Two changes may come back in another order than they were made.
        if known.settings.version >= last.settings.version {
            *last = known;
        }
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.known(|known| f.debug_struct("Machine").field("settings", &known.settings).finish_non_exhaustive())
    }
}
