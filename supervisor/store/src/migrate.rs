//! A new file of the newest schema, made beside the old one and checked before it gets its name.

use std::path::Path;

use orbitr_model::RecoveryReason;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    Error, OpenError, check, copy, crash,
    files::{self, DbFile},
    pending::{self, Happened},
    schema::Schema,
    time,
};

/// Makes the first database.
pub(crate) fn fresh(db: &Path, schema: &Schema, generation: u64) -> Result<DbFile, OpenError> {
    let unfinished = files::unfinished(db)?;
    let conn = copy::workshop(&unfinished)?;
    finish(conn, &unfinished, DbFile::new(db, schema.version(), generation), schema, None)
}

/// Makes an empty database in the place of one that cannot be used, and says so in its history.
pub(crate) fn start_over(db: &Path, schema: &Schema, generation: u64, aside: &str) -> Result<DbFile, OpenError> {
    let unfinished = files::unfinished(db)?;
    let conn = copy::workshop(&unfinished)?;
    let note = (Happened::StartedOver, json!({ "old_database": aside }));
    finish(conn, &unfinished, DbFile::new(db, schema.version(), generation), schema, Some(note))
}

/// Brings a sound database to `schema`, as generation `generation`. The old file stays as it is.
pub(crate) fn migrate(
    db: &Path,
    (old, file): (&Connection, &DbFile),
    schema: &Schema,
    generation: u64,
) -> Result<DbFile, OpenError> {
    let unfinished = files::unfinished(db).map_err(failed)?;
    let conn = copy::copy(old, &unfinished).map_err(failed)?;
    let note = (Happened::Migrated, json!({ "from": file.schema, "to": schema.version() }));
    let to = DbFile::new(db, schema.version(), generation);
    finish(conn, &unfinished, to, schema, Some(note)).inspect_err(|_| {
        // The next start would remove it too.
        let _ = files::clear_unfinished(db);
    })
}

/// Gives an older Orbitr its own file back, as the newest generation: what a newer one wrote since stays
/// beside it.
pub(crate) fn go_back(
    db: &Path,
    (own, file): (&Connection, &DbFile),
    newer: &DbFile,
    generation: u64,
) -> Result<DbFile, OpenError> {
    let unfinished = files::unfinished(db)?;
    let conn = copy::copy(own, &unfinished)?;
    let detail = json!({ "schema": file.schema, "set_back_from": newer.schema });
    pending::add(&conn, Happened::WentBack, &detail)?;
    copy::close(conn)?;
    let to = DbFile::new(db, file.schema, generation);
    files::install(&unfinished, &to.path)?;
    Ok(to)
}

fn finish(
    mut conn: Connection,
    unfinished: &Path,
    to: DbFile,
    schema: &Schema,
    note: Option<(Happened, Value)>,
) -> Result<DbFile, OpenError> {
    // Off, because a migration that rebuilds a table drops the old one while others point at it.
    conn.pragma_update(None, "foreign_keys", "OFF")?;
    schema.apply(&mut conn, time::now()).map_err(|(name, error)| because(name, &error))?;
    crash::point("migrate:applied");
    let dangling: i64 = conn.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
    if dangling > 0 {
        return Err(reason(format!("{dangling} rows point at rows that are not there")));
    }
    check::is_whole(&conn, "integrity_check").map_err(|error| reason(format!("the copy is not sound: {error}")))?;
    if let Some(missing) = schema.gaps_in(&conn)?.any() {
        return Err(reason(format!("the copy has no {missing}")));
    }
    if let Some((what, detail)) = note {
        pending::add(&conn, what, &detail)?;
    }
    copy::close(conn)?;
    crash::point("migrate:checked");
    files::install(unfinished, &to.path).map_err(failed)?;
    Ok(to)
}

/// Not being able to migrate, a full disk included, leads to recovery and not to a supervisor that does
/// not start.
fn failed(error: Error) -> OpenError {
    because("making the copy", &error)
}

fn because(what: &str, error: &Error) -> OpenError {
    let mut detail = format!("{what}: {error}");
    if let Some(cause) = std::error::Error::source(error) {
        detail.push_str(&format!(": {cause}"));
    }
    reason(detail)
}

fn reason(detail: String) -> OpenError {
    OpenError::Recovery(RecoveryReason::MigrationFailed { detail })
}
