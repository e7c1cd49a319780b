//! The door of Recovery mode: one code, and waits that grow for whoever guesses.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_lc_rs::{constant_time, digest, rand};
use orbitr_access::Secret;
use orbitr_model::Problem;

/// So many wrong tries of one address cost no wait.
const FREE_TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// After so long without a try an address is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60 * 60);
/// The most addresses that are remembered; with more, those that were silent longest are forgotten.
const MOST: usize = 4096;

/// 32 letters without I, L, O and U (Crockford's base 32), so that none on a screen looks like another.
const READABLE: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUPS: usize = 3;
const GROUP: usize = 4;

/// A fresh code of 60 bits, for the console: `XXXX-XXXX-XXXX`. None when the machine gives no random numbers.
#[must_use]
pub fn new_code() -> Option<Secret> {
    let mut bytes = [0_u8; GROUPS * GROUP];
    rand::fill(&mut bytes).ok()?;
    // 256 is a multiple of 32: every letter is as likely as any other.
    let letter = |byte: &u8| READABLE.get(usize::from(byte % 32)).copied().map_or('0', char::from);
    let groups: Vec<String> = bytes.chunks(GROUP).map(|group| group.iter().map(letter).collect()).collect();
    Some(Secret::new(groups.join("-")))
}

#[derive(Clone, Copy)]
struct Tries {
    wrong: u32,
    last: Instant,
}

impl Tries {
    fn wait(self) -> Duration {
        match self.wrong.checked_sub(FREE_TRIES) {
            None => Duration::ZERO,
            Some(more) => FIRST_WAIT.saturating_mul(1 << more.min(10)).min(LONGEST_WAIT),
        }
    }
}

pub(crate) struct Door {
    code: digest::Digest,
    tries: Mutex<HashMap<Option<IpAddr>, Tries>>,
}

impl Door {
    pub(crate) fn new(code: &Secret) -> Self {
        Self { code: hash(code), tries: Mutex::new(HashMap::new()) }
    }

    /// Looks at a code. A try is counted before it is looked at, so that many at once are many.
    pub(crate) fn knock(&self, from: Option<IpAddr>, code: &Secret, now: Instant) -> Result<(), Problem> {
        let from = from.map(network);
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.retain(|_, seen| now.saturating_duration_since(seen.last) < FORGOTTEN_AFTER);
        if tries.len() >= MOST && !tries.contains_key(&from) {
            let oldest = tries.iter().min_by_key(|(_, seen)| seen.last).map(|(address, _)| *address);
            oldest.and_then(|address| tries.remove(&address));
        }
        let seen = tries.entry(from).or_insert(Tries { wrong: 0, last: now });
        let left = seen.wait().saturating_sub(now.saturating_duration_since(seen.last));
        if !left.is_zero() {
            return Err(wait(left));
        }
        // Before the code is compared, and not with a shortcut at the first letter that differs.
        *seen = Tries { wrong: seen.wrong.saturating_add(1), last: now };
        if constant_time::verify_slices_are_equal(hash(code).as_ref(), self.code.as_ref()).is_ok() {
            tries.remove(&from);
            return Ok(());
        }
        let mut problem = Problem::field("code", "This is not the recovery code.");
        problem.code = "wrong-recovery-code".to_owned();
        Err(problem.then(
            "Read it again from the box's screen or from the service's log. A restart of Orbitr makes a new one.",
        ))
    }
}

fn wait(left: Duration) -> Problem {
    Problem::new(429, "too-many-tries", "Too many wrong tries").retry_after(left.as_secs().max(1))
}

/// What is typed from a screen: capitals or not, with dashes or not.
fn hash(code: &Secret) -> digest::Digest {
    let typed: String = code
        .expose()
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .take(64)
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    digest::digest(&digest::SHA256, typed.as_bytes())
}

/// One household has one IPv6 network of 64 bits, and all addresses in it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_guesses_waits_longer_and_longer_and_nobody_else_does() {
        let door = Door::new(&Secret::new("AB10-CDEF-GHJK"));
        let (start, guest, owner) = (Instant::now(), "10.0.0.9".parse().ok(), "10.0.0.2".parse().ok());
        let wrong = Secret::new("AAAA");
        for _ in 0..5 {
            assert_eq!(door.knock(guest, &wrong, start).unwrap_err().code, "wrong-recovery-code");
        }
        assert_eq!(door.knock(guest, &wrong, start).unwrap_err().retry_after, Some(30));
        let right = Secret::new("ablo cdef ghjk");
        assert_eq!(door.knock(guest, &right, start).unwrap_err().status, 429, "not even the right one");
        assert!(door.knock(owner, &right, start).is_ok());
        let later = start + Duration::from_secs(31);
        assert_eq!(door.knock(guest, &wrong, later).unwrap_err().status, 422);
        assert_eq!(door.knock(guest, &wrong, later).unwrap_err().retry_after, Some(60));
        assert!(door.knock(guest, &right, later + Duration::from_secs(61)).is_ok());
    }

    #[test]
    fn another_address_of_the_same_network_is_the_same_visitor() {
        let door = Door::new(&Secret::new("AB10-CDEF-GHJK"));
        let now = Instant::now();
        for n in 1..=5 {
            let from = format!("2001:db8::{n}").parse().ok();
            assert!(door.knock(from, &Secret::new("x"), now).is_err());
        }
        assert_eq!(door.knock("2001:db8::77".parse().ok(), &Secret::new("x"), now).unwrap_err().status, 429);
    }

    #[test]
    fn each_code_is_another_one() {
        let (one, other) = (new_code().unwrap(), new_code().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.expose().len(), 14);
    }
}
