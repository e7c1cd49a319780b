use std::fs;

use orbitr_model::{Actor, RecoveryReason};
use orbitr_store::{
    Error, OpenError, Store,
    events::{self, Filter},
    recovery::{self, RecoveryError},
};
use rusqlite::Connection;

use crate::{
    secrets::{get, set},
    support::{Box, write_events},
};

async fn put(store: &Store, value: &'static str) {
    let sql = "INSERT INTO setting (key, value) VALUES ('note', ?1) ON CONFLICT DO UPDATE SET value = excluded.value";
    store.write(move |tx| Ok::<_, Error>(tx.execute(sql, [value])?)).await.unwrap();
}

async fn note(store: &Store) -> Option<String> {
    let sql = "SELECT max(value) FROM setting WHERE key = 'note'";
    store.read(move |conn| Ok::<_, Error>(conn.query_row(sql, [], |row| row.get(0))?)).await.unwrap()
}

async fn last_action(store: &Store) -> String {
    let page = store.read(|conn| events::page(conn, &Filter::default(), &Default::default())).await.unwrap();
    page.items.first().map(|event| event.action.clone()).unwrap_or_default()
}

/// A box with a kept copy that says «old» and a database that says «new».
async fn with_copy() -> Box {
    let the_box = Box::new();
    let store = the_box.open().await;
    set(&store, "a", "first secret").await.unwrap();
    write_events(&store, 200).await;
    put(&store, "old").await;
    store.keep_copy().await.unwrap();
    put(&store, "new").await;
    store.close().await;
    the_box
}

#[tokio::test]
async fn damage_of_many_kinds_is_found_at_the_start() {
    for damage in ["empty", "no database", "cut off", "a page of noise"] {
        let the_box = with_copy().await;
        let file = the_box.newest();
        let mut bytes = fs::read(&file).unwrap();
        match damage {
            "empty" => bytes.clear(),
            "no database" => bytes = b"<html>not a database</html>".repeat(400),
            "cut off" => bytes.truncate(bytes.len() / 2),
            _ => bytes[4096..].chunks_mut(4096).for_each(|page| page[..64].fill(0xa5)),
        }
        fs::write(&file, &bytes).unwrap();
        let reason = the_box.refusal().await;
        assert!(matches!(reason, RecoveryReason::Corrupt { .. }), "{damage}: {reason:?}");
        assert_eq!(fs::read(&file).unwrap(), bytes, "{damage}: looking must change nothing");
    }
}

#[tokio::test]
async fn a_missing_part_of_the_schema_is_named() {
    for (sql, named) in [
        ("DROP TABLE job_step", "column job_step."),
        ("ALTER TABLE secret DROP COLUMN changed", "column secret.changed"),
        ("PRAGMA user_version = 1", "schema"),
    ] {
        let the_box = with_copy().await;
        Connection::open(the_box.newest()).unwrap().execute_batch(sql).unwrap();
        let reason = the_box.refusal().await;
        assert!(matches!(&reason, RecoveryReason::Incomplete { missing } if missing.starts_with(named)), "{reason:?}");
    }
}

#[tokio::test]
async fn a_missing_trigger_or_index_is_made_again_and_history_says_so() {
    for (sql, part) in [
        ("DROP INDEX event_by_time", "index event_by_time"),
        ("DROP TRIGGER event_no_delete", "trigger event_no_delete"),
        (
            "DROP TRIGGER event_no_delete; CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT 1; END",
            "trigger event_no_delete",
        ),
    ] {
        let the_box = with_copy().await;
        Connection::open(the_box.newest()).unwrap().execute_batch(sql).unwrap();
        let store = the_box.open().await;
        assert_eq!(last_action(&store).await, "box.database-repaired");
        let page = store.read(|conn| events::page(conn, &Filter::default(), &Default::default())).await.unwrap();
        assert_eq!(page.items[0].detail["made_again"][0], part);
        let refused = store.write(|tx| Ok::<_, Error>(tx.execute("DELETE FROM event", [])?)).await;
        assert!(refused.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let the_box = with_copy().await;
    let newer = the_box.dir().join("db/orbitr-v99.2.sqlite");
    fs::rename(the_box.newest(), &newer).unwrap();
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let reason = the_box.refusal().await;
    assert!(matches!(reason, RecoveryReason::TooNew { found: 99, .. }), "{reason:?}");
    let copies = recovery::kept(the_box.dir()).await.unwrap();
    recovery::restore(the_box.dir(), &copies[0].id).await.unwrap();
    assert_eq!(note(&the_box.open().await).await.as_deref(), Some("old"));
}

#[tokio::test]
async fn a_kept_copy_takes_the_place_of_a_broken_database_which_is_set_aside() {
    let the_box = with_copy().await;
    fs::write(the_box.newest(), b"broken").unwrap();
    the_box.refusal().await;
    let copies = recovery::kept(the_box.dir()).await.unwrap();
    assert_eq!(copies.len(), 1);
    assert!(copies[0].usable && copies[0].size.0 > 10_000);
    recovery::restore(the_box.dir(), &copies[0].id).await.unwrap();

    let store = the_box.open().await;
    assert_eq!(note(&store).await.as_deref(), Some("old"));
    assert_eq!(last_action(&store).await, "box.database-restored");
    assert_eq!(get(&store, "a").await.unwrap().unwrap().reveal(), "first secret");
    assert_eq!(store.read(events::verify).await.unwrap().unwrap().count, 201);
    assert_eq!(set_aside(&the_box), [b"broken".to_vec()]);
    assert_eq!(the_box.files().len(), 1);
}

#[tokio::test]
async fn a_copy_from_before_a_rotation_can_be_gone_back_to() {
    let the_box = with_copy().await;
    let store = the_box.open().await;
    store.secrets().rotate_key(Actor::Box, None).await.unwrap();
    let key = fs::read(the_box.key()).unwrap();
    store.close().await;
    let copies = recovery::kept(the_box.dir()).await.unwrap();
    recovery::restore(the_box.dir(), &copies[0].id).await.unwrap();
    let store = the_box.open().await;
    assert_eq!(get(&store, "a").await.unwrap().unwrap().reveal(), "first secret");
    assert_eq!(fs::read(the_box.key()).unwrap(), key);
    assert_eq!(store.read(events::verify).await.unwrap().unwrap().count, 202);
    store.close().await;
    assert_eq!(get(&the_box.open().await, "a").await.unwrap().unwrap().reveal(), "first secret");
}

#[tokio::test]
async fn starting_over_leaves_an_empty_box_and_the_old_database_aside() {
    let the_box = with_copy().await;
    fs::write(the_box.newest(), b"broken").unwrap();
    fs::write(the_box.key(), b"no key").unwrap();
    let aside = recovery::start_over(the_box.dir()).await.unwrap();
    let store = the_box.open().await;
    assert_eq!((note(&store).await, last_action(&store).await.as_str()), (None, "box.database-started-over"));
    assert_eq!(store.read(events::verify).await.unwrap().unwrap().count, 1);
    assert_eq!(fs::read_dir(&aside).unwrap().count(), 2, "the database and the key");
    // The kept copy is still there.
    assert_eq!(recovery::kept(the_box.dir()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_box_whose_key_is_lost_goes_on_without_its_secrets() {
    let the_box = with_copy().await;
    fs::remove_file(the_box.key()).unwrap();
    assert!(matches!(the_box.refusal().await, RecoveryReason::KeyMismatch { .. }));
    recovery::forget_secrets(the_box.dir()).await.unwrap();
    let store = the_box.open().await;
    assert_eq!(note(&store).await.as_deref(), Some("new"));
    assert!(get(&store, "a").await.unwrap().is_none());
    assert_eq!(store.read(events::verify).await.unwrap().unwrap().count, 202);
}

#[tokio::test]
async fn an_export_is_a_tar_of_the_files_as_they_are() {
    let the_box = with_copy().await;
    let file = the_box.newest();
    fs::write(&file, vec![7; 5000]).unwrap();
    let mut tar = Vec::new();
    recovery::export(the_box.dir(), &mut tar).unwrap();
    assert_eq!(tar.len() % 512, 0);
    assert_eq!(&tar[..file.file_name().unwrap().len()], file.file_name().unwrap().as_encoded_bytes());
    assert_eq!(&tar[257..262], b"ustar");
    assert_eq!(&tar[512..5512], &[7; 5000]);
    assert_eq!(&tar[124..136], b"00000011610\0");
}

#[tokio::test]
async fn only_a_copy_from_the_list_can_be_restored() {
    let the_box = with_copy().await;
    let current = the_box.newest().file_name().unwrap().to_str().unwrap().to_owned();
    for id in ["", "..", "../box.key", "orbitr-v5.77.sqlite", &current] {
        let refused = recovery::restore(the_box.dir(), id).await;
        assert!(matches!(refused, Err(RecoveryError::NoSuchCopy(_))), "{id}");
    }
}

#[tokio::test]
async fn a_copy_that_is_broken_too_is_refused_and_nothing_changes() {
    let the_box = with_copy().await;
    let copy = &recovery::kept(the_box.dir()).await.unwrap()[0];
    fs::write(the_box.dir().join("db/kept").join(&copy.id), b"broken").unwrap();
    let refused = recovery::restore(the_box.dir(), &copy.id).await;
    assert!(matches!(refused, Err(RecoveryError::Open(OpenError::Recovery(RecoveryReason::Corrupt { .. })))));
    assert_eq!(note(&the_box.open().await).await.as_deref(), Some("new"));
}

#[tokio::test]
async fn nothing_is_replaced_under_an_open_store() {
    let the_box = with_copy().await;
    let store = the_box.open().await;
    let refused = recovery::start_over(the_box.dir()).await;
    assert!(matches!(refused, Err(RecoveryError::Open(OpenError::InUse))));
    assert_eq!(note(&store).await.as_deref(), Some("new"));
}

#[tokio::test]
async fn three_kept_copies_stay() {
    let the_box = Box::new();
    let store = the_box.open().await;
    for _ in 0..5 {
        store.keep_copy().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(recovery::kept(the_box.dir()).await.unwrap().len(), 3);
}

fn set_aside(the_box: &Box) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for folder in fs::read_dir(the_box.dir().join("db/set-aside")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            found.push(fs::read(file.unwrap().path()).unwrap());
        }
    }
    found
}
