//! networkd and resolved: links as they see them, and the name servers in use.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

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

/// A network card of the machine: a wired one that has an address of its own, so that a file can name it for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The interface, for example `eth0`.
    pub name: String,
    /// The hardware address that it was made with: six pairs of hexadecimal digits in lower case, with colons.
    pub mac: String,
    /// The addresses that it has now, with the bits that name their network.
    pub addresses: Vec<(IpAddr, u8)>,
}

/// What networkd says of itself, as far as it is of use (`Describe`, JSON).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    interfaces: Vec<DescribedLink>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribedLink {
    name: String,
    /// What driver of the kernel's own made it: `veth`, `bridge` …; none for a card.
    kind: Option<String>,
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    permanent_hardware_address: Vec<u8>,
    #[serde(default)]
    addresses: Vec<DescribedAddress>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribedAddress {
    address: Vec<u8>,
    prefix_length: u8,
}

impl Bus {
    /// The wired network cards, sorted by name.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_absence`] on a machine without networkd.
    pub async fn cards(&self) -> Result<Vec<Card>, Error> {
        let what = "Look at the network cards";
        let text = self.read(what, |bus| async move { NetworkManagerProxy::new(&bus).await?.describe().await }).await?;
        cards(&text).map_err(|error| Error::Failed { what, detail: format!("networkd is not understood: {error}") })
    }

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

fn cards(described: &str) -> serde_json::Result<Vec<Card>> {
    let described: Described = serde_json::from_str(described)?;
    let card = |link: DescribedLink| {
        let is_card = link.kind.is_none() && link.r#type == "ether" && link.permanent_hardware_address.len() == 6;
        let pairs: Vec<String> = link.permanent_hardware_address.iter().map(|byte| format!("{byte:02x}")).collect();
        let with_prefix = |one: &DescribedAddress| Some((address(&one.address)?, one.prefix_length));
        let addresses = link.addresses.iter().filter_map(with_prefix).collect();
        is_card.then(|| Card { name: link.name, mac: pairs.join(":"), addresses })
    };
    let mut cards: Vec<Card> = described.interfaces.into_iter().filter_map(card).collect();
    cards.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(cards)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// Cut from what networkd 252 and 257 say.
    const DESCRIBED: &str = r#"{"Interfaces":[
        {"Index":1,"Name":"lo","Type":"loopback","Addresses":[{"Family":2,"Address":[127,0,0,1],"PrefixLength":8}]},
        {"Index":3,"Name":"eth1","Type":"ether","HardwareAddress":[82,84,0,18,52,87],"PermanentHardwareAddress":[82,84,0,18,52,87]},
        {"Index":2,"Name":"eth0","Type":"ether","HardwareAddress":[2,0,0,0,0,1],"PermanentHardwareAddress":[82,84,0,18,52,86],
         "Addresses":[{"Family":2,"Address":[192,168,1,20],"PrefixLength":24,"ConfigSource":"DHCPv4"}]},
        {"Index":4,"Name":"veth1","Kind":"veth","Type":"ether","HardwareAddress":[38,2,193,1,80,101]},
        {"Index":5,"Name":"tap0","Type":"ether","HardwareAddress":[38,2,193,1,80,102]},
        {"Index":6,"Name":"wlan0","Type":"wlan","PermanentHardwareAddress":[82,84,0,18,52,88]}],"Routes":[]}"#;

    #[test]
    fn cards_are_those_that_a_file_can_name_by_their_own_address() {
        let cards = cards(DESCRIBED).unwrap();
        let named: Vec<_> = cards.iter().map(|card| (card.name.as_str(), card.mac.as_str())).collect();
        assert_eq!(named, [("eth0", "52:54:00:12:34:56"), ("eth1", "52:54:00:12:34:57")]);
        assert_eq!(cards[0].addresses, [("192.168.1.20".parse().unwrap(), 24)]);
        assert!(cards[1].addresses.is_empty());
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "(?s).{0,200}") {
            let _ = cards(&text);
        }
    }
}
