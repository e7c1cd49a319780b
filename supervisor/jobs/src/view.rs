//! What readers see of jobs: lists, one job, whose it is.

use orbitr_model::{Actor, AppId, JobId, JobState, Page, PageRequest, Problem, StepState, Timestamp, UserId};
use orbitr_store::{self as store, row};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, rows};

/// One job, as people and programs see it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Its kind, for example `app.install`.
    pub kind: String,
    /// What it does, for example «Install PostgreSQL».
    pub title: String,
    /// The app that it works on.
    pub app: Option<AppId>,
    /// Who wanted it.
    pub actor: Actor,
    /// Where it is.
    pub state: JobState,
    /// Whether somebody asked to cancel it.
    pub cancelling: bool,
    /// Its steps in their order; none before it has begun.
    pub steps: Vec<StepView>,
    /// How far the step at hand is, from 0 to 1, where that is known.
    #[schemars(range(min = 0, max = 1))]
    pub progress: Option<f64>,
    /// What the step at hand says about itself; may be empty.
    pub message: String,
    /// Why it failed or is being undone.
    pub problem: Option<Problem>,
    /// The name of the step that failed.
    pub failed_step: Option<String>,
    /// When it was put into the queue.
    pub queued: Timestamp,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How often it went on after a restart of the supervisor.
    pub resumed: u32,
}

/// One step of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StepView {
    /// Its stable name, for example `pull`.
    pub name: String,
    /// What people see, for example «Pull images».
    pub title: String,
    /// Where it is.
    pub state: StepState,
    /// Whether it can be taken back.
    pub reversible: bool,
    /// When it was first begun.
    pub started: Option<Timestamp>,
    /// When it was done, failed or was taken back.
    pub ended: Option<Timestamp>,
    /// How often it was begun.
    pub attempts: u32,
}

/// Which jobs are wanted; what is not given does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Those that work on this app.
    pub app: Option<AppId>,
    /// Those in this state.
    pub state: Option<JobState>,
    /// `true`: those that have not ended; `false`: those that have.
    pub active: Option<bool>,
    /// Those that this account wanted.
    pub owner: Option<UserId>,
    /// What the reader may see; set by the caller, never by the reader.
    #[serde(skip)]
    pub visible: Option<Visible>,
}

/// The jobs that somebody with less than the whole box may see: their own, and those on their apps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visible {
    /// The apps that they may look at.
    pub apps: Vec<AppId>,
    /// Their account.
    pub owner: Option<UserId>,
}

/// Whose a job is; decides who may look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Belongs {
    /// The app that it works on.
    pub app: Option<AppId>,
    /// The account that wanted it.
    pub owner: Option<UserId>,
}

/// A job that has not ended, in brief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Its id.
    pub id: JobId,
    /// Its kind.
    pub kind: String,
    /// What it does.
    pub title: String,
    /// The app that it works on.
    pub app: Option<AppId>,
    /// The second one, for a job that works on two.
    pub also: Option<AppId>,
    /// Where it is.
    pub state: JobState,
    /// What its kind was given, as JSON.
    pub args: String,
}

/// Whose a job is; none when there is no such job.
///
/// # Errors
/// When the database refuses.
pub fn belongs(conn: &Connection, id: JobId) -> Result<Option<Belongs>, store::Error> {
    let mut query = conn.prepare_cached("SELECT app, owner FROM job WHERE id = ?1")?;
    let found = query.query_row([id.to_string()], |found| {
        Ok(Belongs { app: row::parse_opt(found, "app")?, owner: row::parse_opt(found, "owner")? })
    });
    Ok(found.optional()?)
}

/// The jobs that have not ended, of one app or of all, in the order in which they came.
///
/// # Errors
/// When the database refuses.
pub fn unfinished(conn: &Connection, app: Option<&AppId>) -> Result<Vec<Unfinished>, store::Error> {
    let mut query = conn.prepare_cached(
        "SELECT id, kind, title, app, also, state, args FROM job
         WHERE ended IS NULL AND (?1 IS NULL OR app = ?1 OR also = ?1) ORDER BY seq",
    )?;
    let found = query.query_map([app.map(AppId::as_str)], |found| {
        Ok(Unfinished {
            id: row::parse(found, "id")?,
            kind: found.get("kind")?,
            title: found.get("title")?,
            app: row::parse_opt(found, "app")?,
            also: row::parse_opt(found, "also")?,
            state: row::word(found, "state")?,
            args: found.get("args")?,
        })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// A job that failed, in brief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Its id.
    pub id: JobId,
    /// Its kind.
    pub kind: String,
    /// What it should have done.
    pub title: String,
    /// The app that it worked on.
    pub app: Option<AppId>,
    /// Why it failed, where that is known.
    pub problem: Option<Problem>,
    /// When it ended.
    pub ended: Timestamp,
}

/// The apps whose newest ended job of these kinds failed, with that job.
///
/// # Errors
/// When the database refuses.
pub fn failed_last(conn: &Connection, kinds: &[&str]) -> Result<Vec<Failed>, store::Error> {
    let mut query = conn.prepare_cached(
        "SELECT id, kind, title, app, problem, ended FROM job
         WHERE state = 'failed' AND seq IN (
             SELECT max(seq) FROM job
             WHERE ended IS NOT NULL AND app IS NOT NULL AND kind IN (SELECT value FROM json_each(?1)) GROUP BY app)
         ORDER BY seq",
    )?;
    let found = query.query_map([serde_json::json!(kinds).to_string()], failed)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The jobs that failed and could not take back all that they had done, unless a later job on the same app went well.
///
/// # Errors
/// When the database refuses.
pub fn failed_not_undone(conn: &Connection) -> Result<Vec<Failed>, store::Error> {
    let mut query = conn.prepare_cached(
        "SELECT id, kind, title, app, problem, ended FROM job
         WHERE state = 'failed'
             AND EXISTS (SELECT 1 FROM job_step
                         WHERE job_step.job = job.id AND job_step.state NOT IN ('pending', 'undone'))
             AND NOT EXISTS (SELECT 1 FROM job AS later
                             WHERE later.app = job.app AND later.seq > job.seq AND later.state = 'succeeded')
         ORDER BY seq",
    )?;
    let found = query.query_map([], failed)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn failed(found: &Row<'_>) -> rusqlite::Result<Failed> {
    Ok(Failed {
        id: row::parse(found, "id")?,
        kind: found.get("kind")?,
        title: found.get("title")?,
        app: row::parse_opt(found, "app")?,
        problem: rows::problem(found)?,
        ended: row::time(found, "ended")?,
    })
}

const COLUMNS: &str = "seq, id, kind, title, app, actor, state, cancel, progress, message, problem, failed_step, queued, \
                       started, ended, resumed";

pub(crate) fn get(conn: &Connection, id: JobId) -> Result<Option<Job>, Error> {
    let mut query = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM job WHERE id = ?1"))?;
    let found = query.query_row([id.to_string()], job).optional()?;
    let Some((_, mut job)) = found else { return Ok(None) };
    job.steps = steps(conn, id)?;
    Ok(Some(job))
}

/// The newest first; the cursor is the number of the last one on the page.
pub(crate) fn list(conn: &Connection, filter: &Filter, page: &PageRequest) -> Result<Page<Job>, Error> {
    let before: Option<i64> = match &page.cursor {
        Some(cursor) => Some(cursor.parse::<i64>().ok().filter(|seq| *seq > 0).ok_or(store::Error::Cursor)?),
        None => None,
    };
    let seen_apps = filter.visible.as_ref().map(|visible| serde_json::json!(visible.apps).to_string());
    let seen_owner = filter.visible.as_ref().and_then(|visible| visible.owner);
    let mut query = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM job
         WHERE (?1 IS NULL OR app = ?1 OR also = ?1) AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR owner = ?3)
             AND (?4 IS NULL OR (ended IS NULL) = ?4)
             AND (?5 IS NULL OR app IN (SELECT value FROM json_each(?5)) OR owner = ?6)
             AND (?7 IS NULL OR seq < ?7)
         ORDER BY seq DESC LIMIT ?8"
    ))?;
    let values = params![
        filter.app.as_ref().map(AppId::as_str),
        filter.state.map(JobState::as_str),
        filter.owner.map(|owner| owner.to_string()),
        filter.active,
        seen_apps,
        seen_owner.map(|owner| owner.to_string()),
        before,
        i64::from(page.limit()) + 1,
    ];
    let mut found: Vec<(i64, Job)> = query.query_map(values, job)?.collect::<rusqlite::Result<_>>()?;
    let wanted = usize::try_from(page.limit()).unwrap_or(usize::MAX);
    let more = found.len() > wanted;
    found.truncate(wanted);
    let next = found.last().filter(|_| more).map(|(seq, _)| seq.to_string());
    let mut items = Vec::with_capacity(found.len());
    for (_, mut job) in found {
        job.steps = steps(conn, job.id)?;
        items.push(job);
    }
    Ok(Page { items, next })
}

fn job(found: &Row<'_>) -> rusqlite::Result<(i64, Job)> {
    let job = Job {
        id: row::parse(found, "id")?,
        kind: found.get("kind")?,
        title: found.get("title")?,
        app: row::parse_opt(found, "app")?,
        actor: rows::actor(found)?,
        state: row::word(found, "state")?,
        cancelling: found.get("cancel")?,
        steps: Vec::new(),
        progress: found.get("progress")?,
        message: found.get("message")?,
        problem: rows::problem(found)?,
        failed_step: found.get("failed_step")?,
        queued: row::time(found, "queued")?,
        started: row::time_opt(found, "started")?,
        ended: row::time_opt(found, "ended")?,
        resumed: found.get("resumed")?,
    };
    Ok((found.get("seq")?, job))
}

fn steps(conn: &Connection, id: JobId) -> rusqlite::Result<Vec<StepView>> {
    conn.prepare_cached(
        "SELECT name, title, state, reversible, started, ended, attempts FROM job_step WHERE job = ?1 ORDER BY number",
    )?
    .query_map([id.to_string()], |found| {
        Ok(StepView {
            name: found.get("name")?,
            title: found.get("title")?,
            state: row::word(found, "state")?,
            reversible: found.get("reversible")?,
            started: row::time_opt(found, "started")?,
            ended: row::time_opt(found, "ended")?,
            attempts: found.get("attempts")?,
        })
    })?
    .collect()
}
