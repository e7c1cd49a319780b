//! How a connection to the database is set up.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig, functions::FunctionFlags};

use crate::{Error, events, secrets::Keyring, space};

/// Only another process (a backup tool, `sqlite3` in somebody's hands) can hold a lock for so long.
pub(crate) const BUSY_LIMIT: Duration = Duration::from_secs(10);
const STATEMENT_CACHE: usize = 128;
const WRITER_CACHE_KIB: i64 = 256;

/// Sets up the one connection that writes: a commit is on the disk when it returns.
pub(crate) fn for_writing(conn: &Connection) -> Result<(), Error> {
    conn.busy_timeout(BUSY_LIMIT)?;
    one_plan(conn)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "wal_autocheckpoint", space::LOG_PAGES)?;
    conn.pragma_update(None, "foreign_keys", "ON")?;
    // What is written is read again by the readers; the kernel holds the file's pages anyway.
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    conn.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(())
}

/// One plan a statement, whatever values are bound: without this, SQLite prepares a cached statement again for each
/// value that might matter to its statistics, which costs more than the statement.
fn one_plan(conn: &Connection) -> Result<(), Error> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// A connection that reads. It could not write if it tried.
pub(crate) fn reader(path: &Path, ring: &Keyring) -> Result<Connection, Error> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY_LIMIT)?;
    one_plan(&conn)?;
    conn.pragma_update(None, "query_only", "ON")?;
    with_seal(&conn, ring)?;
    conn.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(conn)
}

/// Makes the seal of history known to SQL, for statements of ours only (not for triggers or views that
/// somebody put into the file).
pub(crate) fn with_seal(conn: &Connection, ring: &Keyring) -> Result<(), Error> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    let keys = ring.clone();
    conn.create_scalar_function(events::SEAL, 2, flags, move |cx| {
        let key = keys.current().map_err(|e| rusqlite::Error::UserFunctionError(Box::new(e)))?;
        Ok(key.seal_head(cx.get(0)?, &cx.get::<Vec<u8>>(1)?).to_vec())
    })?;
    let keys = ring.clone();
    conn.create_scalar_function(events::SEALED, 3, flags, move |cx| {
        Ok(keys.sealed_head(cx.get(0)?, &cx.get::<Vec<u8>>(1)?, &cx.get::<Vec<u8>>(2)?))
    })?;
    Ok(())
}
