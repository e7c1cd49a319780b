//! The names and addresses under which people reach this box.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The most addresses that a certificate lists; a box with more has them from something that makes
/// addresses by the dozen, and nobody types those.
const MAX_ADDRESSES: usize = 64;

/// The domains under which a home's or an office's own names live, none of them ever delegated on the
/// Internet: `.local` (RFC 6762), `home.arpa` (RFC 8375), `.internal` (ICANN 2024), `localhost` (RFC 6761).
pub(crate) const LOCAL_DOMAINS: [&str; 4] = ["local", "localhost", "home.arpa", "internal"];

/// What the certificate of the box is made for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    host: Option<String>,
    addresses: BTreeSet<IpAddr>,
}

impl Names {
    /// From the host name (one label or a full name; one that is no DNS name is left out) and the
    /// addresses of the box's interfaces. Only private addresses are kept: the box's own authority may
    /// sign for no other.
    #[must_use]
    pub fn new(host_name: &str, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let host = host_name.trim_end_matches('.').to_ascii_lowercase();
        let addresses =
            addresses.into_iter().map(|a| a.to_canonical()).filter(is_private).take(MAX_ADDRESSES).collect();
        Self { host: is_dns_name(&host).then_some(host), addresses }
    }

    /// The host name as it was given, if it is a DNS name.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The first label of the host name, if it is a name of its own.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.host().and_then(|host| host.split('.').next()).filter(|label| !LOCAL_DOMAINS.contains(label))
    }

    /// Every DNS name of the box: `localhost`, the host name, its first label, and that label in the
    /// local domains.
    #[must_use]
    pub fn dns(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::from(["localhost".to_owned()]);
        names.extend(self.host().map(str::to_owned));
        if let Some(label) = self.label() {
            names.insert(label.to_owned());
            names.extend(["local", "home.arpa", "internal"].map(|domain| format!("{label}.{domain}")));
        }
        names
    }

    /// Every private address of the box, the loopback ones included.
    #[must_use]
    pub fn addresses(&self) -> BTreeSet<IpAddr> {
        let mut addresses = self.addresses.clone();
        addresses.extend([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
        addresses
    }
}

/// Whether an address lies in the ranges that the box's authority may sign for: RFC 1918, loopback,
/// link-local (RFC 3927, RFC 4291) and unique local (RFC 4193).
pub(crate) fn is_private(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Letters, digits and inner dashes in labels of 1 to 63, 253 in all (RFC 1123, section 2.1); a name of
/// digits and dots only would be an address.
fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.len() <= 253 && name.split('.').all(label) && name.bytes().any(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(host: &str) -> Vec<String> {
        Names::new(host, []).dns().into_iter().collect()
    }

    #[test]
    fn a_box_answers_to_its_name_in_every_local_domain() {
        assert_eq!(names("Atlas"), ["atlas", "atlas.home.arpa", "atlas.internal", "atlas.local", "localhost"]);
        assert_eq!(
            names("atlas.example.org."),
            ["atlas", "atlas.example.org", "atlas.home.arpa", "atlas.internal", "atlas.local", "localhost"]
        );
    }

    #[test]
    fn a_host_name_that_is_no_dns_name_is_left_out() {
        for host in ["", "localhost", "my_box", "-x", "x-", "a..b", "10.0.0.1", "é", &"a".repeat(64)] {
            assert_eq!(names(host), ["localhost"], "{host}");
        }
    }

    #[test]
    fn only_private_addresses_are_kept() {
        let given =
            ["192.168.1.20", "::ffff:10.0.0.4", "fd12::1", "fe80::1", "203.0.113.9", "2001:db8::1", "169.254.3.4"];
        let kept = Names::new("atlas", given.map(|a| a.parse().unwrap())).addresses();
        let kept: Vec<String> = kept.iter().map(ToString::to_string).collect();
        assert_eq!(kept, ["10.0.0.4", "127.0.0.1", "169.254.3.4", "192.168.1.20", "::1", "fd12::1", "fe80::1"]);
    }
}
