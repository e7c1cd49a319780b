//! API tokens: what a program shows instead of a person. Kept as a hash; they reach no further than their
//! owner, their level, and the apps and projects that they name; and they all expire.

use std::{collections::BTreeSet, net::IpAddr};

use jiff::SignedDuration;
use orbitr_model::{AppId, DisplayName, FieldError, Level, ProjectId, Role, Timestamp, TokenId, Topic, UserId, deed};
use orbitr_store::{Subject, Tx, row, time::to_ms};
use rusqlite::{Connection, OptionalExtension, Row, params, types::Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Access, Permit, Secret,
    action::{ChangeOwnAccount, ManagePeople, OwnAccount, ViewPeople},
    error::Error,
    history,
    reach::{Limits, Scope},
    scope, secret, users,
};

/// No token lives longer, in days.
pub const TOKEN_LONGEST_DAYS: u32 = 365;
/// What every token begins with, so that people and scanners know one when they see it.
pub(crate) const PREFIX: &str = "orb_";
/// So much of a token is kept readable, so that its owner knows it again.
const HINT_CHARS: usize = 8;
/// When a token was last used is written at most this often.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// The most that one account has.
const MOST_OF_ONE: usize = 100;
/// The most apps and projects that one token names.
const MOST_NAMED: usize = 100;

/// The only apps and projects that a token reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TokenLimits {
    /// These apps.
    pub apps: BTreeSet<AppId>,
    /// Every app in these projects.
    pub projects: BTreeSet<ProjectId>,
}

/// A token that somebody wants for themselves.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What its owner calls it.
    pub label: DisplayName,
    /// The most it may do.
    pub level: Level,
    /// After how many days it expires; 1 to 365.
    #[schemars(range(min = 1, max = 365))]
    pub days: u32,
    /// The only apps and projects that it reaches; without this, all that its owner reaches.
    #[serde(default)]
    pub only: Option<TokenLimits>,
}

/// A token that was just made, with the secret that is shown once and never again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NewTokenSecret {
    /// The token, as lists show it from now on.
    pub token: TokenView,
    /// What the program sends as `Authorization: Bearer …`.
    pub secret: Secret,
}

/// One token, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TokenView {
    /// Its id.
    pub id: TokenId,
    /// Whose it is.
    pub user: UserId,
    /// What its owner calls it.
    pub label: String,
    /// How it begins.
    pub hint: String,
    /// The most it may do.
    pub level: Level,
    /// The only apps and projects that it reaches; none when it reaches all that its owner does.
    pub only: Option<TokenLimits>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Whether it has expired.
    pub expired: bool,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Where it was last used.
    pub last_address: Option<IpAddr>,
}

/// A token found by its secret, that has not expired.
pub(crate) struct TokenRow {
    pub(crate) id: TokenId,
    pub(crate) user: UserId,
    pub(crate) label: String,
    pub(crate) level: Level,
    limited: bool,
    /// Whether it is time to note that it was used.
    pub(crate) to_note: bool,
}

pub(crate) fn find(conn: &Connection, token: &Secret, now: Timestamp) -> rusqlite::Result<Option<TokenRow>> {
    if !token.expose().starts_with(PREFIX) {
        return Ok(None);
    }
    find_where(conn, "hash = ?1", Value::Blob(secret::hash(token.expose()).to_vec()), now)
}

pub(crate) fn find_by_id(conn: &Connection, id: TokenId, now: Timestamp) -> rusqlite::Result<Option<TokenRow>> {
    find_where(conn, "id = ?1", Value::Text(id.to_string()), now)
}

fn find_where(conn: &Connection, condition: &str, value: Value, now: Timestamp) -> rusqlite::Result<Option<TokenRow>> {
    let sql = format!(
        "SELECT id, user_id, label, level, limited, last_used_at FROM token WHERE {condition} AND expires_at > ?2"
    );
    conn.prepare_cached(&sql)?
        .query_row(params![value, to_ms(now)], |found| {
            let used = row::time_opt(found, "last_used_at")?;
            Ok(TokenRow {
                id: row::parse(found, "id")?,
                user: row::parse(found, "user_id")?,
                label: found.get("label")?,
                level: row::word(found, "level")?,
                limited: found.get("limited")?,
                to_note: used.is_none_or(|used| now.duration_since(used) >= NOTED_EVERY),
            })
        })
        .optional()
}

/// What a token is held to.
pub(crate) fn scope(conn: &Connection, token: &TokenRow) -> rusqlite::Result<Scope> {
    let only = if token.limited { Some(limits(conn, token.id)?) } else { None };
    let only = only.map(|TokenLimits { apps, projects }| Limits { apps, projects });
    Ok(Scope { level: token.level, only })
}

fn limits(conn: &Connection, id: TokenId) -> rusqlite::Result<TokenLimits> {
    let apps = conn
        .prepare_cached("SELECT app_id FROM token_app WHERE token_id = ?1")?
        .query_map([id.to_string()], |found| row::parse(found, "app_id"))?
        .collect::<rusqlite::Result<_>>()?;
    let projects = conn
        .prepare_cached("SELECT project_id FROM token_project WHERE token_id = ?1")?
        .query_map([id.to_string()], |found| row::parse(found, "project_id"))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(TokenLimits { apps, projects })
}

/// Notes that a token is in use.
pub(crate) fn note_use(tx: &Tx<'_>, id: TokenId, address: Option<IpAddr>, now: Timestamp) -> rusqlite::Result<()> {
    tx.execute(
        "UPDATE token SET last_used_at = ?2, last_address = ?3 WHERE id = ?1",
        params![id.to_string(), to_ms(now), address.map(|address| address.to_string())],
    )?;
    Ok(())
}

/// Revokes every token of an account; says how many.
pub(crate) fn revoke_all(tx: &mut Tx<'_>, user: UserId) -> rusqlite::Result<usize> {
    tx.changed(Topic::People);
    tx.execute("DELETE FROM token WHERE user_id = ?1", [user.to_string()])
}

fn list(conn: &Connection, user: UserId, now: Timestamp) -> rusqlite::Result<Vec<TokenView>> {
    let view = |found: &Row<'_>| {
        let expires_at = row::time(found, "expires_at")?;
        let view = TokenView {
            id: row::parse(found, "id")?,
            user,
            label: found.get("label")?,
            hint: found.get("hint")?,
            level: row::word(found, "level")?,
            only: None,
            created_at: row::time(found, "created_at")?,
            expires_at,
            expired: expires_at <= now,
            last_used_at: row::time_opt(found, "last_used_at")?,
            last_address: row::parse_opt(found, "last_address")?,
        };
        Ok((view, found.get::<_, bool>("limited")?))
    };
    let mut query = conn.prepare_cached(
        "SELECT id, label, hint, level, limited, created_at, expires_at, last_used_at, last_address
         FROM token WHERE user_id = ?1 ORDER BY created_at DESC, id DESC",
    )?;
    let found: Vec<(TokenView, bool)> = query.query_map([user.to_string()], view)?.collect::<rusqlite::Result<_>>()?;
    found
        .into_iter()
        .map(|(mut view, limited)| {
            view.only = if limited { Some(limits(conn, view.id)?) } else { None };
            Ok(view)
        })
        .collect()
}

/// What is wrong with a wanted token, as far as it can be seen without the database.
fn check(new: &NewToken, role: Role) -> Result<(), Error> {
    let mut fields = Vec::new();
    let mut wrong = |field: &str, message: &str| {
        fields.push(FieldError { field: field.to_owned(), message: message.to_owned() });
    };
    if !(1..=TOKEN_LONGEST_DAYS).contains(&new.days) {
        wrong("days", "A token lives 1 to 365 days.");
    }
    if new.level > crate::role_cap(role) {
        wrong("level", "A token cannot do more than your role allows.");
    }
    if let Some(only) = &new.only {
        match only.apps.len() + only.projects.len() {
            0 => wrong("only", "Name at least one app or project, or leave the limit out."),
            named if named > MOST_NAMED => wrong("only", "A token names at most 100 apps and projects."),
            _ if new.level == Level::Administer => {
                wrong("level", "A token for some apps or projects cannot administer the box.");
            }
            _ => {}
        }
    }
    if fields.is_empty() { Ok(()) } else { Err(Error::Invalid(fields)) }
}

fn insert(tx: &mut Tx<'_>, user: UserId, new: &NewToken, now: Timestamp) -> Result<(TokenId, Secret), Error> {
    let held: u32 =
        tx.query_row("SELECT count(*) FROM token WHERE user_id = ?1", [user.to_string()], |found| found.get(0))?;
    if held as usize >= MOST_OF_ONE {
        return Err(Error::TooMany { what: "tokens", most: MOST_OF_ONE });
    }
    let (id, secret) = (TokenId::new(), secret::carried(PREFIX)?);
    tx.execute(
        "INSERT INTO token (id, hash, hint, user_id, label, level, limited, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            id.to_string(),
            secret::hash(secret.expose()),
            secret.expose().get(..HINT_CHARS).unwrap_or_default(),
            user.to_string(),
            new.label.as_str(),
            new.level.as_str(),
            new.only.is_some(),
            to_ms(now),
            to_ms(now + SignedDuration::from_hours(24 * i64::from(new.days))),
        ],
    )?;
    for app in new.only.iter().flat_map(|only| &only.apps) {
        if !scope::has_app(tx, app)? {
            return Err(Error::field("only.apps", format!("There is no app «{app}».")));
        }
        tx.execute("INSERT INTO token_app (token_id, app_id) VALUES (?1, ?2)", [id.to_string(), app.to_string()])?;
    }
    for project in new.only.iter().flat_map(|only| &only.projects) {
        if !scope::has_project(tx, project)? {
            return Err(Error::field("only.projects", format!("There is no project «{project}».")));
        }
        tx.execute(
            "INSERT INTO token_project (token_id, project_id) VALUES (?1, ?2)",
            [id.to_string(), project.to_string()],
        )?;
    }
    tx.changed(Topic::People);
    Ok((id, secret))
}

fn revoke(tx: &mut Tx<'_>, user: UserId, id: TokenId) -> Result<Subject, Error> {
    let label: Option<String> = tx
        .query_row(
            "DELETE FROM token WHERE id = ?1 AND user_id = ?2 RETURNING label",
            [id.to_string(), user.to_string()],
            |found| found.get(0),
        )
        .optional()?;
    tx.changed(Topic::People);
    label.map(|label| Subject::new("token", id, label)).ok_or(Error::NoToken(id))
}

impl Access {
    /// Makes a token for oneself. Its secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`Error::Invalid`] names what is wrong with it; [`Error::TooMany`]; otherwise as the database.
    pub async fn create_token(
        &self,
        permit: &Permit<ChangeOwnAccount>,
        new: NewToken,
    ) -> Result<NewTokenSecret, Error> {
        let (permit, user, now) = (permit.clone(), permit.account()?, self.now());
        check(&new, permit.caller().role())?;
        let reach = permit.caller().clone();
        // An app that its owner cannot see is answered like one that is not there.
        if let Some(app) = new.only.iter().flat_map(|only| &only.apps).find(|app| reach.level_on_app(app).is_none()) {
            return Err(Error::field("only.apps", format!("There is no app «{app}».")));
        }
        let hidden = |project: &&ProjectId| reach.level_on_project(project).is_none();
        if let Some(project) = new.only.iter().flat_map(|only| &only.projects).find(hidden) {
            return Err(Error::field("only.projects", format!("There is no project «{project}».")));
        }
        self.store()
            .write(move |tx| {
                let (id, secret) = insert(tx, user, &new, now)?;
                let token = list(tx, user, now)?.into_iter().find(|token| token.id == id).ok_or(Error::NoToken(id))?;
                let subject = Subject::new("token", id, &new.label);
                let detail = json!({ "level": new.level, "expires_at": token.expires_at, "only": token.only });
                tx.event(history::done(&permit, deed::TOKEN_CREATE, subject, detail))?;
                Ok(NewTokenSecret { token, secret })
            })
            .await
    }

    /// One's own tokens, the newest first.
    ///
    /// # Errors
    /// [`Error::NoAccount`]; otherwise as the database.
    pub async fn my_tokens(&self, permit: &Permit<OwnAccount>) -> Result<Vec<TokenView>, Error> {
        let (user, now) = (permit.account()?, self.now());
        self.store().read(move |conn| Ok(list(conn, user, now)?)).await
    }

    /// Revokes one of one's own tokens.
    ///
    /// # Errors
    /// [`Error::NoToken`] when it is not one's own; otherwise as the database.
    pub async fn revoke_my_token(&self, permit: &Permit<ChangeOwnAccount>, id: TokenId) -> Result<(), Error> {
        let (permit, user) = (permit.clone(), permit.account()?);
        self.store()
            .write(move |tx| {
                let subject = revoke(tx, user, id)?;
                tx.event(history::done(&permit, deed::TOKEN_REVOKE, subject, json!({})))?;
                Ok(())
            })
            .await
    }

    /// Somebody's tokens, the newest first.
    ///
    /// # Errors
    /// [`Error::NoUser`]; otherwise as the database.
    pub async fn tokens_of(&self, permit: &Permit<ViewPeople>, user: UserId) -> Result<Vec<TokenView>, Error> {
        let now = self.now();
        let _ = permit;
        self.store()
            .read(move |conn| {
                users::known(conn, user)?;
                Ok(list(conn, user, now)?)
            })
            .await
    }

    /// Revokes one of somebody's tokens.
    ///
    /// # Errors
    /// [`Error::NoToken`] when there is none of that account; otherwise as the database.
    pub async fn revoke_token_of(&self, permit: &Permit<ManagePeople>, user: UserId, id: TokenId) -> Result<(), Error> {
        let permit = permit.clone();
        self.store()
            .write(move |tx| {
                let subject = revoke(tx, user, id)?;
                tx.event(history::done(&permit, deed::TOKEN_REVOKE, subject, json!({ "of": user })))?;
                Ok(())
            })
            .await
    }
}
