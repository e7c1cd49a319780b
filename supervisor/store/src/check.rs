//! Whether a database file can be used.

use std::{fs::File, io::Read, path::Path};

use orbitr_model::RecoveryReason;
use rusqlite::{Connection, OpenFlags};

use crate::{
    Error, OpenError,
    connection::BUSY_LIMIT,
    files::DbFile,
    schema::{self, Schema},
};

const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Opens a database file after looking at it: it is SQLite's, whole, of the schema that its name says,
/// and has every table and column of it. Missing triggers, indexes and views are made again.
///
/// # Errors
/// [`OpenError::Recovery`] with what is wrong; [`OpenError::Io`] when it cannot even be read.
pub(crate) fn open_sound(file: &DbFile, known: &Schema) -> Result<Connection, OpenError> {
    has_header(&file.path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(&file.path, flags)?;
    conn.busy_timeout(BUSY_LIMIT)?;
    // The structure, not the values: evaluating each row's constraints would cost four times as much.
    conn.pragma_update(None, "ignore_check_constraints", "ON")?;
    is_whole(&conn, "quick_check")?;
    conn.pragma_update(None, "ignore_check_constraints", "OFF")?;
    let found = schema::version_of(&conn)?;
    if found > known.version() {
        return Err(OpenError::Recovery(RecoveryReason::TooNew { found, known: known.version() }));
    }
    if found != file.schema {
        let missing = format!("schema {} (it has {found})", file.schema);
        return Err(OpenError::Recovery(RecoveryReason::Incomplete { missing }));
    }
    let gaps = known.up_to(found).gaps_in(&conn)?;
    let incomplete = |missing: Option<&str>| {
        OpenError::Recovery(RecoveryReason::Incomplete { missing: missing.unwrap_or_default().to_owned() })
    };
    if gaps.lost().is_some() {
        return Err(incomplete(gaps.lost()));
    }
    let repaired = gaps.close(&mut conn).map_err(|error| match error {
        Error::Sqlite(_) => incomplete(gaps.any()),
        error => error.into(),
    })?;
    if !repaired.is_empty() {
        tracing::warn!(?repaired, "parts of the database's schema were missing and are there again");
    }
    Ok(conn)
}

/// SQLite takes an empty file for an empty database; for us it is one that lost its content.
fn has_header(path: &Path) -> Result<(), OpenError> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start))
        .map_err(Error::io(format!("reading {}", path.display())))?;
    if start == MAGIC {
        return Ok(());
    }
    let detail = if start.is_empty() { "the file is empty" } else { "the file is not a database" };
    Err(OpenError::Recovery(RecoveryReason::Corrupt { detail: detail.to_owned() }))
}

/// SQLite's own check of its file: `quick_check` (what a start can afford: about 1 s for each GiB) or
/// `integrity_check` (indexes too).
pub(crate) fn is_whole(conn: &Connection, check: &str) -> Result<(), OpenError> {
    let said: String = conn.query_row(&format!("PRAGMA {check}(1)"), [], |row| row.get(0))?;
    if said == "ok" { Ok(()) } else { Err(OpenError::Recovery(RecoveryReason::Corrupt { detail: said })) }
}
