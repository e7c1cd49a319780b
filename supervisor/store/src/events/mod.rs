//! History: who did what to what, how it ended. One table is the activity page and the audit log.

mod chain;
mod list;

use std::net::IpAddr;

use orbitr_model::{Actor, EventId, Timestamp};
use rusqlite::{Connection, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::chain::{Broken, Verified, verify};
pub(crate) use self::chain::{SEAL, SEALED, reseal_head, seal_head_with};
pub use self::list::{Export, Filter, export, page, since};
use crate::{Error, Redactor, time::to_ms};

/// The most bytes that an event's detail takes as JSON.
pub const DETAIL_MAX_BYTES: usize = 8 * 1024;

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Done.
    Ok,
    /// Refused: the actor may not.
    Denied,
    /// Tried, and it did not work.
    Failed,
}

impl Outcome {
    /// The outcome's one word, as the API and the database write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

/// The thing that an action was about. The name stays readable after the thing is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// `app`, `user`, `token`, `box`, `job`, …
    pub kind: &'static str,
    /// Its identifier; empty where the kind has only one thing.
    pub id: String,
    /// Its name at that moment.
    pub name: String,
}

impl Subject {
    /// A subject with an identifier and a name.
    #[must_use]
    pub fn new(kind: &'static str, id: impl ToString, name: impl ToString) -> Self {
        Self { kind, id: id.to_string(), name: name.to_string() }
    }

    /// The box itself.
    #[must_use]
    pub const fn the_box() -> Self {
        Self { kind: "box", id: String::new(), name: String::new() }
    }
}

/// An event that is about to be written, see [`crate::Tx::event`].
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Who did it.
    pub actor: Actor,
    /// What was done: `<thing>.<verb>`, for example `app.stop`.
    pub action: &'static str,
    /// To what.
    pub subject: Subject,
    /// How it ended.
    pub outcome: Outcome,
    /// A small object with what else is worth knowing, at most [`DETAIL_MAX_BYTES`]. No secrets; known
    /// ones are taken out as a last line of defence. `Null` stands for an empty object.
    pub detail: serde_json::Value,
    /// Where the request came from.
    pub address: Option<IpAddr>,
}

impl NewEvent {
    /// Something that the box itself did and that worked.
    #[must_use]
    pub const fn by_the_box(action: &'static str, subject: Subject, detail: serde_json::Value) -> Self {
        Self { actor: Actor::Box, action, subject, outcome: Outcome::Ok, detail, address: None }
    }
}

/// The thing that an event was about, as history shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubjectView {
    /// `app`, `user`, `token`, `box`, `job`, …
    pub kind: String,
    /// Its identifier; empty where the kind has only one thing.
    pub id: String,
    /// Its name at that moment.
    pub name: String,
}

/// One line of history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its number: counts up by one, without gaps.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What was done, for example `app.stop`.
    pub action: String,
    /// To what.
    pub subject: SubjectView,
    /// How it ended.
    pub outcome: Outcome,
    /// What else is worth knowing.
    pub detail: serde_json::Value,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// SHA-256 over this line and the hash of the one before, in hexadecimal.
    pub hash: String,
}

/// Adds a line to history, within the caller's transaction.
pub(crate) fn insert(
    conn: &Connection,
    event: NewEvent,
    now: Timestamp,
    redactor: &Redactor,
) -> Result<EventId, Error> {
    let NewEvent { actor, action, subject, outcome, mut detail, address } = event;
    let unfit = || Error::EventDetail { action: action.to_owned() };
    if detail.is_null() {
        detail = serde_json::json!({});
    }
    redactor.redact_json(&mut detail);
    let text = detail.to_string();
    if !detail.is_object() || text.len() > DETAIL_MAX_BYTES {
        return Err(unfit());
    }
    let before = chain::last(conn)?;
    let stored = chain::Stored {
        id: before.count.saturating_add(1),
        at: to_ms(now),
        actor: serde_json::to_string(&actor).map_err(|_| unfit())?,
        action: action.to_owned(),
        subject: [subject.kind.to_owned(), subject.id, redactor.redact(&subject.name).into_owned()],
        outcome: outcome.as_str().to_owned(),
        detail: text,
        address: address.map(|address| address.to_canonical().to_string()),
    };
    let hash = stored.hash(&before.hash);
    let [kind, id, name] = &stored.subject;
    conn.prepare_cached(
        "INSERT INTO event
             (id, at, actor, action, subject_kind, subject_id, subject_name, outcome, detail, address, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        stored.id,
        stored.at,
        stored.actor,
        stored.action,
        kind,
        id,
        name,
        stored.outcome,
        stored.detail,
        stored.address,
        hash,
    ])?;
    chain::grow(conn, &before, &chain::Head { count: stored.id, hash })?;
    Ok(EventId(stored.id))
}
