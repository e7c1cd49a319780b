//! Copies of the whole database: how a migration, a restore and a kept copy are made.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, backup::Backup};

use crate::{Error, crash};

/// All at once: nobody else writes while a copy is made.
const PAGES_A_STEP: std::ffi::c_int = 4096;

/// Copies everything, the write-ahead log included, into the empty file `to`, and opens that: as one
/// file without a log beside it, not yet synced.
pub(crate) fn copy(from: &Connection, to: &Path) -> Result<Connection, Error> {
    let mut copy = workshop(to)?;
    Backup::new(from, &mut copy)?.run_to_completion(PAGES_A_STEP, Duration::ZERO, None)?;
    crash::point("copy:made");
    one_file(&copy)?;
    Ok(copy)
}

/// Opens a file without a name, in which a database is made. What is written is synced once, at the end,
/// by [`crate::files::install`].
pub(crate) fn workshop(path: &Path) -> Result<Connection, Error> {
    let conn = Connection::open(path)?;
    one_file(&conn)?;
    Ok(conn)
}

fn one_file(conn: &Connection) -> Result<(), Error> {
    conn.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "OFF")?;
    Ok(())
}

/// Closes a connection that was written through, so that nothing is left in it.
pub(crate) fn close(conn: Connection) -> Result<(), Error> {
    conn.close().map_err(|(_, error)| error.into())
}
