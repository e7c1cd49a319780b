//! Signing in: name and password, then a second step where there is one, then a session.
//!
//! What can be learned from outside is the same for a name that exists and one that does not: the answer,
//! the time it takes, and when the door closes.

use jiff::SignedDuration;
use orbitr_model::{Timestamp, Username, deed};
use orbitr_store::{Outcome, Tx, time::to_ms};
use rusqlite::{Connection, OptionalExtension, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Access, NewSession, Secret,
    backoff::{self, Key},
    error::Error,
    gate::Client,
    history, recovery_codes, secret, sessions, totp,
    users::{self, UserRow},
};

/// So long a right password waits for its second step.
const CHALLENGE_LIVES: SignedDuration = SignedDuration::from_mins(5);
/// So many codes may be tried with one password; then it is asked for again.
const CHALLENGE_TRIES: i64 = 5;

/// Name and password.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The user name; capitals and spaces around it do not matter.
    #[schemars(length(max = 64))]
    pub username: String,
    /// The password.
    #[schemars(length(max = 256))]
    pub password: Secret,
}

/// How far a sign-in with a right password has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedIn {
    /// All the way.
    Done(NewSession),
    /// A code is wanted too.
    NeedsSecondStep(Challenge),
}

/// A right password that waits for its second step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Challenge {
    /// What comes back with the code.
    pub challenge: Secret,
    /// Until when.
    pub expires_at: Timestamp,
}

/// The second step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondStep {
    /// What the first step answered.
    #[schemars(length(max = 64))]
    pub challenge: Secret,
    /// Six digits from the app, or one of the recovery codes.
    #[schemars(length(max = 64))]
    pub code: Secret,
}

/// The two doors of one try.
struct Doors {
    account: Key,
    address: Key,
}

impl Doors {
    fn new(name: &str, client: &Client) -> Self {
        Self { account: Key::account(name), address: Key::address(client.address) }
    }

    fn both(&self) -> [&Key; 2] {
        [&self.account, &self.address]
    }

    /// The try was right, and nobody has to wait because of it.
    fn give_back(&self, tx: &Tx<'_>) -> rusqlite::Result<()> {
        self.both().into_iter().try_for_each(|key| backoff::give_back(tx, key))
    }

    /// The person has come in: the account's wrong tries are forgotten. The address's are not, or
    /// somebody with an account could try others from there without end.
    fn come_in(&self, tx: &Tx<'_>) -> rusqlite::Result<()> {
        backoff::forget(tx, &self.account)?;
        backoff::give_back(tx, &self.address)
    }
}

impl Access {
    /// Signs in with name and password. With a second step it is not over yet, see
    /// [`Access::second_step`].
    ///
    /// # Errors
    /// [`Error::WrongCredentials`], [`Error::TooManyTries`], [`Error::AccountDisabled`],
    /// [`Error::OneTimePasswordExpired`], [`Error::NotClaimed`], [`Error::Busy`]; otherwise as the
    /// database.
    pub async fn sign_in(&self, sign_in: SignIn, client: &Client) -> Result<SignedIn, Error> {
        if !self.is_claimed() {
            return Err(Error::NotClaimed);
        }
        // Phones begin names with a capital.
        let name: String = sign_in.username.trim().to_lowercase().chars().take(64).collect();
        let now = self.now();
        let row = self.count_try(&name, client, now).await?;
        let kept = row.as_ref().map(|row| row.password.clone());
        let right = self.hasher().verify(sign_in.password, kept.clone()).await?;
        let (client, verified) = (client.clone(), kept.filter(|_| right));
        self.store()
            .write(move |tx| {
                let doors = Doors::new(&name, &client);
                // The account as it is now: it may have been changed while the password was hashed.
                let row = row.and_then(|row| users::by_id(tx, row.user.id).transpose()).transpose()?;
                match (row, verified) {
                    (Some(row), Some(verified)) if row.password == verified => {
                        right_password(tx, &row, &doors, &client, now)
                    }
                    (row, _) => {
                        let who = row.as_ref().map(|row| (row.user.id, &row.user.username));
                        let closed_for = backoff::closed_for(tx, &doors.both(), now)?;
                        let detail = json!({ "why": "wrong name or password", "closed_for_seconds": closed_for });
                        tx.event(history::at_the_door(who, &client, deed::ACCOUNT_SIGN_IN, Outcome::Failed, detail))?;
                        Ok(Err(Error::WrongCredentials))
                    }
                }
            })
            .await?
    }

    /// Counts one try at the doors of this name and address, and finds the account.
    async fn count_try(&self, name: &str, client: &Client, now: Timestamp) -> Result<Option<UserRow>, Error> {
        let (name, doors) = (name.to_owned(), Doors::new(name, client));
        // While a door is closed, trying it costs the disk nothing.
        let closed_for = {
            let doors = Doors { account: doors.account.clone(), address: doors.address.clone() };
            self.store().read(move |conn| Ok::<_, Error>(backoff::closed_for(conn, &doors.both(), now)?)).await?
        };
        if let Some(wait) = closed_for {
            return Err(Error::TooManyTries { wait });
        }
        self.store()
            .write(move |tx| {
                if let Err(wait) = backoff::count(tx, &doors.both(), now)? {
                    return Err(Error::TooManyTries { wait });
                }
                Ok(name.parse::<Username>().ok().map(|name| users::by_name(tx, &name)).transpose()?.flatten())
            })
            .await
    }

    /// The second step of a sign-in: a code from the app, or one of the recovery codes, each of which
    /// works once.
    ///
    /// # Errors
    /// [`Error::WrongCode`], [`Error::ChallengeGone`], [`Error::TooManyTries`],
    /// [`Error::AccountDisabled`]; otherwise as the database.
    pub async fn second_step(&self, step: SecondStep, client: &Client) -> Result<NewSession, Error> {
        let now = self.now();
        let hash = secret::hash(step.challenge.expose());
        let row = self.store().read(move |conn| challenged(conn, &hash, now)).await?;
        let code = self.code_of(&row, &step.code).await?;
        let (client, secrets) = (client.clone(), self.store().secrets().clone());
        self.store()
            .write(move |tx| {
                let row = match challenged(tx, &hash, now) {
                    Ok(row) => row,
                    Err(error) => return Ok(Err(error)),
                };
                let doors = Doors::new(row.user.username.as_str(), &client);
                if let Err(wait) = backoff::count(tx, &doors.both(), now)? {
                    return Ok(Err(Error::TooManyTries { wait }));
                }
                tx.execute("UPDATE challenge SET tries = tries + 1 WHERE hash = ?1", [hash])?;
                let who = Some((row.user.id, &row.user.username));
                let how = match &code {
                    Code::Totp(code) => totp::use_code(tx, &secrets, &row, code, now)?.then_some("app"),
                    Code::Recovery(hash) => recovery_codes::use_code(tx, row.user.id, hash)?.then_some("recovery code"),
                };
                let Some(how) = how else {
                    let closed_for = backoff::closed_for(tx, &doors.both(), now)?;
                    let detail = json!({ "why": "wrong code", "closed_for_seconds": closed_for });
                    tx.event(history::at_the_door(who, &client, deed::ACCOUNT_SIGN_IN, Outcome::Failed, detail))?;
                    return Ok(Err(Error::WrongCode));
                };
                tx.execute("DELETE FROM challenge WHERE hash = ?1", [hash])?;
                doors.come_in(tx)?;
                let session = sessions::open(tx, &row, &client, now)?;
                let detail = json!({ "second_step": how, "session": session.id });
                tx.event(history::at_the_door(who, &client, deed::ACCOUNT_SIGN_IN, Outcome::Ok, detail))?;
                Ok::<_, Error>(Ok(session))
            })
            .await?
    }

    /// What was typed: the code of an app, or a recovery code in the form in which it is kept.
    pub(crate) async fn code_of(&self, row: &UserRow, typed: &Secret) -> Result<Code, Error> {
        let typed = secret::as_typed(typed.expose());
        if totp::is_code(&typed) {
            return Ok(Code::Totp(typed));
        }
        let salt = row.recovery_salt.clone().ok_or(Error::WrongCode)?;
        let mut derived = self.hasher().derive(vec![typed], salt).await?;
        derived.pop().map(Code::Recovery).ok_or(Error::Hashing)
    }
}

/// A second step that was typed.
pub(crate) enum Code {
    Totp(String),
    Recovery([u8; 32]),
}

/// Goes on with an account whose password was right.
fn right_password(
    tx: &mut Tx<'_>,
    row: &UserRow,
    doors: &Doors,
    client: &Client,
    now: Timestamp,
) -> Result<Result<SignedIn, Error>, Error> {
    let who = Some((row.user.id, &row.user.username));
    let expired = row.user.one_time_password_until.is_some_and(|until| until <= now);
    if row.user.disabled_at.is_some() || expired {
        doors.give_back(tx)?;
        let (why, error) = match row.user.disabled_at {
            Some(_) => ("the account is disabled", Error::AccountDisabled),
            None => ("the one-time password has expired", Error::OneTimePasswordExpired),
        };
        tx.event(history::at_the_door(who, client, deed::ACCOUNT_SIGN_IN, Outcome::Denied, json!({ "why": why })))?;
        return Ok(Err(error));
    }
    if row.user.second_step {
        doors.give_back(tx)?;
        return Ok(Ok(SignedIn::NeedsSecondStep(challenge(tx, row, now)?)));
    }
    doors.come_in(tx)?;
    let session = sessions::open(tx, row, client, now)?;
    let detail = json!({ "session": session.id });
    tx.event(history::at_the_door(who, client, deed::ACCOUNT_SIGN_IN, Outcome::Ok, detail))?;
    Ok(Ok(SignedIn::Done(session)))
}

fn challenge(tx: &Tx<'_>, row: &UserRow, now: Timestamp) -> Result<Challenge, Error> {
    tx.execute("DELETE FROM challenge WHERE expires_at <= ?1", [to_ms(now)])?;
    let challenge = Challenge { challenge: secret::carried("")?, expires_at: now + CHALLENGE_LIVES };
    tx.execute(
        "INSERT INTO challenge (hash, user_id, expires_at) VALUES (?1, ?2, ?3)",
        params![secret::hash(challenge.challenge.expose()), row.user.id.to_string(), to_ms(challenge.expires_at)],
    )?;
    Ok(challenge)
}

/// Whose second step a challenge waits for.
fn challenged(conn: &Connection, hash: &[u8; 32], now: Timestamp) -> Result<UserRow, Error> {
    let user: Option<String> = conn
        .query_row(
            "SELECT user_id FROM challenge WHERE hash = ?1 AND expires_at > ?2 AND tries < ?3",
            params![hash, to_ms(now), CHALLENGE_TRIES],
            |found| found.get(0),
        )
        .optional()?;
    let id = user.and_then(|id| id.parse().ok()).ok_or(Error::ChallengeGone)?;
    let row = users::known(conn, id)?;
    match row.user.disabled_at {
        Some(_) => Err(Error::AccountDisabled),
        None => Ok(row),
    }
}
