//! From one version to the next and back.

use std::fs;

use orbitr_model::RecoveryReason;
use rusqlite::Connection;

use super::*;
use crate::{OpenError, recovery};

#[tokio::test]
async fn a_newer_orbitr_migrates_a_copy_and_the_old_file_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), V1).await.unwrap();
    add(&store, "apple").await;
    store.close().await;
    let store = open(dir.path(), V3).await.unwrap();
    assert_eq!(fruits(&store).await, ["apple"]);
    assert_eq!(whole_history(&store).await, 2);
    add(&store, "pear").await;
    store.close().await;
    assert_eq!(names(dir.path()), ["orbitr-v1.1.sqlite", "orbitr-v3.2.sqlite"]);
    let record = Connection::open(dir.path().join("db/orbitr-v3.2.sqlite")).unwrap();
    let applied: i64 =
        record.query_row("SELECT count(*) FROM migration WHERE length(sha256) = 64", [], |r| r.get(0)).unwrap();
    assert_eq!(applied, 3);
}

#[tokio::test]
async fn an_older_orbitr_finds_its_own_file_and_the_newer_one_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), V1).await.unwrap();
    add(&store, "apple").await;
    store.close().await;
    let store = open(dir.path(), V2).await.unwrap();
    add(&store, "pear").await;
    store.close().await;

    let store = open(dir.path(), V1).await.unwrap();
    assert_eq!(fruits(&store).await, ["apple"]);
    assert_eq!(whole_history(&store).await, 2, "that it went back is in history");
    add(&store, "plum").await;
    store.close().await;
    assert_eq!(names(dir.path()), ["orbitr-v1.1.sqlite", "orbitr-v1.3.sqlite", "orbitr-v2.2.sqlite"]);

    // Forwards again: from what was written last, not from what the newer one had.
    let store = open(dir.path(), V2).await.unwrap();
    assert_eq!(fruits(&store).await, ["apple", "plum"]);
    store.close().await;
    // And what the newer one had is a copy that the owner can go back to.
    let copies = recovery::kept(dir.path()).await.unwrap();
    assert!(copies.iter().any(|copy| copy.id == "orbitr-v2.2.sqlite"));
    recovery::restore_within(dir.path(), "orbitr-v2.2.sqlite", &Schema::of(V2)).unwrap();
    assert_eq!(fruits(&open(dir.path(), V2).await.unwrap()).await, ["apple", "pear"]);
}

#[tokio::test]
async fn an_older_orbitr_without_a_file_of_its_own_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), V2).await.unwrap();
    add(&store, "apple").await;
    store.close().await;
    let refused = open(dir.path(), V1).await;
    assert!(matches!(refused, Err(OpenError::Recovery(RecoveryReason::TooNew { found: 2, known: 1 }))));
    assert_eq!(fruits(&open(dir.path(), V2).await.unwrap()).await, ["apple"]);
}

const FAILS_LATE: &[Migration] =
    &[BASE, ADD_COLUMN, Migration { name: "0003_broken", sql: "CREATE TABLE a (b TEXT) STRICT; DROP TABLE nowhere;" }];
const DANGLES: &[Migration] = &[BASE, Migration { name: "0002_dangles", sql: "DELETE FROM fruit;" }];

#[tokio::test]
async fn a_migration_that_fails_leaves_the_old_database_untouched() {
    for (migrations, said) in [(FAILS_LATE, "0003_broken"), (DANGLES, "1 rows point")] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), V1).await.unwrap();
        add(&store, "apple").await;
        store.close().await;
        let before = fs::read(dir.path().join("db/orbitr-v1.1.sqlite")).unwrap();
        let refused = open(dir.path(), migrations).await.unwrap_err();
        assert!(
            matches!(&refused, OpenError::Recovery(RecoveryReason::MigrationFailed { detail }) if detail.contains(said)),
            "{refused:?}"
        );
        assert_eq!(names(dir.path()), ["orbitr-v1.1.sqlite"]);
        assert_eq!(fs::read(dir.path().join("db/orbitr-v1.1.sqlite")).unwrap(), before);
        assert_eq!(fruits(&open(dir.path(), V1).await.unwrap()).await, ["apple"]);
    }
}

#[tokio::test]
async fn a_database_with_a_lost_key_is_not_migrated() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), V1).await.unwrap();
    let secrets = store.secrets().clone();
    store.write(move |tx| secrets.set(tx, "a", "a secret value")).await.unwrap();
    store.close().await;
    fs::remove_file(dir.path().join("box.key")).unwrap();
    let refused = open(dir.path(), V2).await;
    assert!(matches!(refused, Err(OpenError::Recovery(RecoveryReason::KeyMismatch { .. }))));
    assert_eq!(names(dir.path()), ["orbitr-v1.1.sqlite"]);
}

#[tokio::test]
async fn a_damaged_database_is_not_migrated_and_no_older_one_takes_its_place() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path(), V1).await.unwrap().close().await;
    open(dir.path(), V2).await.unwrap().close().await;
    fs::write(dir.path().join("db/orbitr-v2.2.sqlite"), "broken").unwrap();
    for migrations in [V2, V3] {
        let refused = open(dir.path(), migrations).await;
        assert!(matches!(refused, Err(OpenError::Recovery(RecoveryReason::Corrupt { .. }))));
    }
}

#[tokio::test]
async fn three_older_files_stay() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..4 {
        open(dir.path(), V1).await.unwrap().close().await;
        open(dir.path(), V2).await.unwrap().close().await;
        assert!(names(dir.path()).len() <= 4, "round {round}: {:?}", names(dir.path()));
    }
    assert_eq!(names(dir.path()).len(), 4);
}

#[test]
fn every_migration_of_this_orbitr_applies_and_is_strict() {
    let mut conn = Connection::open_in_memory().unwrap();
    let schema = Schema::current();
    schema.apply(&mut conn, crate::time::now()).unwrap();
    assert_eq!(schema.gaps_in(&conn).unwrap().any(), None);
    let loose: Vec<String> = conn
        .prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND NOT strict AND name NOT LIKE 'sqlite%'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(loose, [""; 0]);
}
