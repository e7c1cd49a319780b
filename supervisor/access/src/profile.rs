//! One's own account: who one is here, what one is called, one's password.

use orbitr_model::{Actor, DisplayName, Level, Role, Topic, deed};
use orbitr_store::{NewEvent, Outcome};
use rusqlite::params;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Access, Action, Permit, Secret, User,
    action::{ChangeOwnAccount, ChangeOwnPassword, OwnAccount},
    backoff::{self, Key},
    error::Error,
    history, password, recovery_codes, sessions, users,
};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Me {
    /// As history calls them.
    pub actor: Actor,
    /// Their role; admin for somebody on the box itself.
    pub role: Role,
    /// The most they may do with this session or token.
    pub cap: Level,
    /// Their account; none for somebody on the box itself.
    pub user: Option<User>,
    /// How many recovery codes they have left.
    pub recovery_codes_left: u32,
}

/// What people change about themselves.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeProfile {
    /// The name that people see.
    pub display_name: DisplayName,
}

/// A new password for oneself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password until now.
    #[schemars(length(max = 256))]
    pub current_password: Secret,
    /// The password from now on: at least 10 characters.
    #[schemars(length(min = 10, max = 256))]
    pub new_password: Secret,
}

impl Access {
    /// Who asks.
    ///
    /// # Errors
    /// As the database.
    pub async fn me(&self, permit: &Permit<OwnAccount>) -> Result<Me, Error> {
        let (actor, role, cap) = (permit.actor().clone(), permit.caller().role(), permit.caller().cap());
        let id = permit.caller().user();
        self.store()
            .read(move |conn| {
                let user = id.map(|id| users::known(conn, id)).transpose()?.map(|row| row.user);
                let left = id.map(|id| recovery_codes::left(conn, id)).transpose()?;
                Ok(Me { actor, role, cap, user, recovery_codes_left: left.unwrap_or(0) })
            })
            .await
    }

    /// Changes what one is called.
    ///
    /// # Errors
    /// [`Error::NoAccount`]; otherwise as the database.
    pub async fn change_profile(
        &self,
        permit: &Permit<ChangeOwnAccount>,
        change: ChangeProfile,
    ) -> Result<User, Error> {
        let (permit, user) = (permit.clone(), permit.account()?);
        self.store()
            .write(move |tx| {
                tx.execute(
                    "UPDATE user SET display_name = ?2 WHERE id = ?1",
                    params![user.to_string(), change.display_name.as_str()],
                )?;
                let row = users::known(tx, user)?;
                tx.changed(Topic::People);
                let subject = history::user(user, &row.user.username);
                let detail = json!({ "display_name": change.display_name });
                tx.event(history::done(&permit, deed::ACCOUNT_PROFILE, subject, detail))?;
                Ok(row.user)
            })
            .await
    }

    /// Changes one's own password. Every other session of the account ends; the one that asks stays.
    ///
    /// # Errors
    /// [`Error::WrongPassword`], [`Error::TooManyTries`], [`Error::Invalid`]; otherwise as the database.
    pub async fn change_password(
        &self,
        permit: &Permit<ChangeOwnPassword>,
        change: ChangePassword,
    ) -> Result<(), Error> {
        let (permit, user) = (permit.clone(), permit.account()?);
        let row = self.store().read(move |conn| users::known(conn, user)).await?;
        password::check("new_password", &change.new_password, row.user.username.as_str())
            .map_err(|field| Error::Invalid(vec![field]))?;
        if change.new_password == change.current_password {
            return Err(Error::field("new_password", "The new password must be another one."));
        }
        self.check_own_password(&permit, change.current_password).await?;
        let hash = self.hasher().hash(change.new_password).await?;
        self.store()
            .write(move |tx| {
                let now = users::known(tx, user)?;
                if now.password != row.password {
                    // Somebody reset it meanwhile; that stays.
                    return Err(Error::WrongPassword);
                }
                users::set_password(tx, user, &hash, None)?;
                let ended = sessions::end_all(tx, user, permit.session())?;
                let subject = history::user(user, &row.user.username);
                let detail = json!({ "sessions_ended": ended });
                tx.event(history::done(&permit, deed::ACCOUNT_PASSWORD, subject, detail))?;
                Ok(())
            })
            .await
    }

    /// Asks for the password again, behind the same doors as a sign-in: a session that was stolen is no
    /// way to try passwords without end.
    pub(crate) async fn check_own_password<A: Action>(
        &self,
        permit: &Permit<A>,
        password: Secret,
    ) -> Result<(), Error> {
        let (user, address, now) = (permit.account()?, Key::address(permit.address()), self.now());
        let (row, account, address) = self
            .store()
            .write(move |tx| {
                let row = users::known(tx, user)?;
                let account = Key::account(row.user.username.as_str());
                match backoff::count(tx, &[&account, &address], now)? {
                    Ok(()) => Ok((row, account, address)),
                    Err(wait) => Err(Error::TooManyTries { wait }),
                }
            })
            .await?;
        let right = self.hasher().verify(password, Some(row.password)).await?;
        let wrong = NewEvent {
            actor: permit.actor().clone(),
            action: deed::ACCOUNT_CONFIRM_PASSWORD,
            subject: history::user(user, &row.user.username),
            outcome: Outcome::Failed,
            detail: json!({ "for": A::NAME }),
            address: permit.address(),
        };
        self.store()
            .write(move |tx| {
                if right {
                    backoff::forget(tx, &account)?;
                    backoff::give_back(tx, &address)?;
                } else {
                    tx.event(wrong)?;
                }
                Ok::<_, Error>(())
            })
            .await?;
        if right { Ok(()) } else { Err(Error::WrongPassword) }
    }
}
