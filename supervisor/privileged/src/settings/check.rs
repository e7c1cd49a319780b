//! Whether a value may go into a file that root's programs read. Each of these says yes only to what it knows.

use std::net::{IpAddr, Ipv4Addr};

/// The longest label of a host name (RFC 1035).
const LONGEST_LABEL: usize = 63;
/// The longest name of a host (RFC 1035).
const LONGEST_NAME: usize = 253;
/// The longest line of authorized_keys that is taken; an RSA key of 16384 bits has 2800 letters.
const LONGEST_KEY: usize = 8192;
/// Kinds of keys that OpenSSH takes today. Options, which stand before the kind, are not.
const KEY_KINDS: [&str; 6] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
];

/// One label: letters, digits and dashes within.
pub(super) fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..=LONGEST_LABEL).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The name or the address of a server.
pub(super) fn is_server(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || (text.len() <= LONGEST_NAME && text.split('.').all(is_label))
}

/// A time zone's name, before it is looked for.
pub(super) fn is_zone_name(text: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+');
    text.len() <= 64 && text.split('/').all(|part| !part.is_empty() && part.bytes().all(letter))
}

/// A card's address, as six pairs of hexadecimal digits; lower case.
pub(super) fn mac(text: &str) -> Option<String> {
    let pairs: Vec<&str> = text.split(':').collect();
    let whole = pairs.len() == 6 && pairs.iter().all(|pair| pair.len() == 2 && u8::from_str_radix(pair, 16).is_ok());
    // from_str_radix takes a sign.
    (whole && !text.contains('+')).then(|| text.to_ascii_lowercase())
}

/// An address that a machine may have in a network of that size, and a way out of it.
pub(super) fn is_static(address: Ipv4Addr, prefix: u8, gateway: Option<Ipv4Addr>) -> bool {
    let usable = |ip: Ipv4Addr| !ip.is_loopback() && !ip.is_multicast() && !ip.is_unspecified() && !ip.is_broadcast();
    if !(1..=30).contains(&prefix) || !usable(address) {
        return false;
    }
    let mask = u32::MAX << (32 - u32::from(prefix));
    let (own, last) = (address.to_bits() & mask, address.to_bits() | !mask);
    let within = |ip: Ipv4Addr| ip.to_bits() & mask == own && ip.to_bits() != own && ip.to_bits() != last;
    within(address) && gateway.is_none_or(|gateway| within(gateway) && gateway != address)
}

/// One line of authorized_keys without options: kind, key, and perhaps a comment.
pub(super) fn is_key(text: &str) -> bool {
    let mut words = text.splitn(3, ' ');
    let (kind, key, comment) = (words.next(), words.next(), words.next().unwrap_or_default());
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    text.len() <= LONGEST_KEY
        && kind.is_some_and(|kind| KEY_KINDS.contains(&kind))
        && key.is_some_and(|key| key.len() >= 16 && key.bytes().all(base64))
        && comment.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
}
