//! From the files on disk to a database that can be used, or to the reason why not.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use orbitr_model::RecoveryReason;
use rusqlite::Connection;

use crate::{
    Error, OpenError, connection,
    files::{self, DbFile, Lock},
    schema::Schema,
    secrets::{self, BoxKey, KEY_BYTES, Keyring},
    time,
};

/// A database that is ready, and what keeps it ours.
pub(crate) struct Opened {
    pub(crate) path: PathBuf,
    pub(crate) conn: Connection,
    pub(crate) lock: Lock,
    pub(crate) ring: Keyring,
}

pub(crate) fn open(dir: &Path) -> Result<Opened, OpenError> {
    let schema = Schema::current();
    let db = files::db_dir(dir)?;
    let lock = Lock::take(&db)?;
    let key = box_key(dir)?;
    let file = files::databases(&db)?.pop().unwrap_or_else(|| DbFile::new(&db, schema.version(), 1));
    if !file.path.exists() {
        let made = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&file.path);
        made.map_err(Error::io("making the database"))?;
        files::sync_dir(&db)?;
    }
    let ring = Keyring::new(key);
    let mut conn = connection::writer(&file.path, &ring)?;
    schema.apply(&mut conn, time::now()).map_err(|(name, error)| {
        OpenError::Recovery(RecoveryReason::MigrationFailed { detail: format!("{name}: {error}") })
    })?;
    if let Some(missing) = schema.missing_in(&conn)? {
        return Err(OpenError::Recovery(RecoveryReason::Incomplete { missing }));
    }
    if secrets::check_of(&conn)?.is_none() {
        secrets::put_check(&conn, &*ring.current()?)?;
    }
    Ok(Opened { path: file.path, conn, lock, ring })
}

fn box_key(dir: &Path) -> Result<BoxKey, OpenError> {
    let path = dir.join("box.key");
    match fs::read(&path) {
        Ok(bytes) => {
            let bytes: [u8; KEY_BYTES] = bytes.try_into().map_err(|_| {
                OpenError::Recovery(RecoveryReason::KeyMismatch { detail: "box.key is not 32 bytes long".to_owned() })
            })?;
            Ok(BoxKey::from_bytes(bytes))
        }
        Err(_) => {
            let key = BoxKey::generate()?;
            let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
            file.and_then(|mut file| file.write_all(key.as_bytes()).and_then(|()| file.sync_all()))
                .map_err(Error::io("writing box.key"))?;
            Ok(key)
        }
    }
}
