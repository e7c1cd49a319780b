//! Network as it is: links, addresses, the way out, name servers, the machine's name; and changing it.

pub(crate) mod card;
mod check;
mod trial;

use std::net::IpAddr;

use orbitr_access::{
    Permit,
    action::{ChangeBox, ViewMachine},
};
use orbitr_host::{dbus, facts, network as host};
use orbitr_model::{FieldError, Topic, deed};
use orbitr_store::{NewEvent, Outcome, Subject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use self::{
    card::{CardSettings, Ipv4, LastTrial, TrialEnd},
    check::{CardChange, Method},
    trial::{Card, Changing, Trial},
};
use crate::{Error, Machine, settings};

/// The network of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Network {
    /// The machine's name in its network.
    pub host_name: String,
    /// The name under which devices of the same network find it, if it answers to that.
    pub mdns: Mdns,
    /// The interfaces that lead out of the machine.
    pub links: Vec<Link>,
    /// The ways out, the preferred one first.
    pub gateways: Vec<Gateway>,
    /// The name servers in their order.
    pub name_servers: Vec<IpAddr>,
    /// Who looks after the interfaces: `systemd-networkd`, or empty when that cannot be told.
    pub managed_by: String,
    /// What can be changed, and what is tried.
    pub change: Changing,
}

/// The name in the local network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mdns {
    /// For example `atlas.local`.
    pub name: String,
    /// Whether the machine answers to it; none when that cannot be told.
    pub answers: Option<bool>,
}

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Link {
    /// Its name, for example `eth0`.
    pub name: String,
    /// Whether it is switched on.
    pub up: bool,
    /// Whether something is at the other end.
    pub carrier: bool,
    /// Its hardware address; none for those without.
    pub mac: Option<String>,
    /// Megabits each second; none when it does not say.
    pub speed: Option<u32>,
    /// Its addresses with the bits that name their network, for example `192.168.1.20/24`.
    pub addresses: Vec<String>,
    /// What networkd says of it: `routable`, `degraded`, `no-carrier` …; empty when it does not look after it.
    pub state: String,
}

/// A way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Gateway {
    /// Through which interface.
    pub link: String,
    /// The router.
    pub address: IpAddr,
}

/// What to change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeHostName {
    /// The machine's name: letters, digits and dashes, at most 63.
    #[schemars(regex(pattern = r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"))]
    pub host_name: String,
}

/// One label of a host name (RFC 1123, section 2.1).
fn is_label(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (1..=63).contains(&text.len()) && text.chars().all(fits) && !text.starts_with('-') && !text.ends_with('-')
}

/// A host name: labels parted by dots.
pub(crate) fn is_host_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

impl Machine {
    /// The network as it is.
    ///
    /// # Errors
    /// [`Error::Host`] when the kernel does not list its interfaces.
    pub async fn network(&self, _permit: &Permit<ViewMachine>) -> Result<Network, Error> {
        self.look_at_network().await
    }

    pub(crate) async fn look_at_network(&self) -> Result<Network, Error> {
        let found = tokio::task::spawn_blocking(|| {
            Ok::<_, std::io::Error>((facts::hostname(), host::links()?, host::gateways(), host::resolv_conf()))
        });
        let found = found.await.map_err(|error| Error::Host(error.into()))?;
        let (host_name, links, gateways, resolv_conf) = found.map_err(|error| Error::Host(error.into()))?;
        // Both may be missing or silent; what the kernel says is enough for the page.
        let (states, names) = tokio::join!(self.outside().bus.links(), self.outside().bus.name_servers());
        let label = host_name.split('.').next().unwrap_or_default();
        let (name_servers, mdns) = match names {
            Ok(names) if !names.servers.is_empty() => (names.servers, Some(names.mdns)),
            Ok(names) => (resolv_conf, Some(names.mdns)),
            Err(_) => (resolv_conf, None),
        };
        let managed_by = if states.is_ok() { "systemd-networkd" } else { "" }.to_owned();
        let states = states.unwrap_or_default();
        Ok(Network {
            mdns: Mdns { name: format!("{label}.local"), answers: mdns.map(|mdns| mdns == "yes") },
            links: links.into_iter().filter(|link| !link.internal).map(|l| link(l, &states)).collect(),
            gateways: gateways.into_iter().map(|g| Gateway { link: g.interface, address: g.address }).collect(),
            name_servers,
            managed_by,
            host_name,
            change: self.look_at_changing().await?,
        })
    }

    /// Gives the machine a name, now and at every boot.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Bus`] when the machine refuses, as in hosted mode, or has no systemd.
    pub async fn change_host_name(&self, permit: &Permit<ChangeBox>, change: &ChangeHostName) -> Result<(), Error> {
        let name = change.host_name.trim().to_owned();
        if !is_label(&name) {
            let message = "A host name has 1 to 63 letters, digits and dashes; no dash at its ends.".to_owned();
            return Err(Error::Invalid(vec![FieldError { field: "host_name".to_owned(), message }]));
        }
        let image = self.outside().image;
        if !image {
            // The machine keeps it; if it refuses, nothing has changed.
            self.outside().bus.set_host_name(&name).await?;
        }
        let (actor, address, id) = (permit.actor().clone(), permit.address(), self.box_id());
        let (subject_name, old) = (self.name(), facts::hostname());
        let new = name.clone();
        self.inner
            .store
            .write(move |tx| {
                if image {
                    settings::put_host_name(tx, &new)?;
                }
                let subject = Subject::new("box", &id, &subject_name);
                let detail = json!({ "host_name": { "from": old, "to": new } });
                let action = deed::BOX_CHANGE;
                tx.event(NewEvent { actor, action, subject, outcome: Outcome::Ok, detail, address })?;
                tx.changed(Topic::Box);
                Ok::<_, Error>(())
            })
            .await?;
        self.apply(false).await
    }
}

fn link(link: host::Link, states: &[dbus::LinkState]) -> Link {
    let state = states.iter().find(|state| state.name == link.name);
    let state = state.filter(|state| state.administrative != "unmanaged");
    Link {
        state: state.map(|state| state.operational.clone()).unwrap_or_default(),
        addresses: link.addresses.iter().map(|(address, prefix)| format!("{address}/{prefix}")).collect(),
        name: link.name,
        up: link.up,
        carrier: link.carrier,
        mac: link.mac,
        speed: link.speed,
    }
}
