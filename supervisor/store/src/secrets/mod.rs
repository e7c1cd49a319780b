//! Secrets at rest: sealed in the database with the box key, opened only where they are used.

mod key;
mod text;

use orbitr_model::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params, params};

pub(crate) use self::key::{BoxKey, KEY_BYTES, Keyring, Sealed};
pub use self::text::SecretText;
use crate::{Error, Redactor, Tx, time::to_ms};

const NAME_MAX_BYTES: usize = 200;

/// The box's secrets, each under a name such as `app/notes/db-password`. A handle: cheap to clone into
/// the closures of [`crate::Store::read`] and [`crate::Store::write`].
#[derive(Clone, Debug)]
pub struct Secrets {
    ring: Keyring,
    redactor: Redactor,
}

impl Secrets {
    pub(crate) const fn new(ring: Keyring, redactor: Redactor) -> Self {
        Self { ring, redactor }
    }

    /// Keeps `value` under `name`, in the place of what was there. The redactor knows it from now on.
    ///
    /// # Errors
    /// [`Error::SecretName`] for an empty name, one of more than 200 bytes or with control characters;
    /// otherwise as the database.
    pub fn set(&self, tx: &mut Tx<'_>, name: &str, value: &str) -> Result<(), Error> {
        if name.is_empty() || name.len() > NAME_MAX_BYTES || name.chars().any(char::is_control) {
            return Err(Error::SecretName);
        }
        self.redactor.add(value);
        let sealed = self.ring.current()?.seal(name, value.as_bytes())?;
        put(tx, name, &sealed, tx.now())
    }

    /// The secret called `name`, if there is one.
    ///
    /// # Errors
    /// [`Error::SecretUnreadable`] when it was sealed with a key that this box does not have or was
    /// changed since; otherwise as the database.
    pub fn get(&self, conn: &Connection, name: &str) -> Result<Option<SecretText>, Error> {
        let found = conn
            .prepare_cached("SELECT key_id, nonce, sealed FROM secret WHERE name = ?1")?
            .query_row([name], |row| Ok(Sealed { key_id: row.get(0)?, nonce: row.get(1)?, bytes: row.get(2)? }))
            .optional()?;
        found.map(|sealed| open(&self.ring, name, &sealed)).transpose()
    }

    /// Forgets the secret; says whether there was one.
    ///
    /// # Errors
    /// As the database.
    pub fn remove(&self, tx: &mut Tx<'_>, name: &str) -> Result<bool, Error> {
        Ok(tx.prepare_cached("DELETE FROM secret WHERE name = ?1")?.execute([name])? > 0)
    }

    /// Forgets every secret whose name starts with `prefix`, for example `app/notes/`; says how many.
    ///
    /// # Errors
    /// As the database.
    pub fn remove_prefix(&self, tx: &mut Tx<'_>, prefix: &str) -> Result<usize, Error> {
        let sql = "DELETE FROM secret WHERE substr(name, 1, length(?1)) = ?1";
        Ok(tx.prepare_cached(sql)?.execute([prefix])?)
    }
}

fn open(ring: &Keyring, name: &str, sealed: &Sealed) -> Result<SecretText, Error> {
    ring.with_id(&sealed.key_id)
        .and_then(|key| key.open(name, sealed))
        .and_then(|plain| String::from_utf8(plain).ok())
        .map(SecretText::new)
        .ok_or_else(|| Error::SecretUnreadable { name: name.to_owned() })
}

fn put(conn: &Connection, name: &str, sealed: &Sealed, now: Timestamp) -> Result<(), Error> {
    conn.prepare_cached(
        "INSERT INTO secret (name, key_id, nonce, sealed, changed) VALUES (:name, :key_id, :nonce, :sealed, :changed)
         ON CONFLICT (name) DO UPDATE SET key_id = excluded.key_id, nonce = excluded.nonce,
             sealed = excluded.sealed, changed = excluded.changed",
    )?
    .execute(named_params! {
        ":name": name, ":key_id": sealed.key_id, ":nonce": sealed.nonce, ":sealed": sealed.bytes, ":changed": to_ms(now),
    })?;
    Ok(())
}

/// Says in the database which key it belongs to.
pub(crate) fn put_check(conn: &Connection, key: &BoxKey) -> Result<(), Error> {
    let sealed = key.check_value()?;
    conn.execute(
        "INSERT INTO box_key (id, key_id, nonce, sealed) VALUES (1, ?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET key_id = excluded.key_id, nonce = excluded.nonce, sealed = excluded.sealed",
        params![sealed.key_id, sealed.nonce, sealed.bytes],
    )?;
    Ok(())
}

/// The value that shows which key the database belongs to; none in a fresh one.
pub(crate) fn check_of(conn: &Connection) -> Result<Option<Sealed>, Error> {
    Ok(conn
        .query_row("SELECT key_id, nonce, sealed FROM box_key", [], |row| {
            Ok(Sealed { key_id: row.get(0)?, nonce: row.get(1)?, bytes: row.get(2)? })
        })
        .optional()?)
}

/// Opens every secret, so that the redactor knows them all.
pub(crate) fn teach(conn: &Connection, ring: &Keyring, redactor: &Redactor) -> Result<(), Error> {
    let mut statement = conn.prepare("SELECT name, key_id, nonce, sealed FROM secret")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let sealed = Sealed { key_id: row.get(1)?, nonce: row.get(2)?, bytes: row.get(3)? };
        match open(ring, &name, &sealed) {
            Ok(secret) => redactor.add(secret.reveal()),
            // The rest of the box works; whoever needs this secret says so.
            Err(error) => tracing::warn!(secret = name, %error, "a secret cannot be opened"),
        }
    }
    Ok(())
}
