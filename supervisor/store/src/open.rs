//! From the files on disk to a database that can be used, or to the reason why not.

use std::path::{Path, PathBuf};

use orbitr_model::RecoveryReason;
use rusqlite::Connection;

use crate::{
    Error, OpenError, check, connection, crash,
    files::{self, DbFile, KEEP, Lock},
    migrate, pending,
    schema::Schema,
    secrets::{self, Keyring},
    space,
};

/// A database that is ready, and what keeps it ours.
pub(crate) struct Opened {
    pub(crate) path: PathBuf,
    pub(crate) conn: Connection,
    pub(crate) lock: Lock,
    pub(crate) ring: Keyring,
}

/// Which file to use.
#[derive(Debug, PartialEq, Eq)]
enum Choice<'f> {
    /// There is none: this is the first start.
    None,
    /// The newest is of our schema.
    Newest(&'f DbFile),
    /// The newest is of an older schema.
    Older(&'f DbFile),
    /// A newer Orbitr wrote the newest, and our own file is still there.
    Own { own: &'f DbFile, newer: &'f DbFile },
}

/// Opens the database under the state directory `dir` for a binary that knows `schema`.
pub(crate) fn open(dir: &Path, schema: &Schema) -> Result<Opened, OpenError> {
    let db = files::db_dir(dir)?;
    let lock = Lock::take(&db)?;
    let (path, conn, ring) = match attempt(dir, &db, schema) {
        // A full disk looks like many failures; with the reserve given up, the second attempt has room.
        Err(OpenError::Io(_) | OpenError::Recovery(RecoveryReason::MigrationFailed { .. }))
            if space::give_up_reserve(&db) =>
        {
            attempt(dir, &db, schema)?
        }
        outcome => outcome?,
    };
    Ok(Opened { path, conn, lock, ring })
}

fn attempt(dir: &Path, db: &Path, schema: &Schema) -> Result<(PathBuf, Connection, Keyring), OpenError> {
    files::clear_unfinished(db)?;
    files::clear_unfinished(&db.join("kept"))?;
    let found = files::databases(db)?;
    let next = found.last().map_or(1, |file| file.generation + 1);
    let (file, mut conn) = match choose(&found, schema.version()).map_err(OpenError::Recovery)? {
        Choice::Newest(file) => (file.clone(), check::open_sound(file, schema)?),
        Choice::None => reopen(migrate::fresh(db, schema, next)?, schema)?,
        Choice::Older(file) => {
            let old = check::open_sound(file, schema)?;
            secrets::file::can_open(dir, &old)?;
            reopen(migrate::migrate(db, (&old, file), schema, next)?, schema)?
        }
        Choice::Own { own, newer } => {
            let conn = check::open_sound(own, schema)?;
            reopen(migrate::go_back(db, (&conn, own), newer, next)?, schema)?
        }
    };
    connection::for_writing(&conn)?;
    let ring = secrets::file::unlock(dir, &mut conn)?;
    connection::with_seal(&conn, &ring)?;
    pending::tell(&mut conn)?;
    crash::point("open:ready");
    files::prune(db, KEEP + 1)?;
    secrets::file::forget_unused(dir, db)?;
    Ok((file.path, conn, ring))
}

fn reopen(file: DbFile, schema: &Schema) -> Result<(DbFile, Connection), OpenError> {
    let conn = check::open_sound(&file, schema)?;
    Ok((file, conn))
}

fn choose(found: &[DbFile], known: u32) -> Result<Choice<'_>, RecoveryReason> {
    let Some(newest) = found.last() else { return Ok(Choice::None) };
    if newest.schema == known {
        return Ok(Choice::Newest(newest));
    }
    if newest.schema < known {
        return Ok(Choice::Older(newest));
    }
    match found.iter().rev().find(|file| file.schema == known) {
        Some(own) => Ok(Choice::Own { own, newer: newest }),
        None => Err(RecoveryReason::TooNew { found: newest.schema, known }),
    }
}

/// The newest database file of a state directory, whatever its state.
pub(crate) fn newest(db: &Path) -> Result<Option<DbFile>, Error> {
    Ok(files::databases(db)?.pop())
}
