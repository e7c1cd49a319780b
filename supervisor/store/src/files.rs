//! The files of the store, and the operations on them that survive a power cut.
//!
//! `db/orbitr-v<schema>.<generation>.sqlite`: the one with the highest generation is the database. Every
//! change of the whole file (a migration, a restore) is a new file with the next generation, complete
//! and on the disk before it gets its name; so at every moment there is exactly one newest whole file,
//! and an older Orbitr finds the file of its own schema. `db/kept/` holds copies that were made to be
//! kept, `db/set-aside/<time>/` what was broken when the owner chose to go on without it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use orbitr_model::Timestamp;

use crate::{Error, OpenError, crash};

/// How many files before the current one stay, in `db` and in `db/kept` each.
pub(crate) const KEEP: usize = 3;
/// What is being made and has no name yet; the next start removes it.
const UNFINISHED: &str = ".unfinished";
/// What SQLite keeps beside a database that is or was in use.
const SIDE_FILES: [&str; 2] = ["-wal", "-shm"];

/// A supervisor that is being replaced may need a moment to let go.
const LOCK_LIMIT: Duration = Duration::from_secs(5);
const LOCK_STEP: Duration = Duration::from_millis(50);

/// A database file, as its name says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DbFile {
    /// First, so that files sort from the oldest to the newest. In `db/kept` it is the time in unix
    /// milliseconds.
    pub(crate) generation: u64,
    pub(crate) schema: u32,
    pub(crate) path: PathBuf,
}

impl DbFile {
    pub(crate) fn new(folder: &Path, schema: u32, generation: u64) -> Self {
        Self { generation, schema, path: folder.join(format!("orbitr-v{schema}.{generation}.sqlite")) }
    }

    fn read(path: PathBuf) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let (schema, generation) = name.strip_prefix("orbitr-v")?.strip_suffix(".sqlite")?.split_once('.')?;
        Some(Self { generation: generation.parse().ok()?, schema: schema.parse().ok()?, path })
    }

    /// The file and those beside it that exist.
    pub(crate) fn all(&self) -> Vec<PathBuf> {
        let beside = SIDE_FILES.iter().map(|end| with_ending(&self.path, end)).filter(|path| path.exists());
        std::iter::once(self.path.clone()).chain(beside).collect()
    }
}

fn with_ending(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Makes a folder that only we can read, with those above it.
fn private_dir(path: PathBuf) -> Result<PathBuf, Error> {
    let made = DirBuilder::new().mode(0o700).recursive(true).create(&path);
    made.map_err(Error::io(format!("making {}", path.display())))?;
    Ok(path)
}

/// The folder of the database, made if need be.
pub(crate) fn db_dir(dir: &Path) -> Result<PathBuf, Error> {
    private_dir(dir.join("db"))
}

/// The folder of the copies that were made to be kept, made if need be.
pub(crate) fn kept_dir(db: &Path) -> Result<PathBuf, Error> {
    private_dir(db.join("kept"))
}

/// The database files of a folder, the oldest first; none in a folder that does not exist.
pub(crate) fn databases(folder: &Path) -> Result<Vec<DbFile>, Error> {
    let mut found: Vec<DbFile> = names(folder)?.into_iter().filter_map(DbFile::read).collect();
    found.sort_unstable();
    Ok(found)
}

/// Everything in a folder; nothing in one that does not exist.
pub(crate) fn names(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let listed = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect()),
    };
    listed.map_err(Error::io(format!("reading {}", folder.display())))
}

/// An empty file to make a database in. It has no name that a start would look at.
pub(crate) fn unfinished(folder: &Path) -> Result<PathBuf, Error> {
    let path = folder.join(format!("new{UNFINISHED}"));
    clear_unfinished(folder)?;
    let made = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
    made.map_err(Error::io(format!("making {}", path.display())))?;
    Ok(path)
}

/// Removes what a crash left half made.
pub(crate) fn clear_unfinished(folder: &Path) -> Result<(), Error> {
    for path in names(folder)? {
        if path.file_name().is_some_and(|name| name.to_string_lossy().contains(UNFINISHED)) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Gives a finished file its name. Before and after a power cut at any moment, it is there whole under
/// that name or not at all.
pub(crate) fn install(from: &Path, to: &Path) -> Result<(), Error> {
    sync_file(from)?;
    crash::point("install:synced");
    fs::rename(from, to).map_err(Error::io(format!("renaming {}", from.display())))?;
    crash::point("install:renamed");
    sync_dir(to.parent().unwrap_or(Path::new("/")))
}

/// Removes all but the newest `keep` database files of a folder.
pub(crate) fn prune(folder: &Path, keep: usize) -> Result<(), Error> {
    let files = databases(folder)?;
    for old in files.iter().rev().skip(keep) {
        // The main file last: without it, nobody looks for the others.
        for path in old.all().iter().rev() {
            remove(path)?;
        }
    }
    Ok(())
}

/// Gives files a second name in `db/set-aside/<time>/`, durably. Their first names stay.
pub(crate) fn set_aside(db: &Path, paths: &[PathBuf], now: Timestamp) -> Result<PathBuf, Error> {
    let folder = private_dir(db.join("set-aside").join(now.strftime("%Y-%m-%dT%H-%M-%S%.3fZ").to_string()))?;
    for path in paths {
        let to = folder.join(path.file_name().unwrap_or_default());
        match fs::hard_link(path, &to) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::io(format!("setting {} aside", path.display()))(e));
            }
            _ => {}
        }
    }
    sync_dir(&folder)?;
    sync_dir(&db.join("set-aside"))?;
    sync_dir(db)?;
    Ok(folder)
}

/// Removes a file; one that is gone already is fine.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io(format!("removing {}", path.display()))(e)),
        _ => Ok(()),
    }
}

/// Makes what happened to the names in a folder survive a power cut.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io(format!("syncing {}", dir.display())))
}

fn sync_file(path: &Path) -> Result<(), Error> {
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
