//! The box key: what it seals and how. Its file is [`super::file`]'s business.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, hmac, rand,
};
use data_encoding::HEXLOWER;

use crate::Error;

pub(crate) const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 8;
const CHECK_NAME: &str = "\u{0}check";
const CHECK_TEXT: &[u8] = b"orbitr box key";

/// Something that only the key with `key_id` opens.
pub(crate) struct Sealed {
    pub(crate) key_id: String,
    pub(crate) nonce: [u8; NONCE_LEN],
    pub(crate) bytes: Vec<u8>,
}

/// 32 random bytes that everything secret in the database is sealed with.
pub(crate) struct BoxKey {
    id: String,
    bytes: [u8; KEY_BYTES],
}

impl BoxKey {
    pub(crate) fn generate() -> Result<Self, Error> {
        let mut bytes = [0; KEY_BYTES];
        rand::fill(&mut bytes)?;
        Ok(Self::from_bytes(bytes))
    }

    pub(crate) fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"orbitr box key id v1");
        context.update(&bytes);
        let id = HEXLOWER.encode(context.finish().as_ref().get(..KEY_ID_BYTES).unwrap_or_default());
        Self { id, bytes }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    fn cipher(&self) -> Result<LessSafeKey, Error> {
        Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.bytes)?))
    }

    /// Seals `plain` for `name`; it opens under the same name only.
    pub(crate) fn seal(&self, name: &str, plain: &[u8]) -> Result<Sealed, Error> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce)?;
        let mut bytes = plain.to_vec();
        self.cipher()?.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(name.as_bytes()),
            &mut bytes,
        )?;
        Ok(Sealed { key_id: self.id.clone(), nonce, bytes })
    }

    /// The plain bytes, when this key sealed them for this name and nobody changed them.
    pub(crate) fn open(&self, name: &str, sealed: &Sealed) -> Option<Vec<u8>> {
        let mut bytes = sealed.bytes.clone();
        let nonce = Nonce::assume_unique_for_key(sealed.nonce);
        let plain = self.cipher().ok()?.open_in_place(nonce, Aad::from(name.as_bytes()), &mut bytes).ok()?.len();
        bytes.truncate(plain);
        Some(bytes)
    }

    /// A value that shows later whether a key is this one.
    pub(crate) fn check_value(&self) -> Result<Sealed, Error> {
        self.seal(CHECK_NAME, CHECK_TEXT)
    }

    pub(crate) fn opens_check(&self, sealed: &Sealed) -> bool {
        self.open(CHECK_NAME, sealed).is_some_and(|text| text == CHECK_TEXT)
    }

    /// The seal over the end of history; its own key is derived, so that it never meets the cipher's.
    pub(crate) fn seal_head(&self, count: i64, hash: &[u8]) -> [u8; 32] {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.bytes), b"orbitr event head key v1");
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()));
        context.update(&count.to_be_bytes());
        context.update(hash);
        let mut seal = [0; 32];
        for (to, from) in seal.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        seal
    }
}

impl fmt::Debug for BoxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoxKey({}, «redacted»)", self.id)
    }
}

impl Drop for BoxKey {
    fn drop(&mut self) {
        self.bytes.fill(0);
        std::hint::black_box(&self.bytes);
    }
}

/// The keys that this process knows: the current one, and during a rotation the one before it.
#[derive(Clone, Debug)]
pub(crate) struct Keyring(Arc<RwLock<Vec<Arc<BoxKey>>>>);

impl Keyring {
    pub(crate) fn new(key: BoxKey) -> Self {
        Self(Arc::new(RwLock::new(vec![Arc::new(key)])))
    }

    /// What new things are sealed with; none only if the ring was built without a key, which nothing does.
    pub(crate) fn current(&self) -> Result<Arc<BoxKey>, Error> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).first().cloned().ok_or(Error::Crypto)
    }

    pub(crate) fn with_id(&self, id: &str) -> Option<Arc<BoxKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter().find(|key| key.id() == id).cloned()
    }

    /// Whether a key of the ring made this seal over the end of history.
    pub(crate) fn sealed_head(&self, count: i64, hash: &[u8], seal: &[u8]) -> bool {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter().any(|key| key.seal_head(count, hash) == seal)
    }

    /// Makes a key known without sealing anything with it yet.
    pub(crate) fn add(&self, key: Arc<BoxKey>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(key);
    }

    /// Seals with the known key `id` from now on.
    pub(crate) fn make_current(&self, id: &str) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = keys.iter().position(|key| key.id() == id) {
            keys.swap(0, at);
        }
    }
}
