//! What this machine is: its name, its addresses, its operating system.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    path::Path,
};

use nix::net::if_::InterfaceFlags;
use serde::Serialize;

/// The name that the kernel knows the machine by; `localhost` when it has none.
#[must_use]
pub fn hostname() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .filter(|name| !name.is_empty() && name != "(none)")
        .unwrap_or_else(|| "localhost".to_owned())
}

/// Gives the kernel another name for this machine, until the next start. Needs root.
///
/// # Errors
/// Whatever the kernel says.
pub fn set_hostname(name: &str) -> std::io::Result<()> {
    Ok(nix::unistd::sethostname(name)?)
}

/// One address of one network interface that is up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Address {
    /// The interface, for example `eth0`.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// How many bits of it name its network.
    pub prefix: u8,
    /// Whether the interface only exists inside this machine: the loopback, a bridge without a port to
    /// the outside, one end of a container's cable.
    pub internal: bool,
}

/// Every address of every interface that is up, sorted.
///
/// # Errors
/// The kernel does not list its interfaces.
pub fn addresses() -> std::io::Result<Vec<Address>> {
    let mut found: Vec<Address> = nix::ifaddrs::getifaddrs()?
        .filter(|interface| interface.flags.contains(InterfaceFlags::IFF_UP))
        .filter_map(|interface| {
            let address = ip(interface.address.as_ref()?)?;
            let prefix = interface.netmask.as_ref().and_then(ip).map_or(host_prefix(address), prefix);
            let internal = interface.flags.contains(InterfaceFlags::IFF_LOOPBACK)
                || is_internal(Path::new("/sys/class/net"), &interface.interface_name);
            Some(Address { interface: interface.interface_name, address, prefix, internal })
        })
        .collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// The addresses under which other machines may reach this one: not the internal ones, and no IPv6
/// link-local ones, which mean nothing without the interface's name.
///
/// # Errors
/// As [`addresses`].
pub fn reachable_addresses() -> std::io::Result<Vec<IpAddr>> {
    let mut reachable: Vec<IpAddr> = addresses()?
        .into_iter()
        .filter(|found| !found.internal && !is_link_local(found.address))
        .map(|found| found.address)
        .collect();
    reachable.sort();
    reachable.dedup();
    Ok(reachable)
}

fn ip(address: &nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    let v4 = || address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4().or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

const fn host_prefix(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn prefix(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => mask.to_bits().leading_ones(),
        IpAddr::V6(mask) => mask.to_bits().leading_ones(),
    };
    u8::try_from(ones).unwrap_or(128)
}

/// RFC 4291, section 2.5.6: fe80::/10.
fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if Ipv6Addr::is_unicast_link_local(&v6))
}

/// An interface is internal when nothing behind it leaves the machine: no device, and for a bridge no
/// port with one. VLANs, bonds and tunnels are not: they carry traffic of others.
pub(crate) fn is_internal(net: &Path, name: &str) -> bool {
    let interface = net.join(name);
    if name == "lo" {
        return true;
    }
    if interface.join("bridge").is_dir() {
        let ports = std::fs::read_dir(interface.join("brif")).into_iter().flatten().flatten();
        return !ports.map(|port| net.join(port.file_name())).any(|port| port.join("device").exists());
    }
    // Of the drivers without a device of their own, veth is the one whose other end is a container here.
    name.starts_with("veth") && !interface.join("device").exists()
}

/// The operating system, as os-release(5) describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OsRelease {
    /// `ID`, for example `debian`; `linux` when the file does not say.
    pub id: String,
    /// `VERSION_ID`, for example `13`; empty when it has none.
    pub version_id: String,
    /// `PRETTY_NAME`, for example `Debian GNU/Linux 13 (trixie)`.
    pub pretty_name: String,
}

impl OsRelease {
    /// Reads the text of an os-release file. Lines that are none are passed over.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut fields: BTreeMap<&str, String> = text.lines().filter_map(field).collect();
        let mut take = |name: &str, default: &str| fields.remove(name).unwrap_or_else(|| default.to_owned());
        Self { id: take("ID", "linux"), version_id: take("VERSION_ID", ""), pretty_name: take("PRETTY_NAME", "Linux") }
    }
}

/// The operating system of this machine.
#[must_use]
pub fn os_release() -> OsRelease {
    let read = |path: &str| std::fs::read_to_string(path);
    let text = read("/etc/os-release").or_else(|_| read("/usr/lib/os-release")).unwrap_or_default();
    OsRelease::parse(&text)
}

/// The version of the image that runs (os-release(5), `IMAGE_VERSION`); none on any other system.
#[must_use]
pub fn image_version() -> Option<String> {
    let text = std::fs::read_to_string("/etc/os-release").ok()?;
    text.lines().filter_map(field).find(|(name, _)| *name == "IMAGE_VERSION").map(|(_, value)| value)
}

/// One `NAME=value` line; the value may be quoted as a shell does it.
fn field(line: &str) -> Option<(&str, String)> {
    let (name, value) = line.trim().split_once('=')?;
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') {
        return None;
    }
    let quoted = |quote: char| value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
    let value = match (quoted('\''), quoted('"')) {
        (Some(plain), _) => plain.to_owned(),
        (None, Some(escaped)) => unescape(escaped),
        (None, None) => unescape(value),
    };
    Some((name, value))
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

/// The number of a user of this machine; none when there is no such user.
#[must_use]
pub fn user_id(name: &str) -> Option<u32> {
    nix::unistd::User::from_name(name).ok().flatten().map(|user| user.uid.as_raw())
}

/// The kernel's release, for example `6.12.48`; empty when it does not say.
#[must_use]
pub fn kernel() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// Whether this process runs in a container: some things of the machine are not ours to change then.
#[must_use]
pub fn in_container() -> bool {
    let there = |path: &str| Path::new(path).exists();
    there("/.dockerenv") || there("/run/.containerenv") || there("/run/systemd/container")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_os_release_file_is_read_as_a_shell_would() {
        let text = "# comment\nPRETTY_NAME=\"Debian \\\"GNU\\\"/Linux 13\"\nID=debian\nVERSION_ID='13'\nbroken\n=x\n";
        let release = OsRelease::parse(text);
        assert_eq!(release.pretty_name, "Debian \"GNU\"/Linux 13");
        assert_eq!((release.id.as_str(), release.version_id.as_str()), ("debian", "13"));
        assert_eq!(OsRelease::parse("").pretty_name, "Linux");
    }

    #[test]
    fn a_bridge_is_internal_unless_a_real_card_is_plugged_into_it() {
        let net = tempfile::tempdir().unwrap();
        let make = |path: &str| std::fs::create_dir_all(net.path().join(path)).unwrap();
        make("docker0/bridge");
        make("docker0/brif/veth1");
        make("veth1");
        make("br0/bridge");
        make("br0/brif/eth0");
        make("eth0/device");
        make("wg0");
        let internal = |name: &str| is_internal(net.path(), name);
        assert!(internal("lo") && internal("docker0") && internal("veth1"));
        assert!(!internal("br0") && !internal("eth0") && !internal("wg0"));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_os_release_reader(text in "(?s).{0,300}") {
            let _ = OsRelease::parse(&text);
        }
    }
}
