//! Everybody's accounts, in the hands of an admin. The box never has an admin less than one.

use jiff::SignedDuration;
use orbitr_model::{Actor, Role, Timestamp, Topic, UserId, Username, deed};
use orbitr_store::{Tx, time::to_ms};
use rusqlite::params;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::{
    Access, Permit, Secret, User,
    action::{ManagePeople, ViewPeople},
    backoff::{self, Key},
    error::Error,
    history, second_step, secret, sessions, tokens,
    users::{self, UserRow},
};

/// So long a one-time password works.
const ONE_TIME_LIVES: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Four groups of four readable characters: 80 bits.
const ONE_TIME_GROUPS: usize = 4;
const ONE_TIME_GROUP_CHARS: usize = 4;

/// A password that signs in once, to be changed at once. Shown to the admin who asked, and never again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OneTimePassword {
    /// Whose it is.
    pub username: Username,
    /// The password.
    pub password: Secret,
    /// Until when it works.
    pub expires_at: Timestamp,
}

impl Access {
    /// Every account, by name.
    ///
    /// # Errors
    /// As the database.
    pub async fn users(&self, _: &Permit<ViewPeople>) -> Result<Vec<User>, Error> {
        self.store().read(|conn| Ok(users::all(conn)?)).await
    }

    /// One account.
    ///
    /// # Errors
    /// [`Error::NoUser`]; otherwise as the database.
    pub async fn user(&self, _: &Permit<ViewPeople>, id: UserId) -> Result<User, Error> {
        self.store().read(move |conn| Ok(users::known(conn, id)?.user)).await
    }

    /// One account by its name.
    ///
    /// # Errors
    /// [`Error::NoUser`]; otherwise as the database.
    pub async fn user_named(&self, _: &Permit<ViewPeople>, name: &Username) -> Result<User, Error> {
        let name = name.clone();
        self.store().read(move |conn| named(conn, &name).map(|row| row.user)).await
    }

    /// Gives an account another role. Its sessions end, so that nothing on its screens promises what is
    /// no longer so.
    ///
    /// # Errors
    /// [`Error::NoUser`], [`Error::LastAdmin`]; otherwise as the database.
    pub async fn set_role(&self, permit: &Permit<ManagePeople>, id: UserId, role: Role) -> Result<User, Error> {
        self.change(permit, id, move |tx, permit, row| {
            if row.user.role == role {
                return Ok(());
            }
            if role != Role::Admin {
                keep_an_admin(tx, row)?;
            }
            tx.execute("UPDATE user SET role = ?2 WHERE id = ?1", params![id.to_string(), role.as_str()])?;
            // An admin who changes their own role stays signed in, with what is left.
            let but = permit.session().filter(|_| permit.caller().user() == Some(id));
            sessions::end_all(tx, id, but)?;
            let detail = json!({ "from": row.user.role, "to": role });
            tx.event(history::done(permit, deed::USER_ROLE, history::user(id, &row.user.username), detail))?;
            Ok(())
        })
        .await
    }

    /// Disables an account: its sessions and tokens end at once, and nobody can sign in with it.
    ///
    /// # Errors
    /// [`Error::NoUser`], [`Error::LastAdmin`]; otherwise as the database.
    pub async fn disable_user(&self, permit: &Permit<ManagePeople>, id: UserId) -> Result<User, Error> {
        let now = self.now();
        self.change(permit, id, move |tx, permit, row| {
            if row.user.disabled_at.is_some() {
                return Ok(());
            }
            keep_an_admin(tx, row)?;
            tx.execute("UPDATE user SET disabled_at = ?2 WHERE id = ?1", params![id.to_string(), to_ms(now)])?;
            let detail = end_everything(tx, id)?;
            tx.event(history::done(permit, deed::USER_DISABLE, history::user(id, &row.user.username), detail))?;
            Ok(())
        })
        .await
    }

    /// Enables an account that was disabled. Its password works again; its sessions and tokens are gone.
    ///
    /// # Errors
    /// [`Error::NoUser`]; otherwise as the database.
    pub async fn enable_user(&self, permit: &Permit<ManagePeople>, id: UserId) -> Result<User, Error> {
        self.change(permit, id, move |tx, permit, row| {
            if row.user.disabled_at.is_none() {
                return Ok(());
            }
            tx.execute("UPDATE user SET disabled_at = NULL WHERE id = ?1", [id.to_string()])?;
            tx.event(history::done(permit, deed::USER_ENABLE, history::user(id, &row.user.username), json!({})))?;
            Ok(())
        })
        .await
    }

    /// Deletes an account with its sessions, tokens and grants. What it did stays in history under its
    /// name; its apps stay.
    ///
    /// # Errors
    /// [`Error::NoUser`], [`Error::LastAdmin`]; otherwise as the database.
    pub async fn delete_user(&self, permit: &Permit<ManagePeople>, id: UserId) -> Result<(), Error> {
        let (permit, secrets) = (permit.clone(), self.store().secrets().clone());
        self.store()
            .write(move |tx| {
                let row = users::known(tx, id)?;
                keep_an_admin(tx, &row)?;
                secrets.remove_prefix(tx, &format!("user/{id}/"))?;
                tx.execute("DELETE FROM user WHERE id = ?1", [id.to_string()])?;
                tx.changed(Topic::People);
                let detail = json!({ "role": row.user.role });
                tx.event(history::done(&permit, deed::USER_DELETE, history::user(id, &row.user.username), detail))?;
                Ok(())
            })
            .await
    }

    /// Gives an account a one-time password. Its sessions and tokens end; its second step stays.
    ///
    /// # Errors
    /// [`Error::NoUser`]; otherwise as the database.
    pub async fn reset_password(&self, permit: &Permit<ManagePeople>, id: UserId) -> Result<OneTimePassword, Error> {
        let (one_time, hash) = self.one_time_password().await?;
        let permit = permit.clone();
        self.store()
            .write(move |tx| {
                let row = users::known(tx, id)?;
                let detail = reset(tx, &row, &hash, one_time.1)?;
                tx.event(history::done(&permit, deed::USER_RESET, history::user(id, &row.user.username), detail))?;
                Ok(OneTimePassword { username: row.user.username, password: one_time.0, expires_at: one_time.1 })
            })
            .await
    }

    /// Takes the second step off an account, for somebody who lost the phone and the recovery codes.
    ///
    /// # Errors
    /// [`Error::NoUser`], [`Error::TotpOff`]; otherwise as the database.
    pub async fn turn_off_second_step_of(&self, permit: &Permit<ManagePeople>, id: UserId) -> Result<User, Error> {
        let secrets = self.store().secrets().clone();
        self.change(permit, id, move |tx, permit, row| {
            if !row.user.second_step {
                return Err(Error::TotpOff);
            }
            second_step::turn_off(tx, &secrets, id)?;
            tx.event(history::done(
                permit,
                deed::USER_SECOND_STEP_OFF,
                history::user(id, &row.user.username),
                json!({}),
            ))?;
            Ok(())
        })
        .await
    }

    /// `orbitr user reset NAME` on the box itself, for an owner who cannot get in: a one-time password,
    /// no second step, enabled, and no wait after wrong tries.
    ///
    /// # Errors
    /// [`Error::NotOnTheBox`] for anybody else, [`Error::NoUser`]; otherwise as the database.
    pub async fn reset_local(&self, permit: &Permit<ManagePeople>, name: &Username) -> Result<OneTimePassword, Error> {
        if !matches!(permit.actor(), Actor::Local { .. }) {
            return Err(Error::NotOnTheBox);
        }
        let (one_time, hash) = self.one_time_password().await?;
        let (permit, name, secrets) = (permit.clone(), name.clone(), self.store().secrets().clone());
        self.store()
            .write(move |tx| {
                let row = named(tx, &name)?;
                let id = row.user.id;
                let detail = reset(tx, &row, &hash, one_time.1)?;
                second_step::turn_off(tx, &secrets, id)?;
                tx.execute("UPDATE user SET disabled_at = NULL WHERE id = ?1", [id.to_string()])?;
                tx.event(history::done(&permit, deed::USER_RESET_ON_THE_BOX, history::user(id, &name), detail))?;
                Ok(OneTimePassword { username: name, password: one_time.0, expires_at: one_time.1 })
            })
            .await
    }

    async fn one_time_password(&self) -> Result<((Secret, Timestamp), String), Error> {
        let password = secret::typed(ONE_TIME_GROUPS, ONE_TIME_GROUP_CHARS)?;
        let hash = self.hasher().hash(password.clone()).await?;
        Ok(((password, self.now() + ONE_TIME_LIVES), hash))
    }

    /// One transaction on one account, and how it is afterwards.
    async fn change(
        &self,
        permit: &Permit<ManagePeople>,
        id: UserId,
        f: impl FnOnce(&mut Tx<'_>, &Permit<ManagePeople>, &UserRow) -> Result<(), Error> + Send + 'static,
    ) -> Result<User, Error> {
        let permit = permit.clone();
        self.store()
            .write(move |tx| {
                let row = users::known(tx, id)?;
                f(tx, &permit, &row)?;
                tx.changed(Topic::People);
                Ok(users::known(tx, id)?.user)
            })
            .await
    }
}

fn named(conn: &rusqlite::Connection, name: &Username) -> Result<UserRow, Error> {
    users::by_name(conn, name)?.ok_or_else(|| Error::NoUser(name.to_string()))
}

/// Refuses to take the last admin away.
fn keep_an_admin(tx: &Tx<'_>, row: &UserRow) -> Result<(), Error> {
    let counts = row.user.role == Role::Admin && row.user.disabled_at.is_none();
    if counts && !users::has_other_admin(tx, row.user.id)? { Err(Error::LastAdmin) } else { Ok(()) }
}

/// Ends sessions and tokens; says how many, for history.
fn end_everything(tx: &mut Tx<'_>, id: UserId) -> Result<serde_json::Value, Error> {
    let (sessions, tokens) = (sessions::end_all(tx, id, None)?, tokens::revoke_all(tx, id)?);
    Ok(json!({ "sessions_ended": sessions, "tokens_revoked": tokens }))
}

/// The part that every reset has. Somebody else may have the account: nothing of it goes on.
fn reset(tx: &mut Tx<'_>, row: &UserRow, hash: &str, until: Timestamp) -> Result<serde_json::Value, Error> {
    users::set_password(tx, row.user.id, hash, Some(until))?;
    backoff::forget(tx, &Key::account(row.user.username.as_str()))?;
    end_everything(tx, row.user.id)
}
