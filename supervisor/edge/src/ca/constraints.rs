//! What the box's authority may sign for (RFC 5280, section 4.2.1.10), so that its key, if ever stolen,
//! is worth nothing outside the home or the office that trusts it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName};

use crate::names::{LOCAL_DOMAINS, Names};

/// The private ranges: RFC 1918, loopback, link-local (RFC 3927, RFC 4291), unique local (RFC 4193).
const NETWORKS: [(IpAddr, u8); 8] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
];

/// The DNS names that an authority may sign for. Addresses need no state: every authority of ours has
/// the same private ranges, and [`Names`] keeps no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Constraints {
    permitted: Vec<String>,
    excluded: Vec<String>,
}

impl Constraints {
    /// The local domains, the host name and its first label. Permitting a name permits everything below
    /// it, and a box may be called `dev` or `app`: so what lies below the bare label is excluded again.
    pub(super) fn for_names(names: &Names) -> Self {
        let mut permitted: Vec<String> = LOCAL_DOMAINS.map(str::to_owned).into();
        let own = [names.host(), names.label()];
        for name in own.into_iter().flatten() {
            if !covers(&permitted, name) {
                permitted.push(name.to_owned());
            }
        }
        Self { permitted, excluded: names.label().map(|label| format!(".{label}")).into_iter().collect() }
    }

    /// Those of a certificate that was issued earlier.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Option<Self> {
        let found = certificate.name_constraints().ok()??.value;
        let dns = |subtrees: &Option<Vec<x509_parser::extensions::GeneralSubtree<'_>>>| {
            subtrees
                .iter()
                .flatten()
                .filter_map(|subtree| match subtree.base {
                    GeneralName::DNSName(name) => Some(name.to_owned()),
                    _ => None,
                })
                .collect()
        };
        Some(Self { permitted: dns(&found.permitted_subtrees), excluded: dns(&found.excluded_subtrees) })
    }

    /// Whether a certificate for `name` would be accepted.
    pub(super) fn allows(&self, name: &str) -> bool {
        covers(&self.permitted, name) && !covers(&self.excluded, name)
    }

    pub(super) fn to_extension(&self) -> NameConstraints {
        let dns = |names: &[String]| names.iter().cloned().map(GeneralSubtree::DnsName).collect::<Vec<_>>();
        let mut permitted_subtrees = dns(&self.permitted);
        permitted_subtrees.extend(
            NETWORKS.map(|(address, prefix)| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, prefix))),
        );
        NameConstraints { permitted_subtrees, excluded_subtrees: dns(&self.excluded) }
    }
}

/// Whether one of the subtrees holds `name`: itself and all below it, or, with a leading dot, only below.
fn covers(subtrees: &[String], name: &str) -> bool {
    subtrees.iter().any(|tree| {
        name.strip_suffix(tree.as_str()).is_some_and(|rest| {
            if tree.starts_with('.') { !rest.is_empty() } else { rest.is_empty() || rest.ends_with('.') }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraints(host: &str) -> Constraints {
        Constraints::for_names(&Names::new(host, []))
    }

    #[test]
    fn a_box_may_sign_for_its_own_names_only() {
        let c = constraints("atlas.example.org");
        for name in
            ["atlas.local", "x.local", "localhost", "atlas.home.arpa", "atlas.internal", "atlas.example.org", "atlas"]
        {
            assert!(c.allows(name), "{name}");
        }
        for name in ["example.org", "other.example.org", "x.atlas", "notlocal", "google.com", "arpa", "xatlas"] {
            assert!(!c.allows(name), "{name}");
        }
    }

    #[test]
    fn a_box_named_like_a_top_level_domain_may_not_sign_for_that_domain() {
        let c = constraints("dev");
        assert!(c.allows("dev"));
        assert!(c.allows("dev.local"));
        assert!(!c.allows("example.dev"));
    }
}
