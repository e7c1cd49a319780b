//! What can be done when the database cannot be used. Nothing here deletes the broken one: it goes to
//! `db/set-aside/<time>/`, and history says so when the new one is opened.
//!
//! Everything here works on a state directory that no [`crate::Store`] has open.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use orbitr_model::{ByteSize, Problem, RecoveryReason, Timestamp};
use rusqlite::Connection;
use serde::Serialize;
use serde_json::json;

use crate::{
    Error, OpenError, check, copy, crash,
    files::{self, DbFile, KEEP, Lock},
    migrate, open,
    pending::{self, Happened},
    schema::Schema,
    secrets, tar, time,
};

/// A copy of the database that can be gone back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Kept {
    /// What [`restore`] takes.
    pub id: String,
    /// The version of its schema.
    pub schema: u32,
    /// When it was last written to.
    pub at: Timestamp,
    /// How large it is.
    pub size: ByteSize,
    /// Whether this Orbitr can use it: false for one that a newer Orbitr wrote.
    pub usable: bool,
}

impl Kept {
    fn of(file: &DbFile) -> Option<Self> {
        let metadata = fs::metadata(&file.path).ok()?;
        let at = metadata.modified().ok().and_then(|at| Timestamp::try_from(at).ok())?;
        Some(Self {
            id: file.path.file_name()?.to_str()?.to_owned(),
            schema: file.schema,
            at: time::from_ms(time::to_ms(at)),
            size: ByteSize(metadata.len()),
            usable: file.schema <= Schema::current().version(),
        })
    }
}

/// Why a way out of recovery did not work. The database is then as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// There is no such copy.
    #[error("there is no kept copy {0}")]
    NoSuchCopy(String),
    /// The copy cannot be used either, or the store is open, or the disk refused.
    #[error("the database could not be replaced")]
    Open(#[source] OpenError),
    /// There is no database at all.
    #[error("there is no database")]
    NoDatabase,
}

impl<E: Into<OpenError>> From<E> for RecoveryError {
    fn from(error: E) -> Self {
        Self::Open(error.into())
    }
}

impl From<RecoveryError> for Problem {
    fn from(error: RecoveryError) -> Self {
        match error {
            RecoveryError::NoSuchCopy(id) => Self::not_found("kept copy", id),
            RecoveryError::Open(error) => error.into(),
            RecoveryError::NoDatabase => Self::not_found("database", "current"),
        }
    }
}

/// The copies that are kept, the newest first. The database itself, whole or not, is not among them.
///
/// # Errors
/// When the folder cannot be read.
pub async fn kept(dir: &Path) -> Result<Vec<Kept>, RecoveryError> {
    blocking(dir, |dir| {
        let mut kept: Vec<Kept> = candidates(&files::db_dir(dir)?)?.iter().filter_map(Kept::of).collect();
        kept.sort_unstable_by(|a, b| b.at.cmp(&a.at).then_with(|| b.id.cmp(&a.id)));
        Ok(kept)
    })
    .await
}

/// Puts the kept copy `id` in the place of the database, which is set aside. A crash at any moment
/// leaves the one or the other. The next [`crate::Store::open`] migrates it where it is older.
///
/// # Errors
/// [`RecoveryError::NoSuchCopy`]; [`RecoveryError::Open`] when the copy cannot be used either.
pub async fn restore(dir: &Path, id: &str) -> Result<(), RecoveryError> {
    let id = id.to_owned();
    blocking(dir, move |dir| restore_within(dir, &id, &Schema::current())).await
}

pub(crate) fn restore_within(dir: &Path, id: &str, schema: &Schema) -> Result<(), RecoveryError> {
    let (db, _lock) = take(dir)?;
    // Only a name that was found is ever opened.
    let file = candidates(&db)?
        .into_iter()
        .find(|file| file.path.file_name().is_some_and(|name| name == id))
        .ok_or_else(|| RecoveryError::NoSuchCopy(id.to_owned()))?;
    if file.schema > schema.version() {
        let reason = RecoveryReason::TooNew { found: file.schema, known: schema.version() };
        return Err(OpenError::Recovery(reason).into());
    }
    let good = check::open_sound(&file, schema)?;
    let unfinished = files::unfinished(&db)?;
    let conn = copy::copy(&good, &unfinished)?;
    pending::add(&conn, Happened::Restored, &json!({ "copy": id }))?;
    copy::close(conn)?;
    crash::point("restore:made");
    replace(dir, &db, |next, _| Ok(files::install(&unfinished, &DbFile::new(&db, file.schema, next).path)?))?;
    Ok(())
}

/// Puts an empty database in the place of the one that cannot be used, which is set aside. The box is
/// then unclaimed. Returns the folder in which the old one is.
///
/// # Errors
/// [`RecoveryError::Open`] when the store is open or the disk refuses.
pub async fn start_over(dir: &Path) -> Result<PathBuf, RecoveryError> {
    blocking(dir, |dir| {
        let (db, _lock) = take(dir)?;
        let aside = replace(dir, &db, |next, aside| {
            let name = aside.file_name().unwrap_or_default().to_string_lossy();
            migrate::start_over(&db, &Schema::current(), next, &name)?;
            Ok(())
        })?;
        Ok(aside)
    })
    .await
}

/// Goes on without the secrets, when the box key is lost for good: everything else stays. Whoever needs
/// one of the secrets has to give it anew. The old database is set aside.
///
/// # Errors
/// [`RecoveryError::Open`] when the database cannot be used for another reason, or the disk refuses.
pub async fn forget_secrets(dir: &Path) -> Result<PathBuf, RecoveryError> {
    blocking(dir, |dir| {
        let (db, _lock) = take(dir)?;
        let file = open::newest(&db)?.ok_or(RecoveryError::NoDatabase)?;
        let old = check::open_sound(&file, &Schema::current())?;
        let unfinished = files::unfinished(&db)?;
        let conn = copy::copy(&old, &unfinished)?;
        let count = conn.execute("DELETE FROM secret", [])?;
        conn.execute("DELETE FROM box_key", [])?;
        pending::add(&conn, Happened::SecretsForgotten, &json!({ "count": count }))?;
        // Nothing of them stays in free pages.
        conn.execute_batch("VACUUM")?;
        copy::close(conn)?;
        drop(old);
        let to = |next| DbFile::new(&db, file.schema, next).path;
        Ok(replace(dir, &db, |next, _| Ok(files::install(&unfinished, &to(next))?))?)
    })
    .await
}

/// Writes the files of the database as they are, as a tar archive. The box key is not among them, so the
/// secrets in it stay sealed. Blocks; call it where blocking is allowed.
///
/// # Errors
/// [`RecoveryError::NoDatabase`]; [`RecoveryError::Open`] when the store is open, or reading or writing fails.
pub fn export(dir: &Path, out: &mut dyn Write) -> Result<(), RecoveryError> {
    let (db, _lock) = take(dir)?;
    let file = open::newest(&db)?.ok_or(RecoveryError::NoDatabase)?;
    tar::write(&file.all(), out).map_err(Error::io("exporting the database"))?;
    Ok(())
}

/// See [`crate::Store::keep_copy`]; `path` is the database of `conn`.
pub(crate) fn keep_copy(conn: &Connection, path: &Path) -> Result<Kept, Error> {
    let db = path.parent().unwrap_or(Path::new("/"));
    let folder = files::kept_dir(db)?;
    let unfinished = files::unfinished(&folder)?;
    let copied = copy::copy(conn, &unfinished)?;
    let schema = crate::schema::version_of(&copied)?;
    copy::close(copied)?;
    let ms = u64::try_from(time::to_ms(time::now())).unwrap_or(0);
    let file = DbFile::new(&folder, schema, ms);
    files::install(&unfinished, &file.path)?;
    files::prune(&folder, KEEP)?;
    Kept::of(&file).ok_or_else(|| Error::io("reading the new copy")(std::io::ErrorKind::NotFound.into()))
}

/// Every copy but the database itself.
fn candidates(db: &Path) -> Result<Vec<DbFile>, Error> {
    let mut found = files::databases(db)?;
    found.pop();
    found.extend(files::databases(&db.join("kept"))?);
    Ok(found)
}

/// Sets the newest database aside while `make` puts the next generation in its place; a key file that is
/// no key goes with it. Returns the folder in which the old one is.
fn replace(
    dir: &Path,
    db: &Path,
    make: impl FnOnce(u64, &Path) -> Result<(), OpenError>,
) -> Result<PathBuf, OpenError> {
    let newest = open::newest(db)?;
    let next = newest.as_ref().map_or(1, |file| file.generation + 1);
    let mut old = newest.map_or_else(Vec::new, |file| file.all());
    old.extend(secrets::file::malformed(dir)?);
    let aside = files::set_aside(db, &old, time::now())?;
    crash::point("replace:set-aside");
    make(next, &aside)?;
    // The main file last: what lies beside it means nothing without it.
    for path in old.iter().rev() {
        files::remove(path)?;
        crash::point("replace:removed");
    }
    files::sync_dir(db)?;
    files::sync_dir(dir)?;
    Ok(aside)
}

fn take(dir: &Path) -> Result<(PathBuf, Lock), OpenError> {
    let db = files::db_dir(dir)?;
    let lock = Lock::take(&db)?;
    files::clear_unfinished(&db)?;
    Ok((db, lock))
}

async fn blocking<T: Send + 'static>(
    dir: &Path,
    f: impl FnOnce(&Path) -> Result<T, RecoveryError> + Send + 'static,
) -> Result<T, RecoveryError> {
    let dir = dir.to_owned();
    tokio::task::spawn_blocking(move || f(&dir)).await.map_err(|_| Error::Panicked)?
}
