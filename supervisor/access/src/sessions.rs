//! Sessions: one for each sign-in of each browser, kept as a hash, ended by idleness, by age, or by hand.

use std::net::IpAddr;

use jiff::SignedDuration;
use orbitr_model::{SessionId, Timestamp, Topic, UserId, deed};
use orbitr_store::{Subject, Tx, row, time::to_ms};
use rusqlite::{Connection, OptionalExtension, Row, params};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::{
    Access, Permit, Secret,
    action::{ChangeOwnAccount, ManagePeople, OwnAccount, SignOut, ViewPeople},
    error::Error,
    gate::Client,
    history, secret, users,
    users::UserRow,
};

/// A session that nobody used for this long is over.
pub const IDLE_END: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A session is over at this age, however much it is used.
pub const ABSOLUTE_END: SignedDuration = SignedDuration::from_hours(30 * 24);
/// When a session was last used is written at most this often: looking at a page is not a write.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// The most that one account has at once; a further sign-in ends the one that was not used longest.
const MOST_OF_ONE: u32 = 50;

/// A session that was just opened, with the secret that exists nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// Its id, for lists.
    pub id: SessionId,
    /// What the browser keeps, see [`crate::gate::session_cookie`].
    pub secret: Secret,
    /// Whose it is.
    pub user: UserId,
    /// When it is over at the latest.
    pub ends_at: Timestamp,
    /// Whether the password is a one-time one: the next page is the one that changes it.
    pub must_change_password: bool,
}

/// One session, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// Whether it is the one that asks.
    pub current: bool,
    /// When somebody signed in.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Timestamp,
    /// When it is over if nobody uses it.
    pub ends_at: Timestamp,
    /// Where it was used last.
    pub address: Option<IpAddr>,
    /// What the browser calls itself; may be empty.
    pub user_agent: String,
}

/// When a session is over: idle too long, or too old. A clock that was set back ends none.
fn end(created_at: Timestamp, last_used_at: Timestamp) -> Timestamp {
    (last_used_at + IDLE_END).min(created_at + ABSOLUTE_END)
}

/// A session found by its secret, whose time is not over.
pub(crate) struct Found {
    pub(crate) id: SessionId,
    pub(crate) user: UserId,
    /// Whether it is time to note that it was used.
    pub(crate) to_note: bool,
}

pub(crate) fn find(conn: &Connection, secret: &Secret, now: Timestamp) -> rusqlite::Result<Option<Found>> {
    let hash = secret::hash(secret.expose());
    find_where(conn, "hash = ?1", rusqlite::types::Value::Blob(hash.to_vec()), now)
}

pub(crate) fn find_by_id(conn: &Connection, id: SessionId, now: Timestamp) -> rusqlite::Result<Option<Found>> {
    find_where(conn, "id = ?1", rusqlite::types::Value::Text(id.to_string()), now)
}

fn find_where(
    conn: &Connection,
    condition: &str,
    value: rusqlite::types::Value,
    now: Timestamp,
) -> rusqlite::Result<Option<Found>> {
    let sql = format!("SELECT id, user_id, created_at, last_used_at FROM session WHERE {condition}");
    let found = conn
        .prepare_cached(&sql)?
        .query_row([value], |found| {
            let times = (row::time(found, "created_at")?, row::time(found, "last_used_at")?);
            Ok((row::parse(found, "id")?, row::parse(found, "user_id")?, times))
        })
        .optional()?;
    Ok(found.filter(|(_, _, (created, used))| now < end(*created, *used)).map(|(id, user, (_, used))| Found {
        id,
        user,
        to_note: now.duration_since(used) >= NOTED_EVERY,
    }))
}

/// Notes that a session is in use.
pub(crate) fn note_use(tx: &Tx<'_>, id: SessionId, address: Option<IpAddr>, now: Timestamp) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE session SET last_used_at = ?2, address = ?3 WHERE id = ?1",
        params![id.to_string(), to_ms(now), address.map(|address| address.to_string())],
    )?;
    Ok(())
}

/// Opens a session. Its id and secret are always fresh ones; the session that the browser came with ends,
/// so nobody can hand a browser a session that they know.
pub(crate) fn open(tx: &mut Tx<'_>, of: &UserRow, client: &Client, now: Timestamp) -> Result<NewSession, Error> {
    let user = of.user.id;
    tx.execute(
        "DELETE FROM session WHERE last_used_at <= ?1 OR created_at <= ?2",
        [to_ms(now - IDLE_END), to_ms(now - ABSOLUTE_END)],
    )?;
    if let Some(old) = &client.session {
        tx.execute("DELETE FROM session WHERE hash = ?1", [secret::hash(old.expose())])?;
    }
    tx.execute(
        "DELETE FROM session WHERE id IN (
             SELECT id FROM session WHERE user_id = ?1 ORDER BY last_used_at DESC LIMIT -1 OFFSET ?2)",
        params![user.to_string(), MOST_OF_ONE - 1],
    )?;
    let (id, secret) = (SessionId::new(), secret::carried("")?);
    tx.execute(
        "INSERT INTO session (id, hash, user_id, created_at, last_used_at, address, user_agent)
         VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)",
        params![
            id.to_string(),
            secret::hash(secret.expose()),
            user.to_string(),
            to_ms(now),
            client.address.map(|address| address.to_string()),
            client.user_agent,
        ],
    )?;
    tx.execute("UPDATE user SET last_sign_in = ?2 WHERE id = ?1", params![user.to_string(), to_ms(now)])?;
    tx.changed(Topic::People);
    let must_change_password = of.user.one_time_password_until.is_some();
    Ok(NewSession { id, secret, user, ends_at: now + ABSOLUTE_END, must_change_password })
}

/// Ends every session of an account but one; says how many.
pub(crate) fn end_all(tx: &mut Tx<'_>, user: UserId, but: Option<SessionId>) -> rusqlite::Result<usize> {
    tx.execute("DELETE FROM challenge WHERE user_id = ?1", [user.to_string()])?;
    let ended = tx.execute(
        "DELETE FROM session WHERE user_id = ?1 AND id IS NOT ?2",
        params![user.to_string(), but.map(|id| id.to_string())],
    )?;
    tx.changed(Topic::People);
    Ok(ended)
}

fn end_one(tx: &mut Tx<'_>, user: UserId, id: SessionId) -> Result<(), Error> {
    let ended = tx.execute("DELETE FROM session WHERE id = ?1 AND user_id = ?2", [id.to_string(), user.to_string()])?;
    tx.changed(Topic::People);
    if ended == 0 { Err(Error::NoSession(id)) } else { Ok(()) }
}

fn list(
    conn: &Connection,
    user: UserId,
    current: Option<SessionId>,
    now: Timestamp,
) -> rusqlite::Result<Vec<SessionView>> {
    let view = |found: &Row<'_>| {
        let id = row::parse(found, "id")?;
        let (created_at, last_used_at) = (row::time(found, "created_at")?, row::time(found, "last_used_at")?);
        Ok(SessionView {
            id,
            current: current == Some(id),
            created_at,
            last_used_at,
            ends_at: end(created_at, last_used_at),
            address: row::parse_opt(found, "address")?,
            user_agent: found.get("user_agent")?,
        })
    };
    let mut query = conn.prepare_cached(
        "SELECT id, created_at, last_used_at, address, user_agent FROM session WHERE user_id = ?1
         ORDER BY last_used_at DESC",
    )?;
    let found: Vec<SessionView> = query.query_map([user.to_string()], view)?.collect::<rusqlite::Result<_>>()?;
    Ok(found.into_iter().filter(|session| now < session.ends_at).collect())
}

impl Access {
    /// Ends the session that asks.
    ///
    /// # Errors
    /// As the database.
    pub async fn sign_out(&self, permit: &Permit<SignOut>) -> Result<(), Error> {
        let (permit, user) = (permit.clone(), permit.account()?);
        self.store()
            .write(move |tx| {
                let row = users::known(tx, user)?;
                if let Some(id) = permit.session() {
                    end_one(tx, user, id)?;
                }
                let subject = history::user(user, &row.user.username);
                tx.event(history::done(&permit, deed::ACCOUNT_SIGN_OUT, subject, json!({})))?;
                Ok(())
            })
            .await
    }

    /// One's own sessions, the last used first.
    ///
    /// # Errors
    /// [`Error::NoAccount`]; otherwise as the database.
    pub async fn my_sessions(&self, permit: &Permit<OwnAccount>) -> Result<Vec<SessionView>, Error> {
        let (user, current, now) = (permit.account()?, permit.session(), self.now());
        self.store().read(move |conn| Ok(list(conn, user, current, now)?)).await
    }

    /// Ends one of one's own sessions.
    ///
    /// # Errors
    /// [`Error::NoSession`] when it is not one's own; otherwise as the database.
    pub async fn end_my_session(&self, permit: &Permit<ChangeOwnAccount>, id: SessionId) -> Result<(), Error> {
        let (permit, user) = (permit.clone(), permit.account()?);
        self.store()
            .write(move |tx| {
                end_one(tx, user, id)?;
                tx.event(history::done(&permit, deed::SESSION_END, Subject::new("session", id, ""), json!({})))?;
                Ok(())
            })
            .await
    }

    /// Ends all of one's own sessions but the one that asks; says how many.
    ///
    /// # Errors
    /// As the database.
    pub async fn end_my_other_sessions(&self, permit: &Permit<ChangeOwnAccount>) -> Result<usize, Error> {
        let (permit, user) = (permit.clone(), permit.account()?);
        self.store()
            .write(move |tx| {
                let row = users::known(tx, user)?;
                let ended = end_all(tx, user, permit.session())?;
                let subject = history::user(user, &row.user.username);
                tx.event(history::done(&permit, deed::SESSION_END_OTHERS, subject, json!({ "ended": ended })))?;
                Ok(ended)
            })
            .await
    }

    /// Somebody's sessions, the last used first.
    ///
    /// # Errors
    /// [`Error::NoUser`]; otherwise as the database.
    pub async fn sessions_of(&self, permit: &Permit<ViewPeople>, user: UserId) -> Result<Vec<SessionView>, Error> {
        let (current, now) = (permit.session(), self.now());
        self.store()
            .read(move |conn| {
                users::known(conn, user)?;
                Ok(list(conn, user, current, now)?)
            })
            .await
    }

    /// Ends one of somebody's sessions.
    ///
    /// # Errors
    /// [`Error::NoUser`], [`Error::NoSession`] when it is not theirs; otherwise as the database.
    pub async fn end_session_of(
        &self,
        permit: &Permit<ManagePeople>,
        user: UserId,
        id: SessionId,
    ) -> Result<(), Error> {
        let permit = permit.clone();
        self.store()
            .write(move |tx| {
                let row = users::known(tx, user)?;
                end_one(tx, user, id)?;
                let subject = history::user(user, &row.user.username);
                tx.event(history::done(&permit, deed::USER_END_SESSION, subject, json!({ "session": id })))?;
                Ok(())
            })
            .await
    }

    /// Ends all of somebody's sessions; says how many.
    ///
    /// # Errors
    /// [`Error::NoUser`]; otherwise as the database.
    pub async fn end_sessions_of(&self, permit: &Permit<ManagePeople>, user: UserId) -> Result<usize, Error> {
        let permit = permit.clone();
        self.store()
            .write(move |tx| {
                let row = users::known(tx, user)?;
                let ended = end_all(tx, user, None)?;
                let subject = history::user(user, &row.user.username);
                tx.event(history::done(&permit, deed::USER_END_SESSIONS, subject, json!({ "ended": ended })))?;
                Ok(ended)
            })
            .await
    }
}
