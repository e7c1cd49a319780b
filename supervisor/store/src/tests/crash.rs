//! Power cuts: the test starts itself again as a child that ends at a named point, and then looks at what
//! the child left.
#![allow(clippy::disallowed_methods, reason = "the child is this test itself, and the crate for processes lies above")]

use std::{env, path::PathBuf, process::Command};

use orbitr_model::Actor;

use super::*;
use crate::{crash::ABORT_AT, recovery};

const CHILD_DIR: &str = "ORBITR_STORE_CHILD_DIR";
const CHILD_DOES: &str = "ORBITR_STORE_CHILD_DOES";

/// What the child does, when this process is one. On its own, this test has nothing to show.
#[tokio::test]
async fn child() {
    let (Ok(dir), Ok(does)) = (env::var(CHILD_DIR), env::var(CHILD_DOES)) else { return };
    let dir = PathBuf::from(dir);
    match does.as_str() {
        "start" => drop(open(&dir, V1).await),
        "migrate" => drop(open(&dir, V3).await),
        "go-back" => drop(open(&dir, V1).await),
        "rotate" => drop(open(&dir, V1).await.unwrap().secrets().rotate_key(Actor::Box, None).await),
        "keep" => drop(open(&dir, V1).await.unwrap().keep_copy().await),
        "restore" => recovery::restore_within(&dir, "orbitr-v1.1.sqlite", &Schema::of(V3)).unwrap(),
        other => panic!("a child does not know how to {other}"),
    }
}

/// Runs a child that ends at `point`; says whether it got that far.
fn ends_at(dir: &Path, does: &str, point: &str) -> bool {
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", "tests::crash::child", "--nocapture"])
        .envs([(CHILD_DOES, does), (ABORT_AT, point)])
        .env(CHILD_DIR, dir)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    !status.success()
}

async fn secret(store: &Store) -> Option<String> {
    let secrets = store.secrets().clone();
    let found = store.read(move |conn| secrets.get(conn, "a")).await.unwrap();
    found.map(|secret| secret.reveal().to_owned())
}

/// A directory with a database of version 1, an apple and a secret.
async fn with_apple() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), V1).await.unwrap();
    add(&store, "apple").await;
    let secrets = store.secrets().clone();
    store.write(move |tx| secrets.set(tx, "a", "a secret value")).await.unwrap();
    store.close().await;
    dir
}

const MAKING: [&str; 5] = ["copy:made", "migrate:applied", "migrate:checked", "install:synced", "install:renamed"];

#[tokio::test]
async fn a_first_start_that_is_cut_off_is_a_first_start_again() {
    for point in
        ["migrate:applied", "migrate:checked", "install:synced", "install:renamed", "key:written", "open:ready"]
    {
        let dir = tempfile::tempdir().unwrap();
        assert!(ends_at(dir.path(), "start", point), "{point}");
        let store = open(dir.path(), V1).await.unwrap();
        add(&store, "apple").await;
        assert_eq!((fruits(&store).await, whole_history(&store).await), (vec!["apple".to_owned()], 1), "{point}");
        assert_eq!(names(dir.path()).iter().filter(|name| name.ends_with("sqlite")).count(), 1, "{point}");
    }
}

#[tokio::test]
async fn a_migration_that_is_cut_off_leaves_the_old_or_the_new() {
    for point in MAKING.into_iter().chain(["open:ready"]) {
        let dir = with_apple().await;
        assert!(ends_at(dir.path(), "migrate", point), "{point}");
        let whole: Vec<String> = names(dir.path()).into_iter().filter(|name| name.ends_with(".sqlite")).collect();
        let renamed = ["install:renamed", "open:ready"].contains(&point);
        assert_eq!(whole.len(), if renamed { 2 } else { 1 }, "{point}");
        // The old Orbitr and the new one both find all of it, whichever starts next.
        let store = open(dir.path(), if renamed { V3 } else { V1 }).await.unwrap();
        assert_eq!(fruits(&store).await, ["apple"], "{point}");
        store.close().await;
        let store = open(dir.path(), V3).await.unwrap();
        assert_eq!(fruits(&store).await, ["apple"], "{point}");
        assert_eq!(whole_history(&store).await, 2, "{point}");
        assert_eq!(secret(&store).await.as_deref(), Some("a secret value"), "{point}");
        assert!(!names(dir.path()).iter().any(|name| name.contains("unfinished")), "{point}");
    }
}

#[tokio::test]
async fn going_back_to_an_older_orbitr_survives_a_cut() {
    for point in ["copy:made", "install:synced", "install:renamed"] {
        let dir = with_apple().await;
        open(dir.path(), V2).await.unwrap().close().await;
        assert!(ends_at(dir.path(), "go-back", point), "{point}");
        let store = open(dir.path(), V1).await.unwrap();
        assert_eq!(fruits(&store).await, ["apple"], "{point}");
        assert_eq!(whole_history(&store).await, 2, "{point}");
    }
}

#[tokio::test]
async fn a_restore_that_is_cut_off_leaves_the_old_or_the_new() {
    for point in
        ["copy:made", "restore:made", "replace:set-aside", "install:synced", "install:renamed", "replace:removed"]
    {
        let dir = with_apple().await;
        let store = open(dir.path(), V3).await.unwrap();
        add(&store, "pear").await;
        store.close().await;
        assert!(ends_at(dir.path(), "restore", point), "{point}");
        let store = open(dir.path(), V3).await.unwrap();
        let restored = ["install:renamed", "replace:removed"].contains(&point);
        let expected: &[&str] = if restored { &["apple"] } else { &["apple", "pear"] };
        assert_eq!(fruits(&store).await, expected, "{point}");
        assert_eq!(secret(&store).await.as_deref(), Some("a secret value"), "{point}");
        store.close().await;
        // Nothing is lost: what was replaced is set aside or still in its place.
        let aside = dir.path().join("db/set-aside");
        let kept = aside.exists() || names(dir.path()).contains(&"orbitr-v3.2.sqlite".to_owned());
        assert!(kept, "{point}");
    }
}

#[tokio::test]
async fn a_key_rotation_that_is_cut_off_leaves_everything_readable() {
    for point in ["rotate:written", "rotate:committed", "key:retired"] {
        let dir = with_apple().await;
        let key = std::fs::read(dir.path().join("box.key")).unwrap();
        assert!(ends_at(dir.path(), "rotate", point), "{point}");
        let store = open(dir.path(), V1).await.unwrap();
        assert_eq!(secret(&store).await.as_deref(), Some("a secret value"), "{point}");
        let committed = point != "rotate:written";
        assert_eq!(whole_history(&store).await, if committed { 2 } else { 1 }, "{point}");
        assert_eq!(std::fs::read(dir.path().join("box.key")).unwrap() != key, committed, "{point}");
        assert!(!dir.path().join("box.key.next").exists(), "{point}");
        store.secrets().rotate_key(Actor::Box, None).await.unwrap();
        assert_eq!(secret(&store).await.as_deref(), Some("a secret value"), "{point}");
    }
}

#[tokio::test]
async fn a_kept_copy_that_is_cut_off_is_whole_or_not_there() {
    for point in ["copy:made", "install:synced", "install:renamed"] {
        let dir = with_apple().await;
        assert!(ends_at(dir.path(), "keep", point), "{point}");
        let copies = recovery::kept(dir.path()).await.unwrap();
        assert_eq!(copies.len(), usize::from(point == "install:renamed"), "{point}");
        assert_eq!(fruits(&open(dir.path(), V1).await.unwrap()).await, ["apple"], "{point}");
        assert_eq!(std::fs::read_dir(dir.path().join("db/kept")).unwrap().count(), copies.len(), "{point}");
    }
}
