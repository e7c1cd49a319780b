use std::time::Duration;

use orbitr_model::{Problem, Topic};
use orbitr_store::{Error, OpenError, Store};
use tokio::sync::broadcast::error::TryRecvError;

use crate::support::{Box, event, write_events};

async fn put(store: &Store, key: &'static str, value: &'static str) -> Result<(), Error> {
    store
        .write(move |tx| {
            tx.execute("INSERT INTO setting (key, value) VALUES (?1, ?2)", [key, value])?;
            tx.changed(Topic::Box);
            Ok(())
        })
        .await
}

async fn count(store: &Store) -> i64 {
    let sql = "SELECT count(*) FROM setting";
    store.read(move |conn| Ok::<_, Error>(conn.query_row(sql, [], |row| row.get(0))?)).await.unwrap()
}

#[tokio::test]
async fn what_is_written_is_there_after_a_restart() {
    let the_box = Box::new();
    let store = the_box.open().await;
    put(&store, "a", "1").await.unwrap();
    store.close().await;
    assert_eq!(count(&the_box.open().await).await, 1);
}

#[tokio::test]
async fn a_closed_database_is_one_file() {
    let the_box = Box::new();
    let store = the_box.open().await;
    put(&store, "a", "1").await.unwrap();
    store.close().await;
    let beside = std::fs::read_dir(the_box.dir().join("db")).unwrap().map(|e| e.unwrap().file_name());
    assert!(!beside.into_iter().any(|name| name.to_string_lossy().contains("-wal")));
}

#[tokio::test]
async fn a_failed_write_changes_nothing_and_tells_nobody() {
    let the_box = Box::new();
    let store = the_box.open().await;
    let mut changes = store.changes();
    let failed: Result<(), Error> = store
        .write(|tx| {
            tx.execute("INSERT INTO setting (key, value) VALUES ('a', '1')", [])?;
            tx.changed(Topic::Box);
            Err(Error::Crypto)
        })
        .await;
    assert!(matches!(failed, Err(Error::Crypto)));
    assert_eq!(count(&store).await, 0);
    assert_eq!(changes.try_recv(), Err(TryRecvError::Empty));
}

#[tokio::test]
async fn a_change_is_told_once_and_after_the_commit() {
    let the_box = Box::new();
    let store = the_box.open().await;
    let mut changes = store.changes();
    store
        .write(|tx| {
            tx.changed(Topic::Apps);
            tx.changed(Topic::Apps);
            tx.event(event("app.stop"))
        })
        .await
        .map_err(|e: Error| e)
        .unwrap();
    assert_eq!(changes.recv().await.unwrap(), Topic::Apps);
    assert_eq!(changes.recv().await.unwrap(), Topic::Events);
    assert_eq!(changes.try_recv(), Err(TryRecvError::Empty));
    store.notify(Topic::Box);
    assert_eq!(changes.recv().await.unwrap(), Topic::Box);
}

#[tokio::test]
async fn the_version_moves_with_each_write_and_with_nothing_else() {
    let the_box = Box::new();
    let store = the_box.open().await;
    let before = store.version();
    assert_eq!(count(&store).await, 0);
    let failed: Result<(), Error> = store.write(|_| Err(Error::Crypto)).await;
    assert!(failed.is_err());
    assert_eq!(store.version(), before);
    // whoever hears of a change finds the number moved
    let mut changes = store.changes();
    let told = tokio::spawn({
        let store = store.clone();
        async move { changes.recv().await.map(|_| store.version()) }
    });
    store.write(|tx| tx.event(event("app.stop"))).await.map_err(|e: Error| e).unwrap();
    assert!(told.await.unwrap().unwrap() > before);
    let before = store.version();
    put(&store, "a", "1").await.unwrap();
    assert!(store.version() > before);
}

#[tokio::test]
async fn a_panic_harms_only_its_own_transaction() {
    let the_box = Box::new();
    let store = the_box.open().await;
    for _ in 0..6 {
        let panicked: Result<(), Error> = store
            .write(|tx| {
                tx.execute("INSERT INTO setting (key, value) VALUES ('a', '1')", [])?;
                panic!("on purpose")
            })
            .await;
        assert!(matches!(panicked, Err(Error::Panicked)));
        let panicked: Result<(), Error> = store.read(|_| panic!("on purpose")).await;
        assert!(matches!(panicked, Err(Error::Panicked)));
    }
    assert_eq!(count(&store).await, 0);
    put(&store, "a", "1").await.unwrap();
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn a_reader_sees_one_snapshot_and_cannot_write() {
    let the_box = Box::new();
    let store = the_box.open().await;
    let (begun, wait) = std::sync::mpsc::channel();
    let (written, go_on) = std::sync::mpsc::channel();
    let other = store.clone();
    let reader = tokio::spawn(async move {
        other
            .read(move |conn| {
                let sql = "SELECT count(*) FROM setting";
                let before: i64 = conn.query_row(sql, [], |row| row.get(0))?;
                begun.send(()).unwrap();
                go_on.recv().unwrap();
                Ok::<_, Error>((before, conn.query_row(sql, [], |row| row.get(0))?))
            })
            .await
    });
    tokio::task::spawn_blocking(move || wait.recv().unwrap()).await.unwrap();
    put(&store, "a", "1").await.unwrap();
    written.send(()).unwrap();
    assert_eq!(reader.await.unwrap().unwrap(), (0, 0));
    assert_eq!(count(&store).await, 1);
    let refused = store.read(|conn| Ok::<_, Error>(conn.execute("DELETE FROM setting", [])?)).await;
    assert!(matches!(refused, Err(Error::Sqlite(_))));
}

#[tokio::test]
async fn many_writers_and_readers_get_their_turn() {
    let the_box = Box::new();
    let store = the_box.open().await;
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                write_events(&store, 5).await;
                if number % 4 == 0 { count(&store).await } else { 0 }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.read(orbitr_store::events::verify).await.unwrap().unwrap().count, 200);
}

#[tokio::test]
async fn a_caller_that_went_away_before_its_turn_changes_nothing() {
    let the_box = Box::new();
    let store = the_box.open().await;
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let busy = tokio::spawn({
        let store = store.clone();
        async move { store.write(move |_| Ok::<_, Error>(held.recv().is_ok())).await }
    });
    tokio::task::yield_now().await;
    let gone = tokio::time::timeout(Duration::from_millis(50), put(&store, "a", "1")).await;
    assert!(gone.is_err());
    hold.send(()).unwrap();
    busy.await.unwrap().unwrap();
    assert_eq!(count(&store).await, 0);
}

#[tokio::test]
async fn a_full_disk_is_a_plain_problem_and_changes_nothing() {
    let the_box = Box::new();
    let store = the_box.open().await;
    let full: Result<(), Error> = store
        .write(|tx| {
            tx.pragma_update(None, "max_page_count", 1)?;
            tx.execute("INSERT INTO setting (key, value) VALUES ('a', hex(zeroblob(9000000)))", [])?;
            Ok(())
        })
        .await;
    let problem = Problem::from(full.unwrap_err());
    assert_eq!((problem.status, problem.code.as_str()), (507, "disk-full"));
    assert_eq!(count(&store).await, 0);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let the_box = Box::new();
    let store = the_box.open().await;
    let writes: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { write_events(&store, 1).await })
        })
        .collect();
    for write in writes {
        write.await.unwrap();
    }
    store.close().await;
    store.close().await;
    assert!(matches!(put(&store, "a", "1").await, Err(Error::Closed)));
    assert!(matches!(store.read(|_| Ok::<_, Error>(())).await, Err(Error::Closed)));
    assert_eq!(Problem::from(Error::Closed).status, 503);
}

#[tokio::test]
async fn a_state_directory_has_one_user_at_a_time() {
    let the_box = Box::new();
    let store = the_box.open().await;
    assert!(matches!(Store::open(the_box.dir()).await, Err(OpenError::InUse)));
    drop(store);
    the_box.open().await;
}
