//! The hash chain: what each row's hash covers, and whether the chain is whole.

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use orbitr_model::EventId;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    Error,
    secrets::{BoxKey, Keyring},
};

/// SQL function of every connection of the store: the seal over a count and a hash.
pub(crate) const SEAL: &str = "orbitr_event_seal";
/// And whether a seal is ours. So neither writing nor checking needs a key in the hands of its caller.
pub(crate) const SEALED: &str = "orbitr_event_sealed";

const HASH_BYTES: usize = 32;
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
    pub(super) fn hash(&self, before: &[u8]) -> Vec<u8> {
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
        context.finish().as_ref().to_vec()
    }
}

/// Where a chain ends: how many rows, and the last one's hash.
#[derive(PartialEq, Eq)]
pub(super) struct Head {
    pub(super) count: i64,
    pub(super) hash: Vec<u8>,
}

impl Head {
    fn start() -> Self {
        Self { count: 0, hash: START.to_vec() }
    }
}

/// The end that is recorded and sealed.
struct Recorded {
    head: Head,
    /// Whether the seal is this box's.
    sealed: bool,
    /// Where the chain was found broken when it grew the next time.
    broken_at: Option<i64>,
}

fn recorded(conn: &Connection) -> Result<Option<Recorded>, Error> {
    let sql = "SELECT count, hash, orbitr_event_sealed(count, hash, seal), broken_at FROM event_head";
    let found = conn.prepare_cached(sql)?.query_row([], |row| {
        Ok(Recorded {
            head: Head { count: row.get(0)?, hash: row.get(1)? },
            sealed: row.get(2)?,
            broken_at: row.get(3)?,
        })
    });
    Ok(found.optional()?)
}

/// The last row that is there.
pub(super) fn last(conn: &Connection) -> Result<Head, Error> {
    let found = conn
        .prepare_cached("SELECT id, hash FROM event ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| Ok(Head { count: row.get(0)?, hash: row.get(1)? }))
        .optional()?;
    Ok(found.unwrap_or_else(Head::start))
}

/// Records the new end after `before`. When the recorded end was not `before`, somebody was at the
/// table: history goes on, because a box must, but its seal stays broken for good.
pub(super) fn grow(conn: &Connection, before: &Head, end: &Head) -> Result<(), Error> {
    let broken_at = match recorded(conn)? {
        None if before.count == 0 => None,
        None => Some(before.count),
        Some(Recorded { broken_at: Some(at), .. }) => Some(at),
        Some(known) if known.sealed && known.head == *before => None,
        Some(known) => Some(known.head.count.min(before.count) + i64::from(known.head.count != before.count)),
    };
    conn.prepare_cached(
        "INSERT INTO event_head (id, count, hash, seal, broken_at)
         VALUES (1, ?1, ?2, iif(?3 IS NULL, orbitr_event_seal(?1, ?2), x''), ?3)
         ON CONFLICT (id) DO UPDATE SET count = excluded.count, hash = excluded.hash,
             seal = excluded.seal, broken_at = excluded.broken_at",
    )?
    .execute(params![end.count, end.hash, broken_at])?;
    Ok(())
}

/// Seals the recorded end with `key` in the place of one in `ring`. A seal that is broken stays so.
pub(crate) fn reseal_head(conn: &Connection, ring: &Keyring, key: &BoxKey) -> Result<(), Error> {
    let found = conn.query_row("SELECT count, hash, seal FROM event_head", [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
    });
    if let Some((count, hash, seal)) = found.optional()?
        && ring.sealed_head(count, &hash, &seal)
    {
        conn.execute("UPDATE event_head SET seal = ?1", [key.seal_head(count, &hash)])?;
    }
    Ok(())
}

/// Seals the recorded end with a key that has nothing to do with the one before; says whether there was
/// an end to seal.
pub(crate) fn seal_head_with(conn: &Connection, key: &BoxKey) -> Result<bool, Error> {
    let found = conn.query_row("SELECT count, hash FROM event_head WHERE broken_at IS NULL", [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
    });
    let Some((count, hash)) = found.optional()? else { return Ok(false) };
    conn.execute("UPDATE event_head SET seal = ?1", [key.seal_head(count, &hash)])?;
    Ok(true)
}

/// Reads all of history and says whether it is what was written: every row's hash, the numbering, and
/// the sealed end, so that changed, removed, reordered, added and cut-off rows are found. For
/// connections of the store only. Takes about a second for each 500 000 events.
///
/// # Errors
/// When the database cannot be read. A broken chain is the inner error.
pub fn verify(conn: &Connection) -> Result<Result<Verified, Broken>, Error> {
    let mut end = Head::start();
    let mut statement = conn.prepare(
        "SELECT id, at, actor, action, subject_kind, subject_id, subject_name, outcome, detail, address, hash
         FROM event ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if id != end.count + 1 {
            return Ok(Err(broken(end.count + 1, "it is missing")));
        }
        // A column that is not even of its type was not written by us.
        let Ok((stored, hash)) = read(row) else { return Ok(Err(broken(id, "it holds values of another kind"))) };
        if stored.hash(&end.hash) != hash {
            return Ok(Err(broken(id, "it is not what was written")));
        }
        end = Head { count: id, hash };
    }
    let verdict = match recorded(conn)? {
        None if end.count == 0 => None,
        None => Some(broken(end.count, "the record of the end is missing")),
        Some(Recorded { broken_at: Some(at), .. }) => {
            Some(broken(at, "the end had been changed before history went on"))
        }
        Some(known) if known.head.count > end.count => Some(broken(end.count + 1, "it is missing at the end")),
        Some(known) if known.head.count < end.count => Some(broken(known.head.count + 1, "it was added from outside")),
        Some(known) if known.head != end => Some(broken(end.count, "it is not what was written")),
        Some(known) if !known.sealed => Some(broken(end.count, "the record of the end is not sealed by this box")),
        Some(_) => None,
    };
    Ok(match verdict {
        Some(broken) => Err(broken),
        None => Ok(Verified { count: end.count, head: HEXLOWER.encode(&end.hash) }),
    })
}

fn broken(at: i64, why: &str) -> Broken {
    Broken { at: EventId(at), why: why.to_owned() }
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Stored, Vec<u8>)> {
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
