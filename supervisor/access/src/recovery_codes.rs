//! Recovery codes: the way in when the phone is gone. Ten of them, each works once.
//!
//! A code has 50 bits, which is enough behind a door that closes, but not for a plain hash that somebody
//! could take away and try at leisure. So they are kept as Argon2id, with one salt for all codes of an
//! account: one hash is enough to find out which of them was typed.

use orbitr_model::UserId;
use orbitr_store::Tx;
use rusqlite::{Connection, params};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Access, Secret, error::Error, secret};

/// So many at a time.
const CODES: usize = 10;
/// Two groups of five readable characters: 50 bits.
const GROUPS: usize = 2;
const GROUP_CHARS: usize = 5;
const SALT_BYTES: usize = 16;

/// Fresh recovery codes, shown once. Those from before no longer work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecoveryCodes {
    /// The codes.
    pub codes: Vec<Secret>,
}

/// Codes with what is kept of them.
pub(crate) struct Fresh {
    pub(crate) shown: RecoveryCodes,
    salt: [u8; SALT_BYTES],
    hashes: Vec<[u8; 32]>,
}

impl Access {
    /// Makes codes; nothing is kept yet.
    pub(crate) async fn fresh_recovery_codes(&self) -> Result<Fresh, Error> {
        let codes = (0..CODES).map(|_| secret::typed(GROUPS, GROUP_CHARS)).collect::<Result<Vec<_>, _>>()?;
        let salt = secret::random::<SALT_BYTES>()?;
        let typed = codes.iter().map(|code| secret::as_typed(code.expose())).collect();
        let hashes = self.hasher().derive(typed, salt.to_vec()).await?;
        Ok(Fresh { shown: RecoveryCodes { codes }, salt, hashes })
    }
}

/// Keeps fresh codes in the place of those from before.
pub(crate) fn keep(tx: &Tx<'_>, user: UserId, fresh: &Fresh) -> rusqlite::Result<()> {
    forget(tx, user)?;
    tx.execute("UPDATE user SET recovery_salt = ?2 WHERE id = ?1", params![user.to_string(), fresh.salt])?;
    for hash in &fresh.hashes {
        tx.execute("INSERT INTO recovery_code (user_id, hash) VALUES (?1, ?2)", params![user.to_string(), hash])?;
    }
    Ok(())
}

/// Forgets all codes of an account.
pub(crate) fn forget(tx: &Tx<'_>, user: UserId) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM recovery_code WHERE user_id = ?1", [user.to_string()])?;
    tx.execute("UPDATE user SET recovery_salt = NULL WHERE id = ?1", [user.to_string()])?;
    Ok(())
}

/// Uses a code up, if it is one.
pub(crate) fn use_code(tx: &Tx<'_>, user: UserId, hash: &[u8; 32]) -> rusqlite::Result<bool> {
    let used =
        tx.execute("DELETE FROM recovery_code WHERE user_id = ?1 AND hash = ?2", params![user.to_string(), hash])?;
    Ok(used == 1)
}

/// How many codes an account has left.
pub(crate) fn left(conn: &Connection, user: UserId) -> rusqlite::Result<u32> {
    conn.query_row("SELECT count(*) FROM recovery_code WHERE user_id = ?1", [user.to_string()], |found| found.get(0))
}
