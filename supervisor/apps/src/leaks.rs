//! Secrets of an app that its own logs tell. They are looked for where its logs are at hand: once when it has come up, and when
//! it has failed to. What is kept is which secret, where and when; never what it is.

use std::{borrow::Cow, collections::BTreeMap};

use orbitr_jobs::{StepContext, StepError};
use orbitr_model::{AppId, ReleaseId, Timestamp, Topic};
use orbitr_sdk::Rotate;
use orbitr_store::{self as store, Redactor, Secrets, Tx, row, time::to_ms};
use rusqlite::{Connection, params};

use crate::{
    Apps, Error,
    bindings::{next_password_name, password_name, rows as bindings},
    extension::Extension,
    model::Phase,
    rows, secret_prefix, secret_values,
    work::{Hands, Loaded},
};

/// The last so many lines of each container.
const LINES: u32 = 200;
/// What is shorter turns up by chance.
const SHORTEST: usize = 8;
/// What the names of passwords at other apps begin with here; the requirement's name follows.
const BINDING: &str = "binding/";

/// A secret that a log tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The app.
    pub app: AppId,
    /// What the extension calls the secret.
    pub name: String,
    /// The service in whose log it was seen.
    pub service: String,
    /// When the line was written.
    pub seen: Timestamp,
    /// How it can be changed.
    pub way: Rotation,
}

/// How a secret can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The box makes another one, and the app takes it with a restart.
    Rotate,
    /// It is the app's own password at another app, which the box can change at both.
    AtProvider,
    /// It is one of the app's settings.
    Settings,
    /// In the app itself.
    InTheApp,
    /// The app keeps the first one for ever.
    Never,
}

impl Rotation {
    fn of(extension: &Extension, secret: &str) -> Self {
        if secret.starts_with(BINDING) {
            return Self::AtProvider;
        }
        let Some(name) = secret.strip_prefix("secret/") else { return Self::Settings };
        match extension.manifest().secrets().get(name).map(|spec| spec.rotate) {
            Some(Rotate::Restart) => Self::Rotate,
            Some(Rotate::Manual) => Self::InTheApp,
            Some(Rotate::None) | None => Self::Never,
        }
    }
}

/// A row.
struct Seen {
    app: AppId,
    secret: String,
    service: String,
    seen: Timestamp,
}

impl Apps {
    /// The secrets that logs of installed apps tell, for the box's own eyes.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn leaks(&self) -> Result<Vec<Leak>, Error> {
        self.hands.store.read(read).await
    }
}

fn read(conn: &Connection) -> Result<Vec<Leak>, Error> {
    let mut query = conn.prepare_cached("SELECT app_id, secret, service, seen FROM leak ORDER BY app_id, secret")?;
    let found = query.query_map([], |found| {
        Ok(Seen {
            app: row::parse(found, "app_id")?,
            secret: found.get("secret")?,
            service: found.get("service")?,
            seen: row::time(found, "seen")?,
        })
    })?;
    let mut leaks = Vec::new();
    for Seen { app, secret, service, seen } in found.collect::<rusqlite::Result<Vec<_>>>()? {
        let Some(known) = rows::find(conn, &app)?.filter(|app| app.phase == Phase::Installed) else { continue };
        let Some(release) = rows::latest(conn, &known)? else { continue };
        let way = Rotation::of(&Extension::read(&release)?, &secret);
        let name = secret.split_once('/').map_or(secret.as_str(), |(_, name)| name).to_owned();
        leaks.push(Leak { app, name, service, seen, way });
    }
    Ok(leaks)
}

impl Hands {
    /// Waits until an app that an earlier step has started answers, as [`Hands::reach`] does.
    pub(crate) async fn probe(&self, cx: &StepContext, loaded: &Loaded) -> Result<(), StepError> {
        self.up_again(cx, loaded).await?;
        self.reach(cx, loaded).await
    }

    /// Waits until an app answers; then, or when it does not, looks whether its logs tell one of its secrets. No job fails
    /// because nobody could look.
    pub(crate) async fn reach(&self, cx: &StepContext, loaded: &Loaded) -> Result<(), StepError> {
        let answers = self.knock(cx, loaded).await;
        if let Err(error) = self.find_leaks(loaded).await {
            tracing::debug!(app = %loaded.app.id, %error, "nobody could look for secrets in its logs");
        }
        answers
    }

    async fn find_leaks(&self, loaded: &Loaded) -> Result<(), Error> {
        let secrets = watched(&self.store, loaded).await?;
        if secrets.is_empty() {
            return Ok(());
        }
        let mut found: BTreeMap<String, (String, Timestamp)> = BTreeMap::new();
        for container in self.docker.containers_of(&loaded.app.id)? {
            let service = container.service.as_deref().unwrap_or(&container.name);
            for line in self.docker.logs_window(container.id(), LINES).await? {
                let Some(at) = line.time else { continue };
                for (name, _) in secrets.iter().filter(|(_, known)| tells(known, &line.text)) {
                    found.insert(name.clone(), (service.to_owned(), at));
                }
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        let (app, release) = (loaded.app.id.clone(), loaded.release.id);
        self.store.write(move |tx| note(tx, &app, release, found)).await
    }
}

/// The secrets of a release, and the app's own passwords at others, that say something when they turn up: each with what
/// finds it.
async fn watched(store: &store::Store, loaded: &Loaded) -> Result<Vec<(String, Redactor)>, Error> {
    let mut values: Vec<_> = secret_values(store, &loaded.release).await?.into_iter().collect();
    let (app, secrets) = (loaded.app.id.clone(), store.secrets().clone());
    let passwords = move |conn: &Connection| {
        let mut found = Vec::new();
        for row in bindings::of_app(conn, &app)? {
            for kept in [password_name(&app, &row.name), next_password_name(&app, &row.name)] {
                if let Some(value) = secrets.get(conn, &kept)? {
                    found.push((format!("{BINDING}{}", row.name), value.reveal().to_owned()));
                }
            }
        }
        Ok::<_, Error>(found)
    };
    values.extend(store.read(passwords).await?);
    let telling = values.into_iter().filter(|(_, value)| is_telling(value));
    Ok(telling
        .map(|(name, value)| {
            let redactor = Redactor::default();
            redactor.add(&value);
            (name, redactor)
        })
        .collect())
}

/// Whether it is more than a word that logs hold anyway.
fn is_telling(secret: &str) -> bool {
    secret.chars().count() >= SHORTEST && !secret.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn tells(known: &Redactor, line: &str) -> bool {
    matches!(known.redact(line), Cow::Owned(_))
}

fn note(
    tx: &mut Tx<'_>,
    app: &AppId,
    release: ReleaseId,
    found: BTreeMap<String, (String, Timestamp)>,
) -> Result<(), Error> {
    for (secret, (service, at)) in found {
        tx.prepare_cached(
            "INSERT INTO leak (app_id, secret, service, release_id, seen) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (app_id, secret) DO UPDATE SET
                 service = excluded.service, release_id = excluded.release_id, seen = excluded.seen",
        )?
        .execute(params![app.as_str(), secret, service, release.to_string(), to_ms(at)])?;
    }
    tx.changed(Topic::Apps);
    Ok(())
}

/// The password at another app is a new one.
pub(crate) fn forget_password(tx: &mut Tx<'_>, app: &AppId, requirement: &str) -> Result<(), store::Error> {
    tx.prepare_cached("DELETE FROM leak WHERE app_id = ?1 AND secret = ?2")?
        .execute(params![app.as_str(), format!("{BINDING}{requirement}")])?;
    Ok(())
}

/// A new release is active: what was seen of secrets that it has another value of is nothing any more.
pub(crate) fn forget_changed(
    tx: &mut Tx<'_>,
    secrets: &Secrets,
    app: &AppId,
    new: ReleaseId,
    old: ReleaseId,
) -> Result<(), store::Error> {
    let seen: Vec<String> = tx
        .prepare_cached("SELECT secret FROM leak WHERE app_id = ?1 AND release_id <> ?2")?
        .query_map(params![app.as_str(), new.to_string()], |found| found.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for secret in seen.into_iter().filter(|secret| !secret.starts_with(BINDING)) {
        let value = |tx: &Tx<'_>, release| secrets.get(tx, &format!("{}{secret}", secret_prefix(app, release)));
        let (now, before) = (value(tx, new)?, value(tx, old)?);
        if now.as_ref().map(store::SecretText::reveal) != before.as_ref().map(store::SecretText::reveal) {
            tx.prepare_cached("DELETE FROM leak WHERE app_id = ?1 AND secret = ?2")?
                .execute(params![app.as_str(), secret])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_logs_hold_anyway_is_no_leak() {
        for secret in ["", "short7", "postgres", "password"] {
            assert!(!is_telling(secret), "{secret}");
        }
        for secret in ["hunter22", "Password", "three-small-words"] {
            assert!(is_telling(secret), "{secret}");
        }
    }

    #[test]
    fn a_line_that_spells_a_secret_in_another_way_tells_it_too() {
        let known = Redactor::default();
        known.add("s3cret-of-the-app");
        assert!(tells(&known, "connecting as app:s3cret-of-the-app@db"));
        assert!(tells(&known, "Authorization: Basic czNjcmV0LW9mLXRoZS1hcHA="));
        assert!(!tells(&known, "connecting as app:***@db"));
    }
}
