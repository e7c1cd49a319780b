//! An authenticator app (RFC 6238 with SHA-1, six digits, 30 s), written for these tests alone.

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;

/// The number of the present half minute.
pub(crate) fn step() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 30
}

/// The code of a half minute.
pub(crate) fn code(secret: &str, step: u64) -> String {
    let secret: String = secret.chars().filter(char::is_ascii_alphanumeric).collect();
    let key = BASE32_NOPAD.decode(secret.to_ascii_uppercase().as_bytes()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let at = usize::from(bytes[19] & 15);
    let number = u32::from_be_bytes([bytes[at] & 0x7f, bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    format!("{:06}", number % 1_000_000)
}
