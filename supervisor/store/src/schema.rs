//! The migrations, and the schema that they make.

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use orbitr_model::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde_json::json;

use crate::{
    Error,
    pending::{self, Happened},
    time::{from_ms, to_ms},
};

/// One numbered step of the schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Migration {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

macro_rules! migrations {
    ($($name:literal)*) => {
        &[$(Migration { name: $name, sql: include_str!(concat!("../migrations/", $name, ".sql")) }),*]
    };
}

/// Every migration, in order; its place in the list is its number. Released ones never change.
const MIGRATIONS: &[Migration] = migrations! {
    "0001_events_secrets"
    "0002_jobs"
    "0003_access"
    "0004_apps"
    "0005_machine"
    "0006_api"
    "0007_releases"
    "0008_health"
    "0009_issues"
    "0010_bindings"
    "0011_policy"
    "0012_leaks"
    "0013_archives"
    "0014_pins"
};

/// What was applied, by which version and with which text.
const RECORD: &str = "CREATE TABLE IF NOT EXISTS migration (
    number  INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,
    sha256  TEXT NOT NULL,
    applied INTEGER NOT NULL,
    version TEXT NOT NULL
) STRICT";

/// The schema that a binary knows: the list of migrations up to its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schema {
    migrations: &'static [Migration],
}

impl Schema {
    /// The one of this binary.
    pub(crate) const fn current() -> Self {
        Self { migrations: MIGRATIONS }
    }

    /// One that tests make.
    #[cfg(test)]
    pub(crate) const fn of(migrations: &'static [Migration]) -> Self {
        Self { migrations }
    }

    /// The one that an older binary knew.
    pub(crate) fn up_to(&self, version: u32) -> Self {
        Self { migrations: self.migrations.get(..version as usize).unwrap_or(self.migrations) }
    }

    /// Its number: how many migrations it has.
    pub(crate) fn version(&self) -> u32 {
        u32::try_from(self.migrations.len()).unwrap_or(u32::MAX)
    }

    /// Applies what the database does not have yet, each migration in its own transaction. On an error
    /// the name of the migration that failed comes with it.
    pub(crate) fn apply(&self, conn: &mut Connection, now: Timestamp) -> Result<(), (&'static str, Error)> {
        let has = version_of(conn).map_err(|e| ("reading the version", e))?;
        conn.execute_batch(RECORD).map_err(|e| ("0000_record", e.into()))?;
        for (number, migration) in (1..).zip(self.migrations).skip(has as usize) {
            apply_one(conn, number, migration, now).map_err(|e| (migration.name, e))?;
        }
        Ok(())
    }

    /// What of this schema the database does not have. What it has beyond is left alone.
    pub(crate) fn gaps_in(&self, conn: &Connection) -> Result<Gaps, Error> {
        let mut model = Connection::open_in_memory()?;
        self.apply(&mut model, Timestamp::UNIX_EPOCH).map_err(|(_, error)| error)?;
        let has = parts(conn)?;
        let (rules, data) = parts(&model)?.into_iter().filter(|part| !has.contains(part)).partition(Part::is_rule);
        Ok(Gaps { data, rules })
    }
}

/// What a database lacks.
pub(crate) struct Gaps {
    /// Tables and columns: something is lost.
    data: Vec<Part>,
    /// Triggers, indexes and views: what they say is known, so they can be made again.
    rules: Vec<Part>,
}

impl Gaps {
    /// The first table or column that is missing.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.data.first().map(|part| part.name.as_str())
    }

    /// Anything that is missing.
    pub(crate) fn any(&self) -> Option<&str> {
        self.lost().or_else(|| self.rules.first().map(|part| part.name.as_str()))
    }

    /// Makes missing triggers, indexes and views again, all or none; says which.
    pub(crate) fn close(&self, conn: &mut Connection) -> Result<Vec<&str>, Error> {
        if self.rules.is_empty() {
            return Ok(Vec::new());
        }
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for rule in &self.rules {
            // The name holds its kind: «trigger event_no_delete».
            tx.execute_batch(&format!("DROP {}", rule.name.replacen(' ', " IF EXISTS ", 1)))?;
            tx.execute_batch(&rule.definition)?;
        }
        let closed: Vec<&str> = self.rules.iter().map(|rule| rule.name.as_str()).collect();
        pending::add(&tx, Happened::Repaired, &json!({ "made_again": closed }))?;
        tx.commit()?;
        Ok(closed)
    }
}

/// A table, column, index, view or trigger.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    /// For people: `column job.title`, `trigger event_no_delete`.
    name: String,
    /// What must be equal.
    definition: String,
}

impl Part {
    fn is_rule(&self) -> bool {
        !self.name.starts_with("table ") && !self.name.starts_with("column ")
    }
}

/// Since when a database has the schema of this number; none when it has not.
///
/// # Errors
/// As the database.
pub fn since(conn: &Connection, number: u32) -> Result<Option<Timestamp>, Error> {
    let sql = "SELECT applied FROM migration WHERE number = ?1";
    let applied = conn.prepare_cached(sql)?.query_row([number], |row| row.get(0)).optional()?;
    Ok(applied.map(from_ms))
}

/// The number of the schema that a database has; 0 for an empty one.
///
/// # Errors
/// As the database.
pub fn version_of(conn: &Connection) -> Result<u32, Error> {
    Ok(conn.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

fn apply_one(conn: &mut Connection, number: u32, migration: &Migration, now: Timestamp) -> Result<(), Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(migration.sql)?;
    tx.execute(
        "INSERT INTO migration (number, name, sha256, applied, version) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![number, migration.name, sha256(migration.sql), to_ms(now), env!("CARGO_PKG_VERSION")],
    )?;
    tx.pragma_update(None, "user_version", number)?;
    Ok(tx.commit()?)
}

fn sha256(text: &str) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

/// Every part of a database's schema.
fn parts(conn: &Connection) -> Result<BTreeSet<Part>, Error> {
    let mut all = BTreeSet::new();
    let mut columns = conn.prepare(
        "SELECT t.name, c.name, c.type || ' ' || c.\"notnull\" || ' ' || c.pk || ' ' || c.hidden
         FROM pragma_table_list t JOIN pragma_table_xinfo(t.name) c
         WHERE t.schema = 'main' AND t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )?;
    let mut rows = columns.query([])?;
    while let Some(row) = rows.next()? {
        let (table, column): (String, String) = (row.get(0)?, row.get(1)?);
        all.insert(Part { name: format!("column {table}.{column}"), definition: row.get(2)? });
        all.insert(Part { name: format!("table {table}"), definition: String::new() });
    }
    // The text of a trigger or index is its whole meaning.
    let mut others = conn.prepare(
        "SELECT type || ' ' || name, sql FROM sqlite_schema WHERE type IN ('trigger', 'index', 'view') AND sql IS NOT NULL",
    )?;
    let mut rows = others.query([])?;
    while let Some(row) = rows.next()? {
        all.insert(Part { name: row.get(0)?, definition: row.get(1)? });
    }
    Ok(all)
}
