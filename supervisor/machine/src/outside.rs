//! What the room reaches outside of the supervisor, put together in one place so that tests can point it at a fake.

use std::{path::PathBuf, sync::Arc, time::Duration};

use orbitr_host::{dbus::Bus, facts, journal::Journal};
use orbitr_model::Timestamp;

use crate::{
    data::{Acts, Places},
    updates::{AppsHealth, Updating},
    upkeep::Certificates,
};

/// The machine that this room looks after.
#[derive(Clone, Debug)]
pub struct Outside {
    /// systemd and its fellows.
    pub bus: Bus,
    /// The journal.
    pub journal: Journal,
    /// Whether this is Orbitr OS, where settings of the machine are applied by a unit of the image.
    pub image: bool,
    /// When this program was built: a clock that is earlier is wrong.
    pub built: Timestamp,
    /// What root does when it is asked; none in hosted mode.
    pub acts: Option<Acts>,
    /// Where a unit of the image leaves what only root can read, for the support bundle.
    pub support_dir: PathBuf,
    /// How long a new network setting is tried before the old one comes back.
    pub confirm_within: Duration,
    /// The box's own certificates; none where nobody serves them.
    pub certificates: Option<Arc<dyn Certificates>>,
    /// The image's part of updates.
    pub updating: Updating,
    /// The apps, whose health proves an update; none where nobody looks after any.
    pub apps: Option<Arc<dyn AppsHealth>>,
}

/// Enough to open the new address and to sign in. The image's orbitr-network-trial.timer is longer by a little.
const CONFIRM_WITHIN: Duration = Duration::from_secs(120);
/// The folder of overlays/image's contract.
const SUPPORT_DIR: &str = "/run/orbitr-box/support";
const RUN: &str = "/run";
const STATE: &str = "/var/lib/orbitr";

impl Outside {
    /// The machine that this process runs on.
    #[must_use]
    pub fn this_machine() -> Self {
        let image = facts::os_release().id == "orbitr";
        Self {
            bus: Bus::system(),
            journal: Journal::system(),
            image,
            acts: image.then(|| Acts::new(Places { run: RUN.into(), state: STATE.into(), stands_in: false })),
            built: Timestamp::UNIX_EPOCH,
            support_dir: SUPPORT_DIR.into(),
            confirm_within: CONFIRM_WITHIN,
            certificates: None,
            updating: Updating::default(),
            apps: None,
        }
    }

    /// The same, with when this program was built.
    #[must_use]
    pub const fn built(mut self, built: Timestamp) -> Self {
        self.built = built;
        self
    }
}
