//! What only the inside can show: schemas of other versions, and power cuts at named points.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod crash;
mod versions;

use std::path::Path;

use crate::{Error, Store, schema::Migration, schema::Schema};

/// What version 1 of a small program knew.
const V1: &[Migration] = &[BASE];
/// Version 2 adds a column and fills it.
const V2: &[Migration] = &[BASE, ADD_COLUMN];
/// Version 3 rebuilds a table that another one points at.
const V3: &[Migration] = &[BASE, ADD_COLUMN, REBUILD];

const BASE: Migration = Migration {
    name: "0001_base",
    sql: concat!(
        include_str!("../../migrations/0001_events_secrets.sql"),
        "CREATE TABLE fruit (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
         CREATE TABLE basket (fruit INTEGER NOT NULL REFERENCES fruit (id)) STRICT;"
    ),
};
const ADD_COLUMN: Migration = Migration {
    name: "0002_colour",
    sql: "ALTER TABLE fruit ADD COLUMN colour TEXT NOT NULL DEFAULT ''; UPDATE fruit SET colour = 'green';",
};
const REBUILD: Migration = Migration {
    name: "0003_rebuild",
    sql: "CREATE TABLE fruit_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, colour TEXT NOT NULL) STRICT;
          INSERT INTO fruit_new SELECT * FROM fruit; DROP TABLE fruit; ALTER TABLE fruit_new RENAME TO fruit;",
};

async fn open(dir: &Path, migrations: &'static [Migration]) -> Result<Store, crate::OpenError> {
    Store::open_schema(dir, Schema::of(migrations)).await
}

/// Adds a fruit, in a basket, with an event.
async fn add(store: &Store, name: &'static str) {
    let columns: i64 = store
        .read(|conn| {
            let sql = "SELECT count(*) FROM pragma_table_info('fruit')";
            Ok::<_, Error>(conn.query_row(sql, [], |row| row.get(0))?)
        })
        .await
        .unwrap();
    store
        .write(move |tx| {
            let colour = if columns > 2 { ", 'red'" } else { "" };
            tx.execute(&format!("INSERT INTO fruit VALUES (NULL, ?1{colour})"), [name])?;
            tx.execute("INSERT INTO basket VALUES (?1)", [tx.last_insert_rowid()])?;
            tx.event(crate::NewEvent::by_the_box("fruit.add", crate::Subject::the_box(), serde_json::json!({})))
        })
        .await
        .map_err(|e: Error| e)
        .unwrap();
}

async fn fruits(store: &Store) -> Vec<String> {
    store
        .read(|conn| {
            let mut statement = conn.prepare("SELECT name FROM fruit JOIN basket ON fruit = id ORDER BY id")?;
            let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok::<_, Error>(names)
        })
        .await
        .unwrap()
}

async fn whole_history(store: &Store) -> i64 {
    store.read(crate::events::verify).await.unwrap().unwrap().count
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir.join("db"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("orbitr") || name.contains("unfinished"))
        .collect();
    names.sort();
    names
}
