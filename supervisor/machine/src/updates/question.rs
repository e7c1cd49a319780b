//! After an update: looking whether the apps are as healthy as before it, asking when they are not, and what the answer does.

use std::{
    convert::Infallible,
    future::pending,
    net::IpAddr,
    time::{Duration, Instant},
};

use orbitr_access::{Permit, action::UpdateBox};
use orbitr_host::clock::boot_id;
use orbitr_jobs::{NewJob, enqueue, unfinished};
use orbitr_model::{Actor, ImageVersion, JobId, ReturnReason, Timestamp, Topic, deed};
use orbitr_store::{NewEvent, Outcome, Tx, time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{sleep, timeout},
};

use super::{
    about,
    apps::AppTrouble,
    error::Refused,
    job::{self, ChooseArgs, ChooseJob},
    look::Known,
    proof::{Look, Next, Proof, Question, Stage},
    settings,
};
use crate::{Error, Machine};

/// The code of a version that was left for this; root knows it, too.
const CODE: &str = "health-apps";
/// The longest title of a reason, in characters: root takes 200 bytes.
const TITLE_MAX: usize = 60;
/// So many apps are told with the end of their logs, and so many lines of each: what root keeps of a reason is bounded.
const APPS: usize = 5;
const LINES: u32 = 8;
/// How long the apps may take to say how they are.
const LIMIT: Duration = Duration::from_secs(20);

/// How far an update is on its way to being proved by the apps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProvingState {
    /// The apps come up.
    Watching,
    /// Some are not healthy; somebody is asked whether to keep the version.
    Asking,
    /// The version before is being started.
    Returning,
}

/// An update whose apps are compared with how they were before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Proving {
    /// The version that runs.
    pub version: ImageVersion,
    /// The version before.
    pub before: ImageVersion,
    /// How far it is.
    pub state: ProvingState,
    /// The apps that were healthy before and are not; empty while they come up.
    pub apps: Vec<AppTrouble>,
    /// Since when somebody is asked.
    pub asked_at: Option<Timestamp>,
    /// When the box goes back by itself; none when it does not. It waits while somebody works on one of the apps.
    pub ends_at: Option<Timestamp>,
    /// Whether the version before can be started.
    pub may_go_back: bool,
}

/// What is to become of an update after which apps are not healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateAnswer {
    /// The version stays.
    Keep,
    /// The version before is started, and this one is not installed again by itself.
    GoBack,
}

/// The answer to the question whether an update is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerUpdate {
    /// The version that was asked about.
    pub version: ImageVersion,
    /// What is to become of it.
    pub answer: UpdateAnswer,
}

/// What the answer began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UpdateAnswered {
    /// The job that goes back; none when the version is kept.
    pub job: Option<JobId>,
}

/// As it is shown; none while it waits for the restart.
pub(super) fn shown(proof: &Proof, known: &Known) -> Option<Proving> {
    if known.running != proof.to {
        return None;
    }
    let (state, question) = match &proof.stage {
        Stage::Leaving => return None,
        Stage::Watching { .. } => (ProvingState::Watching, None),
        Stage::Asking(question) => (ProvingState::Asking, Some(question)),
        Stage::Returning { question, .. } => (ProvingState::Returning, Some(question)),
    };
    let may_go_back = known.is_way_back(&proof.from);
    let ends_at =
        question.filter(|_| state == ProvingState::Asking).and_then(|question| ends(question, known, may_go_back));
    Some(Proving {
        version: proof.to.clone(),
        before: proof.from.clone(),
        state,
        apps: question.map(|question| question.apps.clone()).unwrap_or_default(),
        asked_at: question.map(|question| question.since),
        ends_at,
        may_go_back,
    })
}

fn ends(question: &Question, known: &Known, may_go_back: bool) -> Option<Timestamp> {
    let limit = known.settings.answer_within().filter(|_| may_go_back && !question.stays)?;
    question.at.checked_add(question.left(limit)).ok()
}

/// Who decided, and from where.
struct Decider {
    actor: Actor,
    address: Option<IpAddr>,
    /// Nobody: the time was over.
    by_time: bool,
}

impl Decider {
    fn event(self, action: &'static str, proof: &Proof, apps: &[AppTrouble]) -> NewEvent {
        let mut detail = json!({ "apps": said(apps), "before": proof.from });
        if self.by_time
            && let Some(detail) = detail.as_object_mut()
        {
            detail.insert("unanswered".to_owned(), Value::Bool(true));
        }
        let (actor, address) = (self.actor, self.address);
        NewEvent { actor, action, subject: about(&proof.to), outcome: Outcome::Ok, detail, address }
    }
}

fn said(apps: &[AppTrouble]) -> Value {
    apps.iter().map(|app| json!({ "app": app.id, "said": app.said })).collect()
}

impl Machine {
    /// Looks for as long as it is polled.
    pub(crate) async fn follow_proof(&self) -> Infallible {
        if self.outside().acts.is_none() || self.outside().apps.is_none() {
            return pending().await;
        }
        let pace = self.outside().updating.pace();
        let mut last = Instant::now();
        loop {
            let mut changes = self.inner.store.changes();
            let passed = last.elapsed();
            last = Instant::now();
            match self.look_at_proof(passed).await {
                // Until something is written down there is nothing to look at.
                Ok(false) => woken(&mut changes).await,
                Ok(true) => {}
                Err(error) => {
                    tracing::warn!(%error, "the apps could not be compared with how they were before the update")
                }
            }
            sleep(pace.every).await;
        }
    }

    /// One look; whether there is anything to look at again.
    async fn look_at_proof(&self, passed: Duration) -> Result<bool, Error> {
        let Some(proof) = self.inner.store.read(settings::proof).await? else { return Ok(false) };
        let known = self.works().known(&self.inner.store).await?;
        let seen = match &self.outside().apps {
            Some(apps) => timeout(LIMIT, apps.look()).await.ok().and_then(Result::ok),
            None => None,
        };
        let at_work = self.inner.store.read(|conn| unfinished(conn, None)).await?;
        let boot = boot_id();
        let look = Look {
            running: &known.running,
            kept: known.is_kept(),
            has_back: known.is_way_back(&proof.from),
            at_work: job::at_work(&at_work).is_some(),
            boot: &boot,
            now: time::now(),
            passed,
            apps: seen.as_deref(),
            limit: known.settings.answer_within(),
            pace: self.outside().updating.pace(),
        };
        match proof.next(&look) {
            Next::Nothing => Ok(true),
            Next::Keep(now) => self.turn(&proof, Some(now), None).await.map(|()| true),
            Next::Forget => self.turn(&proof, None, None).await.map(|()| false),
            Next::Proved => {
                let asked = proof.question().is_some();
                let detail = json!({ "before": proof.from, "apps": proof.apps(), "asked": asked });
                let event = NewEvent::by_the_box(deed::BOX_UPDATE_PROVED, about(&proof.to), detail);
                self.turn(&proof, None, Some(event)).await.map(|()| false)
            }
            Next::Ask(now) => {
                let apps = now.question().map(|question| said(&question.apps));
                let detail = json!({ "before": now.from, "apps": apps });
                let event = NewEvent::by_the_box(deed::BOX_UPDATE_ASKED, about(&now.to), detail);
                self.turn(&proof, Some(now), Some(event)).await.map(|()| true)
            }
            Next::Return(now) => {
                self.turn(&proof, Some(now.clone()), None).await?;
                let nobody = Decider { actor: Actor::Box, address: None, by_time: true };
                match self.go_back(&now.to, nobody).await {
                    Ok(_) | Err(Error::Update(Refused::AtWork(_) | Refused::NotAsked(_))) => Ok(true),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Writes down what follows, unless somebody has answered meanwhile.
    async fn turn(&self, before: &Proof, now: Option<Proof>, event: Option<NewEvent>) -> Result<(), Error> {
        let before = before.clone();
        let write = move |tx: &mut Tx<'_>| {
            if settings::proof(tx)?.as_ref() != Some(&before) {
                return Ok(());
            }
            match &now {
                Some(now) => settings::note_proof(tx, now)?,
                None => settings::forget_proof(tx)?,
            }
            let apps = |proof: &Proof| proof.question().map(|question| question.apps.clone());
            if now.as_ref().is_none_or(|now| apps(now) != apps(&before)) {
                tx.changed(Topic::Box);
            }
            if let Some(event) = event {
                tx.event(event)?;
            }
            Ok::<_, Error>(())
        };
        self.inner.store.write(write).await
    }

    /// The update whose apps are compared with how they were before it, for the box's own eyes; none when there is none.
    pub async fn proving(&self) -> Option<Proving> {
        let proof = self.inner.store.read(settings::proof).await.ok().flatten()?;
        let known = self.works().known(&self.inner.store).await.ok()?;
        shown(&proof, &known)
    }

    /// Answers the question whether an update is kept after which apps are not healthy.
    ///
    /// # Errors
    /// [`Error::Unavailable`] in hosted mode; [`Refused::NotAsked`], [`Refused::NoWayBack`], [`Refused::AtWork`].
    pub async fn answer_update(
        &self,
        permit: &Permit<UpdateBox>,
        request: &AnswerUpdate,
    ) -> Result<UpdateAnswered, Error> {
        self.works().acts()?;
        let by = Decider { actor: permit.actor().clone(), address: permit.address(), by_time: false };
        match request.answer {
            UpdateAnswer::Keep => self.keep(request.version.clone(), by).await.map(|()| UpdateAnswered { job: None }),
            UpdateAnswer::GoBack => Ok(UpdateAnswered { job: Some(self.go_back(&request.version, by).await?) }),
        }
    }

    async fn keep(&self, version: ImageVersion, by: Decider) -> Result<(), Error> {
        let write = move |tx: &mut Tx<'_>| {
            let (proof, question) = asked(tx, &version)?;
            settings::forget_proof(tx)?;
            tx.event(by.event(deed::BOX_UPDATE_KEPT, &proof, &question.apps))?;
            tx.changed(Topic::Box);
            Ok::<_, Error>(())
        };
        self.inner.store.write(write).await
    }

    async fn go_back(&self, version: &ImageVersion, by: Decider) -> Result<JobId, Error> {
        let wanted = version.clone();
        let (proof, question) = self.inner.store.read(move |conn| asked(conn, &wanted)).await?;
        let known = self.works().known(&self.inner.store).await?;
        if !known.is_way_back(&proof.from) {
            return Err(Refused::NoWayBack(proof.from).into());
        }
        let reason = Some(self.reason(&question.apps).await);
        let (version, actor) = (proof.from.clone(), by.actor.clone());
        let title = format!("Go back to Orbitr OS {version}");
        let args = ChooseArgs { version, restart: true, actor: actor.clone(), reason };
        let job = NewJob::of::<ChooseJob>(&args, title, actor)?.lock("updates");
        let write = move |tx: &mut Tx<'_>| {
            // Somebody may have answered meanwhile.
            let (proof, question) = asked(tx, &proof.to)?;
            if let Some(job) = job::at_work(&unfinished(tx, None)?) {
                return Err(Refused::AtWork(Some(job.id)).into());
            }
            if let Some(returning) = proof.returning(boot_id()) {
                settings::note_proof(tx, &returning)?;
            }
            tx.event(by.event(deed::BOX_UPDATE_LEFT, &proof, &question.apps))?;
            tx.changed(Topic::Box);
            Ok::<_, Error>(enqueue(tx, job)?)
        };
        self.inner.store.write(write).await
    }

    /// Why the version is left, for whoever runs after it: which apps, what each said, and the end of their logs.
    async fn reason(&self, apps: &[AppTrouble]) -> ReturnReason {
        let names: Vec<&str> = apps.iter().map(|app| app.name.as_str()).collect();
        let mut detail = String::new();
        for (at, app) in apps.iter().enumerate() {
            detail.push_str(&format!("{}: {}\n", app.name, app.said));
            let Some(room) = self.outside().apps.as_ref().filter(|_| at < APPS) else { continue };
            let lines = timeout(LIMIT, room.last_lines(&app.id, LINES)).await.unwrap_or_default();
            for line in lines {
                detail.push_str(&format!("  {line}\n"));
            }
        }
        let title = format!("Apps were not healthy: {}", names.join(", "));
        ReturnReason { code: CODE.to_owned(), title: cut(&title, TITLE_MAX), detail: fit(detail) }
    }
}

/// The question about a version, where somebody is asked.
fn asked(conn: &rusqlite::Connection, version: &ImageVersion) -> Result<(Proof, Question), Error> {
    let proof = settings::proof(conn)?.filter(|proof| proof.to == *version);
    let found = proof.and_then(|proof| Some((proof.question()?.clone(), proof)));
    let (question, proof) = found.ok_or_else(|| Refused::NotAsked(version.clone()))?;
    Ok((proof, question))
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(2)).collect();
    format!("{kept} …")
}

/// As much of it as root takes.
fn fit(mut text: String) -> String {
    const MOST: usize = 12 * 1024;
    let end = (0..=MOST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    text.truncate(end);
    text.trim_end().to_owned()
}

/// Waits until something of the box has changed.
async fn woken(changes: &mut Receiver<Topic>) {
    loop {
        match changes.recv().await {
            Ok(Topic::Box) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => return pending().await,
        }
    }
}
