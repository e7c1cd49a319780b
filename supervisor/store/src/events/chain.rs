//! The hash chain: what each row's hash covers, and whether the chain is whole.

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use orbitr_model::EventId;
use rusqlite::{Connection, OptionalExtension, params};

use crate::Error;

/// SQL function of every connection of the store: the seal over a count and a hash. So the check needs
/// no key in the hands of its caller.
pub(crate) const SEAL_FUNCTION: &str = "orbitr_event_seal";

pub(super) const HASH_BYTES: usize = 32;
/// The hash before the first row.
const START: [u8; HASH_BYTES] = [0; HASH_BYTES];

/// A whole chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many events there are.
    pub count: i64,
    /// The hash of the last one, in hexadecimal; zeros when there is none.
    pub head: String,
}

/// The first place at which history is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("history is broken at event {at}: {why}")]
pub struct Broken {
    /// The event, or the number at which one is missing.
    pub at: EventId,
    /// What is wrong, as a sentence fragment.
    pub why: String,
}

/// The stored columns of one event, as they are in the row.
pub(super) struct Stored {
    pub(super) id: i64,
    pub(super) at: i64,
    pub(super) actor: String,
    pub(super) action: String,
    pub(super) subject: [String; 3],
    pub(super) outcome: String,
    pub(super) detail: String,
    pub(super) address: Option<String>,
}

impl Stored {
    /// SHA-256 over the hash before and every column, each with its length before it, so that no two
    /// different rows are the same bytes.
    pub(super) fn hash(&self, before: &[u8]) -> [u8; HASH_BYTES] {
        let mut context = digest::Context::new(&digest::SHA256);
        let mut field = |bytes: &[u8]| {
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        field(b"orbitr event v1");
        field(before);
        field(&self.id.to_be_bytes());
        field(&self.at.to_be_bytes());
        field(self.actor.as_bytes());
        field(self.action.as_bytes());
        for part in &self.subject {
            field(part.as_bytes());
        }
        field(self.outcome.as_bytes());
        field(self.detail.as_bytes());
        field(&[u8::from(self.address.is_some())]);
        field(self.address.as_deref().unwrap_or_default().as_bytes());
        let mut hash = START;
        for (to, from) in hash.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        hash
    }
}

/// Where the chain ends: how many rows, and the last one's hash.
pub(super) struct Head {
    pub(super) count: i64,
    pub(super) hash: [u8; HASH_BYTES],
}

/// The recorded end; the start of an empty history when none is recorded.
pub(super) fn head(conn: &Connection) -> Result<Head, Error> {
    let found = conn
        .prepare_cached("SELECT count, hash FROM event_head")?
        .query_row([], |row| Ok(Head { count: row.get(0)?, hash: row.get(1)? }))
        .optional()?;
    Ok(found.unwrap_or(Head { count: 0, hash: START }))
}

/// Records the end, sealed with the box key.
pub(super) fn put_head(conn: &Connection, head: &Head) -> Result<(), Error> {
    conn.prepare_cached(
        "INSERT INTO event_head (id, count, hash, seal) VALUES (1, ?1, ?2, orbitr_event_seal(?1, ?2))
         ON CONFLICT (id) DO UPDATE SET count = excluded.count, hash = excluded.hash, seal = excluded.seal",
    )?
    .execute(params![head.count, head.hash])?;
    Ok(())
}

/// Records the end again, sealed with another key.
pub(crate) fn reseal_head(conn: &Connection, key: &crate::secrets::BoxKey) -> Result<(), Error> {
    let head = head(conn)?;
    conn.execute("UPDATE event_head SET seal = ?1", [key.seal_head(head.count, &head.hash)])?;
    Ok(())
}

/// Reads all of history and says whether it is what was written: every row's hash, the numbering, and
/// the sealed end, so that changed, removed, reordered, added and cut-off rows are found.
///
/// Takes about a second for each 500 000 events.
///
/// # Errors
/// When the database cannot be read. A broken chain is the inner error.
pub fn verify(conn: &Connection) -> Result<Result<Verified, Broken>, Error> {
    let broken = |at: i64, why: &str| Ok(Err(Broken { at: EventId(at), why: why.to_owned() }));
    let mut last = Head { count: 0, hash: START };
    let mut statement = conn.prepare(
        "SELECT id, at, actor, action, subject_kind, subject_id, subject_name, outcome, detail, address, hash
         FROM event ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if id != last.count + 1 {
            return broken(last.count + 1, "it is missing");
        }
        // A column that is not even of its type was not written by us.
        let Ok((stored, hash)) = read(row) else { return broken(id, "it holds values of another kind") };
        if stored.hash(&last.hash) != hash {
            return broken(id, "it is not what was written");
        }
        last = Head { count: id, hash };
    }
    let sealed: Option<(i64, [u8; HASH_BYTES], bool)> = conn
        .query_row("SELECT count, hash, seal IS orbitr_event_seal(count, hash) FROM event_head", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    match sealed {
        None if last.count == 0 => {}
        None => return broken(last.count, "the record of the last event is missing"),
        Some((_, _, false)) => return broken(last.count, "the record of the last event is not sealed by this box"),
        Some((count, _, _)) if count > last.count => return broken(last.count + 1, "it is missing at the end"),
        Some((count, _, _)) if count < last.count => return broken(count + 1, "it was added from outside"),
        Some((_, hash, _)) if hash != last.hash => return broken(last.count, "it is not what was written"),
        Some(_) => {}
    }
    Ok(Ok(Verified { count: last.count, head: HEXLOWER.encode(&last.hash) }))
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Stored, [u8; HASH_BYTES])> {
    let stored = Stored {
        id: row.get(0)?,
        at: row.get(1)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        subject: [row.get(4)?, row.get(5)?, row.get(6)?],
        outcome: row.get(7)?,
        detail: row.get(8)?,
        address: row.get(9)?,
    };
    Ok((stored, row.get(10)?))
}
