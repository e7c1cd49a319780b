//! Looking after one app: is it as its owner wants it, and does it answer? What it finds is shown, kept as history, and
//! where [`crate::care`] says so, brought back by a job.

use std::time::{Duration, Instant};

use orbitr_docker::{Container, State};
use orbitr_jobs::{Jobs, Kind, NewJob, enqueue};
use orbitr_model::{Actor, AppId, Topic, deed};
use orbitr_store::{NewEvent, Subject, time};
use rusqlite::Connection;

use crate::{
    Error,
    bindings::order,
    care::{self, Act, Case, How, Lack},
    health,
    kinds::heal::{self, Heal},
    model::{App, Phase, Wanted},
    rows, safe_mode,
    seen::Seen,
    work::{Hands, Loaded, reached},
};

/// Several events come at once when a container changes; one look is enough.
const SETTLE: Duration = Duration::from_millis(100);
/// Between two looks while something is under way.
const SOON: Duration = Duration::from_secs(1);
/// Between two looks at an app that does not answer.
const SILENT: Duration = Duration::from_secs(10);
/// Between two looks at an app that was given up, and after a look that failed.
const LATER: Duration = Duration::from_secs(60);

/// One app's.
pub(crate) struct Caretaker {
    pub(crate) hands: Hands,
    pub(crate) jobs: Jobs,
    pub(crate) app: AppId,
}

/// What the database says.
enum Found {
    /// A job installs it, and knocks by itself.
    BeingInstalled,
    /// Nobody wants it up; perhaps a job takes it down.
    Unwanted { busy: bool },
    /// A job that somebody began is at it.
    Worked(Option<Loaded>),
    /// A job of ours is at it.
    Tended(Option<Loaded>),
    /// Nobody is at it, and it is to be down.
    Stopped(App),
    /// Nobody is at it, and it is to be up.
    Up(Option<Loaded>),
}

/// What the database said, and which state of it that was.
struct Kept {
    version: u64,
    found: Found,
}

impl Caretaker {
    /// Goes on until nobody wants the app up. Docker's events begin another one in its place.
    pub(crate) async fn run(self) {
        tokio::time::sleep(SETTLE).await;
        self.tell();
        let mut kept = None;
        loop {
            match self.once(&mut kept).await {
                Ok(Some(pause)) => tokio::time::sleep(pause).await,
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(app = %self.app, %error, "the app could not be looked at");
                    tokio::time::sleep(LATER).await;
                }
            }
        }
    }

    /// One look; when the next is due, if any.
    async fn once(&self, kept: &mut Option<Kept>) -> Result<Option<Duration>, Error> {
        match self.find(kept).await? {
            Found::BeingInstalled => Ok(Some(SOON)),
            Found::Unwanted { busy } => {
                self.forget().await?;
                Ok(busy.then_some(SOON))
            }
            Found::Worked(loaded) => {
                // What a job does to its app is its own affair, and no fault of the app.
                self.seen().with(&self.app, |known| known.case = None);
                self.turn(None).await?;
                let Some(loaded) = loaded else { return Ok(None) };
                self.look(loaded).await?;
                Ok(Some(SOON))
            }
            Found::Tended(loaded) => {
                let now = Instant::now();
                self.seen().with(&self.app, |known| known.case.as_mut().map(|case| case.tended(now)));
                if let Some(loaded) = loaded {
                    self.look(loaded).await?;
                }
                Ok(Some(SOON))
            }
            Found::Stopped(app) => self.keep_stopped(app).await,
            Found::Up(Some(loaded)) => self.keep_up(loaded).await.map(Some),
            Found::Up(None) => Ok(None),
        }
    }

    /// What the database says, read again only where it holds something else by now: hundreds of apps are looked at each
    /// minute, and hardly ever is anything new.
    async fn find<'k>(&self, kept: &'k mut Option<Kept>) -> Result<&'k Found, Error> {
        let version = self.hands.store.version();
        let still = kept.take().filter(|kept| kept.version == version);
        let now = match still {
            Some(kept) => kept,
            None => Kept { version, found: self.read().await? },
        };
        Ok(&kept.insert(now).found)
    }

    async fn read(&self) -> Result<Found, Error> {
        let id = self.app.clone();
        let read = move |conn: &Connection| {
            let app = rows::find(conn, &id)?;
            let job = orbitr_jobs::unfinished(conn, Some(&id))?.into_iter().next();
            let up = app.as_ref().filter(|app| app.phase == Phase::Installed && app.wanted == Wanted::Running);
            let release = up.and_then(|app| app.active).map(|id| rows::get_release(conn, id)).transpose()?;
            Ok::<_, Error>((app, release, job.map(|job| job.kind), safe_mode::is_on(conn)?))
        };
        let (app, release, job, calm) = self.hands.store.read(read).await?;
        let unwanted = Found::Unwanted { busy: job.is_some() };
        let Some(app) = app else { return Ok(unwanted) };
        let loaded = release.map(|release| self.hands.loaded(app.clone(), release)).transpose()?.map(Loaded::lean);
        Ok(match (app.phase, app.wanted, job) {
            (Phase::Installing, _, Some(_)) => Found::BeingInstalled,
            (Phase::Installed, _, _) if calm => unwanted,
            (Phase::Installed, _, Some(kind)) if kind == Heal::NAME => Found::Tended(loaded),
            (Phase::Installed, Wanted::Running, Some(_)) => Found::Worked(loaded),
            (Phase::Installed, Wanted::Stopped, None) => Found::Stopped(app),
            (Phase::Installed, Wanted::Running, None) => Found::Up(loaded),
            _ => unwanted,
        })
    }

    /// Looks at an app that is wanted up; what it lacks, if anything.
    async fn look(&self, loaded: &Loaded) -> Result<Option<Lack>, Error> {
        let containers = self.hands.up_containers(loaded)?;
        let answer = reached(&containers, loaded).await;
        let lack = care::lack(loaded.services_that_stay_up(), &containers, loaded.release.id, &answer);
        self.set(lack.as_ref().map_or(Ok(()), |lack| Err(lack.why().to_owned())));
        Ok(lack)
    }

    async fn keep_up(&self, loaded: &Loaded) -> Result<Duration, Error> {
        let Some(lack) = self.look(loaded).await? else {
            self.seen().is_well(&self.app);
            self.turn(Some(Ok(()))).await?;
            return Ok(jitter(loaded.extension.interval()));
        };
        self.turn(Some(Err(lack.why()))).await?;
        if self.waits(loaded, &lack).await? {
            return Ok(SILENT);
        }
        self.tend(&loaded.app, &lack, self.grace_left(loaded)?).await
    }

    /// Whether what it lacks is another app, or the disk with its data: then no restart of this one helps, and none is
    /// counted as tried.
    async fn waits(&self, loaded: &Loaded, lack: &Lack) -> Result<bool, Error> {
        let waits = match (loaded.folder.check().await, lack) {
            (Err(Error::DiskMissing { at }), _) => {
                Some(format!("the disk with its data is not there: {} does not exist", at.display()))
            }
            (Err(Error::DiskSilent { at }), _) => {
                Some(format!("the disk with its data does not answer: {} cannot be looked at", at.display()))
            }
            (_, Lack::Silent(_) | Lack::Ends { .. }) => self.down_provider().await?,
            (_, Lack::Containers(_) | Lack::CutOff(_)) => None,
        };
        let now = waits.is_some();
        let before = self.seen().with(&self.app, |known| std::mem::replace(&mut known.waits, waits.clone()));
        if before != waits {
            self.tell();
        }
        Ok(now)
    }

    /// One that it needs and that is not up, in a sentence.
    async fn down_provider(&self) -> Result<Option<String>, Error> {
        let id = self.app.clone();
        let read = move |conn: &Connection| {
            order::needs(conn, &id)?.iter().map(|provider| rows::get(conn, provider)).collect::<Result<Vec<_>, _>>()
        };
        let needs = self.hands.store.read(read).await?;
        Ok(needs.iter().find_map(|app| match (app.wanted, self.seen().probe(&app.id)) {
            (Wanted::Stopped, _) => Some(format!("it needs another app: {} is stopped", app.name)),
            (Wanted::Running, Some(Err(why))) => Some(format!("it needs another app: {} is not up: {why}", app.name)),
            (Wanted::Running, _) => None,
        }))
    }

    /// Nobody wants it up: if it runs all the same, it is stopped.
    async fn keep_stopped(&self, app: &App) -> Result<Option<Duration>, Error> {
        let containers = self.hands.docker.containers_of(&self.app)?;
        let Some(running) = containers.iter().find(|container| is_up(container)) else {
            self.forget().await?;
            return Ok(None);
        };
        let lack = Lack::Containers(format!("{} runs although the app was stopped here", running.name));
        self.tend(app, &lack, Duration::ZERO).await.map(Some)
    }

    /// Does what is due now; how long until the next look.
    async fn tend(&self, app: &App, lack: &Lack, grace: Duration) -> Result<Duration, Error> {
        Ok(match self.decide(lack, grace) {
            Act::Wait(pause) => pause.clamp(SETTLE, if grace.is_zero() { SILENT } else { SOON }),
            Act::Leave => LATER,
            Act::Try(how) => {
                let how = if app.wanted == Wanted::Stopped { How::Stop } else { how };
                self.bring_back(app, how, lack.why()).await?;
                SOON
            }
        })
    }

    /// What is to be done now; a try is counted.
    fn decide(&self, lack: &Lack, grace: Duration) -> Act {
        let (at, now) = (time::now(), Instant::now());
        self.seen().with(&self.app, |known| {
            let case = known.case.get_or_insert_with(|| Case::open(at, now));
            case.lacks(lack, at, now);
            let act = case.next(lack, now, grace);
            if matches!(act, Act::Try(_)) {
                case.tries(now);
            }
            act
        })
    }

    /// How long its containers may still take to come up.
    fn grace_left(&self, loaded: &Loaded) -> Result<Duration, Error> {
        let containers = self.hands.up_containers(loaded)?;
        let youngest = containers.iter().filter_map(|container| container.started).max();
        let age = youngest.map(|started| time::now().duration_since(started).unsigned_abs());
        Ok(loaded.extension.grace().saturating_sub(age.unwrap_or_default()))
    }

    /// Puts the job into the queue, unless somebody was faster.
    async fn bring_back(&self, app: &App, how: How, why: &str) -> Result<(), Error> {
        let title = match how {
            How::Stop => format!("Stop {} again", app.name),
            _ => format!("Bring back {}", app.name),
        };
        let args = heal::Args { app: app.id.clone(), how, why: why.to_owned() };
        let job = NewJob::of::<Heal>(&args, title, Actor::Box)?.on(app.id.clone());
        let detail = serde_json::json!({ "why": why });
        let event = NewEvent::by_the_box(deed::APP_HEAL, Subject::new("app", &app.id, &app.name), detail);
        let app = app.clone();
        self.hands
            .store
            .write(move |tx| {
                let now = rows::find(tx, &app.id)?;
                let same = now.is_some_and(|now| now.changed == app.changed);
                if !same || rows::has_active_job(tx, &app.id)? || safe_mode::is_on(tx)? {
                    return Ok(());
                }
                tx.event(event)?;
                enqueue(tx, job)?;
                Ok::<_, Error>(())
            })
            .await?;
        self.jobs.wake();
        Ok(())
    }

    /// Writes history where the app turned from well to unwell or back; none where neither is to be counted.
    async fn turn(&self, now: Option<Result<(), &str>>) -> Result<(), Error> {
        let (id, open) = (self.app.clone(), self.seen().with(&self.app, |known| known.span));
        let was = open.map(|(_, up)| up);
        let Some(now) = now else {
            let Some((since, _)) = open else { return Ok(()) };
            self.seen().with(&self.app, |known| known.span = None);
            return self.hands.store.write(move |tx| health::close(tx, &id, since)).await;
        };
        if was == Some(now.is_ok()) {
            return Ok(());
        }
        let (up, reason) = (now.is_ok(), now.err().unwrap_or_default().to_owned());
        let open = open.map(|(since, _)| since);
        let began = self.hands.store.write(move |tx| health::turn(tx, &id, open, up, &reason)).await?;
        self.seen().with(&self.app, |known| known.span = began.map(|since| (since, up)));
        Ok(())
    }

    async fn forget(&self) -> Result<(), Error> {
        self.turn(None).await?;
        if self.seen().forget(&self.app) {
            self.tell();
        }
        Ok(())
    }

    fn set(&self, now: Result<(), String>) {
        let before = self.seen().with(&self.app, |known| known.probe.replace(now.clone()));
        if before != Some(now) {
            self.tell();
        }
    }

    fn seen(&self) -> &Seen {
        &self.hands.seen
    }

    fn tell(&self) {
        self.hands.store.notify(Topic::Apps);
        self.hands.store.notify(Topic::App(self.app.clone()));
    }
}

const fn is_up(container: &Container) -> bool {
    matches!(container.state, State::Running | State::Paused | State::Restarting)
}

/// A tenth more or less, so that many apps are not looked at at once for ever.
fn jitter(pause: Duration) -> Duration {
    let [.., random] = uuid::Uuid::now_v7().into_bytes();
    pause * (230 + u32::from(random) / 5) / 256
}
