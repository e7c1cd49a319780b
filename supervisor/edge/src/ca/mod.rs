//! The box's certificates: one authority for its life, and a leaf that follows its names.
//!
//! In `tls/`: `ca.key` (the authority's key), `ca.pem` (its certificate, for people to install) and
//! `leaf.pem` (the leaf's key, its certificate and the authority's, as they are served).

mod authority;
mod constraints;
mod files;
mod issue;
mod leaf;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use aws_lc_rs::digest::{SHA256, digest};
use orbitr_model::Timestamp;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::default_provider,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use x509_parser::certificate::X509Certificate;

use self::{
    authority::Authority,
    issue::Validity,
    leaf::{Leaf, Listed},
};
use crate::{Error, Names};

/// The SHA-256 of a certificate; printed as browsers and `openssl x509 -fingerprint` do: `3A:F0:…`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    fn of(bytes: &[u8]) -> Self {
        Self(digest(&SHA256, bytes).as_ref().try_into().unwrap_or_default())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if i == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The authority and the leaf of this box, kept in a folder and served to TLS clients.
#[derive(Clone)]
pub struct Certificates(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    /// No clock that is earlier is believed: the program itself is from then.
    not_before: Timestamp,
    state: Mutex<State>,
    served: Arc<Served>,
}

struct State {
    authority: Authority,
    leaf: Leaf,
}

impl Certificates {
    /// Loads the box's certificates from `dir` (made if it is not there) and renews what is due. What is
    /// missing is made; what is broken is put aside under another name and made anew, because a damaged
    /// certificate must not keep anybody out. `not_before` is when this program was built: a clock that is
    /// earlier is not believed. Blocks on the disk.
    ///
    /// # Errors
    /// When a file cannot be read or, for the authority, written; and when the random source fails.
    pub fn open(dir: &Path, names: &Names, now: Timestamp, not_before: Timestamp) -> Result<Self, Error> {
        let second = now.max(not_before).as_second();
        files::make_dir(dir)?;
        let authority = Authority::open(dir, names, second)?;
        let wanted = Listed::wanted(names, &authority);
        let path = dir.join("leaf.pem");
        let leaf = match Leaf::load(&path)? {
            Some(leaf) if leaf.is_current(&authority, &wanted, second) => leaf,
            _ => new_leaf(&path, &authority, &wanted, second)?,
        };
        let served = Arc::new(Served(RwLock::new(leaf.served.clone())));
        let state = Mutex::new(State { authority, leaf });
        Ok(Self(Arc::new(Inner { dir: dir.to_owned(), not_before, state, served })))
    }

    /// Looks again: a leaf that does not list all names any more, or is past two thirds of its life, is
    /// replaced, in the listeners too, without touching open connections. `true` if it was. Blocks on the
    /// disk; meant to be called now and then and whenever names or addresses may have changed.
    ///
    /// # Errors
    /// As for [`Certificates::open`]; the old certificates stay in use then.
    pub fn refresh(&self, names: &Names, now: Timestamp) -> Result<bool, Error> {
        let second = now.max(self.0.not_before).as_second();
        let mut state = self.state();
        if !state.authority.is_current(second) {
            state.authority = Authority::open(&self.0.dir, names, second)?;
        }
        let wanted = Listed::wanted(names, &state.authority);
        if state.leaf.is_current(&state.authority, &wanted, second) {
            return Ok(false);
        }
        state.leaf = new_leaf(&self.0.dir.join("leaf.pem"), &state.authority, &wanted, second)?;
        *self.0.served.0.write().unwrap_or_else(PoisonError::into_inner) = state.leaf.served.clone();
        Ok(true)
    }

    /// Makes a new leaf now, and the authority's certificate anew where that is due. Blocks on the disk.
    ///
    /// # Errors
    /// As for [`Certificates::open`]; [`Error::NotRenewed`] when the authority's certificate could not be written.
    pub fn renew(&self, names: &Names, now: Timestamp) -> Result<(), Error> {
        let second = now.max(self.0.not_before).as_second();
        let mut state = self.state();
        if !state.authority.is_current(second) {
            state.authority = Authority::open(&self.0.dir, names, second)?;
        }
        let wanted = Listed::wanted(names, &state.authority);
        state.leaf = new_leaf(&self.0.dir.join("leaf.pem"), &state.authority, &wanted, second)?;
        *self.0.served.0.write().unwrap_or_else(PoisonError::into_inner) = state.leaf.served.clone();
        match &state.authority.trouble {
            Some(why) => Err(Error::NotRenewed(why.clone())),
            None => Ok(()),
        }
    }

    /// Why the authority's certificate could not be made anew when that was due; none where it was, or is not due.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.state().authority.trouble.clone()
    }

    /// When the authority's certificate ends.
    #[must_use]
    pub fn ca_expires(&self) -> Timestamp {
        Timestamp::from_second(self.state().authority.validity.to).unwrap_or(Timestamp::MAX)
    }

    /// The authority's certificate as PEM, for people to download and trust.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        self.state().authority.pem.clone()
    }

    /// The authority's fingerprint: what the console prints and people compare.
    #[must_use]
    pub fn ca_fingerprint(&self) -> Fingerprint {
        self.state().authority.fingerprint()
    }

    /// The fingerprint of the leaf that is served now.
    #[must_use]
    pub fn leaf_fingerprint(&self) -> Fingerprint {
        self.state().leaf.fingerprint
    }

    /// When the leaf that is served now ends.
    #[must_use]
    pub fn leaf_expires(&self) -> Timestamp {
        Timestamp::from_second(self.state().leaf.validity.to).unwrap_or(Timestamp::MAX)
    }

    /// The names and addresses of the leaf that is served now, names first.
    #[must_use]
    pub fn leaf_names(&self) -> Vec<String> {
        let state = self.state();
        let Listed { dns, addresses } = &state.leaf.listed;
        dns.iter().cloned().chain(addresses.iter().map(ToString::to_string)).collect()
    }

    /// TLS 1.2 and 1.3 with HTTP/2 and HTTP/1.1, showing whatever leaf is current.
    pub(crate) fn server_config(&self) -> Result<ServerConfig, Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.0.served.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("dir", &self.0.dir).finish_non_exhaustive()
    }
}

/// The leaf in use, for every name that a client asks for: a name that it does not list must be refused
/// by the client, with the certificate on show.
struct Served(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Served {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Served")
    }
}

/// Makes a leaf and writes it. One that cannot be written is used all the same, until the next start: a
/// full disk must not keep anybody out.
fn new_leaf(path: &Path, authority: &Authority, wanted: &Listed, second: i64) -> Result<Leaf, Error> {
    let (leaf, text) = Leaf::issue(authority, wanted, second)?;
    if let Err(error) = files::write(path, &text, files::SECRET) {
        tracing::warn!(%error, "the new certificate could not be written and lasts until the next start only");
    }
    tracing::info!(fingerprint = %leaf.fingerprint, names = ?leaf.listed.dns, "made a certificate for the box's names");
    Ok(leaf)
}

fn validity_of(certificate: &X509Certificate<'_>) -> Validity {
    let validity = certificate.validity();
    Validity { from: validity.not_before.timestamp(), to: validity.not_after.timestamp() }
}
