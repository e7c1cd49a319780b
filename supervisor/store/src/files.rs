//! The files of the store, and the operations on them that survive a power cut.
//!
//! `db/orbitr-v<schema>.<generation>.sqlite`: the one with the highest generation is the database. Every
//! change of the whole file (a migration, a restore) is a new file with the next generation, complete
//! and on the disk before it gets its name; so at every moment there is exactly one newest whole file.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{Error, OpenError};

/// A supervisor that is being replaced may need a moment to let go.
const LOCK_LIMIT: Duration = Duration::from_secs(5);
const LOCK_STEP: Duration = Duration::from_millis(50);

/// A database file, as its name says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DbFile {
    /// First, so that files sort from the oldest to the newest.
    pub(crate) generation: u64,
    pub(crate) schema: u32,
    pub(crate) path: PathBuf,
}

impl DbFile {
    pub(crate) fn new(db: &Path, schema: u32, generation: u64) -> Self {
        Self { generation, schema, path: db.join(format!("orbitr-v{schema}.{generation}.sqlite")) }
    }

    fn read(path: PathBuf) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let (schema, generation) = name.strip_prefix("orbitr-v")?.strip_suffix(".sqlite")?.split_once('.')?;
        Some(Self { generation: generation.parse().ok()?, schema: schema.parse().ok()?, path })
    }
}

/// The folder of the database, made if need be, readable by us alone.
pub(crate) fn db_dir(dir: &Path) -> Result<PathBuf, Error> {
    let db = dir.join("db");
    let made = DirBuilder::new().mode(0o700).recursive(true).create(&db);
    made.map_err(Error::io(format!("making {}", db.display())))?;
    Ok(db)
}

/// Every database file, the oldest first.
pub(crate) fn databases(db: &Path) -> Result<Vec<DbFile>, Error> {
    let reading = || format!("reading {}", db.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(db).map_err(Error::io(reading()))? {
        found.extend(DbFile::read(entry.map_err(Error::io(reading()))?.path()));
    }
    found.sort_unstable();
    Ok(found)
}

/// Makes what happened to the names in a folder survive a power cut.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io(format!("syncing {}", dir.display())))
}

/// Makes a file's content survive a power cut.
pub(crate) fn sync_file(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::io(format!("syncing {}", path.display())))
}

/// The sole use of a state directory; the kernel gives it back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits up to five seconds for another process to let go.
    pub(crate) fn take(db: &Path) -> Result<Self, OpenError> {
        let path = db.join("lock");
        let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = opened.map_err(Error::io(format!("opening {}", path.display())))?;
        let give_up = Instant::now() + LOCK_LIMIT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < give_up => thread::sleep(LOCK_STEP),
                Err(TryLockError::WouldBlock) => return Err(OpenError::InUse),
                Err(TryLockError::Error(e)) => return Err(Error::io(format!("locking {}", path.display()))(e).into()),
            }
        }
    }
}
