//! Accounts as rows: every query on the table of users.

use orbitr_model::{DisplayName, Role, Timestamp, UserId, Username};
use orbitr_store::{Tx, row, time::to_ms};
use rusqlite::{Connection, OptionalExtension, Row, params};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Error;

/// One account, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The name to sign in with.
    pub username: Username,
    /// The name that people see.
    pub display_name: DisplayName,
    /// What it is on this box.
    pub role: Role,
    /// Whether signing in takes a second step.
    pub second_step: bool,
    /// While its password is a one-time one that must be changed: until when that works.
    pub one_time_password_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When somebody last signed in with it.
    pub last_sign_in: Option<Timestamp>,
    /// Since when it is disabled, if it is.
    pub disabled_at: Option<Timestamp>,
}

/// A row with what only this crate sees.
#[derive(Clone)]
pub(crate) struct UserRow {
    pub(crate) user: User,
    pub(crate) password: String,
    pub(crate) totp_last_step: i64,
    pub(crate) recovery_salt: Option<Vec<u8>>,
}

const COLUMNS: &str = "id, name, display_name, role, password, one_time_until, totp_since, totp_last_step, recovery_salt, \
                       created_at, last_sign_in, disabled_at";

fn from_row(found: &Row<'_>) -> rusqlite::Result<UserRow> {
    let user = User {
        id: row::parse(found, "id")?,
        username: row::parse(found, "name")?,
        display_name: row::parse(found, "display_name")?,
        role: row::word(found, "role")?,
        second_step: found.get::<_, Option<i64>>("totp_since")?.is_some(),
        one_time_password_until: row::time_opt(found, "one_time_until")?,
        created_at: row::time(found, "created_at")?,
        last_sign_in: row::time_opt(found, "last_sign_in")?,
        disabled_at: row::time_opt(found, "disabled_at")?,
    };
    Ok(UserRow {
        user,
        password: found.get("password")?,
        totp_last_step: found.get("totp_last_step")?,
        recovery_salt: found.get("recovery_salt")?,
    })
}

pub(crate) fn by_id(conn: &Connection, id: UserId) -> rusqlite::Result<Option<UserRow>> {
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM user WHERE id = ?1"))?
        .query_row([id.to_string()], from_row)
        .optional()
}

pub(crate) fn by_name(conn: &Connection, name: &Username) -> rusqlite::Result<Option<UserRow>> {
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM user WHERE name = ?1"))?
        .query_row([name.as_str()], from_row)
        .optional()
}

/// The account, or that there is none.
pub(crate) fn known(conn: &Connection, id: UserId) -> Result<UserRow, Error> {
    by_id(conn, id)?.ok_or_else(|| Error::no_user(id))
}

/// Every account, by name.
pub(crate) fn all(conn: &Connection) -> rusqlite::Result<Vec<User>> {
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM user ORDER BY name"))?
        .query_map([], |found| from_row(found).map(|row| row.user))?
        .collect()
}

/// What a new account starts with.
pub(crate) struct NewUser {
    pub(crate) username: Username,
    pub(crate) display_name: DisplayName,
    pub(crate) role: Role,
    /// The password's hash.
    pub(crate) password: String,
}

pub(crate) fn insert(tx: &Tx<'_>, new: NewUser, now: Timestamp) -> Result<UserRow, Error> {
    if by_name(tx, &new.username)?.is_some() {
        return Err(Error::NameTaken(new.username));
    }
    let id = UserId::new();
    tx.execute(
        "INSERT INTO user (id, name, display_name, role, password, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            id.to_string(),
            new.username.as_str(),
            new.display_name.as_str(),
            new.role.as_str(),
            new.password,
            to_ms(now)
        ],
    )?;
    known(tx, id)
}

/// Sets the password's hash; `one_time_until` when it is a one-time one.
pub(crate) fn set_password(
    conn: &Connection,
    id: UserId,
    hash: &str,
    one_time_until: Option<Timestamp>,
) -> rusqlite::Result<()> {
    conn.execute(
        "UPDATE user SET password = ?2, one_time_until = ?3 WHERE id = ?1",
        params![id.to_string(), hash, one_time_until.map(to_ms)],
    )?;
    Ok(())
}

/// Whether an enabled admin is left besides this account.
pub(crate) fn has_other_admin(conn: &Connection, id: UserId) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM user WHERE role = 'admin' AND disabled_at IS NULL AND id <> ?1")?
        .exists([id.to_string()])
}
