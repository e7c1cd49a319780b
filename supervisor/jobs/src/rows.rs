//! Every statement that the runner needs; what readers see is in `view`.

use std::{collections::HashSet, time::Duration};

use orbitr_model::{Actor, AppId, JobId, JobState, Problem, Timestamp};
use orbitr_store::{row, time::to_ms};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::machine::{Machine, StepRow};

/// The part of a job that never changes.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) id: JobId,
    pub(crate) kind: String,
    pub(crate) args: String,
    pub(crate) title: String,
    pub(crate) actor: Actor,
    pub(crate) app: Option<AppId>,
}

/// How far the step at hand is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shown {
    pub(crate) progress: Option<f64>,
    pub(crate) message: String,
}

/// The oldest queued job whose locks nobody holds.
pub(crate) fn first_ready(conn: &Connection) -> rusqlite::Result<Option<JobId>> {
    conn.prepare_cached(
        "SELECT id FROM job WHERE ended IS NULL AND state = 'queued' AND NOT EXISTS (
             SELECT 1 FROM job AS holder
             WHERE holder.state IN ('running', 'undoing')
                 AND (holder.lock IN (job.lock, job.also_lock) OR holder.also_lock IN (job.lock, job.also_lock)))
         ORDER BY seq LIMIT 1",
    )?
    .query_row([], |found| row::parse(found, "id"))
    .optional()
}

/// Every job, for the sweep of logs that lost theirs.
pub(crate) fn all(conn: &Connection) -> rusqlite::Result<HashSet<JobId>> {
    conn.prepare_cached("SELECT id FROM job")?.query_map([], |found| row::parse(found, "id"))?.collect()
}

/// The jobs that a start of the supervisor finds begun and not ended, the oldest first.
pub(crate) fn begun(conn: &Connection) -> rusqlite::Result<Vec<JobId>> {
    conn.prepare_cached("SELECT id FROM job WHERE ended IS NULL AND state IN ('running', 'undoing') ORDER BY seq")?
        .query_map([], |found| row::parse(found, "id"))?
        .collect()
}

/// One job, or none.
pub(crate) fn load(conn: &Connection, id: JobId) -> rusqlite::Result<Option<(Head, Machine)>> {
    let found = conn
        .prepare_cached(
            "SELECT kind, args, title, actor, app, state, cancel, problem, failed_step, resumed FROM job WHERE id = ?1",
        )?
        .query_row([id.to_string()], |found| Ok((head(id, found)?, machine(found)?)))
        .optional()?;
    let Some((head, mut machine)) = found else { return Ok(None) };
    machine.steps = conn
        .prepare_cached(
            "SELECT name, title, limit_ms, reversible, state, attempts, undo_attempts, started, ended
             FROM job_step WHERE job = ?1 ORDER BY number",
        )?
        .query_map([id.to_string()], step)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some((head, machine)))
}

fn head(id: JobId, found: &Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head {
        id,
        kind: found.get("kind")?,
        args: found.get("args")?,
        title: found.get("title")?,
        actor: actor(found)?,
        app: row::parse_opt(found, "app")?,
    })
}

/// An actor as a later or an earlier release wrote it may be unreadable here; a job is not lost over that.
pub(crate) fn actor(found: &Row<'_>) -> rusqlite::Result<Actor> {
    let text: String = found.get("actor")?;
    Ok(serde_json::from_str(&text).unwrap_or(Actor::Anonymous))
}

/// The same for a problem.
pub(crate) fn problem(found: &Row<'_>) -> rusqlite::Result<Option<Problem>> {
    let text: Option<String> = found.get("problem")?;
    Ok(text.map(|text| serde_json::from_str(&text).unwrap_or_else(|_| Problem::internal())))
}

fn machine(found: &Row<'_>) -> rusqlite::Result<Machine> {
    Ok(Machine {
        state: row::word(found, "state")?,
        cancel: found.get("cancel")?,
        problem: problem(found)?,
        failed_step: found.get("failed_step")?,
        resumed: found.get("resumed")?,
        steps: Vec::new(),
    })
}

fn step(found: &Row<'_>) -> rusqlite::Result<StepRow> {
    Ok(StepRow {
        name: found.get("name")?,
        title: found.get("title")?,
        limit: Duration::from_millis(found.get::<_, i64>("limit_ms")?.unsigned_abs()),
        reversible: found.get("reversible")?,
        state: row::word(found, "state")?,
        attempts: found.get("attempts")?,
        undo_attempts: found.get("undo_attempts")?,
        started: row::time_opt(found, "started")?,
        ended: row::time_opt(found, "ended")?,
    })
}

/// Writes what a transition changed.
pub(crate) fn save(
    conn: &Connection,
    id: JobId,
    before: &Machine,
    after: &Machine,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let problem = after.problem.as_ref().map(serde_json::to_string).transpose();
    let problem = problem.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let begins = before.state == JobState::Queued && after.state == JobState::Running;
    let ends = after.state.is_final() && !before.state.is_final();
    conn.prepare_cached(
        "UPDATE job SET state = ?2, cancel = ?3, problem = ?4, failed_step = ?5, resumed = ?6,
             started = coalesce(started, ?7), ended = coalesce(ended, ?8)
         WHERE id = ?1",
    )?
    .execute(params![
        id.to_string(),
        after.state.as_str(),
        after.cancel,
        problem,
        after.failed_step,
        after.resumed,
        begins.then(|| to_ms(now)),
        ends.then(|| to_ms(now)),
    ])?;
    for (number, (at, step)) in (0_i64..).zip(after.steps.iter().enumerate()) {
        match before.steps.get(at) {
            Some(old) if old == step => {}
            Some(_) => update_step(conn, id, number, step)?,
            None => insert_step(conn, id, number, step)?,
        }
    }
    Ok(())
}

/// Writes how far the step at hand is.
pub(crate) fn save_shown(conn: &Connection, id: JobId, shown: &Shown) -> rusqlite::Result<()> {
    conn.prepare_cached("UPDATE job SET progress = ?2, message = ?3 WHERE id = ?1")?.execute(params![
        id.to_string(),
        shown.progress,
        shown.message
    ])?;
    Ok(())
}

fn update_step(conn: &Connection, id: JobId, number: i64, step: &StepRow) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "UPDATE job_step SET state = ?3, attempts = ?4, undo_attempts = ?5, started = ?6, ended = ?7
         WHERE job = ?1 AND number = ?2",
    )?
    .execute(params![
        id.to_string(),
        number,
        step.state.as_str(),
        step.attempts,
        step.undo_attempts,
        step.started.map(to_ms),
        step.ended.map(to_ms),
    ])?;
    Ok(())
}

fn insert_step(conn: &Connection, id: JobId, number: i64, step: &StepRow) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO job_step (job, number, name, title, limit_ms, reversible, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        id.to_string(),
        number,
        step.name,
        step.title,
        i64::try_from(step.limit.as_millis()).unwrap_or(i64::MAX),
        step.reversible,
        step.state.as_str(),
    ])?;
    Ok(())
}

/// Forgets the oldest ended jobs beyond the newest `kept`, but not `id`, which ended just now; says which,
/// so that their logs can go.
pub(crate) fn prune(conn: &Connection, kept: u32, id: JobId) -> rusqlite::Result<Vec<JobId>> {
    conn.prepare_cached(
        "DELETE FROM job WHERE ended IS NOT NULL AND id <> ?2 AND seq <= (
             SELECT seq FROM job WHERE ended IS NOT NULL ORDER BY seq DESC LIMIT 1 OFFSET ?1)
         RETURNING id",
    )?
    .query_map(params![kept, id.to_string()], |found| row::parse(found, "id"))?
    .collect()
}
