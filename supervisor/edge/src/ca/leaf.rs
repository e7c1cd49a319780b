//! The certificate that the HTTPS listener shows, and when a new one is due.

use std::{collections::BTreeSet, net::IpAddr, path::Path, sync::Arc};

use rustls::{
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

use super::{
    Fingerprint,
    authority::Authority,
    files,
    issue::{self, Validity},
};
use crate::{Error, Names};

const DAY: i64 = 24 * 60 * 60;
/// Browsers accept at most 398 days from any authority (CA/Browser Forum ballot SC31); this is one less.
const LIFETIME: i64 = 397 * DAY;

/// Names and addresses, as a certificate lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) dns: BTreeSet<String>,
    pub(super) addresses: BTreeSet<IpAddr>,
}

impl Listed {
    /// Those of the box that its authority may sign for.
    pub(super) fn wanted(names: &Names, authority: &Authority) -> Self {
        let dns = names.dns().into_iter().filter(|name| authority.constraints.allows(name)).collect();
        Self { dns, addresses: names.addresses() }
    }

    fn covers(&self, other: &Self) -> bool {
        self.dns.is_superset(&other.dns) && self.addresses.is_superset(&other.addresses)
    }

    fn of(certificate: &X509Certificate<'_>) -> Option<Self> {
        let mut listed = Self::default();
        for name in &certificate.subject_alternative_name().ok()??.value.general_names {
            match name {
                GeneralName::DNSName(dns) => {
                    listed.dns.insert((*dns).to_owned());
                }
                GeneralName::IPAddress(bytes) => {
                    let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                    let v6 = <[u8; 16]>::try_from(*bytes).map(IpAddr::from);
                    listed.addresses.insert(v4.or(v6).ok()?);
                }
                _ => {}
            }
        }
        Some(listed)
    }
}

/// A leaf that can be served.
pub(super) struct Leaf {
    pub(super) served: Arc<CertifiedKey>,
    pub(super) listed: Listed,
    pub(super) validity: Validity,
    pub(super) fingerprint: Fingerprint,
    authority: Fingerprint,
}

impl Leaf {
    /// The stored one, if it can be used at all; one that cannot is simply made anew.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, Error> {
        Ok(files::read(path, files::SECRET)?.as_deref().and_then(Self::parse))
    }

    /// A new one for the names, and its file's text.
    pub(super) fn issue(authority: &Authority, listed: &Listed, second: i64) -> Result<(Self, String), Error> {
        let from = (second - DAY).max(authority.validity.from);
        let validity = Validity { from, to: (from + LIFETIME).min(authority.validity.to) };
        let key = issue::new_key()?;
        let leaf = issue::leaf(&key, &authority.issuer()?, &listed.dns, &listed.addresses, validity)?;
        // One file for key and chain, so that they can never be of two generations.
        let text = format!("{}{}{}", key.serialize_pem(), leaf.pem(), authority.pem);
        let read = Self::parse(&text).ok_or(Error::Unreadable("the leaf"))?;
        Ok((read, text))
    }

    /// Whether it can stay: signed by this authority's present certificate, listing all names that are
    /// wanted, within the first two thirds of its life. A name more than wanted does no harm, and every
    /// change costs people who have accepted it by hand another warning.
    pub(super) fn is_current(&self, authority: &Authority, wanted: &Listed, second: i64) -> bool {
        let renew = self.validity.from + (self.validity.to - self.validity.from) / 3 * 2;
        self.authority == authority.fingerprint()
            && self.listed.covers(wanted)
            && self.validity.contains(second)
            && second < renew
    }

    fn parse(text: &str) -> Option<Self> {
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).ok()?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().ok()?;
        let [leaf, authority] = chain.as_slice() else { return None };
        let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
        let (listed, validity) = (Listed::of(&certificate)?, super::validity_of(&certificate));
        let (fingerprint, authority) = (Fingerprint::of(leaf), Fingerprint::of(authority));
        let served = CertifiedKey::new(chain, any_supported_type(&key).ok()?);
        served.keys_match().ok()?;
        Some(Self { served: Arc::new(served), listed, validity, fingerprint, authority })
    }
}
