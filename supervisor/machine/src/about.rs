//! What this machine is.

use std::net::IpAddr;

use orbitr_access::{Permit, action::ViewBox};
use orbitr_host::facts;
use orbitr_model::Timestamp;
use orbitr_store::time;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Error, Machine};

/// The machine and what runs on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct About {
    /// The version of Orbitr.
    pub version: String,
    /// The machine's name in its network.
    pub host_name: String,
    /// The operating system, for example `Debian GNU/Linux 13 (trixie)`.
    pub system: String,
    /// The kernel's release; empty when it does not say.
    pub kernel: String,
    /// Whether Orbitr runs in a container: some things of the machine are not ours to change then.
    pub in_container: bool,
    /// The addresses under which others may reach the machine.
    pub addresses: Vec<Interface>,
    /// The machine's clock.
    pub time: Timestamp,
}

/// One address of one network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Interface {
    /// The interface, for example `eth0`.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
    /// How many bits of it name its network.
    pub prefix: u8,
}

impl Machine {
    /// What this machine is.
    ///
    /// # Errors
    /// [`Error::Host`] when the kernel does not list its interfaces.
    pub async fn about(&self, _permit: &Permit<ViewBox>) -> Result<About, Error> {
        self.take_about().await
    }

    pub(crate) async fn take_about(&self) -> Result<About, Error> {
        let version = self.inner.version.to_owned();
        let found = tokio::task::spawn_blocking(move || {
            let outside = facts::addresses()?.into_iter().filter(|address| !address.internal);
            let addresses = outside
                .map(|found| Interface { name: found.interface, address: found.address, prefix: found.prefix })
                .collect();
            Ok::<_, std::io::Error>(About {
                version,
                host_name: facts::hostname(),
                system: facts::os_release().pretty_name,
                kernel: facts::kernel(),
                in_container: facts::in_container(),
                addresses,
                time: time::now(),
            })
        });
        found.await.map_err(|error| Error::Host(error.into()))?.map_err(|error| Error::Host(error.into()))
    }
}
