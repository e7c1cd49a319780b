//! How long to wait after wrong tries: a pure state machine, and the table that keeps it over restarts.
//!
//! A try is counted before its secret is looked at, and given back when the secret was right. So a
//! hundred tries at the same moment are a hundred tries, not one.

use std::net::{IpAddr, Ipv6Addr};

use jiff::SignedDuration;
use orbitr_model::Timestamp;
use orbitr_store::time::{from_ms, to_ms};
use rusqlite::{Connection, OptionalExtension, params};

use crate::secret;

/// Wrong tries that cost nothing; the next one closes the door for [`FIRST_WAIT`].
pub const FREE_TRIES: u32 = 4;
/// The first wait; each further wrong try doubles it.
pub const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(5);
/// No wait is longer: nobody can keep an owner out of their own box for more than this.
pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);
/// Wrong tries are forgotten when none came for this long. Four tries an hour are then free, which is
/// what the longest wait allows too.
pub const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Rows are deleted when nothing was added to them for this long.
const DELETED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The door of one account or one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Door {
    failures: u32,
    last: Option<Timestamp>,
    closed_until: Option<Timestamp>,
}

impl Door {
    /// How many seconds it stays closed; none when it is open. A moment that lies further ahead than any
    /// wait can comes from a clock that was set back, and does not count.
    #[must_use]
    pub fn closed_for(&self, now: Timestamp) -> Option<u64> {
        let wait = self.closed_until?.duration_since(now);
        if wait <= SignedDuration::ZERO || wait > LONGEST_WAIT {
            return None;
        }
        u64::try_from(wait.as_secs_f64().ceil() as i64).ok()
    }

    /// One more wrong try at this moment.
    #[must_use]
    pub fn failed(self, now: Timestamp) -> Self {
        let forgotten = self.last.is_none_or(|last| now.duration_since(last) >= FORGOTTEN_AFTER);
        let failures = if forgotten { 1 } else { self.failures.saturating_add(1) };
        let closed_until = failures.checked_sub(FREE_TRIES + 1).map(|doublings| now + wait(doublings));
        Self { failures, last: Some(now), closed_until }
    }

    /// The try that was counted last was right after all.
    #[must_use]
    pub fn given_back(self) -> Self {
        let failures = self.failures.saturating_sub(1);
        let closed_until = self.closed_until.filter(|_| failures > FREE_TRIES);
        Self { failures, closed_until, ..self }
    }
}

/// The wait after so many doublings of the first one.
fn wait(doublings: u32) -> SignedDuration {
    let factor = 1_i32.checked_shl(doublings).filter(|factor| *factor > 0).unwrap_or(i32::MAX);
    FIRST_WAIT.checked_mul(factor).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)
}

/// Whose door it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    kind: &'static str,
    key: String,
}

impl Key {
    /// Of an account, known or not: both close alike, so a closed door says nothing about which names
    /// exist. The name is hashed because people type passwords into the wrong field.
    pub(crate) fn account(name: &str) -> Self {
        let hash = secret::hash(&format!("account:{name}"));
        Self { kind: "account", key: data_encoding::HEXLOWER.encode(&hash) }
    }

    /// Of an address, for sign-ins.
    pub(crate) fn address(address: Option<IpAddr>) -> Self {
        Self { kind: "address", key: network(address) }
    }

    /// Of an address, for the code that claims the box.
    pub(crate) fn setup(address: Option<IpAddr>) -> Self {
        Self { kind: "setup", key: network(address) }
    }
}

/// The network that counts as one address: an IPv4 address, or the /64 that an IPv6 host chooses its own
/// addresses from.
fn network(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "local".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let network = Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX));
            format!("{network}/64")
        }
    }
}

/// The door as the table has it.
pub(crate) fn load(conn: &Connection, key: &Key) -> rusqlite::Result<Door> {
    let found = conn
        .query_row(
            "SELECT failures, last_at, closed_until FROM backoff WHERE kind = ?1 AND key = ?2",
            params![key.kind, key.key],
            |row| {
                Ok(Door {
                    failures: row.get(0)?,
                    last: Some(from_ms(row.get(1)?)),
                    closed_until: row.get::<_, Option<i64>>(2)?.map(from_ms),
                })
            },
        )
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Counts one try at each of the doors, unless one of them is closed: then how many seconds it stays so.
pub(crate) fn count(conn: &Connection, keys: &[&Key], now: Timestamp) -> rusqlite::Result<Result<(), u64>> {
    if let Some(wait) = closed_for(conn, keys, now)? {
        return Ok(Err(wait));
    }
    conn.execute("DELETE FROM backoff WHERE last_at < ?1", [to_ms(now - DELETED_AFTER)])?;
    for key in keys {
        save(conn, key, load(conn, key)?.failed(now))?;
    }
    Ok(Ok(()))
}

/// How many seconds the one that stays closed longest does; none when all are open.
pub(crate) fn closed_for(conn: &Connection, keys: &[&Key], now: Timestamp) -> rusqlite::Result<Option<u64>> {
    let mut longest = None;
    for key in keys {
        longest = longest.max(load(conn, key)?.closed_for(now));
    }
    Ok(longest)
}

/// Takes the last try at a door back: it was right.
pub(crate) fn give_back(conn: &Connection, key: &Key) -> rusqlite::Result<()> {
    let door = load(conn, key)?;
    if door.last.is_some() { save(conn, key, door.given_back()) } else { Ok(()) }
}

/// Opens a door and forgets all wrong tries.
pub(crate) fn forget(conn: &Connection, key: &Key) -> rusqlite::Result<()> {
    conn.execute("DELETE FROM backoff WHERE kind = ?1 AND key = ?2", params![key.kind, key.key])?;
    Ok(())
}

fn save(conn: &Connection, key: &Key, door: Door) -> rusqlite::Result<()> {
    conn.execute(
        "INSERT INTO backoff (kind, key, failures, last_at, closed_until) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (kind, key) DO UPDATE SET failures = ?3, last_at = ?4, closed_until = ?5",
        params![key.kind, key.key, door.failures, to_ms(door.last.unwrap_or_default()), door.closed_until.map(to_ms)],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn after(failures: u32) -> Door {
        (0..failures).fold(Door::default(), |door, _| door.failed(at(0)))
    }

    #[test]
    fn the_fifth_wrong_try_closes_the_door_and_each_further_one_for_twice_as_long() {
        let waits: Vec<_> = (1..=14).map(|failures| after(failures).closed_for(at(0))).collect();
        let mut expected = vec![None; 4];
        expected.extend([5, 10, 20, 40, 80, 160, 320, 640, 900, 900].map(Some));
        assert_eq!(waits, expected);
    }

    #[test]
    fn a_door_opens_by_itself() {
        let door = after(6);
        assert_eq!(door.closed_for(at(9)), Some(1));
        assert_eq!(door.closed_for(at(10)), None);
    }

    #[test]
    fn wrong_tries_are_forgotten_after_an_hour_without_any() {
        assert_eq!(after(10).failed(at(3599)).closed_for(at(3599)), Some(320));
        assert_eq!(after(10).failed(at(3600)), Door { failures: 1, last: Some(at(3600)), closed_until: None });
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        assert_eq!(after(20).closed_for(at(-86_400 * 365)), None);
    }

    #[test]
    fn a_right_try_costs_nothing() {
        let door = after(4).failed(at(1));
        assert_eq!(door.closed_for(at(1)), Some(5));
        assert_eq!(door.given_back().closed_for(at(1)), None);
    }

    #[test]
    fn an_ipv6_host_is_one_address_however_many_it_makes_up() {
        let key = |text: &str| Key::address(Some(text.parse().unwrap()));
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.7"), key("192.0.2.7"));
        assert_ne!(key("192.0.2.7"), key("192.0.2.8"));
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_a_quarter_of_an_hour(steps in prop::collection::vec(0..4000i64, 0..80)) {
            let (mut now, mut door) = (0, Door::default());
            for step in steps {
                now += step;
                door = door.failed(at(now));
                prop_assert!(door.closed_for(at(now)).unwrap_or(0) <= 900);
                prop_assert_eq!(door.closed_for(at(now + 900)), None);
            }
        }
    }
}
