//! What the clock brings: actions whose time has come, and newer versions that may be put in without a person. One timer
//! for all apps, and the news of the database; a box without either sleeps.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    future::pending,
    time::Duration,
};

use jiff::{Zoned, tz::TimeZone};
use orbitr_jobs::{NewJob, enqueue};
use orbitr_model::{Actor, AppId, Timestamp, Topic, deed};
use orbitr_sdk::Job;
use orbitr_store::{NewEvent, Outcome, Subject, time};
use rusqlite::Connection;
use serde_json::json;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{
    Apps, Error,
    extension::Extension,
    judge::{self, Case, Verdict, Wait, sooner},
    kinds::act::{self, Act},
    model::{App, Phase, Release, UpdateRequest, Wanted},
    policy::{self, Cause, UpdatePolicy, Updates},
    rows, safe_mode,
    schedule::{self, AllKept},
};

/// After a start the box has better things to do first.
const FIRST: Duration = Duration::from_secs(5);
/// Several things change at once; one look is enough.
const SETTLE: Duration = Duration::from_millis(500);
/// A clock may be set, a machine may sleep: no wait is longer.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// After a look that failed.
const LATER: Duration = Duration::from_secs(60);
/// How far the turns of many boxes lie apart.
const SPREAD_SECONDS: u64 = 10 * 60;

/// What the database says.
struct Seen {
    apps: Vec<(App, Extension, rows::Brief)>,
    policies: Vec<(AppId, UpdatePolicy)>,
    kept: AllKept,
    busy: HashSet<AppId>,
    /// An update that the box began itself.
    under_way: bool,
    safe: bool,
}

impl Seen {
    fn read(conn: &Connection) -> Result<Self, Error> {
        let apps = rows::apps_in_brief(conn)?.into_iter().filter(|(app, _)| app.phase == Phase::Installed);
        let apps = apps.filter_map(|(app, brief)| {
            let brief = brief?;
            let extension = Extension::of(brief.id, || rows::manifest(conn, brief.id)).ok()?;
            Some((app, extension, brief))
        });
        Ok(Self {
            apps: apps.collect(),
            policies: policy::automatic(conn)?,
            kept: schedule::all(conn)?,
            busy: orbitr_jobs::unfinished(conn, None)?.into_iter().filter_map(|job| job.app).collect(),
            under_way: policy::one_is_under_way(conn)?,
            safe: safe_mode::is_on(conn)?,
        })
    }
}

impl Apps {
    /// Does what the clock brings, for as long as it is polled.
    pub async fn keep_time(&self) -> Infallible {
        tokio::time::sleep(FIRST + self.spread("the box") / 60).await;
        loop {
            // Whatever was told before a look is in what it sees, however many changes that were.
            let mut changes = self.hands.store.changes();
            let next = match self.look_at_the_clock().await {
                Ok(next) => next.map(|at| at.duration_since(time::now()).try_into().unwrap_or_default()),
                Err(error) => {
                    tracing::warn!(%error, "what the clock brings waits for a minute");
                    Some(LATER)
                }
            };
            tokio::select! {
                () = wait(next.map(|pause: Duration| pause.min(LONGEST))) => {}
                () = news(&mut changes) => {}
            }
            tokio::time::sleep(SETTLE).await;
        }
    }

    /// Does what is due; when the next is, if any.
    async fn look_at_the_clock(&self) -> Result<Option<Timestamp>, Error> {
        if self.docker_answers().is_err() {
            return Ok(None);
        }
        let seen = self.hands.store.read(Seen::read).await?;
        if seen.safe {
            return Ok(None);
        }
        let now = self.wall_clock();
        let next = self.run_what_is_due(&seen, &now).await?;
        Ok(sooner(next, self.update_what_may(&seen, &now).await?))
    }

    /// Now, as the box's clock on the wall shows it.
    pub(crate) fn wall_clock(&self) -> Zoned {
        let zone = TimeZone::get(&self.facts().time_zone).unwrap_or(TimeZone::UTC);
        time::now().to_zoned(zone)
    }

    async fn run_what_is_due(&self, seen: &Seen, now: &Zoned) -> Result<Option<Timestamp>, Error> {
        let (mut soonest, mut begun, mut fresh) = (None, HashSet::new(), Vec::new());
        for (app, extension, brief) in &seen.apps {
            for (name, job) in &extension.manifest().x().jobs {
                let spec = schedule::spec(job);
                let kept = seen.kept.get(&(app.id.clone(), name.to_string())).filter(|kept| kept.spec == spec);
                let Some(due) = schedule::due(job, kept.map_or(now.timestamp(), |kept| kept.since), now) else {
                    continue;
                };
                if kept.is_none() {
                    fresh.push((app.id.clone(), name.to_string(), spec.clone()));
                }
                if due > now.timestamp() {
                    soonest = sooner(soonest, Some(due));
                } else if app.wanted == Wanted::Running && !seen.busy.contains(&app.id) && begun.insert(&app.id) {
                    self.begin_action(app, brief, extension, (name.as_str(), job, spec)).await?;
                }
            }
        }
        if !fresh.is_empty() {
            let write = move |tx: &mut orbitr_store::Tx<'_>| {
                fresh.iter().try_for_each(|(app, name, spec)| match rows::find(tx, app)? {
                    Some(_) => schedule::begin(tx, app, name, spec, None),
                    None => Ok(()),
                })
            };
            self.hands.store.write(write).await?;
        }
        Ok(soonest)
    }

    /// Puts the job into the queue, unless somebody was faster: then its time comes after them.
    async fn begin_action(
        &self,
        app: &App,
        brief: &rows::Brief,
        extension: &Extension,
        (name, job, spec): (&str, &Job, String),
    ) -> Result<(), Error> {
        let label = extension.manifest().action(job.action.as_str()).map_or("", |action| action.label.as_str());
        let args = act::Args::by_the_clock(app.id.clone(), brief.id, job.action.to_string());
        let title = format!("{}: {label}, by the clock", app.name);
        let new = NewJob::of::<Act>(&args, title, Actor::Box)?.on(app.id.clone());
        let (app, name) = (app.clone(), name.to_owned());
        self.hands
            .store
            .write(move |tx| {
                let same = rows::find(tx, &app.id)?.is_some_and(|now| now.changed == app.changed);
                if !same || rows::has_active_job(tx, &app.id)? || safe_mode::is_on(tx)? {
                    return Ok(());
                }
                let job = enqueue(tx, new)?;
                schedule::begin(tx, &app.id, &name, &spec, Some(job))
            })
            .await?;
        self.jobs.wake();
        Ok(())
    }

    async fn update_what_may(&self, seen: &Seen, now: &Zoned) -> Result<Option<Timestamp>, Error> {
        let known: HashMap<_, _> = seen.apps.iter().map(|(app, _, brief)| (&app.id, (app, brief))).collect();
        let mut soonest = None;
        let mut under_way = seen.under_way;
        for (id, policy) in &seen.policies {
            let Some((app, brief)) = known.get(id).filter(|_| !seen.busy.contains(id)) else { continue };
            if self.newer(app, &brief.version, brief.revision).is_none() {
                continue;
            }
            let release = brief.id;
            let active = self.hands.store.read(move |conn| rows::get_release(conn, release)).await?;
            let Some(case) = self.case(app, &active, policy.clone()).await? else { continue };
            match case.verdict(now) {
                Verdict::At(at) => soonest = sooner(soonest, Some(at)),
                // Its turn comes when the other one has ended, which is news.
                Verdict::Now if under_way => {}
                Verdict::Now => match self.update_by_itself(app).await {
                    Ok(()) => under_way = true,
                    Err(error) => {
                        tracing::warn!(app = %app.id, %error, "an automatic update could not begin");
                        soonest = sooner(soonest, now.timestamp().checked_add(LONGEST).ok());
                    }
                },
                // Nothing tells when the box does not want to wait any more.
                Verdict::Waits if case.is_held() => {
                    soonest = sooner(soonest, now.timestamp().checked_add(LATER).ok());
                }
                Verdict::Off | Verdict::Waits => {}
            }
        }
        Ok(soonest)
    }

    async fn update_by_itself(&self, app: &App) -> Result<(), Error> {
        let draft = self.draft_update(app, &UpdateRequest::default(), Cause::Automatic, &Actor::Box).await?;
        let to = draft.release.version.clone();
        let event = NewEvent {
            actor: Actor::Box,
            action: deed::APP_UPDATE,
            subject: Subject { kind: "app", id: app.id.to_string(), name: app.name.to_string() },
            outcome: Outcome::Ok,
            detail: json!({ "version": to, "revision": draft.release.revision, "why": "by its own policy" }),
            address: None,
        };
        let title = format!("Update {} to {to}, by itself", app.name);
        match self.switch(&Actor::Box, app.clone(), draft, &title, event).await {
            // Somebody was faster.
            Ok(_) | Err(Error::Busy(_) | Error::SafeMode) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What is known about the newer version of an app; none when there is none.
    async fn case(&self, app: &App, active: &Release, policy: UpdatePolicy) -> Result<Option<Case>, Error> {
        let Some(newer) = self.newer(app, &active.version, active.revision) else { return Ok(None) };
        let old = Extension::read(active)?;
        let new = Extension::parse(self.entry(&app.extension)?.manifest.text())?;
        let obstacles = self.obstacles(app, &new, active).await?;
        let id = app.id.clone();
        let read = move |conn: &Connection| policy::passed_over(conn, &id, &newer.version, newer.revision);
        let passed = self.hands.store.read(read).await?;
        let mut waits = judge::waits(&old, &new, &obstacles, app.wanted == Wanted::Stopped, passed);
        waits.extend((self.hands.restraint)().await.map(Wait::Held));
        Ok(Some(Case { waits, policy, delay: self.spread(app.id.as_str()) }))
    }

    /// How it stands with an app's updates.
    pub(crate) async fn updates(&self, app: &App, release: Option<&Release>) -> Result<Updates, Error> {
        let id = app.id.clone();
        let policy = self.hands.store.read(move |conn| policy::of(conn, &id)).await?;
        let mut updates = Updates { policy: policy.clone(), ..Updates::default() };
        let Some(release) = release.filter(|_| policy.automatic && policy.hold.is_none()) else { return Ok(updates) };
        if let Some(case) = self.case(app, release, policy).await? {
            match case.verdict(&self.wall_clock()) {
                Verdict::At(at) => updates.next = Some(at),
                Verdict::Now => updates.due = true,
                Verdict::Off | Verdict::Waits => {}
            }
            updates.waits = case.waits.iter().map(ToString::to_string).collect();
        }
        Ok(updates)
    }

    /// The same for the same thing on the same box, and another one elsewhere.
    fn spread(&self, what: &str) -> Duration {
        let bytes = self.hands.docker.config().box_id.bytes().chain(what.bytes());
        let hash = bytes
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Duration::from_secs(hash % SPREAD_SECONDS)
    }
}

async fn wait(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => pending().await,
    }
}

/// Waits for something that may make another look worth it.
async fn news(changes: &mut Receiver<Topic>) {
    loop {
        match changes.recv().await {
            Ok(Topic::Apps | Topic::Jobs | Topic::Box) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => return pending().await,
        }
    }
}
