//! The threads behind the store: one that writes, and connections that read.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use orbitr_model::Topic;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};

use crate::{Error, Redactor, Tx, connection, files::Lock, secrets::Keyring, space, time};

/// Writes that wait for their turn; further callers wait for a place.
const QUEUE: usize = 256;
const READERS: u32 = 4;
/// How long closing waits for reads that are under way.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

enum Message {
    Run(Job),
    Close(oneshot::Sender<()>),
}

/// The way to the writer thread.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
    redactor: Redactor,
    changes: broadcast::Sender<Topic>,
    written: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread. It holds the lock on the state directory until its connection is closed.
    pub(crate) fn start(
        conn: Connection,
        db: PathBuf,
        lock: Lock,
        redactor: Redactor,
        changes: broadcast::Sender<Topic>,
    ) -> Result<Self, Error> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || work(conn, jobs, &db, lock))
            .map_err(Error::io("starting the writer thread"))?;
        Ok(Self { queue, redactor, changes, written: Arc::default() })
    }

    /// Counts up with each transaction that was committed.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// Runs `f` in a transaction of its own on the writer thread. A caller that is gone before its turn
    /// changes nothing.
    pub(crate) async fn transact<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        E: From<Error> + Send + 'static,
        T: Send + 'static,
    {
        let this = self.clone();
        self.run(move |conn| this.transact_on(conn, f)).await
    }

    /// Runs `f` in a transaction of its own, on the writer thread already.
    pub(crate) fn transact_on<T, E: From<Error>>(
        &self,
        conn: &mut Connection,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let inner = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(Error::from)?;
        let mut tx = Tx::new(inner, &self.redactor, time::now());
        let value = f(&mut tx)?;
        let topics = tx.commit()?;
        self.written.fetch_add(1, Ordering::SeqCst);
        for topic in topics {
            // Nobody listens: nobody looks.
            let _ = self.changes.send(topic);
        }
        Ok(value)
    }

    /// Runs `f` on the writer thread, outside of any transaction.
    pub(crate) async fn run<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Connection) -> Result<T, E> + Send + 'static,
        E: From<Error> + Send + 'static,
        T: Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |conn| {
            if answer.is_closed() {
                return;
            }
            // An unwinding transaction is rolled back when it is dropped.
            let result = catch_unwind(AssertUnwindSafe(|| f(conn)));
            let _ = answer.send(result.unwrap_or_else(|_| Err(Error::Panicked.into())));
        });
        self.queue.send(Message::Run(job)).await.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }

    /// Does what is queued, then closes the database.
    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.queue.send(Message::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

fn work(mut conn: Connection, mut jobs: mpsc::Receiver<Message>, db: &Path, lock: Lock) {
    space::make_room(&mut conn);
    space::take_reserve(db);
    let mut waiting = Vec::new();
    while let Some(message) = jobs.blocking_recv() {
        match message {
            Message::Run(job) => job(&mut conn),
            Message::Close(done) => {
                jobs.close();
                waiting.push(done);
            }
        }
    }
    conn.flush_prepared_statement_cache();
    // A copy of the one file is then a copy of everything. Not being able to is no loss.
    if let Err(error) = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the log of the database was not folded in; the next start does it");
    }
    if let Err((_, error)) = conn.close() {
        tracing::warn!(%error, "the database did not close cleanly; nothing is lost");
    }
    // Closing gave the log's room back; the next start may need it.
    space::take_reserve(db);
    drop(lock);
    for done in waiting {
        let _ = done.send(());
    }
}

/// Connections that read, on the runtime's blocking threads.
pub(crate) struct Readers {
    free: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(crate) fn open(path: &Path, ring: &Keyring) -> Result<Arc<Self>, Error> {
        let idle = (0..READERS).map(|_| connection::reader(path, ring)).collect::<Result<Vec<_>, _>>()?;
        Ok(Arc::new(Self { free: Arc::new(Semaphore::new(READERS as usize)), idle: Mutex::new(idle) }))
    }

    /// Runs `f` on one connection, within one snapshot of the database.
    pub(crate) async fn run<T, E, F>(self: &Arc<Self>, f: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        E: From<Error> + Send + 'static,
        T: Send + 'static,
    {
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(|_| Error::Closed)?;
        let readers = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let conn = readers.take().ok_or(Error::Closed)?;
            let result = catch_unwind(AssertUnwindSafe(|| {
                let snapshot = conn.unchecked_transaction().map_err(Error::from)?;
                f(&snapshot)
            }));
            readers.put(conn);
            result.unwrap_or_else(|_| Err(Error::Panicked.into()))
        });
        task.await.map_err(|_| Error::Closed)?
    }

    fn take(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn put(&self, conn: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
    }

    /// Lets no new read begin, waits for those under way, and closes the connections.
    pub(crate) async fn close(&self) {
        let all = self.free.acquire_many(READERS);
        let waited = tokio::time::timeout(CLOSE_LIMIT, all).await;
        self.free.close();
        drop(waited);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
