//! What becomes of newer versions of an app without a person: held, put in by themselves, at which times.

use std::collections::HashSet;

use orbitr_access::{
    Permit,
    action::{ChangeApp, ViewApp},
};
use orbitr_model::{AppId, FieldError, Topic, deed};
use orbitr_store::{Tx, row};
use rusqlite::{Connection, OptionalExtension, Row, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Apps, Error,
    kinds::change,
    model::{App, Release, Wanted},
    ops::event,
    rows,
    window::Window,
};

/// Characters of the reason for which an app is held.
const REASON_CHARS: usize = 200;

/// What becomes of newer versions of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdatePolicy {
    /// The app is not updated until it is released; none when it is not held.
    #[serde(default)]
    pub hold: Option<Hold>,
    /// Whether the box puts newer versions in by itself. Never one that breaks something, that there is no way back from,
    /// that asks for a new permission or for an answer: those wait for a person.
    pub automatic: bool,
    /// When it may do so; none for at any time.
    #[serde(default)]
    pub window: Option<Window>,
}

/// That an app is held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Why, in somebody's own words; may be empty.
    #[serde(default)]
    pub reason: String,
}

/// How it stands with an app's updates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Updates {
    /// What its owner wants.
    pub policy: UpdatePolicy,
    /// Why the newer version that there is waits for a person; empty where it does not, or nothing is automatic.
    pub waits: Vec<String>,
    /// Whether it is its turn now: the box puts it in as soon as nothing else is at work.
    pub due: bool,
    /// When its turn comes, if that is settled and not now.
    pub next: Option<orbitr_model::Timestamp>,
}

/// Why the box does not put a version in by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PassedOver {
    /// It began to.
    Tried,
    /// Somebody went back from it.
    Left,
}

impl UpdatePolicy {
    /// The same as it is kept.
    fn checked(mut self) -> Result<Self, Error> {
        if let Some(hold) = &mut self.hold {
            hold.reason = hold.reason.trim().to_owned();
            let long = hold.reason.chars().count() > REASON_CHARS;
            if long || hold.reason.chars().any(char::is_control) {
                let message = format!("write one line of at most {REASON_CHARS} characters");
                return Err(Error::Inputs(vec![FieldError { field: "hold.reason".to_owned(), message }]));
            }
        }
        Ok(self)
    }
}

impl Apps {
    /// What becomes of newer versions of an app.
    ///
    /// # Errors
    /// There is no such app, or the database does not answer.
    pub async fn update_policy(&self, permit: &Permit<ViewApp>) -> Result<UpdatePolicy, Error> {
        let id = permit.resource().clone();
        self.hands.store.read(move |conn| rows::get(conn, &id).and_then(|app| of(conn, &app.id))).await
    }

    /// Says what becomes of newer versions of an app, in place of what was said before.
    ///
    /// # Errors
    /// It is not right, there is no such app, or the database does not answer.
    pub async fn set_update_policy(&self, permit: &Permit<ChangeApp>, policy: UpdatePolicy) -> Result<(), Error> {
        let policy = policy.checked()?;
        let id = permit.resource().clone();
        let app = self.hands.store.read(move |conn| rows::get(conn, &id)).await?;
        let word = |yes: bool| if yes { "yes" } else { "no" };
        let mut detail = json!({ "automatic": word(policy.automatic), "held": word(policy.hold.is_some()) });
        if let Some(hold) = policy.hold.as_ref().filter(|hold| !hold.reason.is_empty()) {
            detail.as_object_mut().map(|all| all.insert("why".to_owned(), json!(hold.reason)));
        }
        let event = event(permit, deed::APP_UPDATE_POLICY, &app, detail);
        self.hands
            .store
            .write(move |tx| {
                rows::get(tx, &app.id)?;
                if of(tx, &app.id)? == policy {
                    return Ok(());
                }
                set(tx, &app.id, &policy)?;
                tx.event(event)?;
                Ok(())
            })
            .await
    }
}

const COLUMNS: &str = "held, reason, automatic, hours";

fn read(found: &Row<'_>) -> rusqlite::Result<UpdatePolicy> {
    let (held, reason): (bool, String) = (found.get("held")?, found.get("reason")?);
    let window = match found.get::<_, Option<String>>("hours")? {
        Some(_) => Some(row::json(found, "hours")?),
        None => None,
    };
    Ok(UpdatePolicy { hold: held.then_some(Hold { reason }), automatic: found.get("automatic")?, window })
}

/// What is said about an app; nothing is held and nothing automatic where nobody said anything.
pub(crate) fn of(conn: &Connection, app: &AppId) -> Result<UpdatePolicy, Error> {
    let mut query = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM update_policy WHERE app_id = ?1"))?;
    Ok(query.query_row([app.as_str()], read).optional()?.unwrap_or_default())
}

/// The apps that get newer versions by themselves, with what is said about each.
pub(crate) fn automatic(conn: &Connection) -> Result<Vec<(AppId, UpdatePolicy)>, Error> {
    let mut query = conn
        .prepare_cached(&format!("SELECT app_id, {COLUMNS} FROM update_policy WHERE automatic = 1 ORDER BY app_id"))?;
    let found = query.query_map([], |found| Ok((row::parse(found, "app_id")?, read(found)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The apps that are held.
pub(crate) fn held(conn: &Connection) -> Result<HashSet<AppId>, Error> {
    let mut query = conn.prepare_cached("SELECT app_id FROM update_policy WHERE held = 1")?;
    Ok(query.query_map([], |found| row::parse(found, "app_id"))?.collect::<Result<_, _>>()?)
}

fn set(tx: &mut Tx<'_>, app: &AppId, policy: &UpdatePolicy) -> Result<(), Error> {
    let hours = policy.window.as_ref().map(serde_json::to_string).transpose();
    let hours = hours.map_err(|error| Error::Manifest(error.to_string()))?;
    tx.prepare_cached(
        "INSERT OR REPLACE INTO update_policy (app_id, held, reason, automatic, hours) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        app.as_str(),
        policy.hold.is_some(),
        policy.hold.as_ref().map(|hold| hold.reason.as_str()).unwrap_or_default(),
        policy.automatic,
        hours,
    ])?;
    tx.changed(Topic::Apps);
    tx.changed(Topic::App(app.clone()));
    Ok(())
}

/// Whether the box leaves a version alone, and why.
pub(crate) fn passed_over(
    conn: &Connection,
    app: &AppId,
    version: &str,
    revision: u32,
) -> Result<Option<PassedOver>, Error> {
    let mut query =
        conn.prepare_cached("SELECT why FROM passed_over WHERE app_id = ?1 AND version = ?2 AND revision = ?3")?;
    Ok(query.query_row(params![app.as_str(), version, revision], |found| row::word(found, "why")).optional()?)
}

/// From now on the box leaves a version alone.
fn pass_over(tx: &Tx<'_>, app: &AppId, version: &str, revision: u32, why: &'static str) -> Result<(), Error> {
    tx.prepare_cached("INSERT OR REPLACE INTO passed_over (app_id, version, revision, why) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![app.as_str(), version, revision, why])?;
    Ok(())
}

/// Why an app gets another release.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// Other answers.
    Change,
    /// Other answers for an app whose start has failed: with them it is to be up, as somebody wanted it then.
    Wake,
    /// Somebody wants the newer version.
    Update,
    /// The box puts it in.
    Automatic,
    /// Somebody goes back from this version.
    Back { version: String, revision: u32 },
}

impl Cause {
    pub(crate) const fn is_automatic(&self) -> bool {
        matches!(self, Self::Automatic)
    }

    pub(crate) const fn wakes(&self) -> bool {
        matches!(self, Self::Wake)
    }

    /// What it means for the policy, in the transaction that begins it.
    pub(crate) fn settle(&self, tx: &mut Tx<'_>, app: &App, release: &Release) -> Result<(), Error> {
        let policy = of(tx, &app.id)?;
        match self {
            Self::Change => Ok(()),
            Self::Wake => Ok(rows::set_wanted(tx, &app.id, Wanted::Running)?),
            Self::Update => not_held(app, &policy),
            Self::Automatic => {
                not_held(app, &policy)?;
                // Somebody may have said no since it was looked at.
                if !policy.automatic || one_is_under_way(tx)? {
                    return Err(Error::Busy(app.id.clone()));
                }
                pass_over(tx, &app.id, &release.version, release.revision, "tried")
            }
            Self::Back { version, revision } => pass_over(tx, &app.id, version, *revision, "left"),
        }
    }
}

/// Whether an update that the box began itself is under way: they come one after another.
pub(crate) fn one_is_under_way(conn: &Connection) -> Result<bool, Error> {
    let jobs = orbitr_jobs::unfinished(conn, None)?;
    let automatic = |args: &str| serde_json::from_str::<change::Args>(args).is_ok_and(|args| args.automatic);
    Ok(jobs.iter().any(|job| job.kind == change::NAME && automatic(&job.args)))
}

/// An app that is held is not updated, by nobody.
pub(crate) fn not_held(app: &App, policy: &UpdatePolicy) -> Result<(), Error> {
    match &policy.hold {
        None => Ok(()),
        Some(hold) => {
            let reason = if hold.reason.is_empty() { String::new() } else { format!(" ({})", hold.reason) };
            let why = format!("is held{reason}: release it under its settings first");
            Err(Error::WrongState { app: app.id.clone(), why })
        }
    }
}
