//! Passwords under a passphrase, as an age file (age-encryption.org/v1, with one scrypt recipient): the public program
//! `age --decrypt` opens what this seals, and the other way round.

use aws_lc_rs::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    hkdf, hmac, rand,
};
use data_encoding::BASE64_NOPAD;

const INTRO: &str = "age-encryption.org/v1";
/// 2^16 rounds over 64 MiB: about a quarter of a second on a small box.
const WORK: u8 = 16;
/// More than 2^20 would need a gigabyte: nobody's passphrase is worth that here.
const WORK_MAX: u8 = 20;
const KEY: usize = 16;
const TAG: usize = 16;
const CHUNK: usize = 64 * 1024;
/// What is sealed is longer than this only when somebody wants to see what happens.
const LONGEST: usize = 4 << 20;

/// Why a sealed text does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// The passphrase is another one.
    Passphrase,
    /// It is no file of this kind, or was changed.
    Damaged,
}

/// Seals a text; none when the system gives no randomness.
pub(super) fn seal(passphrase: &str, plain: &[u8]) -> Option<Vec<u8>> {
    let (mut key, mut salt, mut nonce) = ([0; KEY], [0; 16], [0; 16]);
    for random in [&mut key, &mut salt, &mut nonce] {
        rand::fill(random).ok()?;
    }
    let mut body = key.to_vec();
    crypt(&wrap_key(passphrase, &salt, WORK)?)?.seal_in_place_append_tag(first(), Aad::empty(), &mut body).ok()?;
    let recipient = format!("-> scrypt {} {WORK}\n{}\n---", BASE64_NOPAD.encode(&salt), BASE64_NOPAD.encode(&body));
    let header = format!("{INTRO}\n{recipient}");
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &derive(&key, &[], b"header")?), header.as_bytes());
    let mut sealed = format!("{header} {}\n", BASE64_NOPAD.encode(mac.as_ref())).into_bytes();
    sealed.extend_from_slice(&nonce);
    let payload = crypt(&derive(&key, &nonce, b"payload")?)?;
    let mut chunks = plain.chunks(CHUNK).peekable();
    let mut number = 0;
    loop {
        let mut chunk = chunks.next().unwrap_or_default().to_vec();
        let last = chunks.peek().is_none();
        payload.seal_in_place_append_tag(counted(number, last), Aad::empty(), &mut chunk).ok()?;
        sealed.extend_from_slice(&chunk);
        number += 1;
        if last {
            return Some(sealed);
        }
    }
}

/// Opens it again.
pub(super) fn open(passphrase: &str, sealed: &[u8]) -> Result<Vec<u8>, Closed> {
    let damaged = || Closed::Damaged;
    if sealed.len() > LONGEST {
        return Err(Closed::Damaged);
    }
    let marker = b"\n--- ";
    let dashes = sealed.windows(marker.len()).position(|part| part == marker).ok_or_else(damaged)?;
    let header = sealed.get(..dashes + 4).ok_or_else(damaged)?;
    let rest = sealed.get(dashes + marker.len()..).ok_or_else(damaged)?;
    let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
    let (mac, payload) = rest.split_at(end);
    let mac = BASE64_NOPAD.decode(mac).map_err(|_| Closed::Damaged)?;
    let text = std::str::from_utf8(header).map_err(|_| Closed::Damaged)?;
    let mut lines = text.lines();
    let (intro, recipient, body) = (lines.next(), lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    if intro != Some(INTRO) || lines.next() != Some("---") {
        return Err(Closed::Damaged);
    }
    let mut words = recipient.strip_prefix("-> scrypt ").ok_or_else(damaged)?.split(' ');
    let salt = BASE64_NOPAD.decode(words.next().unwrap_or_default().as_bytes()).map_err(|_| Closed::Damaged)?;
    let work: u8 = words.next().and_then(|word| word.parse().ok()).ok_or_else(damaged)?;
    if salt.len() != 16 || !(1..=WORK_MAX).contains(&work) || words.next().is_some() {
        return Err(Closed::Damaged);
    }
    let mut wrapped = BASE64_NOPAD.decode(body.as_bytes()).map_err(|_| Closed::Damaged)?;
    if wrapped.len() != KEY + TAG {
        return Err(Closed::Damaged);
    }
    let key = wrap_key(passphrase, &salt, work).and_then(|key| crypt(&key)).ok_or_else(damaged)?;
    let key = key.open_in_place(first(), Aad::empty(), &mut wrapped).map_err(|_| Closed::Passphrase)?;
    let signer = hmac::Key::new(hmac::HMAC_SHA256, &derive(key, &[], b"header").ok_or_else(damaged)?);
    hmac::verify(&signer, header, &mac).map_err(|_| Closed::Damaged)?;
    open_payload(key, payload.get(1..).unwrap_or_default()).ok_or(Closed::Damaged)
}

fn open_payload(key: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
    let (nonce, chunks) = payload.split_at_checked(16)?;
    let payload = crypt(&derive(key, nonce, b"payload")?)?;
    let mut chunks = chunks.chunks(CHUNK + TAG).peekable();
    let (mut plain, mut number) = (Vec::new(), 0);
    loop {
        let mut chunk = chunks.next()?.to_vec();
        let last = chunks.peek().is_none();
        plain.extend_from_slice(payload.open_in_place(counted(number, last), Aad::empty(), &mut chunk).ok()?);
        number += 1;
        if last {
            return Some(plain);
        }
    }
}

fn wrap_key(passphrase: &str, salt: &[u8], work: u8) -> Option<[u8; 32]> {
    let params = scrypt::Params::new(work, 8, 1).ok()?;
    let salt = [b"age-encryption.org/v1/scrypt", salt].concat();
    let mut key = [0; 32];
    scrypt::scrypt(passphrase.as_bytes(), &salt, &params, &mut key).ok()?;
    Some(key)
}

fn derive(key: &[u8], salt: &[u8], info: &[u8]) -> Option<[u8; 32]> {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(key);
    let mut derived = [0; 32];
    prk.expand(&[info], hkdf::HKDF_SHA256).ok()?.fill(&mut derived).ok()?;
    Some(derived)
}

fn crypt(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key).ok().map(LessSafeKey::new)
}

/// The key is used once.
fn first() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

/// The number of a chunk in 11 bytes, and whether it is the last.
fn counted(number: u64, last: bool) -> Nonce {
    let mut nonce = [0; 12];
    for (to, from) in nonce.iter_mut().skip(3).zip(number.to_be_bytes()) {
        *to = from;
    }
    if let Some(end) = nonce.last_mut() {
        *end = u8::from(last);
    }
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// Made with another program, after the specification.
    const FROM_ELSEWHERE: &str = "\
        6167652d656e6372797074696f6e2e6f72672f76310a2d3e207363727970742045424553457851564668635947526f624842\
        306548772031300a2f7a49387a55326a47725043355746486e4b7136633645484d6c5468557956514a502b36745a62467951\
        380a2d2d2d20426c734649586c3652786b6764437a6a6377456e4d4f4d72615a51524177434c46797a46346e4d6f6851380a\
        202122232425262728292a2b2c2d2e2f29a1aa4a5b1e119a3f64763f24a19ed483608f587095f23f1d586281f544d4071eae\
        adb8945e81bed4bb1061c8e322fc473581\
        ";

    #[test]
    fn what_another_program_sealed_opens() {
        let sealed = HEXLOWER.decode(FROM_ELSEWHERE.trim().as_bytes()).unwrap();
        assert_eq!(open("correct horse", &sealed).unwrap(), br#"{"input/password":"from elsewhere"}"#);
    }

    #[test]
    fn what_is_sealed_opens_with_its_passphrase_only() {
        for plain in [Vec::new(), b"{}".to_vec(), vec![7; CHUNK], vec![8; 2 * CHUNK + 1]] {
            let sealed = seal("correct horse", &plain).unwrap();
            assert_eq!(open("correct horse", &sealed), Ok(plain));
        }
        let sealed = seal("correct horse", b"secret").unwrap();
        assert_eq!(open("battery", &sealed), Err(Closed::Passphrase));
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(open("correct horse", &changed), Err(Closed::Damaged));
        assert_eq!(open("correct horse", sealed.get(..40).unwrap()), Err(Closed::Damaged));
        assert_eq!(open("x", b""), Err(Closed::Damaged));
    }
}
