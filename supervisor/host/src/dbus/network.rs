//! networkd and resolved: links as they see them, and the name servers in use.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    Bus, Error,
    proxies::{LINK, NETWORK, NetworkManagerProxy, RESOLVE, properties, properties_of},
};

/// One link, as networkd sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// The interface, for example `eth0`.
    pub name: String,
    /// Whether traffic gets through: `routable`, `degraded`, `carrier`, `no-carrier`, `off` …
    pub operational: String,
    /// Whether networkd looks after it: `configured`, `configuring`, `unmanaged`, `failed` …
    pub administrative: String,
}

/// The name servers, as resolved uses them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameServers {
    /// The servers in their order.
    pub servers: Vec<IpAddr>,
    /// Whether the machine answers for its `.local` name: `yes`, `resolve` (only asks), `no`.
    pub mdns: String,
    /// The name that it answers to, without `.local`.
    pub name: String,
}

impl Bus {
    /// The links that networkd knows.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_absence`] on a machine without networkd.
    pub async fn links(&self) -> Result<Vec<LinkState>, Error> {
        self.read("Look at the network links", |bus| async move {
            let mut links = Vec::new();
            for (_, name, path) in NetworkManagerProxy::new(&bus).await?.list_links().await? {
                let mut found = properties(&bus, NETWORK, path.as_ref(), LINK).await?;
                let (operational, administrative) =
                    (found.need("OperationalState")?, found.need("AdministrativeState")?);
                links.push(LinkState { name, operational, administrative });
            }
            Ok(links)
        })
        .await
    }

    /// The name servers that resolved uses.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_absence`] on a machine without resolved.
    pub async fn name_servers(&self) -> Result<NameServers, Error> {
        self.read("Look at the name servers", |bus| async move {
            let mut found = properties_of(&bus, RESOLVE).await?;
            let servers: Vec<(i32, i32, Vec<u8>)> = found.need("DNS")?;
            let mut servers: Vec<IpAddr> = servers.into_iter().filter_map(|(_, _, bytes)| address(&bytes)).collect();
            servers.dedup();
            Ok(NameServers { servers, mdns: found.need("MulticastDNS")?, name: found.need("LLMNRHostname")? })
        })
        .await
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)))).ok()
}
