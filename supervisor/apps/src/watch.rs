//! Watching apps: Docker's events wake it, and pages are told to look again. Each app has a caretaker.

use std::{collections::HashMap, sync::Arc};

use orbitr_docker::{Change, Event};
use orbitr_jobs::Jobs;
use orbitr_model::{AppId, Topic, deed};
use orbitr_store::{NewEvent, Outcome, Subject};
use tokio::{
    sync::broadcast::error::RecvError,
    task::AbortHandle,
    time::{Instant, MissedTickBehavior, interval_at},
};

use crate::{
    Error,
    caretaker::Caretaker,
    health::{self, HEARTBEAT},
    model::{App, Phase, Wanted},
    rows, safe_mode,
    work::Hands,
};

/// What history says of a container that was ended because it had no memory left.
pub const OUT_OF_MEMORY: &str = "ran out of memory";

/// The task that watches.
#[derive(Clone)]
pub(crate) struct Watch {
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
    pub(crate) fn start(hands: Hands, jobs: Jobs) -> Self {
        let follower = Follower { hands, jobs, caretakers: HashMap::new() };
        Self { task: Arc::new(AbortOnDrop(tokio::spawn(follower.follow()).abort_handle())) }
    }

    /// Whether the watcher still runs.
    pub(crate) fn is_alive(&self) -> bool {
        !self.task.0.is_finished()
    }
}

struct Follower {
    hands: Hands,
    jobs: Jobs,
    caretakers: HashMap<AppId, AbortOnDrop>,
}

impl Follower {
    async fn follow(mut self) {
        let mut events = self.hands.docker.events();
        let mut beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.look_at_all().await;
        loop {
            tokio::select! {
                _ = beat.tick() => self.beat().await,
                next = events.recv() => if !self.hear(next).await { return },
            }
        }
    }

    /// False when nothing more can come.
    async fn hear(&mut self, next: Result<Event, RecvError>) -> bool {
        match next {
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
                self.caretakers.clear();
                self.beat().await;
                self.hands.seen.forget_all();
                self.hands.store.notify(Topic::Apps);
            }
            Err(RecvError::Closed) => return false,
        }
        true
    }

    /// Writes down what goes on, so that a power cut loses little of it.
    async fn beat(&self) {
        let open = self.hands.seen.spans();
        if let Err(error) = self.hands.store.write(move |tx| health::beat(tx, &open)).await {
            tracing::debug!(%error, "the apps' history could not be written");
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

    /// Another caretaker takes over from the one that there is: what it waits for may have come.
    fn look_at(&mut self, app: AppId) {
        let caretaker = Caretaker { hands: self.hands.clone(), jobs: self.jobs.clone(), app: app.clone() };
        self.caretakers.insert(app, AbortOnDrop(tokio::spawn(caretaker.run()).abort_handle()));
    }

    /// Writes history when a container ends by itself.
    async fn note(&self, app: &AppId, service: Option<&str>, change: Change) {
        let what = match change {
            Change::Died { exit_code } => format!("ended with status {}", exit_code.unwrap_or_default()),
            Change::OutOfMemory => OUT_OF_MEMORY.to_owned(),
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
            let subject = Subject::new("app", &id, &app.name);
            let event = NewEvent::by_the_box(deed::APP_CONTAINER_ENDED, subject, detail);
            tx.event(NewEvent { outcome: Outcome::Failed, ..event })?;
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
