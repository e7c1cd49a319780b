//! Passwords: what one may be, and how it is kept.
//!
//! The rules are those of NIST SP 800-63B: length counts, the commonest ones and the user's own name are
//! refused, and nobody is made to mix kinds of characters.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use orbitr_model::FieldError;
use tokio::{sync::Semaphore, time::timeout};

use crate::{Secret, error::Error};

/// The fewest characters.
pub const MIN_CHARS: usize = 10;
/// The most bytes.
pub const MAX_BYTES: usize = 256;

/// Memory of one hash in KiB, passes and lanes: the second of OWASP's equal choices for Argon2id.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// So many hashes at once: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// A hash that does not get its turn in this time is given up: the box is under attack or far too busy.
const TURN_LIMIT: Duration = Duration::from_secs(20);

/// Whether a password may be used for an account of this name; otherwise what is wrong with it.
pub(crate) fn check(field: &str, password: &Secret, username: &str) -> Result<(), FieldError> {
    let text = password.expose();
    let wrong = |message: &str| Err(FieldError { field: field.to_owned(), message: message.to_owned() });
    if text.chars().count() < MIN_CHARS {
        return wrong("A password has at least 10 characters. Several words make a good one.");
    }
    if text.len() > MAX_BYTES {
        return wrong("A password has at most 256 bytes.");
    }
    let lower = text.to_lowercase();
    if lower == username.to_lowercase() {
        return wrong("The password must not be the user name.");
    }
    if is_common(&lower) {
        return wrong("This password is one of the first that anybody would try. Choose another.");
    }
    Ok(())
}

/// Passwords of ten characters and more that are tried first: words of such lists and of this product,
/// with the usual endings. Kept short on purpose: back-off stops the rest.
const COMMON: &[&str] = &[
    "password",
    "passwort",
    "passw0rd",
    "p@ssword",
    "p@ssw0rd",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "asdfghjklö",
    "zxcvbnm",
    "qwerty",
    "qwertz",
    "azerty",
    "1q2w3e4r5t",
    "1q2w3e4r",
    "1qaz2wsx",
    "1qaz2wsx3edc",
    "qazwsxedc",
    "iloveyou",
    "letmein",
    "letmeinplease",
    "welcome",
    "welcomehome",
    "changeme",
    "changemenow",
    "secret",
    "topsecret",
    "administrator",
    "adminadmin",
    "admin",
    "administrateur",
    "root",
    "rootroot",
    "toor",
    "superuser",
    "superman",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "basketball",
    "dragon",
    "monkey",
    "master",
    "shadow",
    "trustno",
    "trustno1",
    "whatever",
    "internet",
    "computer",
    "samsung",
    "michelle",
    "jennifer",
    "starwars",
    "test",
    "testtest",
    "testing",
    "default",
    "guest",
    "hallo",
    "hello",
    "helloworld",
    "abcdefghij",
    "abcd",
    "abc",
    "orbitr",
    "orbitros",
    "homeserver",
    "myserver",
    "raspberry",
    "proxmox",
    "homelab",
    "correcthorsebatterystaple",
];

/// The usual endings that turn a short word into ten characters.
fn is_common(lower: &str) -> bool {
    let stem = lower.trim_end_matches(|c: char| c.is_ascii_digit() || "!.?*#$@_-".contains(c));
    if COMMON.contains(&lower) || COMMON.contains(&stem) {
        return true;
    }
    let mut doubled = COMMON.iter().filter(|word| word.len() >= 4);
    if doubled.any(|word| lower.len() == 2 * word.len() && lower.starts_with(word) && lower.ends_with(word)) {
        return true;
    }
    // One character all along, or a run such as 1234567890 and zyxwvutsrq; 9 and 0 are neighbours.
    let codes = lower.chars().map(|c| if c == '0' { i64::from(b'9') + 1 } else { i64::from(u32::from(c)) });
    let mut steps = codes.clone().zip(codes.skip(1)).map(|(left, right)| right - left);
    let Some(first) = steps.next() else { return false };
    first.abs() <= 1 && steps.all(|step| step == first || (first == 1 && step == -9))
}

/// Hashes and compares passwords, away from the threads that answer requests, a few at a time.
#[derive(Clone)]
pub(crate) struct Hasher {
    turns: Arc<Semaphore>,
    /// What the password of somebody who does not exist is compared with, so that it takes as long.
    nobody: Arc<OnceLock<String>>,
}

impl Hasher {
    pub(crate) fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), nobody: Arc::default() }
    }

    /// The hash to keep, as a PHC string.
    pub(crate) async fn hash(&self, password: Secret) -> Result<String, Error> {
        self.run(move || hash(password.expose())).await?
    }

    /// Whether it is the password behind this hash; without a hash it is not, and takes as long.
    pub(crate) async fn verify(&self, password: Secret, kept: Option<String>) -> Result<bool, Error> {
        let nobody = Arc::clone(&self.nobody);
        self.run(move || match kept {
            Some(kept) => verify(password.expose(), &kept),
            None => {
                let kept = match nobody.get() {
                    Some(kept) => kept.clone(),
                    None => {
                        let made = hash("nobody has this password")?;
                        nobody.get_or_init(|| made).clone()
                    }
                };
                verify(password.expose(), &kept).map(|_| false)
            }
        })
        .await?
    }

    /// A key of 32 bytes from a short secret, for recovery codes: one salt for all codes of an account,
    /// so that one hash finds out which of them it is.
    pub(crate) async fn derive(&self, secrets: Vec<String>, salt: Vec<u8>) -> Result<Vec<[u8; 32]>, Error> {
        self.run(move || {
            let argon = argon()?;
            secrets
                .iter()
                .map(|secret| {
                    let mut out = [0; 32];
                    argon.hash_password_into(secret.as_bytes(), &salt, &mut out).map_err(|_| Error::Hashing)?;
                    Ok(out)
                })
                .collect()
        })
        .await?
    }

    /// Makes the hash for somebody who does not exist, so that not even the first such sign-in tells.
    pub(crate) async fn warm_up(&self) -> Result<(), Error> {
        self.verify(Secret::new(""), None).await.map(|_| ())
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let turn = timeout(TURN_LIMIT, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| Error::Busy)?.map_err(|_| Error::Hashing)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            // Held by the work itself: a request that goes away does not let another hash in early.
            drop(turn);
            done
        });
        done.await.map_err(|_| Error::Hashing)
    }
}

fn argon() -> Result<Argon2<'static>, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| Error::Hashing)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String, Error> {
    let kept = argon()?.hash_password(password.as_bytes()).map_err(|_| Error::Hashing)?;
    Ok(kept.to_string())
}

fn verify(password: &str, kept: &str) -> Result<bool, Error> {
    let kept = PasswordHash::new(kept).map_err(|_| Error::Hashing)?;
    Ok(argon()?.verify_password(password.as_bytes(), &kept).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(password: &str) -> bool {
        check("password", &Secret::new(password), "marie.curie").is_ok()
    }

    #[test]
    fn length_counts_and_nothing_else() {
        assert!(!may("häuserzei"));
        assert!(may("häuserzeil"));
        assert!(may("all lower case words"));
        assert!(may(&"x1".repeat(128)));
        assert!(!may(&"x1".repeat(129)));
    }

    #[test]
    fn what_anybody_would_try_first_is_refused() {
        for common in [
            "Marie.Curie",
            "password12",
            "Password2026!",
            "1234567890",
            "12345678901234",
            "0987654321",
            "aaaaaaaaaaaa",
            "abcdefghijkl",
            "qwertyuiop",
            "letmein123456",
            "orbitr-2026",
            "adminadmin",
            "passwordpassword",
            "hello12345",
        ] {
            assert!(!may(common), "{common}");
        }
        for fine in ["1234567891x", "a password of mine", "tr0ub4dor&3x", "aaaaaaaaab1"] {
            assert!(may(fine), "{fine}");
        }
    }

    #[tokio::test]
    async fn a_password_is_kept_as_argon2id_and_found_again() {
        let hasher = Hasher::new();
        let kept = hasher.hash(Secret::new("a password of mine")).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(hasher.verify(Secret::new("a password of mine"), Some(kept.clone())).await.unwrap());
        assert!(!hasher.verify(Secret::new("a password of yours"), Some(kept)).await.unwrap());
        assert!(!hasher.verify(Secret::new("nobody has this password"), None).await.unwrap());
    }

    /// Time itself is not measured: a busy machine would spoil it. The same work is done, on a hash made
    /// with the same costs as every other.
    #[tokio::test]
    async fn somebody_who_does_not_exist_costs_the_same_work() {
        let hasher = Hasher::new();
        let kept = hasher.hash(Secret::new("a password of mine")).await.unwrap();
        assert!(!hasher.verify(Secret::new("a password of mine"), None).await.unwrap());
        let nobody = hasher.nobody.get().expect("the comparison used it").clone();
        let costs = |kept: &str| kept.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(costs(&nobody), costs(&kept));
        assert_eq!(nobody.len(), kept.len());
    }
}
