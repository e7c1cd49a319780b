//! The box's names and its certificates, and keeping the one in step with the other.

use std::{convert::Infallible, path::Path, time::Duration};

use anyhow::Context;
use jiff::Timestamp;
use orbitr_edge::{Certificates, Names};
use orbitr_host::facts;
use orbitr_machine::CertificateState;
use orbitr_model::Problem;
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};

use super::Config;

/// How often names and addresses are looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(60 * 60);

/// When this program was built.
pub(crate) fn built() -> Timestamp {
    env!("ORBITR_BUILT")
        .parse()
        .ok()
        .and_then(|second| Timestamp::from_second(second).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The box's host name: the machine's, unless it was given another.
pub(super) fn host_name(config: &Config) -> String {
    config.host_name.clone().unwrap_or_else(facts::hostname)
}

/// Under what the box is reached. Addresses that cannot be listed are left out, with a warning: names and
/// the loopback are enough to get in.
pub(super) fn names(config: &Config) -> Names {
    let addresses = facts::reachable_addresses().unwrap_or_else(|error| {
        tracing::warn!(%error, "the addresses of this machine cannot be listed");
        Vec::new()
    });
    Names::new(&host_name(config), addresses)
}

pub(super) async fn open(config: &Config, dir: &Path) -> anyhow::Result<Certificates> {
    let (config, dir) = (config.clone(), dir.to_owned());
    let open = move || Certificates::open(&dir, &names(&config), Timestamp::now(), built());
    tokio::task::spawn_blocking(open).await?.context("the box's certificates cannot be had")
}

/// The certificates, for the room that looks after the box.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) config: Config,
    pub(super) certificates: Certificates,
}

impl orbitr_machine::Certificates for Own {
    fn state(&self) -> CertificateState {
        CertificateState {
            leaf_ends: self.certificates.leaf_expires(),
            authority_ends: self.certificates.ca_expires(),
            trouble: self.certificates.trouble(),
        }
    }

    fn renew(&self) -> Result<(), Problem> {
        Ok(self.certificates.renew(&names(&self.config), Timestamp::now())?)
    }
}

/// Looks at the names again, each hour and whenever `wake` says so.
pub(super) async fn follow(config: Config, certificates: Certificates, wake: &Notify) -> Infallible {
    let mut hourly = interval(LOOK_AGAIN);
    hourly.set_missed_tick_behavior(MissedTickBehavior::Delay);
    hourly.tick().await;
    loop {
        tokio::select! {
            _ = hourly.tick() => {}
            () = wake.notified() => {}
        }
        let (config, certificates) = (config.clone(), certificates.clone());
        let refreshed =
            tokio::task::spawn_blocking(move || certificates.refresh(&names(&config), Timestamp::now())).await;
        match refreshed {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the box's certificate could not be renewed; the old one stays"),
            Err(error) => tracing::error!(%error, "renewing the box's certificate broke off"),
        }
    }
}
