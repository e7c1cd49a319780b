use orbitr_model::{Actor, EventId, Page, PageRequest, Timestamp, UserId};
use orbitr_store::{
    Error, NewEvent, Outcome, Store, Subject,
    events::{self, Broken, Event, Filter, Verified},
};
use proptest::prelude::*;
use rusqlite::{Connection, types::Value};
use serde_json::json;

use crate::support::{Box, event, write_events};

async fn verify(store: &Store) -> Result<Verified, Broken> {
    store.read(events::verify).await.unwrap()
}

async fn page(store: &Store, filter: Filter, request: PageRequest) -> Page<Event> {
    store.read(move |conn| events::page(conn, &filter, &request)).await.unwrap()
}

async fn found(store: &Store, filter: Filter) -> Vec<i64> {
    page(store, filter, PageRequest::default()).await.items.iter().map(|event| event.id.0).collect()
}

#[tokio::test]
async fn an_event_is_read_as_it_was_written() {
    let the_box = Box::new();
    let store = the_box.open().await;
    let before = Timestamp::now();
    let user = UserId::new();
    let anna = Actor::User { id: user, name: "anna".parse().unwrap() };
    let actor = anna.clone();
    let id = store
        .write(move |tx| {
            tx.event(NewEvent {
                actor,
                action: "app.install",
                subject: Subject::new("app", "notes", "Notes"),
                outcome: Outcome::Failed,
                detail: json!({ "why": "no space", "bytes": 17 }),
                address: Some("fd00::1".parse().unwrap()),
            })
        })
        .await
        .map_err(|e: Error| e)
        .unwrap();
    let event = page(&store, Filter::default(), PageRequest::default()).await.items.remove(0);
    assert_eq!((event.id, event.actor, event.action.as_str()), (id, anna, "app.install"));
    assert_eq!((event.subject.kind.as_str(), event.subject.id.as_str()), ("app", "notes"));
    assert_eq!((event.subject.name.as_str(), event.outcome), ("Notes", Outcome::Failed));
    assert_eq!(event.detail, json!({ "why": "no space", "bytes": 17 }));
    assert_eq!(event.address, Some("fd00::1".parse().unwrap()));
    assert!(event.at.as_millisecond() >= before.as_millisecond());
}

#[tokio::test]
async fn history_can_be_filtered_and_paged() {
    let the_box = Box::new();
    let store = the_box.open().await;
    let user = UserId::new();
    store
        .write(move |tx| {
            let anna = Actor::User { id: user, name: "anna".parse().unwrap() };
            tx.event(event("app.start"))?;
            tx.event(NewEvent { actor: anna, ..event("app.stop") })?;
            tx.event(NewEvent { outcome: Outcome::Denied, ..event("apple.eat") })?;
            tx.event(NewEvent { subject: Subject::the_box(), ..event("box.rename") })
        })
        .await
        .map_err(|e: Error| e)
        .unwrap();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(found(&store, Filter::default()).await, [4, 3, 2, 1]);
    assert_eq!(found(&store, Filter { action: some("app"), ..Filter::default() }).await, [2, 1]);
    assert_eq!(found(&store, Filter { action: some("app.stop"), ..Filter::default() }).await, [2]);
    assert_eq!(found(&store, Filter { actor: some("anna"), ..Filter::default() }).await, [2]);
    assert_eq!(found(&store, Filter { actor: Some(user.to_string()), ..Filter::default() }).await, [2]);
    assert_eq!(found(&store, Filter { actor: some("box"), ..Filter::default() }).await, [4, 3, 1]);
    assert_eq!(found(&store, Filter { outcome: Some(Outcome::Denied), ..Filter::default() }).await, [3]);
    assert_eq!(found(&store, Filter { subject_kind: some("box"), ..Filter::default() }).await, [4]);
    assert_eq!(found(&store, Filter { subject_id: some("notes"), ..Filter::default() }).await, [3, 2, 1]);
    let now = Timestamp::now();
    assert_eq!(found(&store, Filter { from: Some(now), ..Filter::default() }).await, [0; 0]);
    assert_eq!(found(&store, Filter { to: Some(now), ..Filter::default() }).await, [4, 3, 2, 1]);

    let first = page(&store, Filter::default(), PageRequest { cursor: None, limit: 3 }).await;
    assert_eq!(first.items.len(), 3);
    let second = page(&store, Filter::default(), PageRequest { cursor: first.next, limit: 3 }).await;
    assert_eq!((second.items.len(), second.next), (1, None));
    let request = PageRequest { cursor: Some("x".to_owned()), limit: 3 };
    let refused = store.read(move |conn| events::page(conn, &Filter::default(), &request)).await;
    assert!(matches!(refused, Err(Error::Cursor)));
}

#[tokio::test]
async fn an_export_is_all_of_history_in_lines_of_json() {
    let the_box = Box::new();
    let store = the_box.open().await;
    write_events(&store, 2300).await;
    let (mut lines, mut after, mut parts) = (String::new(), None, 0);
    loop {
        let part = store.read(move |conn| events::export(conn, &Filter::default(), after)).await.unwrap();
        lines.push_str(&part.lines);
        parts += 1;
        after = part.next;
        if after.is_none() {
            break;
        }
    }
    let ids: Vec<i64> = lines.lines().map(|line| serde_json::from_str::<Event>(line).unwrap().id.0).collect();
    assert_eq!((parts, ids), (3, (1..=2300).collect::<Vec<i64>>()));
}

#[tokio::test]
async fn a_detail_that_is_too_large_or_no_object_is_refused() {
    let the_box = Box::new();
    let store = the_box.open().await;
    for detail in [json!({ "text": "x".repeat(8 * 1024) }), json!([1]), json!("text")] {
        let refused = store.write(move |tx| tx.event(NewEvent { detail, ..event("app.stop") })).await;
        assert!(matches!(refused, Err(Error::EventDetail { action }) if action == "app.stop"));
    }
    let detail = json!({ "text": "x".repeat(8 * 1024 - 11) });
    store.write(move |tx| tx.event(NewEvent { detail, ..event("app.stop") })).await.unwrap();
    assert_eq!(found(&store, Filter::default()).await, [1]);
}

#[tokio::test]
async fn known_secrets_do_not_reach_history() {
    let the_box = Box::new();
    let store = the_box.open().await;
    store.redactor().add("hunter2hunter2");
    store
        .write(|tx| tx.event(NewEvent { detail: json!({ "a": [{ "b": "x hunter2hunter2" }] }), ..event("app.stop") }))
        .await
        .unwrap();
    let event = page(&store, Filter::default(), PageRequest::default()).await.items.remove(0);
    assert_eq!(event.detail, json!({ "a": [{ "b": "x «secret»" }] }));
}

#[tokio::test]
async fn history_cannot_be_changed_through_sql() {
    let the_box = Box::new();
    let store = the_box.open().await;
    write_events(&store, 2).await;
    for sql in [
        "UPDATE event SET outcome = 'failed' WHERE id = 1",
        "DELETE FROM event WHERE id = 2",
        "INSERT OR REPLACE INTO event SELECT id, at, actor, action, subject_kind, subject_id, subject_name, outcome,
             '{}', address, hash FROM event WHERE id = 2",
        "INSERT INTO event SELECT 9, at, actor, action, subject_kind, subject_id, subject_name, outcome, detail,
             address, hash FROM event WHERE id = 2",
        "DELETE FROM event_head",
    ] {
        let refused: Result<(), Error> = store.write(move |tx| Ok(tx.execute_batch(sql)?)).await;
        assert!(matches!(refused, Err(Error::Sqlite(_))), "{sql}");
    }
    assert_eq!(verify(&store).await.unwrap().count, 2);
}

#[tokio::test]
async fn an_empty_history_is_whole() {
    let the_box = Box::new();
    let store = the_box.open().await;
    assert_eq!(verify(&store).await.unwrap(), Verified { count: 0, head: "0".repeat(64) });
}

/// What somebody with root could do, and the event at which it is found.
const TAMPERING: [(&str, i64); 9] = [
    ("DELETE FROM event WHERE id = 3", 3),
    ("DELETE FROM event WHERE id = 1", 1),
    ("DELETE FROM event WHERE id = 5", 5),
    ("DELETE FROM event WHERE id >= 4; UPDATE event_head SET count = 3, hash = (SELECT hash FROM event WHERE id = 3)", 3),
    ("UPDATE event SET id = 99 WHERE id = 2; UPDATE event SET id = 2 WHERE id = 3; UPDATE event SET id = 3 WHERE id = 99", 2),
    ("UPDATE event SET address = NULL WHERE id = 4", 4),
    ("DELETE FROM event_head", 5),
    ("INSERT INTO event SELECT 6, at, actor, action, subject_kind, subject_id, subject_name, outcome, detail, address,
         hash FROM event WHERE id = 5", 6),
    ("DELETE FROM event; DELETE FROM event_head WHERE false", 1),
];

#[tokio::test]
async fn whoever_tampers_with_history_is_found_out_and_stays_found_out() {
    for (sql, at) in TAMPERING {
        let the_box = Box::new();
        let store = the_box.open().await;
        write_events(&store, 5).await;
        assert_eq!(verify(&store).await.unwrap().count, 5);
        the_box.raw().execute_batch(sql).unwrap();
        assert_eq!(verify(&store).await.unwrap_err().at, EventId(at), "{sql}");
        // History goes on, because the box must, and the break stays visible.
        write_events(&store, 2).await;
        assert!(verify(&store).await.is_err(), "{sql}");
        store.close().await;
    }
}

const COLUMNS: [&str; 10] =
    ["at", "actor", "action", "subject_kind", "subject_id", "subject_name", "outcome", "detail", "address", "hash"];

/// Flips one bit of one byte of one column of one row; says whether the value is now another one.
fn flip(conn: &Connection, id: i64, column: &str, byte: usize, bit: u8) -> bool {
    let sql = format!("SELECT {column} FROM event WHERE id = ?1");
    let old: Value = conn.query_row(&sql, [id], |row| row.get(0)).unwrap();
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let at = byte % bytes.len();
        bytes[at] ^= 1 << (bit % 8);
        bytes
    };
    let new = match &old {
        Value::Integer(number) => Value::Integer(number ^ (1 << (byte % 63))),
        // Flips within ASCII keep it text.
        Value::Text(text) => {
            let mut bytes = text.as_bytes().to_vec();
            let at = byte % bytes.len();
            bytes[at] ^= 1 << (bit % 7);
            Value::Text(String::from_utf8(bytes).unwrap())
        }
        Value::Blob(bytes) => Value::Blob(flipped(bytes)),
        other => panic!("{column} is {other:?}"),
    };
    let sql = format!("UPDATE event SET {column} = ?2 WHERE id = ?1");
    // SQLite itself refuses text that is no longer JSON.
    conn.execute(&sql, rusqlite::params![id, new]).is_ok() && new != old
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_changed_bit_of_any_row_is_found(
        id in 1_i64..=6, column in 0..COLUMNS.len(), byte in 0_usize..300, bit in 0_u8..8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let the_box = Box::new();
            let store = the_box.open().await;
            write_events(&store, 6).await;
            prop_assert_eq!(verify(&store).await.unwrap().count, 6);
            if flip(&the_box.raw(), id, COLUMNS[column], byte, bit) {
                prop_assert_eq!(verify(&store).await.unwrap_err().at, EventId(id));
            }
            store.close().await;
            Ok(())
        })?;
    }
}
