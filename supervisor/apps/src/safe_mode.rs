//! Safe mode: apps stay stopped, so that an owner can look at what is wrong with the box.
//!
//! The switch is a row of `setting`. Turning it on stops what runs, a job for each app, and leaves what each app is wanted
//! to be as it is; turning it off starts what is wanted. In between nothing is started: not by hand, not by an
//! installation, and not by Docker, whose `unless-stopped` leaves alone what was stopped (`render` sees to it that no app
//! has `always`). What comes up all the same is stopped again as soon as Docker tells of it.

use std::collections::BTreeSet;

use orbitr_access::{
    Permit,
    action::{ChangeBox, ViewBox},
};
use orbitr_docker::State;
use orbitr_jobs::{NewJob, enqueue};
use orbitr_model::{Actor, AppId, JobId, Topic, deed};
use orbitr_store::{NewEvent, Outcome, Subject, Tx};
use rusqlite::{Connection, OptionalExtension};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Apps, Error,
    bindings::order::providers_first,
    kinds::{
        calm::{self, Calm},
        lifecycle::{self, Lifecycle, Verb},
    },
    model::{App, Phase, Wanted},
    rows,
    work::Hands,
};

const KEY: &str = "apps.safe_mode";

/// Whether apps stay stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SafeMode {
    /// Whether it is on.
    pub on: bool,
    /// The jobs that this change began: one for each app that is stopped or started.
    pub jobs: Vec<JobId>,
}

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSafeMode {
    /// `true`: apps are stopped and stay so. `false`: those that are wanted start again.
    pub on: bool,
}

pub(crate) fn is_on(conn: &Connection) -> Result<bool, Error> {
    let mut query = conn.prepare_cached("SELECT 1 FROM setting WHERE key = ?1")?;
    Ok(query.query_row([KEY], |_| Ok(())).optional()?.is_some())
}

fn set(tx: &Tx<'_>, on: bool) -> Result<(), Error> {
    let sql = if on {
        "INSERT INTO setting (key, value) VALUES (?1, 'on') ON CONFLICT (key) DO NOTHING"
    } else {
        "DELETE FROM setting WHERE key = ?1"
    };
    tx.prepare_cached(sql)?.execute([KEY])?;
    Ok(())
}

/// Stops the app and leaves what it is wanted to be.
fn stop(tx: &mut Tx<'_>, app: &App, by: Actor) -> Result<JobId, Error> {
    let args = calm::Args { app: app.id.clone() };
    let title = format!("Stop {} for safe mode", app.name);
    Ok(enqueue(tx, NewJob::of::<Calm>(&args, title, by)?.on(app.id.clone()))?)
}

fn start(tx: &mut Tx<'_>, app: &App, by: Actor) -> Result<JobId, Error> {
    let args = lifecycle::Args { app: app.id.clone(), verb: Verb::Start, before: Wanted::Running };
    let title = format!("Start {}", app.name);
    Ok(enqueue(tx, NewJob::of::<Lifecycle>(&args, title, by)?.on(app.id.clone()))?)
}

impl Apps {
    /// Whether apps stay stopped. Everybody may know it: it stands on every page.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn in_safe_mode(&self) -> Result<bool, Error> {
        self.hands.store.read(is_on).await
    }

    /// Whether apps stay stopped.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn safe_mode(&self, _permit: &Permit<ViewBox>) -> Result<SafeMode, Error> {
        Ok(SafeMode { on: self.in_safe_mode().await?, jobs: Vec::new() })
    }

    /// Turns safe mode on or off. What is so already begins no job. A job that is at an app ends first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn set_safe_mode(&self, permit: &Permit<ChangeBox>, change: &ChangeSafeMode) -> Result<SafeMode, Error> {
        let (on, by) = (change.on, permit.actor().clone());
        let event = NewEvent {
            actor: by.clone(),
            action: if on { deed::BOX_SAFE_MODE_ON } else { deed::BOX_SAFE_MODE_OFF },
            subject: Subject::the_box(),
            outcome: Outcome::Ok,
            detail: json!({}),
            address: permit.address(),
        };
        // Docker may be away: then what is wanted says what may run.
        let up = self.hands.running().unwrap_or_default();
        let jobs = self
            .hands
            .store
            .write(move |tx| {
                if is_on(tx)? == on {
                    return Ok(Vec::new());
                }
                set(tx, on)?;
                tx.event(event)?;
                tx.changed(Topic::Box);
                tx.changed(Topic::Apps);
                let mut jobs = Vec::new();
                let apps = rows::apps(tx)?;
                for app in providers_first(tx, apps)? {
                    let wanted = app.wanted == Wanted::Running;
                    match (on, app.phase) {
                        (true, Phase::Installing | Phase::Installed) if wanted || up.contains(&app.id) => {
                            jobs.push(stop(tx, &app, by.clone())?);
                        }
                        (false, Phase::Installed) if wanted => jobs.push(start(tx, &app, by.clone())?),
                        _ => {}
                    }
                }
                Ok::<_, Error>(jobs)
            })
            .await?;
        self.jobs.wake();
        Ok(SafeMode { on, jobs })
    }
}

impl Hands {
    /// The apps of which a container runs.
    fn running(&self) -> Result<BTreeSet<AppId>, Error> {
        let containers = self.docker.containers()?;
        let running = containers.iter().filter(|container| container.state == State::Running);
        Ok(running.filter_map(|container| container.app.clone()).collect())
    }

    /// In safe mode: stops apps that run and that no job is at. Docker may have brought them up, or somebody with a shell.
    pub(crate) async fn keep_calm(&self) -> Result<(), Error> {
        let up = self.running()?;
        if up.is_empty() || !self.store.read(is_on).await? {
            return Ok(());
        }
        self.store
            .write(move |tx| {
                if !is_on(tx)? {
                    return Ok(());
                }
                for app in rows::apps(tx)? {
                    if app.phase == Phase::Installed && up.contains(&app.id) && !rows::has_active_job(tx, &app.id)? {
                        stop(tx, &app, Actor::Box)?;
                    }
                }
                Ok(())
            })
            .await
    }
}
