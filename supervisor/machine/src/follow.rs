//! What the room does by itself while the box runs: it hears of units and of the clock being set, holds a shutdown back while
//! jobs are at work, writes down when the box was last seen, and watches the journal for those who follow it.

use std::{
    convert::Infallible,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use orbitr_host::{
    clock::{self, Steps},
    dbus::Inhibition,
    journal::{Followed, Journal, Query},
};
use orbitr_jobs::unfinished;
use orbitr_model::{JobState, Timestamp, Topic, deed};
use orbitr_store::{NewEvent, Subject, time};
use serde_json::json;
use tokio::{
    sync::{Notify, broadcast::error::RecvError},
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{Machine, power};

/// How often the last moment is written down.
const KEEP_EVERY: Duration = Duration::from_secs(60 * 60);
/// How long after a lost bus it is tried again.
const BUS_AGAIN: Duration = Duration::from_secs(60);
/// Bursts of units and lines are told once.
const SETTLE: Duration = Duration::from_millis(300);
/// A smaller step of the clock is a correction and is not worth a line of history.
const STEP: jiff::SignedDuration = jiff::SignedDuration::from_mins(1);

/// Counts who follows the journal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Followers {
    count: Arc<AtomicUsize>,
    changed: Arc<Notify>,
}

/// Somebody follows the journal for as long as this lives: [`Topic::Journal`] then tells of new lines.
#[derive(Debug)]
pub struct JournalWatch(Followers);

impl Drop for JournalWatch {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_one();
    }
}

impl Machine {
    /// Tells of new lines in the journal ([`Topic::Journal`]) until the answer is dropped.
    #[must_use]
    pub fn watch_journal(&self) -> JournalWatch {
        let followers = self.inner.followers.clone();
        followers.count.fetch_add(1, Ordering::SeqCst);
        followers.changed.notify_one();
        JournalWatch(followers)
    }

    /// Does all of this for as long as it is polled.
    pub async fn follow(&self) -> Infallible {
        tokio::select! {
            never = self.follow_units() => never,
            never = self.follow_clock() => never,
            never = self.follow_jobs() => never,
            never = self.follow_followers() => never,
            never = self.follow_settings() => never,
            never = self.follow_updates() => never,
            never = self.follow_proof() => never,
            never = self.follow_docker_store() => never,
        }
    }

    /// A crash between the database and `box.json`, or before the unit has read it, is made good here.
    async fn follow_settings(&self) -> Infallible {
        if self.outside().image { self.follow_network().await } else { pending().await }
    }

    async fn follow_units(&self) -> Infallible {
        loop {
            if let Ok(mut changes) = self.outside().bus.unit_changes().await {
                // Whatever happened while nobody listened.
                self.inner.store.notify(Topic::Units);
                while changes.next().await.is_some() {
                    sleep(SETTLE).await;
                    // bursts are one
                    while changes.next().now_or_never().flatten().is_some() {}
                    self.inner.store.notify(Topic::Units);
                }
                tracing::info!("systemd is not heard any more; trying again");
            } else if !clock::has_systemd() && !self.outside().image {
                // It will not come.
                return pending().await;
            }
            sleep(BUS_AGAIN).await;
        }
    }

    async fn follow_clock(&self) -> Infallible {
        let mut steps = match Steps::listen() {
            Ok(steps) => Some(steps),
            Err(error) => {
                tracing::warn!(%error, "the clock being set cannot be heard of");
                None
            }
        };
        let mut hourly = interval(KEEP_EVERY);
        hourly.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = Moment::now();
        loop {
            let heard = async {
                match &mut steps {
                    Some(steps) => steps.next().await,
                    None => pending().await,
                }
            };
            tokio::select! {
                _ = hourly.tick() => {}
                heard = heard => {
                    if heard.is_err() {
                        steps = None;
                    }
                    let step = known.step();
                    if step.abs() >= STEP {
                        self.clock_was_set(step).await;
                    }
                }
            }
            known = Moment::now();
            self.look_at_clock().await;
        }
    }

    /// Judges the clock and writes down when the box was last seen.
    async fn look_at_clock(&self) {
        let synchronised = self.machine_clock().await.ok().flatten().map(|clock| clock.synchronised);
        let (now, before) = (time::now(), self.clock());
        let verdict = self.inner.keeper.judge(now, synchronised);
        self.note_verdict(&verdict);
        if verdict != before {
            self.inner.store.notify(Topic::Box);
        }
        self.inner.keeper.keep(now, synchronised).await;
    }

    async fn clock_was_set(&self, step: jiff::SignedDuration) {
        let seconds = step.as_secs();
        tracing::info!(seconds, "the clock was set");
        let detail = json!({ "seconds": seconds });
        let event = NewEvent::by_the_box(deed::BOX_CLOCK_SET, Subject::the_box(), detail);
        let written = self.inner.store.write(move |tx| {
            tx.changed(Topic::Box);
            tx.event(event).map(drop)
        });
        if let Err(error) = written.await {
            tracing::warn!(%error, "that the clock was set could not be written down");
        }
    }

    /// Holds a shutdown back while jobs are at work, so that nobody on the machine cuts them off unawares.
    async fn follow_jobs(&self) -> Infallible {
        let mut changes = self.inner.store.changes();
        let mut held: Option<(String, Inhibition)> = None;
        loop {
            let jobs = self.inner.store.read(|conn| unfinished(conn, None)).await.unwrap_or_default();
            let at_work = |state| matches!(state, JobState::Running | JobState::Undoing);
            let at_work = jobs.into_iter().filter(|job| at_work(job.state)).collect();
            match power::holding(at_work).first() {
                None => held = None,
                Some(first) if held.as_ref().is_some_and(|(why, _)| *why == first.who) => {}
                Some(first) => match self.outside().bus.inhibit_shutdown("Orbitr", &first.who).await {
                    Ok(lock) => held = Some((first.who.clone(), lock)),
                    Err(error) => tracing::debug!(%error, "a shutdown cannot be held back"),
                },
            }
            loop {
                match changes.recv().await {
                    Ok(Topic::Jobs) | Err(RecvError::Lagged(_)) => break,
                    Ok(_) => {}
                    Err(RecvError::Closed) => return pending().await,
                }
            }
        }
    }

    /// Has a child watch the journal, but only while somebody follows it.
    async fn follow_followers(&self) -> Infallible {
        let followers = &self.inner.followers;
        loop {
            while followers.count.load(Ordering::SeqCst) == 0 {
                followers.changed.notified().await;
            }
            let cancel = CancellationToken::new();
            let (to, mut told) = Journal::channel();
            let query = Query::default();
            let watching = self.outside().journal.follow(&query, to, &cancel);
            let telling = async {
                while let Some(Followed::Entry(_) | Followed::Missed) = told.recv().await {
                    sleep(SETTLE).await;
                    while told.try_recv().is_ok() {}
                    self.inner.store.notify(Topic::Journal);
                }
            };
            let nobody = async {
                while followers.count.load(Ordering::SeqCst) > 0 {
                    followers.changed.notified().await;
                }
            };
            tokio::select! {
                ended = watching => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "the journal cannot be watched");
                        sleep(BUS_AGAIN).await;
                    }
                }
                () = telling => {}
                () = nobody => {}
            }
        }
    }
}

/// A moment on two clocks: the one that can be set, and the one that cannot.
struct Moment {
    at: Timestamp,
    since_boot: Duration,
}

impl Moment {
    fn now() -> Self {
        Self { at: Timestamp::now(), since_boot: clock::since_boot().unwrap_or_default() }
    }

    /// By how much the clock was set since then.
    fn step(&self) -> jiff::SignedDuration {
        let now = Self::now();
        let passed = now.since_boot.saturating_sub(self.since_boot);
        let passed = jiff::SignedDuration::try_from(passed).unwrap_or_default();
        now.at.duration_since(self.at) - passed
    }
}
