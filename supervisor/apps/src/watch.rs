//! Watching apps: Docker's events wake it, the probe from outside answers, and pages are told to look
//! again. While everything is well it waits and does nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use orbitr_docker::{Change, Event};
use orbitr_model::{Actor, AppId, Topic, deed};
use orbitr_store::{NewEvent, Outcome, Subject};
use rusqlite::Connection;
use tokio::{sync::broadcast::error::RecvError, task::AbortHandle};

use crate::{
    Error,
    model::{App, Phase, Wanted},
    rows, safe_mode,
    work::{Hands, reached},
};

/// Between two tries while an app comes up.
const COMING_UP_PAUSE: Duration = Duration::from_secs(1);
/// Between two tries once it has used up its grace.
const UNHEALTHY_PAUSE: Duration = Duration::from_secs(15);
/// Several events come at once when a container changes; one look is enough.
const SETTLE: Duration = Duration::from_millis(100);

/// What the probe saw last of each app that is meant to be up.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<HashMap<AppId, Result<(), String>>>>);

impl Seen {
    fn lock(&self) -> MutexGuard<'_, HashMap<AppId, Result<(), String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job reached the app: nobody has to look again to know it.
    pub(crate) fn reached(&self, app: &AppId) {
        self.lock().insert(app.clone(), Ok(()));
    }
}

/// What the probe saw of each app, and the task that keeps it so.
#[derive(Clone)]
pub(crate) struct Watch {
    seen: Seen,
    task: Arc<AbortOnDrop>,
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watch {
    /// Begins to watch.
    pub(crate) fn start(hands: Hands) -> Self {
        let seen = hands.seen.clone();
        let follower = Follower { hands, probes: HashMap::new() };
        let task = tokio::spawn(follower.follow()).abort_handle();
        Self { seen, task: Arc::new(AbortOnDrop(task)) }
    }

    /// What the probe saw last; none before its first answer.
    pub(crate) fn probe(&self, app: &AppId) -> Option<Result<(), String>> {
        self.seen.lock().get(app).cloned()
    }

    /// Whether the watcher still runs.
    pub(crate) fn is_alive(&self) -> bool {
        !self.task.0.is_finished()
    }
}

struct Follower {
    hands: Hands,
    /// The probe that is under way for each app.
    probes: HashMap<AppId, AbortOnDrop>,
}

impl Follower {
    async fn follow(mut self) {
        let mut events = self.hands.docker.events();
        self.look_at_all().await;
        loop {
            match events.recv().await {
                Ok(Event::Container { app: Some(app), service, change, .. }) => {
                    self.note(&app, service.as_deref(), change).await;
                    if change == Change::Started {
                        self.keep_calm().await;
                    }
                    self.look_at(app);
                }
                Ok(Event::Container { app: None, .. }) => {}
                Ok(Event::Connected) | Err(RecvError::Lagged(_)) => self.look_at_all().await,
                Ok(Event::Disconnected) => {
                    self.probes.clear();
                    self.hands.seen.lock().clear();
                    self.hands.store.notify(Topic::Apps);
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// In safe mode nothing runs for long.
    async fn keep_calm(&self) {
        if let Err(error) = self.hands.keep_calm().await {
            tracing::debug!(%error, "what runs in safe mode goes on for now");
        }
    }

    async fn look_at_all(&mut self) {
        self.keep_calm().await;
        if let Err(error) = self.hands.sweep().await {
            tracing::debug!(%error, "what is left of apps that are gone stays for now");
        }
        match self.hands.store.read(rows::apps).await {
            Ok(apps) => {
                for app in apps {
                    self.look_at(app.id);
                }
            }
            Err(error) => tracing::warn!(%error, "the apps cannot be read"),
        }
        self.hands.store.notify(Topic::Apps);
    }

    /// Starts the app's probe anew; one that is under way is dropped.
    fn look_at(&mut self, app: AppId) {
        let probe = Probe { hands: self.hands.clone(), app: app.clone() };
        let task = tokio::spawn(probe.run()).abort_handle();
        self.probes.insert(app, AbortOnDrop(task));
    }

    /// Writes history when a container ends by itself.
    async fn note(&self, app: &AppId, service: Option<&str>, change: Change) {
        let what = match change {
            Change::Died { exit_code } => format!("ended with status {}", exit_code.unwrap_or_default()),
            Change::OutOfMemory => "ran out of memory".to_owned(),
            _ => return,
        };
        let detail = serde_json::json!({ "service": service, "what": what });
        let id = app.clone();
        let written = self.hands.store.write(move |tx| {
            let Some(app) = rows::find(tx, &id)? else { return Ok(()) };
            // What a job does to its containers is the job's history.
            if !is_wanted(&app) || rows::has_active_job(tx, &id)? || safe_mode::is_on(tx)? {
                return Ok(());
            }
            tx.event(NewEvent {
                actor: Actor::Box,
                action: deed::APP_CONTAINER_ENDED,
                subject: Subject { kind: "app", id: id.to_string(), name: app.name.to_string() },
                outcome: Outcome::Failed,
                detail,
                address: None,
            })?;
            Ok::<_, Error>(())
        });
        if let Err(error) = written.await {
            tracing::warn!(%app, %error, "history could not be written");
        }
    }
}

fn is_wanted(app: &App) -> bool {
    app.phase == Phase::Installed && app.wanted == Wanted::Running
}

/// What one look at an app found.
enum Look {
    /// A job installs it.
    BeingInstalled,
    /// Nobody wants it up.
    NotWanted,
    /// What the probe saw, and how long the app may take to come up.
    Seen(Result<(), String>, Duration),
}

/// Probing one app until it answers.
struct Probe {
    hands: Hands,
    app: AppId,
}

impl Probe {
    async fn run(self) {
        tokio::time::sleep(SETTLE).await;
        self.tell();
        let begun = Instant::now();
        loop {
            match self.once().await {
                // The job that installs it knocks by itself; afterwards it is looked at here.
                Ok(Look::BeingInstalled) => tokio::time::sleep(COMING_UP_PAUSE).await,
                Ok(Look::Seen(seen, grace)) => {
                    let well = seen.is_ok();
                    self.set(seen);
                    if well {
                        return;
                    }
                    let late = begun.elapsed() > grace;
                    tokio::time::sleep(if late { UNHEALTHY_PAUSE } else { COMING_UP_PAUSE }).await;
                }
                Ok(Look::NotWanted) => {
                    self.hands.seen.lock().remove(&self.app);
                    self.tell();
                    return;
                }
                Err(error) => {
                    tracing::debug!(app = %self.app, %error, "the app could not be looked at");
                    return;
                }
            }
        }
    }

    /// One try.
    async fn once(&self) -> Result<Look, Error> {
        let id = self.app.clone();
        let read = move |conn: &Connection| {
            let facts = (rows::find(conn, &id)?, rows::has_active_job(conn, &id)?, safe_mode::is_on(conn)?);
            Ok::<_, Error>(facts)
        };
        let (app, busy, calm) = self.hands.store.read(read).await?;
        if busy && app.as_ref().is_some_and(|app| app.phase == Phase::Installing) {
            return Ok(Look::BeingInstalled);
        }
        let Some(release) = app.filter(|app| is_wanted(app) && !calm).and_then(|app| app.active) else {
            return Ok(Look::NotWanted);
        };
        let loaded = self.hands.load(&self.app, release).await?;
        let containers = self.hands.up_containers(&loaded)?;
        Ok(Look::Seen(reached(&containers, &loaded).await, loaded.extension.grace()))
    }

    fn set(&self, now: Result<(), String>) {
        let before = self.hands.seen.lock().insert(self.app.clone(), now.clone());
        if before != Some(now) {
            self.tell();
        }
    }

    fn tell(&self) {
        self.hands.store.notify(Topic::Apps);
        self.hands.store.notify(Topic::App(self.app.clone()));
    }
}
