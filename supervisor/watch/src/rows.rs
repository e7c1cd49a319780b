//! Every query of this room.

use jiff::SignedDuration;
use orbitr_model::{Actor, Timestamp, Topic, deed};
use orbitr_store::{NewEvent, Subject as Thing, Tx, row, time::to_ms};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;

use crate::{
    Error, disk,
    disk::Sample,
    model::{IssueId, Subject},
    plan::{Known, Step},
};

/// Every issue that is there, also those that are not told yet and those that were dismissed.
pub(crate) fn known(conn: &Connection) -> Result<Vec<Known>, Error> {
    let mut query = conn.prepare_cached(
        "SELECT kind, subject_id, app, about, title, severity, since, told, dismissed_at FROM issue
         ORDER BY kind, subject_id",
    )?;
    let mut rows = query.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        // One of a kind that only another version knows is not ours to show.
        if let Some(issue) = issue(row)? {
            all.push(issue);
        }
    }
    Ok(all)
}

fn issue(found: &Row<'_>) -> rusqlite::Result<Option<Known>> {
    let (kind, subject): (String, String) = (found.get("kind")?, found.get("subject_id")?);
    let Ok(id) = format!("{kind}.{subject}").parse::<IssueId>() else { return Ok(None) };
    Ok(Some(Known {
        id,
        app: row::parse_opt(found, "app")?,
        about: found.get("about")?,
        title: found.get("title")?,
        severity: row::word(found, "severity")?,
        since: row::time(found, "since")?,
        told: found.get("told")?,
        dismissed: row::time_opt(found, "dismissed_at")?,
    }))
}

/// Carries out what one look changes, and writes history.
pub(crate) fn apply(tx: &mut Tx<'_>, steps: &[Step]) -> Result<(), Error> {
    for step in steps {
        match step {
            Step::Keep { issue, told_now } => {
                put(tx, issue)?;
                if *told_now {
                    tx.event(event(deed::ISSUE_FOUND, issue))?;
                }
            }
            Step::End(issue) => {
                tx.prepare_cached("DELETE FROM issue WHERE kind = ?1 AND subject_id = ?2")?
                    .execute(params![issue.id.kind.as_str(), issue.id.subject.id()])?;
                if issue.told {
                    tx.event(event(deed::ISSUE_ENDED, issue))?;
                }
            }
        }
        tx.changed(Topic::Issues);
    }
    Ok(())
}

fn put(tx: &Tx<'_>, issue: &Known) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO issue (kind, subject_kind, subject_id, app, about, title, severity, since, told, dismissed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (kind, subject_id) DO UPDATE SET
             app = excluded.app, about = excluded.about, title = excluded.title, severity = excluded.severity,
             since = excluded.since, told = excluded.told, dismissed_at = excluded.dismissed_at",
    )?
    .execute(params![
        issue.id.kind.as_str(),
        issue.id.subject.kind(),
        issue.id.subject.id(),
        issue.app.as_ref().map(ToString::to_string),
        issue.about,
        issue.title,
        issue.severity.as_str(),
        to_ms(issue.since),
        issue.told,
        issue.dismissed.map(to_ms),
    ])?;
    Ok(())
}

/// Notes that somebody dismissed it.
pub(crate) fn dismiss(
    tx: &mut Tx<'_>,
    issue: &Known,
    actor: Actor,
    address: Option<std::net::IpAddr>,
) -> Result<(), Error> {
    let now = tx.now();
    put(tx, &Known { dismissed: Some(now), ..issue.clone() })?;
    tx.event(NewEvent { actor, address, ..event(deed::ISSUE_DISMISSED, issue) })?;
    tx.changed(Topic::Issues);
    Ok(())
}

fn event(action: &'static str, issue: &Known) -> NewEvent {
    let detail = json!({ "kind": issue.id.kind.as_str(), "why": issue.title });
    NewEvent::by_the_box(action, thing(issue), detail)
}

/// What history says that it is about: the app, so that those who see the app see it.
fn thing(issue: &Known) -> Thing {
    match (&issue.app, &issue.id.subject) {
        (Some(app), Subject::App(_)) => Thing::new("app", app, &issue.about),
        (Some(app), _) => Thing::new("app", app, app),
        (None, Subject::Box | Subject::App(_)) => Thing::the_box(),
        (None, subject) => Thing::new(subject.kind(), subject.id(), &issue.about),
    }
}

/// How full the disk was, the oldest first. What lies in the future was written by a wrong clock.
pub(crate) fn samples(conn: &Connection, now: Timestamp) -> Result<Vec<Sample>, Error> {
    let mut query = conn.prepare_cached("SELECT at, used, total FROM disk_sample WHERE at <= ?1 ORDER BY at")?;
    let samples = query.query_map([to_ms(now)], |found| {
        let size = |column| found.get::<_, i64>(column).map(i64::unsigned_abs);
        Ok(Sample { at: row::time(found, "at")?, used: size("used")?, total: size("total")? })
    })?;
    Ok(samples.collect::<rusqlite::Result<_>>()?)
}

/// When the last one was kept.
pub(crate) fn last_sample(conn: &Connection) -> Result<Option<Timestamp>, Error> {
    let mut query = conn.prepare_cached("SELECT at FROM disk_sample ORDER BY at DESC LIMIT 1")?;
    Ok(query.query_row([], |found| row::time(found, "at")).optional()?)
}

/// Keeps one, and forgets those that are too old or of a future that did not come.
pub(crate) fn keep_sample(tx: &Tx<'_>, sample: Sample) -> Result<(), Error> {
    let size = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let ago = |span: SignedDuration| sample.at.saturating_sub(span).map_or(0, to_ms);
    tx.prepare_cached("DELETE FROM disk_sample WHERE at < ?1 OR at > ?2")?
        .execute(params![ago(disk::KEPT), to_ms(sample.at)])?;
    tx.prepare_cached("INSERT OR REPLACE INTO disk_sample (at, used, total) VALUES (?1, ?2, ?3)")?.execute(params![
        to_ms(sample.at),
        size(sample.used),
        size(sample.total)
    ])?;
    Ok(())
}
