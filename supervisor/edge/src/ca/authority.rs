//! The box's own authority: its key, its certificate, and when that is made anew.

use std::path::Path;

use data_encoding::HEXUPPER;
use rcgen::{Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use super::{
    Fingerprint,
    constraints::Constraints,
    files,
    issue::{self, Validity},
};
use crate::{Error, Names};

const DAY: i64 = 24 * 60 * 60;
/// Ten years, leap days included.
const LIFETIME: i64 = 3652 * DAY;
/// The certificate is made anew, for the same key, this long before it ends.
const RENEW_BEFORE: i64 = 60 * DAY;

/// The key and the certificate that vouch for the box's leaf.
pub(super) struct Authority {
    key: KeyPair,
    pub(super) der: CertificateDer<'static>,
    pub(super) pem: String,
    pub(super) constraints: Constraints,
    pub(super) validity: Validity,
    /// Why it could not be made anew, though it is time.
    pub(super) trouble: Option<String>,
}

impl Authority {
    /// Loads `ca.key` and `ca.pem` from `dir`, or makes what is missing or broken. `second` is now.
    pub(super) fn open(dir: &Path, names: &Names, second: i64) -> Result<Self, Error> {
        let key = load_key(&dir.join("ca.key"))?;
        let path = dir.join("ca.pem");
        let stored = files::read(&path, files::PUBLIC)?;
        let found = stored.as_deref().and_then(|pem| Read::parse(pem, &key));
        if stored.is_some() && found.is_none() {
            files::put_aside(&path)?;
        }
        match found {
            Some(read) if is_current(read.validity, second) => Ok(read.with(key)),
            Some(read) => Self::renew(&path, key, read, second),
            None => {
                let name = display_name(names, &key);
                let (read, written) = issue(&key, &path, &name, &Constraints::for_names(names), second)?;
                written.map(|()| read.made(key))
            }
        }
    }

    /// A certificate of the same name for the same key: who trusts the old one trusts the leaf still. A disk that takes
    /// nothing must not keep anybody out: then the old one stays while it is good, and else the new one lasts until the
    /// next start.
    fn renew(path: &Path, key: KeyPair, old: Read, second: i64) -> Result<Self, Error> {
        let (new, written) = issue(&key, path, &old.name, &old.constraints, second)?;
        let Err(error) = written else { return Ok(new.made(key)) };
        tracing::warn!(error = chain(&error), "the authority's certificate could not be renewed");
        let stays = if old.validity.contains(second) { old } else { new };
        Ok(Self { trouble: Some(chain(&error)), ..stays.with(key) })
    }

    /// Whether the certificate is still good for a while.
    pub(super) fn is_current(&self, second: i64) -> bool {
        is_current(self.validity, second)
    }

    pub(super) fn issuer(&self) -> Result<Issuer<'_, &KeyPair>, Error> {
        Ok(Issuer::from_ca_cert_der(&self.der, &self.key)?)
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.der)
    }
}

/// Makes a certificate and writes it; how the writing went.
fn issue(
    key: &KeyPair,
    path: &Path,
    name: &str,
    constraints: &Constraints,
    second: i64,
) -> Result<(Read, Result<(), Error>), Error> {
    // A day back, for clients whose clock is behind.
    let validity = Validity { from: second - DAY, to: second - DAY + LIFETIME };
    let pem = issue::authority(key, name, constraints, validity)?.pem();
    let written = files::write(path, &pem, files::PUBLIC);
    let read = Read::parse(&pem, key).ok_or(Error::Unreadable("the authority"))?;
    Ok((read, written))
}

/// An error with its causes in one line.
fn chain(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn is_current(validity: Validity, second: i64) -> bool {
    validity.contains(second) && second < validity.to - RENEW_BEFORE
}

fn load_key(path: &Path) -> Result<KeyPair, Error> {
    if let Some(pem) = files::read(path, files::SECRET)? {
        if let Ok(key) = KeyPair::from_pem(&pem) {
            return Ok(key);
        }
        files::put_aside(path)?;
    }
    let key = issue::new_key()?;
    files::write(path, &key.serialize_pem(), files::SECRET)?;
    Ok(key)
}

/// `Orbitr box atlas (3F2A9C)`: the key's own digits keep two boxes of one name, or one box set up
/// twice, apart in a browser's list of authorities.
fn display_name(names: &Names, key: &KeyPair) -> String {
    let digits = HEXUPPER.encode(Fingerprint::of(key.public_key_raw()).0.get(..3).unwrap_or_default());
    let label: String = names.label().unwrap_or("without a name").chars().take(40).collect();
    format!("Orbitr box {label} ({digits})")
}

/// What a stored certificate says.
struct Read {
    der: CertificateDer<'static>,
    pem: String,
    name: String,
    constraints: Constraints,
    validity: Validity,
}

impl Read {
    /// `None` unless it is a certificate of ours for that very key.
    fn parse(pem: &str, key: &KeyPair) -> Option<Self> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
        let (_, certificate) = X509Certificate::from_der(&der).ok()?;
        if *certificate.public_key().subject_public_key.data != *key.public_key_raw() {
            return None;
        }
        let name = certificate.subject().iter_common_name().next()?.as_str().ok()?.to_owned();
        let (constraints, validity) = (Constraints::of(&certificate)?, super::validity_of(&certificate));
        Some(Self { pem: pem.to_owned(), der, name, constraints, validity })
    }

    /// One that is new.
    fn made(self, key: KeyPair) -> Authority {
        tracing::info!(name = self.name, fingerprint = %Fingerprint::of(&self.der), "made the box's certificate authority");
        self.with(key)
    }

    fn with(self, key: KeyPair) -> Authority {
        let Self { der, pem, name: _, constraints, validity } = self;
        Authority { key, der, pem, constraints, validity, trouble: None }
    }
}
