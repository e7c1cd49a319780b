//! Reading history: pages for people, lines of JSON for an export.

use data_encoding::HEXLOWER;
use orbitr_model::{EventId, Page, PageRequest, Timestamp};
use rusqlite::{Connection, Row, ToSql, params, types::Type};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Event, Outcome, SubjectView};
use crate::{Error, row, time::to_ms};

/// Which events are wanted. Everything that is set must hold; an empty filter is all of history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// An account's id or its name at that moment, or `box`, `local`, `anonymous`. What an account's
    /// tokens did counts as done by the account.
    pub actor: Option<String>,
    /// An action, or the part of it before a dot: `app` finds `app.stop` and `app.start`.
    pub action: Option<String>,
    /// The kind of the subject: `app`, `user`, `token`, `box`, `job`, …
    pub subject_kind: Option<String>,
    /// The identifier of the subject.
    pub subject_id: Option<String>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Not before this moment.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
}

/// The parameters of a statement, by name.
type Values = Vec<(&'static str, Box<dyn ToSql>)>;

impl Filter {
    /// The conditions in SQL and their parameters; text reaches SQL as a parameter only.
    fn conditions(&self) -> (String, Values) {
        let mut sql = String::new();
        let mut values = Values::new();
        let mut and = |condition: &str, name: &'static str, value: Box<dyn ToSql>| {
            sql.push_str(" AND ");
            sql.push_str(condition);
            values.push((name, value));
        };
        if let Some(actor) = &self.actor {
            let one_of = "(actor_user = :actor OR actor_name = :actor OR actor_kind = :actor)";
            and(one_of, ":actor", Box::new(actor.clone()));
        }
        if let Some(action) = &self.action {
            let starts = "(action = :action OR substr(action, 1, length(:action) + 1) = :action || '.')";
            and(starts, ":action", Box::new(action.clone()));
        }
        if let Some(kind) = &self.subject_kind {
            and("subject_kind = :subject_kind", ":subject_kind", Box::new(kind.clone()));
        }
        if let Some(id) = &self.subject_id {
            and("subject_id = :subject_id", ":subject_id", Box::new(id.clone()));
        }
        if let Some(outcome) = self.outcome {
            and("outcome = :outcome", ":outcome", Box::new(outcome.as_str()));
        }
        if let Some(from) = self.from {
            and("at >= :from", ":from", Box::new(to_ms(from)));
        }
        if let Some(to) = self.to {
            and("at < :to", ":to", Box::new(to_ms(to)));
        }
        (sql, values)
    }

    /// Events within the filter on one side of `edge`, at most `limit`.
    fn select(&self, conn: &Connection, side: &str, edge: i64, limit: u32) -> Result<Vec<Event>, Error> {
        let (conditions, mut values) = self.conditions();
        values.push((":edge", Box::new(edge)));
        values.push((":limit", Box::new(limit)));
        let sql = format!(
            "SELECT id, at, actor, action, subject_kind, subject_id, subject_name, outcome, detail, address, hash
             FROM event WHERE {side}{conditions} ORDER BY {order} LIMIT :limit",
            order = if side.contains('<') { "id DESC" } else { "id" },
        );
        let named: Vec<(&str, &dyn ToSql)> = values.iter().map(|(name, value)| (*name, value.as_ref())).collect();
        let mut statement = conn.prepare_cached(&sql)?;
        let events = statement.query_map(named.as_slice(), event)?;
        Ok(events.collect::<Result<_, _>>()?)
    }
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let hash: Vec<u8> = row.get("hash")?;
    let address: Option<String> = row.get("address")?;
    Ok(Event {
        id: EventId(row.get("id")?),
        at: row::time(row, "at")?,
        actor: row::json(row, "actor")?,
        action: row.get("action")?,
        subject: SubjectView {
            kind: row.get("subject_kind")?,
            id: row.get("subject_id")?,
            name: row.get("subject_name")?,
        },
        outcome: row::word(row, "outcome")?,
        detail: row::json(row, "detail")?,
        address: address
            .map(|address| address.parse())
            .transpose()
            .map_err(|e| rusqlite::Error::FromSqlConversionFailure(9, Type::Text, Box::new(e)))?,
        hash: HEXLOWER.encode(&hash),
    })
}

/// One page of history, the newest first.
///
/// # Errors
/// [`Error::Cursor`] for a cursor that no page gave out; otherwise as the database.
pub fn page(conn: &Connection, filter: &Filter, request: &PageRequest) -> Result<Page<Event>, Error> {
    let before = match &request.cursor {
        Some(cursor) => cursor.parse::<i64>().ok().filter(|id| *id > 0).ok_or(Error::Cursor)?,
        None => i64::MAX,
    };
    let limit = request.limit();
    let mut items = filter.select(conn, "id < :edge", before, limit + 1)?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Page { items, next })
}

/// Every event of one name since a moment, the oldest first. Meant for moments of late: it looks at all that was written
/// since.
///
/// # Errors
/// As the database.
pub fn since(conn: &Connection, action: &str, from: Timestamp) -> Result<Vec<Event>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT id, at, actor, action, subject_kind, subject_id, subject_name, outcome, detail, address, hash
         FROM event INDEXED BY event_by_time WHERE at >= ?1 AND action = ?2 ORDER BY at, id",
    )?;
    let events = statement.query_map(params![to_ms(from), action], event)?;
    Ok(events.collect::<Result<_, _>>()?)
}

/// A part of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// One JSON object a line, each line ended by a line feed; the oldest event first.
    pub lines: String,
    /// Ask for what comes after this event next; none at the end.
    pub next: Option<EventId>,
}

/// The next part of an export of history as lines of JSON, after event `after` (none for the start), at
/// most 1000 events. Part by part, so that a slow reader holds no connection.
///
/// # Errors
/// As the database.
pub fn export(conn: &Connection, filter: &Filter, after: Option<EventId>) -> Result<Export, Error> {
    const PART_EVENTS: u32 = 1000;
    let events = filter.select(conn, "id > :edge", after.map_or(0, |id| id.0), PART_EVENTS)?;
    let mut lines = String::new();
    for event in &events {
        lines.push_str(&serde_json::to_string(event).map_err(|_| Error::EventDetail { action: event.action.clone() })?);
        lines.push('\n');
    }
    let next = events.last().filter(|_| events.len() == PART_EVENTS as usize).map(|last| last.id);
    Ok(Export { lines, next })
}
