//! Claiming the box: a one-time code from its screen makes whoever types it the first admin.

use orbitr_model::{DisplayName, FieldError, ProjectId, Role, Topic, Username, deed};
use orbitr_store::{NewEvent, Outcome, Subject, Tx, time::to_ms};
use rusqlite::{Connection, OptionalExtension, params};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::sync::atomic::Ordering;

use crate::{
    Access, NewSession, Secret,
    backoff::{self, Key},
    error::Error,
    gate::Client,
    history, password, secret, sessions,
    users::{self, NewUser},
};

/// The code is two groups of four readable characters: 40 bits. At four free tries, and then never more
/// than one in a quarter of an hour, that is out of reach for guessing.
const CODE_GROUPS: usize = 2;
const CODE_GROUP_CHARS: usize = 4;

/// The name of the project that every box has.
const HOME: &str = "Home";

/// An account that somebody makes with a code that lets them in: the setup code of the box's screen, or what an invite's
/// link ends with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// The code. In a setup code, capitals, dashes and spaces do not matter.
    #[schemars(length(max = 64))]
    pub code: Secret,
    /// The name to sign in with.
    #[schemars(with = "Username")]
    pub username: String,
    /// The name that people see; the user name when it is left out.
    #[serde(default)]
    #[schemars(with = "Option<DisplayName>")]
    pub display_name: Option<String>,
    /// The password: at least 10 characters.
    #[schemars(length(min = 10, max = 256))]
    pub password: Secret,
}

/// An account that somebody describes for themselves, checked as a whole so that a form can show
/// everything that is wrong with it at once.
pub(crate) struct Wanted {
    pub(crate) username: Username,
    pub(crate) display_name: DisplayName,
    pub(crate) password: Secret,
}

impl Wanted {
    pub(crate) fn parse(asked: &NewAccount) -> Result<Self, Error> {
        let NewAccount { username, display_name, password, .. } = asked;
        let display_name = display_name.as_deref();
        let mut fields: Vec<FieldError> = Vec::new();
        let mut keep = |error: Error| {
            if let Error::Invalid(wrong) = error {
                fields.extend(wrong);
            }
        };
        let name = username.trim().parse::<Username>().map_err(|error| keep(Error::name("username", error))).ok();
        let shown = display_name.map(str::trim).filter(|shown| !shown.is_empty()).unwrap_or(username.trim());
        let shown = match shown.parse::<DisplayName>() {
            Ok(shown) => Some(shown),
            // Where the user name stands in for it, one message about that name is enough.
            Err(_) if display_name.is_none_or(|shown| shown.trim().is_empty()) => None,
            Err(error) => {
                keep(Error::name("display_name", error));
                None
            }
        };
        fields.extend(password::check("password", password, username).err());
        match (name, shown) {
            (Some(username), Some(display_name)) if fields.is_empty() => {
                Ok(Self { username, display_name, password: password.clone() })
            }
            _ => Err(Error::Invalid(fields)),
        }
    }
}

/// Whether there is anybody: the first account is made by claiming.
pub(crate) fn is_claimed(conn: &Connection) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM user LIMIT 1")?.exists([])
}

fn is_code(conn: &Connection, typed: &str) -> rusqlite::Result<bool> {
    let kept: Option<Vec<u8>> = conn.query_row("SELECT hash FROM setup_code", [], |found| found.get(0)).optional()?;
    Ok(kept.is_some_and(|kept| secret::same(&kept, &hash(typed))))
}

fn hash(typed: &str) -> [u8; 32] {
    secret::hash(&format!("setup:{}", secret::as_typed(typed)))
}

impl Access {
    /// A fresh setup code for the screen and the log, in the place of the one before; none once the box
    /// is claimed. Called at every start.
    ///
    /// # Errors
    /// As the database.
    pub async fn new_setup_code(&self) -> Result<Option<Secret>, Error> {
        self.keep_setup_code(secret::typed(CODE_GROUPS, CODE_GROUP_CHARS)?).await
    }

    /// As [`Access::new_setup_code`], with a code that the screen shows already: on Orbitr OS it is older than the
    /// database.
    ///
    /// # Errors
    /// As the database.
    pub async fn keep_setup_code(&self, code: Secret) -> Result<Option<Secret>, Error> {
        let (kept, now) = (hash(code.expose()), self.now());
        let made = self
            .store()
            .write(move |tx| {
                tx.execute("DELETE FROM setup_code", [])?;
                if is_claimed(tx)? {
                    return Ok::<_, Error>(false);
                }
                tx.execute(
                    "INSERT INTO setup_code (only_row, hash, made_at) VALUES (1, ?1, ?2)",
                    params![kept, to_ms(now)],
                )?;
                Ok(true)
            })
            .await?;
        Ok(made.then_some(code))
    }

    /// Whether this is the setup code: the wizard's first step. It stays valid.
    ///
    /// # Errors
    /// [`Error::WrongSetupCode`], [`Error::TooManyTries`], [`Error::AlreadyClaimed`]; otherwise as the
    /// database.
    pub async fn check_setup_code(&self, code: &Secret, client: &Client) -> Result<(), Error> {
        let (code, client, now) = (code.clone(), client.clone(), self.now());
        let door = Key::setup(client.address);
        if self.is_claimed() {
            return Err(Error::AlreadyClaimed);
        }
        self.store()
            .write(move |tx| {
                if is_claimed(tx)? {
                    return Ok(Err(Error::AlreadyClaimed));
                }
                if let Err(wait) = backoff::count(tx, &[&door], now)? {
                    return Ok(Err(Error::TooManyTries { wait }));
                }
                if is_code(tx, code.expose())? {
                    backoff::give_back(tx, &door)?;
                    return Ok(Ok(()));
                }
                // What was counted has to stay: the transaction ends well, the try does not.
                note_wrong_code(tx, &client, backoff::closed_for(tx, &[&door], now)?)?;
                Ok::<_, Error>(Err(Error::WrongSetupCode))
            })
            .await?
    }

    /// Claims the box: makes the first admin and the project «Home», uses the code up, and signs the new
    /// admin in. One transaction: of two at the same moment, one claims.
    ///
    /// # Errors
    /// As [`Access::check_setup_code`]; [`Error::Invalid`] names every field that is not right.
    pub async fn claim(&self, claim: NewAccount, client: &Client) -> Result<NewSession, Error> {
        self.check_setup_code(&claim.code, client).await?;
        let wanted = Wanted::parse(&claim)?;
        let hash = self.hasher().hash(wanted.password.clone()).await?;
        let (client, now) = (client.clone(), self.now());
        let (session, home) = self
            .store()
            .write(move |tx| {
                // Everything may have changed while the password was hashed.
                if is_claimed(tx)? {
                    return Err(Error::AlreadyClaimed);
                }
                if !is_code(tx, claim.code.expose())? {
                    return Err(Error::WrongSetupCode);
                }
                tx.execute("DELETE FROM setup_code", [])?;
                backoff::forget(tx, &Key::setup(client.address))?;
                let home = ProjectId::new();
                tx.execute(
                    "INSERT INTO project (id, name, built_in) VALUES (?1, ?2, 1)",
                    [home.to_string().as_str(), HOME],
                )?;
                let Wanted { username, display_name, .. } = wanted;
                let new = NewUser { username, display_name, role: Role::Admin, password: hash };
                let admin = users::insert(tx, new, now)?;
                let session = sessions::open(tx, &admin, &client, now)?;
                let who = (admin.user.id, &admin.user.username);
                tx.event(history::at_the_door(Some(who), &client, deed::BOX_CLAIM, Outcome::Ok, json!({})))?;
                tx.changed(Topic::Box);
                Ok((session, home))
            })
            .await?;
        // The order matters to readers: a box that says it is claimed has a home.
        let _ = self.inner.home.set(home);
        self.inner.claimed.store(true, Ordering::Release);
        Ok(session)
    }
}

fn note_wrong_code(tx: &mut Tx<'_>, client: &Client, closed_for: Option<u64>) -> Result<(), Error> {
    tx.event(NewEvent {
        actor: orbitr_model::Actor::Anonymous,
        action: deed::BOX_CLAIM,
        subject: Subject::the_box(),
        outcome: Outcome::Failed,
        detail: json!({ "why": "wrong setup code", "closed_for_seconds": closed_for }),
        address: client.address,
    })?;
    Ok(())
}
