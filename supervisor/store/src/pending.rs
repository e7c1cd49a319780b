//! What happened to the database file itself, told to history when the file is next opened: only then is
//! there a key that seals it.

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
            Self::Migrated => "box.database-migrated",
            Self::Repaired => "box.database-repaired",
            Self::WentBack => "box.database-went-back",
            Self::Restored => "box.database-restored",
            Self::StartedOver => "box.database-started-over",
            Self::SecretsForgotten => "box.secrets-forgotten",
            Self::SecretsResealed => "box.secrets-resealed",
            Self::KeyReplaced => "box.key-replaced",
            Self::KeyClosed => "box.key-closed",
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
