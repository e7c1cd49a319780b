//! Secrets at rest: sealed in the database with the box key, opened only where they are used.

pub(crate) mod file;
mod key;
mod text;

use std::{net::IpAddr, path::PathBuf, sync::Arc};

use orbitr_model::{Actor, Timestamp, deed};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

pub(crate) use self::key::{BoxKey, KEY_BYTES, Keyring, Sealed};
pub use self::text::SecretText;
use crate::{Error, NewEvent, Redactor, Subject, Tx, crash, engine::Writer, events, time::to_ms};

const NAME_MAX_BYTES: usize = 200;

/// The box's secrets, each under a name such as `app/notes/db-password`. A handle: cheap to clone into
/// the closures of [`crate::Store::read`] and [`crate::Store::write`].
#[derive(Clone)]
pub struct Secrets {
    ring: Keyring,
    redactor: Redactor,
    writer: Writer,
    /// The state directory.
    dir: PathBuf,
}

impl Secrets {
    pub(crate) const fn new(ring: Keyring, redactor: Redactor, writer: Writer, dir: PathBuf) -> Self {
        Self { ring, redactor, writer, dir }
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
            .query_row([name], sealed)
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

    /// The names of the secrets that begin with `prefix`, sorted.
    ///
    /// # Errors
    /// As the database.
    pub fn names(&self, conn: &Connection, prefix: &str) -> Result<Vec<String>, Error> {
        let sql = "SELECT name FROM secret WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name";
        let mut query = conn.prepare_cached(sql)?;
        Ok(query.query_map([prefix], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Makes a new box key and seals every secret with it. A crash at any moment leaves the old key with
    /// the old seals or the new key with the new ones. The old key stays for as long as a kept copy of
    /// the database needs it. History says who wanted it.
    ///
    /// # Errors
    /// [`Error::SecretUnreadable`] when a secret cannot be opened: then nothing has changed; otherwise as
    /// the database and the disk.
    pub async fn rotate_key(&self, actor: Actor, address: Option<IpAddr>) -> Result<(), Error> {
        let this = self.clone();
        self.writer.clone().run(move |conn| this.rotate_on(conn, actor, address)).await
    }

    fn rotate_on(&self, conn: &mut Connection, actor: Actor, address: Option<IpAddr>) -> Result<(), Error> {
        let key = Arc::new(BoxKey::generate()?);
        file::write(&self.dir, &key)?;
        crash::point("rotate:written");
        self.ring.add(Arc::clone(&key));
        let sealed = self.writer.transact_on(conn, |tx| {
            let detail = serde_json::json!({ "key": key.id() });
            let event = NewEvent::by_the_box(deed::BOX_KEY_ROTATED, Subject::the_box(), detail);
            tx.event(NewEvent { actor, address, ..event })?;
            reseal(tx, &self.ring, &key)
        });
        if let Err(error) = sealed {
            file::withdraw(&self.dir, &key)?;
            return Err(error);
        }
        self.ring.make_current(key.id());
        crash::point("rotate:committed");
        file::promote(&self.dir)
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(«redacted»)")
    }
}

/// Seals every secret, the check value and the end of history with `key` instead of those in `ring`.
fn reseal(conn: &Connection, ring: &Keyring, key: &BoxKey) -> Result<(), Error> {
    let mut all: Vec<(String, Sealed)> = Vec::new();
    let mut statement = conn.prepare("SELECT key_id, nonce, sealed, name FROM secret")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        all.push((row.get(3)?, sealed(row)?));
    }
    let mut update = conn.prepare("UPDATE secret SET key_id = ?2, nonce = ?3, sealed = ?4 WHERE name = ?1")?;
    for (name, old) in all {
        let new = key.seal(&name, open(ring, &name, &old)?.reveal().as_bytes())?;
        update.execute(params![name, new.key_id, new.nonce, new.bytes])?;
    }
    events::reseal_head(conn, ring, key)?;
    put_check(conn, key)
}

/// A row that starts with `key_id, nonce, sealed`.
fn sealed(row: &Row<'_>) -> rusqlite::Result<Sealed> {
    Ok(Sealed { key_id: row.get(0)?, nonce: row.get(1)?, bytes: row.get(2)? })
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
    Ok(conn.query_row("SELECT key_id, nonce, sealed FROM box_key", [], sealed).optional()?)
}

/// Opens every secret, so that the redactor knows them all.
pub(crate) fn teach(conn: &Connection, ring: &Keyring, redactor: &Redactor) -> Result<(), Error> {
    let mut statement = conn.prepare("SELECT key_id, nonce, sealed, name FROM secret")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(3)?;
        match open(ring, &name, &sealed(row)?) {
            Ok(secret) => redactor.add(secret.reveal()),
            // The rest of the box works; whoever needs this secret says so.
            Err(error) => tracing::warn!(secret = name, %error, "a secret cannot be opened"),
        }
    }
    Ok(())
}
