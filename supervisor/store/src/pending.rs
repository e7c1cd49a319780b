//! What happened to the database file itself, told to history when the file is next opened: only then is
//! there a key that seals it.

use orbitr_model::deed;
use rusqlite::Connection;
use serde_json::Value;

use crate::{Error, NewEvent, Redactor, Subject, events, time};

/// What can happen to a file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Happened {
    Migrated,
    Repaired,
    WentBack,
    Restored,
    StartedOver,
    SecretsForgotten,
    SecretsResealed,
    KeyReplaced,
    KeyClosed,
}

impl Happened {
    const ALL: [Self; 9] = [
        Self::Migrated,
        Self::Repaired,
        Self::WentBack,
        Self::Restored,
        Self::StartedOver,
        Self::SecretsForgotten,
        Self::SecretsResealed,
        Self::KeyReplaced,
        Self::KeyClosed,
    ];

    const fn action(self) -> &'static str {
        match self {
            Self::Migrated => deed::BOX_DATABASE_MIGRATED,
            Self::Repaired => deed::BOX_DATABASE_REPAIRED,
            Self::WentBack => deed::BOX_DATABASE_WENT_BACK,
            Self::Restored => deed::BOX_DATABASE_RESTORED,
            Self::StartedOver => deed::BOX_DATABASE_STARTED_OVER,
            Self::SecretsForgotten => deed::BOX_SECRETS_FORGOTTEN,
            Self::SecretsResealed => deed::BOX_SECRETS_RESEALED,
            Self::KeyReplaced => deed::BOX_KEY_REPLACED,
            Self::KeyClosed => deed::BOX_KEY_CLOSED,
        }
    }
}

/// Leaves a note in the file.
pub(crate) fn add(conn: &Connection, what: Happened, detail: &Value) -> Result<(), Error> {
    let sql = "INSERT INTO pending_event (action, detail) VALUES (?1, ?2)";
    conn.execute(sql, [what.action(), &detail.to_string()])?;
    Ok(())
}

/// Turns the notes into events of the box.
pub(crate) fn tell(conn: &mut Connection) -> Result<(), Error> {
    let tx = conn.transaction()?;
    let notes: Vec<(String, String)> = {
        let mut statement = tx.prepare("SELECT action, detail FROM pending_event ORDER BY id")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    if notes.is_empty() {
        return Ok(());
    }
    for (action, detail) in notes {
        // A note of another version is told under the nearest name.
        let known = Happened::ALL.into_iter().find(|what| what.action() == action).unwrap_or(Happened::Migrated);
        let detail = serde_json::from_str(&detail).unwrap_or_default();
        let event = NewEvent::by_the_box(known.action(), Subject::the_box(), detail);
        events::insert(&tx, event, time::now(), &Redactor::default())?;
    }
    tx.execute("DELETE FROM pending_event", [])?;
    Ok(tx.commit()?)
}
