//! What the box remembers: one SQLite database with history and secrets, written by one thread.
//!
//! What lives here: opening and migrating the database, the writer thread and the readers, history (the
//! `event` table), secrets at rest, redaction, and what can be done when the database cannot be used.
//! What may not: any table of a room (its migration file lies here, its queries live in the room), any
//! rule about who may do what, any call to the world outside the state directory.

mod check;
mod connection;
mod copy;
mod crash;
mod engine;
mod error;
pub mod events;
mod files;
mod migrate;
mod open;
mod pending;
pub mod recovery;
mod redact;
pub mod row;
pub mod schema;
mod secrets;
mod space;
pub mod tar;
#[cfg(test)]
mod tests;
pub mod time;
mod tx;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use orbitr_model::Topic;
use rusqlite::Connection;
use tokio::sync::{Mutex, broadcast};

use self::{
    engine::{Readers, Writer},
    open::Opened,
    recovery::Kept,
    schema::Schema,
};
pub use self::{
    error::{Error, OpenError},
    events::{NewEvent, Outcome, Subject},
    redact::{MARK, Redactor},
    secrets::{SecretText, Secrets},
    tx::Tx,
};

/// Has the box's key files sealed with a key that the machine keeps for us, from now on and in this whole process. To be
/// called once, before a store is opened; a key file from before stays readable.
pub fn seal_keys_with(key: [u8; 32]) {
    secrets::file::seal_with(key);
}

/// Changes that a slow listener may be behind before it is told that it missed some.
const CHANGES: usize = 1024;

/// The database of the box. A handle: clones share everything.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    writer: Writer,
    readers: Arc<Readers>,
    changes: broadcast::Sender<Topic>,
    secrets: Secrets,
    redactor: Redactor,
    /// One copy is made at a time; why the last one could not be made.
    copying: Mutex<()>,
    copy_trouble: RwLock<Option<String>>,
}

impl Store {
    /// Opens the database under the state directory `dir`, and makes it on the first start: checks the
    /// file and its schema, migrates on a copy where this Orbitr is newer, finds the box key.
    ///
    /// # Errors
    /// [`OpenError::Recovery`] when the database cannot be used as it is, see [`OpenError`].
    pub async fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_schema(dir, Schema::current()).await
    }

    async fn open_schema(dir: &Path, schema: Schema) -> Result<Self, OpenError> {
        let dir = dir.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let opened = open::open(&dir, &schema)?;
            Ok(Self::start(opened, dir)?)
        });
        opened.await.map_err(|_| OpenError::Io(Error::Panicked))?
    }

    fn start(opened: Opened, dir: PathBuf) -> Result<Self, Error> {
        let Opened { path, conn, lock, ring } = opened;
        let db = dir.join("db");
        let redactor = Redactor::default();
        secrets::teach(&conn, &ring, &redactor)?;
        let readers = Readers::open(&path, &ring)?;
        let (changes, _) = broadcast::channel(CHANGES);
        let writer = Writer::start(conn, db, lock, redactor.clone(), changes.clone())?;
        let secrets = Secrets::new(ring, redactor.clone(), writer.clone(), dir);
        let (copying, copy_trouble) = (Mutex::new(()), RwLock::default());
        let inner = Inner { path, writer, readers, changes, secrets, redactor, copying, copy_trouble };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Reads: `f` sees one snapshot of the database, on a thread that may block.
    ///
    /// # Errors
    /// Those of `f`; [`Error::Closed`] and [`Error::Panicked`].
    pub async fn read<T, E>(&self, f: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        E: From<Error> + Send + 'static,
        T: Send + 'static,
    {
        self.inner.readers.run(f).await
    }

    /// Writes: `f` runs on the one writer thread in a transaction of its own, which is committed when it
    /// returns `Ok` and rolled back otherwise. When this returns `Ok`, the change is on the disk; then
    /// the topics noted in the transaction go to [`Store::changes`]. A caller that goes away before its
    /// turn changes nothing. `f` must not wait for anything.
    ///
    /// # Errors
    /// Those of `f`; [`Error::DiskFull`], [`Error::Closed`], [`Error::Panicked`].
    pub async fn write<T, E>(&self, f: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        E: From<Error> + Send + 'static,
        T: Send + 'static,
    {
        self.inner.writer.transact(f).await
    }

    /// Stands for what the database holds: as long as it is the same number, so are the rows. Whoever keeps what was read
    /// takes the number before reading. Counts from 0 at each start.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.inner.writer.written()
    }

    /// What changes from now on. A reader that lags takes it as «everything changed».
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Topic> {
        self.inner.changes.subscribe()
    }

    /// Tells of a change that is not in the database: figures, a container's state, a job's progress.
    pub fn notify(&self, topic: Topic) {
        // Nobody listens: nobody looks.
        let _ = self.inner.changes.send(topic);
    }

    /// The box's secrets.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.inner.secrets
    }

    /// What takes the box's secrets out of text.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.inner.redactor
    }

    /// The file of the database.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Makes a copy of the database that [`recovery`] can go back to, while everybody goes on working, and
    /// removes all but the newest three of those.
    ///
    /// # Errors
    /// [`Error::DiskFull`] and as the database; then there is no new copy, and the old ones are still there.
    pub async fn keep_copy(&self) -> Result<Kept, Error> {
        let _one = self.inner.copying.lock().await;
        let path = self.inner.path.clone();
        let kept = self.read(move |conn| recovery::keep_copy(conn, &path)).await;
        let trouble = kept.as_ref().err().map(error::chain);
        *self.inner.copy_trouble.write().unwrap_or_else(PoisonError::into_inner) = trouble;
        self.notify(Topic::Box);
        kept
    }

    /// Why the last [`Store::keep_copy`] of this run failed; none when it did not.
    #[must_use]
    pub fn copy_trouble(&self) -> Option<String> {
        self.inner.copy_trouble.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Finishes what is queued, folds the write-ahead log in and closes the database. Whatever is asked
    /// afterwards fails with [`Error::Closed`].
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.writer.close().await;
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.inner.path).finish_non_exhaustive()
    }
}
