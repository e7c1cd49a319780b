//! Secrets that people and programs carry: how they are made, spelled, kept and compared.

use std::fmt;

use aws_lc_rs::{constant_time, digest, rand};
use data_encoding::BASE64URL_NOPAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Text that must not turn up in logs: a password, a session, a token. Debug does not show it. As JSON it
/// is its text, because it has to be read from the person who knows it and shown once to the person who
/// gets it.
///
/// In schemas it stands where it is used, because bounds said there would be lost beside a reference.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Secret(String);

impl Secret {
    /// Takes the text as a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("«secret»")
    }
}

/// The letters of what people type: 32 of them, five bits each, without I, L, O and U (Crockford's
/// base 32), so that nothing on a console screen can be read as something else.
const READABLE: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The bytes of a carried secret: 256 bits.
const CARRIED_BYTES: usize = 32;

pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
    Ok(bytes)
}

/// A fresh secret of 256 bits behind a prefix that says what it is.
pub(crate) fn carried(prefix: &str) -> Result<Secret, Error> {
    Ok(Secret(format!("{prefix}{}", BASE64URL_NOPAD.encode(&random::<CARRIED_BYTES>()?))))
}

/// A fresh secret for people to type: groups of readable characters with dashes between them, five bits
/// each character.
pub(crate) fn typed(groups: usize, group: usize) -> Result<Secret, Error> {
    let mut text = String::with_capacity(groups * (group + 1));
    for n in 0..groups * group {
        if n > 0 && n % group == 0 {
            text.push('-');
        }
        let [byte] = random::<1>()?;
        // 256 is a multiple of 32: every letter is as likely as any other.
        text.push(READABLE.get(usize::from(byte % 32)).copied().map_or('0', char::from));
    }
    Ok(Secret(text))
}

/// What somebody typed, as it was made: in capitals, without dashes and spaces, with the letters that
/// look like others put right.
pub(crate) fn as_typed(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .take(64)
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect()
}

/// What is kept of a carried secret. A plain SHA-256 is enough for 256 random bits: there is nothing to
/// guess.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
    out
}

/// Whether two hashes are the same, in a time that does not depend on where they differ.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_carried_secret_has_256_bits_and_is_never_the_same() {
        let made: BTreeSet<_> = (0..50).map(|_| carried("orb_").unwrap().0).collect();
        assert_eq!(made.len(), 50);
        assert!(made.iter().all(|text| text.len() == 4 + 43 && text.starts_with("orb_")));
    }

    #[test]
    fn what_is_typed_from_a_screen_is_understood_as_people_type_it() {
        let code = typed(2, 4).unwrap();
        assert_eq!(code.expose().len(), 9);
        let sloppy =
            format!(" {} ", code.expose().to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l"));
        assert_eq!(as_typed(&sloppy), as_typed(code.expose()));
    }

    #[test]
    fn a_secret_is_not_in_debug_output() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2hunter2"))), "Some(«secret»)");
    }
}
