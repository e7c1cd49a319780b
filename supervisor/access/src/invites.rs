//! Invites: a link that makes one account, once, within seven days.

use jiff::SignedDuration;
use orbitr_model::{Actor, DisplayName, InviteId, Role, Timestamp, Topic, deed};
use orbitr_store::{NewEvent, Outcome, Subject, Tx, row, time::to_ms};
use rusqlite::{Connection, OptionalExtension, Row, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Access, NewSession, Permit, Secret,
    action::{ManagePeople, ViewPeople},
    error::Error,
    gate::Client,
    grants::{self, Grant, SetGrant},
    history, secret, sessions,
    setup::{NewAccount, Wanted},
    users::{self, NewUser},
};

/// So long a link works.
const LIVES: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The most that are open at once.
const MOST: usize = 100;
/// The most grants that one invite brings along.
const MOST_GRANTS: usize = 50;

/// An invite that an admin wants.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvite {
    /// The role of the account that comes of it.
    pub role: Role,
    /// Whom it is for, in the admin's own words.
    pub note: DisplayName,
    /// What the account may do from the start; at most 50.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub grants: Vec<Grant>,
}

/// One open invite, as admins see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Invite {
    /// Its id.
    pub id: InviteId,
    /// The role of the account that comes of it.
    pub role: Role,
    /// Whom it is for.
    pub note: String,
    /// What the account may do from the start.
    pub grants: Vec<Grant>,
    /// Who made it.
    pub created_by: Actor,
    /// When.
    pub created_at: Timestamp,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// An invite that was just made, with the code that is shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NewInviteLink {
    /// The invite.
    pub invite: Invite,
    /// What the link ends with.
    pub code: Secret,
}

/// What somebody who opens the link is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OpenInvite {
    /// The role that they will have.
    pub role: Role,
    /// Until when the link works.
    pub expires_at: Timestamp,
}

const COLUMNS: &str = "id, role, note, grants, created_by, created_at, expires_at";

fn from_row(found: &Row<'_>) -> rusqlite::Result<Invite> {
    Ok(Invite {
        id: row::parse(found, "id")?,
        role: row::word(found, "role")?,
        note: found.get("note")?,
        grants: row::json(found, "grants")?,
        created_by: row::json(found, "created_by")?,
        created_at: row::time(found, "created_at")?,
        expires_at: row::time(found, "expires_at")?,
    })
}

fn open(conn: &Connection, code: &Secret, now: Timestamp) -> Result<Invite, Error> {
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM invite WHERE hash = ?1 AND expires_at > ?2"))?
        .query_row(params![secret::hash(code.expose()), to_ms(now)], from_row)
        .optional()?
        .ok_or(Error::InviteGone)
}

fn all(conn: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Invite>> {
    conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM invite WHERE expires_at > ?1 ORDER BY created_at DESC, id DESC"
    ))?
    .query_map([to_ms(now)], from_row)?
    .collect()
}

fn insert(tx: &mut Tx<'_>, invite: &Invite, code: &Secret) -> Result<(), Error> {
    let json = |value: serde_json::Result<String>| {
        value.map_err(|error| Error::from(rusqlite::Error::ToSqlConversionFailure(Box::new(error))))
    };
    tx.execute("DELETE FROM invite WHERE expires_at <= ?1", [to_ms(invite.created_at)])?;
    if all(tx, invite.created_at)?.len() >= MOST {
        return Err(Error::TooMany { what: "open invites", most: MOST });
    }
    tx.execute(
        "INSERT INTO invite (id, hash, role, note, grants, created_by, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            invite.id.to_string(),
            secret::hash(code.expose()),
            invite.role.as_str(),
            invite.note,
            json(serde_json::to_string(&invite.grants))?,
            json(serde_json::to_string(&invite.created_by))?,
            to_ms(invite.created_at),
            to_ms(invite.expires_at),
        ],
    )?;
    tx.changed(Topic::People);
    Ok(())
}

impl Access {
    /// Makes an invite. Its code is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::TooMany`]; otherwise as the database.
    pub async fn create_invite(&self, permit: &Permit<ManagePeople>, new: NewInvite) -> Result<NewInviteLink, Error> {
        if new.grants.len() > MOST_GRANTS {
            return Err(Error::field("grants", "An invite brings at most 50 grants along."));
        }
        if new.grants.iter().any(|grant| grant.level == orbitr_model::Level::Administer) {
            return Err(Error::field("grants", "A grant is «view», «operate» or «manage»; the rest is for admins."));
        }
        let (permit, now) = (permit.clone(), self.now());
        let invite = Invite {
            id: InviteId::new(),
            role: new.role,
            note: new.note.into(),
            grants: new.grants,
            created_by: permit.actor().clone(),
            created_at: now,
            expires_at: now + LIVES,
        };
        let code = secret::carried("")?;
        self.store()
            .write(move |tx| {
                insert(tx, &invite, &code)?;
                let subject = Subject::new("invite", invite.id, &invite.note);
                let detail = json!({ "role": invite.role, "grants": invite.grants.len() });
                tx.event(history::done(&permit, deed::INVITE_CREATE, subject, detail))?;
                Ok(NewInviteLink { invite, code })
            })
            .await
    }

    /// The open invites, the newest first.
    ///
    /// # Errors
    /// As the database.
    pub async fn invites(&self, _: &Permit<ViewPeople>) -> Result<Vec<Invite>, Error> {
        let now = self.now();
        self.store().read(move |conn| Ok(all(conn, now)?)).await
    }

    /// Withdraws an invite.
    ///
    /// # Errors
    /// [`Error::NoInvite`]; otherwise as the database.
    pub async fn revoke_invite(&self, permit: &Permit<ManagePeople>, id: InviteId) -> Result<(), Error> {
        let permit = permit.clone();
        self.store()
            .write(move |tx| {
                let note: Option<String> = tx
                    .query_row("DELETE FROM invite WHERE id = ?1 RETURNING note", [id.to_string()], |found| {
                        found.get(0)
                    })
                    .optional()?;
                let subject = Subject::new("invite", id, note.ok_or(Error::NoInvite(id))?);
                tx.changed(Topic::People);
                tx.event(history::done(&permit, deed::INVITE_REVOKE, subject, json!({})))?;
                Ok(())
            })
            .await
    }

    /// What the person who opens the link is shown.
    ///
    /// # Errors
    /// [`Error::InviteGone`]; otherwise as the database.
    pub async fn open_invite(&self, code: &Secret) -> Result<OpenInvite, Error> {
        let (code, now) = (code.clone(), self.now());
        let invite = self.store().read(move |conn| open(conn, &code, now)).await?;
        Ok(OpenInvite { role: invite.role, expires_at: invite.expires_at })
    }

    /// Makes the account of an invite, uses the invite up, and signs the new person in.
    ///
    /// # Errors
    /// [`Error::InviteGone`], [`Error::NameTaken`], [`Error::Invalid`] names every field that is not
    /// right; otherwise as the database.
    pub async fn accept_invite(&self, accept: NewAccount, client: &Client) -> Result<NewSession, Error> {
        let (code, now) = (accept.code.clone(), self.now());
        // Before anything is hashed: a link that is no link costs nothing.
        self.open_invite(&code).await?;
        let wanted = Wanted::parse(&accept)?;
        let hash = self.hasher().hash(wanted.password.clone()).await?;
        let client = client.clone();
        self.store()
            .write(move |tx| {
                let invite = open(tx, &code, now)?;
                tx.execute("DELETE FROM invite WHERE id = ?1", [invite.id.to_string()])?;
                let Wanted { username, display_name, .. } = wanted;
                let user =
                    users::insert(tx, NewUser { username, display_name, role: invite.role, password: hash }, now)?;
                let id = user.user.id;
                for Grant { on, level } in invite.grants {
                    match grants::set(tx, id, &SetGrant { on, level: Some(level) }) {
                        // The app may be gone since; the person is welcome all the same.
                        Ok(()) | Err(Error::Invalid(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
                let session = sessions::open(tx, &user, &client, now)?;
                tx.event(NewEvent {
                    actor: Actor::User { id, name: user.user.username.clone() },
                    action: deed::INVITE_ACCEPT,
                    subject: history::user(id, &user.user.username),
                    outcome: Outcome::Ok,
                    detail: json!({ "invite": invite.id, "role": invite.role }),
                    address: client.address,
                })?;
                Ok(session)
            })
            .await
    }
}
