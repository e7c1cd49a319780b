//! Making keys and certificates. Pure but for the randomness of keys and serial numbers.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use aws_lc_rs::rand;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber, date_time_ymd,
};

use super::constraints::Constraints;
use crate::Error;

/// From when to when a certificate is valid, in seconds of Unix time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Validity {
    pub(super) const fn contains(self, second: i64) -> bool {
        self.from <= second && second <= self.to
    }
}

/// A new ECDSA P-256 key.
pub(super) fn new_key() -> Result<KeyPair, Error> {
    Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)
}

/// A self-signed authority that may sign server certificates for the permitted names, and nothing else.
pub(super) fn authority(
    key: &KeyPair,
    name: &str,
    constraints: &Constraints,
    validity: Validity,
) -> Result<Certificate, Error> {
    let mut params = base(name, validity)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Names bind only servers; without this, a stolen key could sign programs on some systems.
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.name_constraints = Some(constraints.to_extension());
    Ok(params.self_signed(key)?)
}

/// A server certificate for the names and addresses.
pub(super) fn leaf(
    key: &KeyPair,
    issuer: &Issuer<'_, &KeyPair>,
    dns: &BTreeSet<String>,
    addresses: &BTreeSet<IpAddr>,
    validity: Validity,
) -> Result<Certificate, Error> {
    let mut params = base("Orbitr box", validity)?;
    for name in dns {
        params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?));
    }
    params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params.signed_by(key, issuer)?)
}

fn base(name: &str, validity: Validity) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(serial()?);
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(validity.from.unsigned_abs());
    params.not_after = epoch + Duration::from_secs(validity.to.unsigned_abs());
    Ok(params)
}

/// 127 random bits: positive, and never used before (RFC 5280, section 4.1.2.2).
fn serial() -> Result<SerialNumber, Error> {
    let mut bytes = [0_u8; 16];
    rand::fill(&mut bytes).map_err(|_| Error::Unreadable("the system gives no randomness"))?;
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    Ok(SerialNumber::from_slice(&bytes))
}
