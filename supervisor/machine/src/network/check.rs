//! Whether a setting of a card can work, before anything is touched. Root's side checks the same again (privileged).

use std::net::{IpAddr, Ipv4Addr};

use orbitr_host::dbus::Card;
use orbitr_model::FieldError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::card::{CardSettings, Ipv4};
use crate::Error;

/// The most name servers that can be named; programs look at three.
const DNS_MAX: usize = 4;

/// DHCP or always the same address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The network gives an address.
    #[default]
    Dhcp,
    /// Always the same address.
    Static,
}

/// What a card shall be set to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CardChange {
    /// Which card: its own hardware address, as `GET /box/network` lists it under `change.cards`.
    pub card: String,
    /// How it gets its IPv4 address.
    pub method: Method,
    /// For `static`: the address with the bits that name its network, for example `192.168.1.20/24`.
    #[serde(default)]
    pub address: Option<String>,
    /// For `static`: the router, in the same network. Without it the box reaches only that network.
    #[serde(default)]
    pub gateway: Option<String>,
    /// Name servers, at most 4. Empty: those that the network names, which a network without DHCP rarely does.
    #[serde(default)]
    #[schemars(length(max = 4))]
    pub dns: Vec<String>,
}

/// Collects what is wrong, field by field.
#[derive(Default)]
struct Wrong(Vec<FieldError>);

impl Wrong {
    fn say<T>(&mut self, field: &str, message: impl Into<String>) -> Option<T> {
        self.0.push(FieldError { field: field.to_owned(), message: message.into() });
        None
    }
}

/// The settings, if they can work on one of these cards; `others` are what is set for the other cards.
pub(crate) fn settings(change: &CardChange, cards: &[Card], others: &[CardSettings]) -> Result<CardSettings, Error> {
    let mut wrong = Wrong::default();
    let asked = change.card.trim().to_ascii_lowercase();
    let card = cards.iter().find(|card| card.mac == asked);
    if card.is_none() {
        wrong.say::<()>("card", "This machine has no such network card.");
    }
    let ipv4 = match change.method {
        Method::Dhcp => dhcp(change, &mut wrong),
        Method::Static => fixed(change, &mut wrong),
    };
    let address = ipv4.as_ref().and_then(|ipv4| match ipv4 {
        Ipv4::Static { address, .. } => Some(*address),
        Ipv4::Dhcp => None,
    });
    let taken =
        others.iter().filter(|other| other.mac != asked).any(|other| address.is_some() && other.address() == address);
    if taken {
        wrong.say::<()>("address", "Another card of this box has this address.");
    }
    let dns = servers(&change.dns, &mut wrong);
    match (card, ipv4, dns) {
        (Some(card), Some(ipv4), Some(dns)) if wrong.0.is_empty() => {
            Ok(CardSettings { mac: card.mac.clone(), ipv4, dns })
        }
        _ => Err(Error::Invalid(wrong.0)),
    }
}

fn given(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn dhcp(change: &CardChange, wrong: &mut Wrong) -> Option<Ipv4> {
    for (field, value) in [("address", &change.address), ("gateway", &change.gateway)] {
        if given(value.as_ref()).is_some() {
            return wrong.say(field, "With DHCP the network says this. Leave it empty, or choose a fixed address.");
        }
    }
    Some(Ipv4::Dhcp)
}

fn fixed(change: &CardChange, wrong: &mut Wrong) -> Option<Ipv4> {
    let network = address(given(change.address.as_ref()), wrong);
    let gateway = match given(change.gateway.as_ref()).map(str::parse::<Ipv4Addr>) {
        Some(Ok(gateway)) => Some(gateway),
        Some(Err(_)) => wrong.say("gateway", "This is no IPv4 address. Write it like 192.168.1.1."),
        None => None,
    };
    let (address, prefix) = network?;
    if let Some(gateway) = gateway {
        let network = Network::of(address, prefix);
        if gateway == address {
            return wrong.say("gateway", "This is the box's own address. The router has another one.");
        }
        if !network.holds(gateway) {
            return wrong.say(
                "gateway",
                format!("The gateway is not in the network of {address}/{prefix}, so the box could not reach it."),
            );
        }
        if network.is_edge(gateway) {
            return wrong.say("gateway", "This address stands for the network as a whole, and no router can have it.");
        }
    }
    Some(Ipv4::Static { address, prefix, gateway })
}

/// `192.168.1.20/24`.
fn address(text: Option<&str>, wrong: &mut Wrong) -> Option<(Ipv4Addr, u8)> {
    const FIELD: &str = "address";
    let Some(text) = text else {
        return wrong.say(FIELD, "Write the address that the box shall have, for example 192.168.1.20/24.");
    };
    let Some((address, prefix)) = text.split_once('/') else {
        return match text.parse::<Ipv4Addr>() {
            Ok(address) => wrong.say(FIELD, format!("Add the size of the network: at home it is mostly {address}/24.")),
            Err(_) => wrong.say(FIELD, "This is no IPv4 address. Write it like 192.168.1.20/24."),
        };
    };
    let Ok(address) = address.trim().parse::<Ipv4Addr>() else {
        return wrong.say(FIELD, "This is no IPv4 address. Write it like 192.168.1.20/24.");
    };
    // 31 and 32 have no room for a network with a router; 0 is everything.
    let digits = prefix.trim().bytes().all(|b| b.is_ascii_digit());
    let Some(prefix) = prefix.trim().parse::<u8>().ok().filter(|prefix| digits && (1..=30).contains(prefix)) else {
        return wrong.say(FIELD, "After the slash stands a number from 1 to 30, at home mostly 24.");
    };
    let network = Network::of(address, prefix);
    let special = address.is_loopback() || address.is_multicast() || address.is_unspecified() || address.is_broadcast();
    if special || address.octets()[0] == 0 || address.octets()[0] >= 240 {
        return wrong.say(FIELD, "No machine in a network can have this address.");
    }
    if network.is_edge(address) {
        let first = Ipv4Addr::from_bits(network.first().saturating_add(1));
        return wrong
            .say(FIELD, format!("This address stands for the network as a whole. Its first usable one is {first}."));
    }
    Some((address, prefix))
}

/// An IPv4 network.
#[derive(Clone, Copy)]
struct Network {
    address: u32,
    mask: u32,
}

impl Network {
    /// `prefix` is 1 to 30.
    const fn of(address: Ipv4Addr, prefix: u8) -> Self {
        Self { address: address.to_bits(), mask: u32::MAX << (32 - prefix as u32) }
    }

    const fn first(self) -> u32 {
        self.address & self.mask
    }

    const fn holds(self, other: Ipv4Addr) -> bool {
        other.to_bits() & self.mask == self.first()
    }

    /// Its own address or the one that all of it listens to.
    const fn is_edge(self, other: Ipv4Addr) -> bool {
        other.to_bits() == self.first() || other.to_bits() == self.address | !self.mask
    }
}

fn servers(list: &[String], wrong: &mut Wrong) -> Option<Vec<IpAddr>> {
    let list: Vec<&str> = list.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
    if list.len() > DNS_MAX {
        return wrong.say("dns", format!("At most {DNS_MAX} name servers."));
    }
    let mut servers = Vec::new();
    for text in list {
        let usable = |server: &IpAddr| !server.is_unspecified() && !server.is_multicast() && !server.is_loopback();
        match text.parse::<IpAddr>() {
            Ok(server) if usable(&server) => {
                if !servers.contains(&server) {
                    servers.push(server);
                }
            }
            _ => return wrong.say("dns", "Each is the address of a name server, for example 192.168.1.1."),
        }
    }
    Some(servers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use orbitr_model::Problem;
    use proptest::prelude::*;

    use super::*;

    const MAC: &str = "52:54:00:12:34:56";

    fn cards() -> Vec<Card> {
        vec![Card { name: "eth0".to_owned(), mac: MAC.to_owned(), addresses: Vec::new() }]
    }

    fn fixed_to(address: &str, gateway: &str, dns: &[&str]) -> CardChange {
        CardChange {
            card: MAC.to_owned(),
            method: Method::Static,
            address: Some(address.to_owned()),
            gateway: Some(gateway.to_owned()),
            dns: dns.iter().map(|server| (*server).to_owned()).collect(),
        }
    }

    fn field(change: &CardChange) -> String {
        let problem = Problem::from(settings(change, &cards(), &[]).unwrap_err());
        assert_eq!(problem.status, 422);
        problem.fields.iter().map(|field| field.field.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_can_work_is_taken() {
        let set =
            settings(&fixed_to(" 192.168.1.20/24 ", "192.168.1.1", &["192.168.1.1", "fd00::1", ""]), &cards(), &[])
                .unwrap();
        assert_eq!(set.sentence(), "192.168.1.20/24, gateway 192.168.1.1, DNS 192.168.1.1 fd00::1");
        let set = settings(&fixed_to("10.0.0.2/30", "", &[]), &cards(), &[]).unwrap();
        assert_eq!(set.sentence(), "10.0.0.2/30");
        let dhcp = CardChange { card: MAC.to_ascii_uppercase(), ..CardChange::default() };
        assert_eq!(settings(&dhcp, &cards(), &[]).unwrap(), CardSettings::untouched(MAC));
    }

    #[test]
    fn what_is_wrong_is_said_beside_its_field() {
        for (address, gateway, at) in [
            ("", "", "address"),
            ("192.168.1.20", "", "address"),
            ("192.168.1.300/24", "", "address"),
            ("192.168.1.20/0", "", "address"),
            ("192.168.1.20/31", "", "address"),
            ("192.168.1.20/+8", "", "address"),
            ("192.168.1.0/24", "", "address"),
            ("192.168.1.255/24", "", "address"),
            ("127.0.0.5/8", "", "address"),
            ("224.0.0.5/24", "", "address"),
            ("0.0.0.5/24", "", "address"),
            ("250.0.0.5/24", "", "address"),
            ("192.168.1.20/24", "192.168.2.1", "gateway"),
            ("192.168.1.20/24", "192.168.1.20", "gateway"),
            ("192.168.1.20/24", "192.168.1.0", "gateway"),
            ("192.168.1.20/24", "192.168.1.255", "gateway"),
            ("192.168.1.20/24", "router", "gateway"),
            ("192.168.1.20/24", "fe80::1", "gateway"),
        ] {
            assert_eq!(field(&fixed_to(address, gateway, &[])), at, "{address} {gateway}");
        }
        for servers in [&["router"][..], &["0.0.0.0"], &["127.0.0.1"], &["ff02::1"], &["1.1.1.1\nDNS=2.2.2.2"]] {
            assert_eq!(field(&fixed_to("192.168.1.20/24", "", servers)), "dns", "{servers:?}");
        }
        assert_eq!(
            field(&fixed_to("192.168.1.20/24", "", &["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"])),
            "dns"
        );
        assert_eq!(field(&CardChange { card: "52:54:00:00:00:00".to_owned(), ..CardChange::default() }), "card");
        assert_eq!(field(&CardChange { method: Method::Dhcp, ..fixed_to("192.168.1.20/24", "", &[]) }), "address");
        assert_eq!(field(&fixed_to("x", "y", &["z"])), "address gateway dns", "everything at once");
    }

    #[test]
    fn two_cards_have_two_addresses() {
        let other = CardSettings {
            mac: "52:54:00:12:34:57".to_owned(),
            ..settings(&fixed_to("192.168.1.20/24", "", &[]), &cards(), &[]).unwrap()
        };
        assert!(settings(&fixed_to("192.168.1.20/24", "", &[]), &cards(), std::slice::from_ref(&other)).is_err());
        assert!(settings(&fixed_to("192.168.1.21/24", "", &[]), &cards(), &[other]).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_taken_has_its_gateway_beside_it(address in any::<u32>(), prefix in 0u8..40, gateway in any::<u32>(), near in any::<bool>()) {
            let ip = Ipv4Addr::from_bits(address);
            // Beside it or anywhere.
            let gateway = Ipv4Addr::from_bits(if near { address ^ (gateway & 0xff) } else { gateway });
            let change = fixed_to(&format!("{ip}/{prefix}"), &gateway.to_string(), &[]);
            if let Ok(set) = settings(&change, &cards(), &[]) {
                prop_assert!((1..=30).contains(&prefix) && gateway != ip);
                let host = |ip: Ipv4Addr| ip.to_bits() & (u32::MAX >> prefix);
                prop_assert_eq!(ip.to_bits() >> (32 - prefix), gateway.to_bits() >> (32 - prefix));
                for one in [ip, gateway] {
                    prop_assert!(host(one) != 0 && host(one) != u32::MAX >> prefix);
                }
                prop_assert_eq!(set.address(), Some(ip));
            }
        }

        #[test]
        fn no_text_breaks_it(address in "[0-9./ ]{0,24}", gateway in "(?s).{0,20}", server in "(?s).{0,40}") {
            let _ = settings(&fixed_to(&address, &gateway, &[&server]), &cards(), &[]);
        }
    }
}
