//! Jobs that take far longer than they should: one step of them, or their turn in the queue.

use std::time::Duration;

use orbitr_model::{AppId, JobId, JobState, Timestamp};
use orbitr_store::{self as store, row, time::to_ms};
use rusqlite::{Connection, Row};

/// Tries of a step, and the grace in which it is to stop, are no reason to worry yet: a quarter of the limit …
const PART: i64 = 4;
/// … and at least this.
const LEAST: Duration = Duration::from_secs(5 * 60);
/// A job that waits for longer than this for another one.
const QUEUED: Duration = Duration::from_secs(60 * 60);

/// A job that takes far longer than it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub title: String,
    /// The app that it works on.
    pub app: Option<AppId>,
    /// Where it is.
    pub state: JobState,
    /// Since when it is at the step, or waits.
    pub since: Timestamp,
    /// The step that it is at; none while it waits in the queue.
    pub step: Option<LateStep>,
    /// What the job before it does, where it waits for one that works on the same thing.
    pub behind: Option<String>,
    /// Whether it can still be cancelled, and nobody has asked for that yet.
    pub cancellable: bool,
}

/// A step that takes far longer than its limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateStep {
    /// What people see.
    pub title: String,
    /// How long one try of it may take.
    pub limit: Duration,
    /// How often it was begun.
    pub tries: u32,
}

/// The jobs that have not ended and take far longer than they should, the oldest first.
///
/// # Errors
/// When the database refuses.
pub fn overdue(conn: &Connection, now: Timestamp) -> Result<Vec<Overdue>, store::Error> {
    let mut query = conn.prepare_cached(
        "SELECT job.id, job.title, job.app, job.state, job.cancel, step.title AS step, step.limit_ms,
             step.attempts + step.undo_attempts AS tries, coalesce(step.started, job.queued) AS since,
             (SELECT other.title FROM job AS other
              WHERE job.state = 'queued' AND other.lock = job.lock AND other.ended IS NULL AND other.seq < job.seq
              ORDER BY other.seq LIMIT 1) AS behind,
             EXISTS (SELECT 1 FROM job_step
                     WHERE job_step.job = job.id AND NOT reversible AND job_step.state <> 'pending') AS forward
         FROM job LEFT JOIN job_step AS step ON step.job = job.id AND step.state IN ('running', 'undoing')
         WHERE job.ended IS NULL
             AND (CASE job.state WHEN 'queued' THEN job.queued + ?2
                  ELSE step.started + step.limit_ms + max(step.limit_ms / ?4, ?3) END) < ?1
         ORDER BY job.seq",
    )?;
    let ms = |length: Duration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    let found = query.query_map((to_ms(now), ms(QUEUED), ms(LEAST), PART), read)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn read(found: &Row<'_>) -> rusqlite::Result<Overdue> {
    let state: JobState = row::word(found, "state")?;
    let step = match found.get::<_, Option<String>>("step")? {
        Some(title) => Some(LateStep {
            title,
            limit: Duration::from_millis(found.get::<_, i64>("limit_ms")?.unsigned_abs()),
            tries: found.get("tries")?,
        }),
        None => None,
    };
    let (forward, cancelling): (bool, bool) = (found.get("forward")?, found.get("cancel")?);
    Ok(Overdue {
        id: row::parse(found, "id")?,
        title: found.get("title")?,
        app: row::parse_opt(found, "app")?,
        since: row::time(found, "since")?,
        behind: found.get("behind")?,
        cancellable: !forward && !cancelling && state != JobState::Undoing,
        state,
        step,
    })
}
