//! The machine's network as the kernel shows it: links, their addresses, the ways out, the name servers.

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use nix::net::if_::InterfaceFlags;

use crate::facts;

const NET: &str = "/sys/class/net";

/// One network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its name, for example `eth0`.
    pub name: String,
    /// Whether it is switched on.
    pub up: bool,
    /// Whether something is at the other end of the cable.
    pub carrier: bool,
    /// Its hardware address; none for those without.
    pub mac: Option<String>,
    /// Megabits each second; none when the driver does not say.
    pub speed: Option<u32>,
    /// The largest packet, in bytes.
    pub mtu: Option<u32>,
    /// Its addresses with the bits that name their network.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Whether it only exists inside this machine, see [`facts::Address::internal`].
    pub internal: bool,
}

/// A way out of the machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gateway {
    /// Through which interface.
    pub interface: String,
    /// The router.
    pub address: IpAddr,
    /// The smaller, the sooner it is taken.
    pub metric: u32,
}

/// Every interface, sorted by name.
///
/// # Errors
/// The kernel does not list its interfaces.
pub fn links() -> std::io::Result<Vec<Link>> {
    let mut links: BTreeMap<String, Link> = BTreeMap::new();
    for found in nix::ifaddrs::getifaddrs()? {
        let link = links.entry(found.interface_name.clone()).or_insert_with(|| read(&found.interface_name));
        link.up = found.flags.contains(InterfaceFlags::IFF_UP);
        link.carrier = found.flags.contains(InterfaceFlags::IFF_RUNNING);
    }
    for address in facts::addresses()? {
        let link = links.entry(address.interface.clone()).or_insert_with(|| read(&address.interface));
        link.addresses.push((address.address, address.prefix));
    }
    Ok(links.into_values().collect())
}

fn read(name: &str) -> Link {
    let file = |file: &str| fs::read_to_string(Path::new(NET).join(name).join(file)).ok();
    let text = |name: &str| file(name).map(|text| text.trim().to_owned());
    Link {
        name: name.to_owned(),
        mac: text("address").filter(|mac| !mac.is_empty() && mac != "00:00:00:00:00:00"),
        // A driver that does not know says -1, or refuses.
        speed: text("speed").and_then(|speed| speed.parse().ok()),
        mtu: text("mtu").and_then(|mtu| mtu.parse().ok()),
        internal: facts::is_internal(Path::new(NET), name),
        ..Link::default()
    }
}

/// The default routes, the preferred one first. A file that cannot be read has none.
#[must_use]
pub fn gateways() -> Vec<Gateway> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let mut found = v4_gateways(&read("/proc/net/route"));
    found.extend(v6_gateways(&read("/proc/net/ipv6_route")));
    found.sort_by(|a, b| (a.metric, a).cmp(&(b.metric, b)));
    found.dedup();
    found
}

/// Lines of /proc/net/route: interface, destination, gateway, flags, …, metric, mask; numbers in the machine's byte order.
fn v4_gateways(text: &str) -> Vec<Gateway> {
    let line = |line: &str| {
        let mut parts = line.split_whitespace();
        let (interface, destination, gateway) = (parts.next()?, parts.next()?, parts.next()?);
        let metric = parts.nth(3)?.parse().ok()?;
        let bytes = u32::from_str_radix(gateway, 16).ok().filter(|gateway| *gateway != 0)?.to_ne_bytes();
        let is_default = destination == "00000000" && parts.next()? == "00000000";
        is_default.then(|| Gateway { interface: interface.to_owned(), address: Ipv4Addr::from(bytes).into(), metric })
    };
    text.lines().skip(1).filter_map(line).collect()
}

/// Lines of /proc/net/ipv6_route: destination, its prefix, source, its prefix, next hop, metric, …, interface; hexadecimal.
fn v6_gateways(text: &str) -> Vec<Gateway> {
    let line = |line: &str| {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let [destination, prefix, _, _, hop, metric, .., interface] = parts.as_slice() else { return None };
        let number = |text: &str| u128::from_str_radix(text, 16).ok();
        let hop = number(hop).filter(|hop| *hop != 0)?;
        let is_default = number(destination)? == 0 && *prefix == "00";
        let metric = u32::from_str_radix(metric, 16).ok()?;
        is_default.then(|| Gateway {
            interface: (*interface).to_owned(),
            address: Ipv6Addr::from_bits(hop).into(),
            metric,
        })
    };
    text.lines().filter_map(line).collect()
}

/// The name servers of /etc/resolv.conf: what programs ask on a machine without resolved.
#[must_use]
pub fn resolv_conf() -> Vec<IpAddr> {
    name_servers(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
}

fn name_servers(text: &str) -> Vec<IpAddr> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        // An IPv6 link-local one carries its interface: fe80::1%eth0.
        (words.next()? == "nameserver").then(|| words.next()?.split('%').next()?.parse().ok()).flatten()
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const V4: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
";
    const V6: &str = "\
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth0
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
";

    #[test]
    #[cfg(target_endian = "little")]
    fn only_default_routes_are_gateways() {
        let all = [v4_gateways(V4), v6_gateways(V6)].concat();
        let gateway =
            |address: &str, metric| Gateway { interface: "eth0".to_owned(), address: address.parse().unwrap(), metric };
        assert_eq!(all, [gateway("192.168.1.1", 100), gateway("fe80::1", 1024)]);
    }

    #[test]
    fn name_servers_are_read_with_and_without_an_interface() {
        let text = "# x\nsearch lan\nnameserver 127.0.0.53\nnameserver fe80::1%eth0\nnameserver odd\noptions edns0\n";
        assert_eq!(name_servers(text), ["127.0.0.53", "fe80::1"].map(|a| a.parse::<IpAddr>().unwrap()));
    }

    #[test]
    fn this_machine_has_a_loopback() {
        let links = links().unwrap();
        let lo = links.iter().find(|link| link.name == "lo").unwrap();
        assert!(lo.internal && lo.mac.is_none());
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_readers(text in "(?s).{0,300}") {
            let _ = (v4_gateways(&text), v6_gateways(&text), name_servers(&text));
        }
    }
}
