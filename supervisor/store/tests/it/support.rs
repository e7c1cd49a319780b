//! A store in a temporary directory, and raw access to its file as somebody with root would have.

use std::path::{Path, PathBuf};

use orbitr_model::{Actor, RecoveryReason};
use orbitr_store::{Error, NewEvent, OpenError, Outcome, Store, Subject};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

pub(crate) struct Box {
    pub(crate) dir: TempDir,
}

impl Box {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.dir().join("box.key")
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(self.dir()).await.unwrap()
    }

    /// Why the store does not open.
    pub(crate) async fn refusal(&self) -> RecoveryReason {
        match Store::open(self.dir()).await {
            Err(OpenError::Recovery(reason)) => reason,
            other => panic!("it should need recovery, but {other:?}"),
        }
    }

    /// Every database file, the newest last.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.dir().join("db"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "sqlite"))
            .collect();
        files.sort();
        files
    }

    pub(crate) fn newest(&self) -> PathBuf {
        self.files().pop().unwrap()
    }

    /// A connection beside the store's, without its triggers' protection.
    pub(crate) fn raw(&self) -> Connection {
        let conn = Connection::open(self.newest()).unwrap();
        conn.execute_batch(
            "DROP TRIGGER IF EXISTS event_no_update; DROP TRIGGER IF EXISTS event_no_delete;
             DROP TRIGGER IF EXISTS event_in_order; DROP TRIGGER IF EXISTS event_head_no_delete;
             PRAGMA ignore_check_constraints = ON;",
        )
        .unwrap();
        conn
    }
}

pub(crate) fn event(action: &'static str) -> NewEvent {
    NewEvent {
        actor: Actor::Box,
        action,
        subject: Subject::new("app", "notes", "Notes"),
        outcome: Outcome::Ok,
        detail: json!({ "from": 1 }),
        address: Some([192, 168, 1, 20].into()),
    }
}

pub(crate) async fn write_events(store: &Store, count: usize) {
    store
        .write(move |tx| {
            for _ in 0..count {
                tx.event(event("app.stop"))?;
            }
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
}
