//! Secrets: how they are made, and how they are kept from being printed.

use std::fmt;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};

use crate::sections::{SecretKind, SecretSpec};

/// A secret. It can be looked at with [`SecretText::expose`] only; printing it shows «redacted».
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("«redacted»")
    }
}

/// Fills a buffer with randomness fit for keys.
pub type Fill<'a> = dyn FnMut(&mut [u8]) -> Result<(), NoRandomness> + 'a;

/// The system gave no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no randomness")]
pub struct NoRandomness;

/// Why a secret could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// The system gave no randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// There is no machinery for this kind.
    #[error("secrets of kind {0} are not supported yet")]
    Unsupported(&'static str),
}

/// The system's own randomness, for production.
///
/// # Errors
/// [`NoRandomness`] when the operating system gives none.
pub fn system_random(buffer: &mut [u8]) -> Result<(), NoRandomness> {
    aws_lc_rs::rand::fill(buffer).map_err(|_| NoRandomness)
}

impl SecretSpec {
    /// Makes the secret.
    ///
    /// # Errors
    /// [`GenerateError`]: no randomness, or a kind without machinery.
    pub fn generate(&self, random: &mut Fill<'_>) -> Result<SecretText, GenerateError> {
        if self.derive.is_some() {
            return Err(GenerateError::Unsupported("derive"));
        }
        generate(self.kind, self.length, random)
    }
}

/// What a length may be: the default, the least and the most.
const fn bounds(kind: SecretKind) -> Option<(u32, u32, u32)> {
    match kind {
        SecretKind::Alnum => Some((32, 8, 256)),
        SecretKind::Hex | SecretKind::Base64 | SecretKind::Base64url => Some((32, 8, 256)),
        SecretKind::Words => Some((6, 4, 24)),
        SecretKind::Rsa => Some((3072, 2048, 4096)),
        SecretKind::Uuid | SecretKind::Ed25519 | SecretKind::Vapid | SecretKind::Jwt => None,
    }
}

/// Whether a length fits its kind.
pub(crate) fn length_rule(kind: SecretKind, length: Option<u32>) -> Result<(), String> {
    match (length, bounds(kind)) {
        (None, _) => Ok(()),
        (Some(_), None) => Err("this kind has one length".to_owned()),
        (Some(length), Some((_, least, most))) if length < least || length > most => {
            Err(format!("write {least} to {most} for this kind"))
        }
        (Some(_), Some(_)) => Ok(()),
    }
}

/// A password that nobody chose: 32 letters and digits.
///
/// # Errors
/// [`GenerateError`]: no randomness.
pub fn new_password(random: &mut Fill<'_>) -> Result<SecretText, GenerateError> {
    generate(SecretKind::Alnum, None, random)
}

pub(crate) fn generate(
    kind: SecretKind,
    length: Option<u32>,
    random: &mut Fill<'_>,
) -> Result<SecretText, GenerateError> {
    let length = length.or_else(|| bounds(kind).map(|(default, ..)| default)).unwrap_or(0) as usize;
    let mut bytes = |count: usize| -> Result<Vec<u8>, NoRandomness> {
        let mut buffer = vec![0; count];
        random(&mut buffer)?;
        Ok(buffer)
    };
    let text = match kind {
        SecretKind::Alnum => alnum(length, &mut bytes)?,
        SecretKind::Hex => HEXLOWER.encode(&bytes(length)?),
        SecretKind::Base64 => BASE64.encode(&bytes(length)?),
        SecretKind::Base64url => BASE64URL_NOPAD.encode(&bytes(length)?),
        SecretKind::Uuid => uuid(&bytes(16)?),
        SecretKind::Words => words(&bytes(2 * length)?),
        SecretKind::Rsa => return Err(GenerateError::Unsupported("rsa")),
        SecretKind::Ed25519 => return Err(GenerateError::Unsupported("ed25519")),
        SecretKind::Vapid => return Err(GenerateError::Unsupported("vapid")),
        SecretKind::Jwt => return Err(GenerateError::Unsupported("jwt")),
    };
    Ok(SecretText::new(text))
}

/// Letters and digits, each equally likely: bytes of the last, incomplete run of 62 are thrown away.
fn alnum(length: usize, bytes: &mut dyn FnMut(usize) -> Result<Vec<u8>, NoRandomness>) -> Result<String, NoRandomness> {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let usable = bytes(64)?.into_iter().filter(|byte| *byte < 248);
        let characters = usable.filter_map(|byte| ALPHABET.get(usize::from(byte % 62))).map(|byte| char::from(*byte));
        text.extend(characters.take(length - text.len()));
    }
    Ok(text)
}

/// RFC 9562, version 4.
fn uuid(bytes: &[u8]) -> String {
    let mut bytes = bytes.to_vec();
    if let Some(byte) = bytes.get_mut(6) {
        *byte = (*byte & 0x0f) | 0x40;
    }
    if let Some(byte) = bytes.get_mut(8) {
        *byte = (*byte & 0x3f) | 0x80;
    }
    let hex = HEXLOWER.encode(&bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// Pronounceable five-letter words of 16 bits each (the «proquints» of arXiv:0901.4016), so no list is needed.
fn words(bytes: &[u8]) -> String {
    const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
    const VOWELS: &[u8; 4] = b"aiou";
    let word = |pair: &[u8]| -> String {
        let number = pair.iter().fold(0_u16, |number, byte| (number << 8) | u16::from(*byte));
        let letters: [(&[u8], u32); 5] =
            [(CONSONANTS, 12), (VOWELS, 10), (CONSONANTS, 6), (VOWELS, 4), (CONSONANTS, 0)];
        letters
            .into_iter()
            .filter_map(|(alphabet, shift)| alphabet.get(usize::from(number >> shift) % alphabet.len()))
            .map(|byte| char::from(*byte))
            .collect()
    };
    bytes.chunks(2).map(word).collect::<Vec<_>>().join("-")
}
