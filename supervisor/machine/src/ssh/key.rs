//! One public key, as `authorized_keys` has it (sshd(8)), without options. Root's side takes the same (privileged).

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::{BASE64, BASE64_NOPAD};
use schemars::JsonSchema;
use serde::Serialize;

/// Kinds of keys that OpenSSH takes today; the image's side knows the same.
const KINDS: [&str; 6] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
];
/// An RSA key of 16384 bits has 2800 letters.
const LONGEST: usize = 8192;
/// Shorter RSA keys can be broken; sshd refuses those below 1024 itself.
const RSA_BITS_MIN: usize = 2048;

/// A public key that opens SSH.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SshKey {
    /// Its kind, for example `ssh-ed25519`.
    pub kind: String,
    /// The key itself, in base 64.
    pub key: String,
    /// Whose it is, as its file says; may be empty.
    pub comment: String,
    /// What `ssh-keygen -l` says: `SHA256:` and 43 letters.
    pub fingerprint: String,
}

impl SshKey {
    /// As a line of `authorized_keys`.
    #[must_use]
    pub fn line(&self) -> String {
        let line = format!("{} {} {}", self.kind, self.key, self.comment);
        line.trim_end().to_owned()
    }

    /// Reads such a line; an error says why it is none, as a sentence.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim();
        if line.contains("PRIVATE KEY") {
            return Err(
                "This is a private key, which never leaves its owner's machine. Take the file that ends with .pub."
                    .to_owned(),
            );
        }
        if line.len() > LONGEST || line.contains(|c: char| c.is_control()) {
            return Err("A key is one line.".to_owned());
        }
        let mut words = line.splitn(3, ' ');
        let (kind, key, comment) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next());
        if !KINDS.contains(&kind) {
            return Err(format!("It begins with none of {}. Options are not taken.", KINDS.join(", ")));
        }
        let comment = comment.unwrap_or_default().trim();
        if !comment.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
            return Err("The words after the key may only be plain letters and signs.".to_owned());
        }
        let broken = || "It is not whole: copy all of the line from the .pub file.".to_owned();
        let blob = BASE64.decode(key.as_bytes()).map_err(|_| broken())?;
        let parts = parts(&blob).ok_or_else(broken)?;
        let [named, rest @ ..] = parts.as_slice() else { return Err(broken()) };
        if *named != kind.as_bytes() || !fits(kind, rest) {
            return Err(broken());
        }
        if kind == "ssh-rsa" && rest.get(1).is_none_or(|modulus| bits(modulus) < RSA_BITS_MIN) {
            return Err(format!("This RSA key is shorter than {RSA_BITS_MIN} bits, which is not safe any more."));
        }
        let fingerprint = format!("SHA256:{}", BASE64_NOPAD.encode(digest(&SHA256, &blob).as_ref()));
        Ok(Self { kind: kind.to_owned(), key: key.to_owned(), comment: comment.to_owned(), fingerprint })
    }
}

/// The strings that a key is made of (RFC 4253, section 6.6; RFC 4251, section 5); none when it is cut.
fn parts(mut blob: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    while !blob.is_empty() {
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (part, rest) = rest.split_at_checked(length)?;
        parts.push(part);
        blob = rest;
    }
    Some(parts)
}

/// Whether the parts after the kind are those that the kind has.
fn fits(kind: &str, parts: &[&[u8]]) -> bool {
    match (kind, parts) {
        ("ssh-ed25519", [key]) => key.len() == 32,
        ("sk-ssh-ed25519@openssh.com", [key, application]) => key.len() == 32 && !application.is_empty(),
        ("ssh-rsa", [exponent, modulus]) => !exponent.is_empty() && !modulus.is_empty(),
        (_, [curve, point]) => {
            let curve_fits = kind.strip_prefix("ecdsa-sha2-").is_some_and(|named| named.as_bytes() == *curve);
            curve_fits && point.first() == Some(&4)
        }
        _ => false,
    }
}

/// How long a number is, without the zeros before it.
fn bits(number: &[u8]) -> usize {
    let number: &[u8] = number.iter().position(|byte| *byte != 0).and_then(|at| number.get(at..)).unwrap_or_default();
    number.first().map_or(0, |first| number.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or(0))
}
