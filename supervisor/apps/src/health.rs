//! How an app was over time: spans in which it answered or did not, and what share of the time that is. Only times in
//! which it was meant to be up and somebody looked are counted.

use std::time::Duration;

use orbitr_access::{Permit, action::ViewApp};
use orbitr_model::{AppId, Timestamp};
use orbitr_store::{Tx, row, time::to_ms};
use rusqlite::{Connection, Row, params};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Apps, Error, rows};

/// So long spans are kept.
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// So often what goes on is written down.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(10 * 60);
/// A supervisor that was away for less goes on with the span that it finds.
const BRIDGED: Duration = Duration::from_secs(11 * 60);
/// The most spans that are shown.
const SHOWN: usize = 100;

/// How SQLite writes a limit that is none (sqlite.org/lang_select.html).
const NO_LIMIT: i64 = -1;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How an app was lately.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Health {
    /// The share of the last 24 hours in which it answered, 0 to 1; none where nobody looked.
    pub day: Option<f64>,
    /// The same of the last 7 days.
    pub week: Option<f64>,
    /// The same of the last 30 days.
    pub month: Option<f64>,
    /// The spans of the last 90 days, the newest first; at most 100.
    pub spans: Vec<Span>,
}

/// A time in which an app answered, or did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Span {
    /// Its beginning.
    pub since: Timestamp,
    /// When it was last known to be so.
    pub until: Timestamp,
    /// Whether it answered.
    pub up: bool,
    /// Why it did not; empty when it did.
    pub reason: String,
    /// Whether it goes on.
    pub open: bool,
}

impl Apps {
    /// How an app was lately: whether the box reached it from outside while it was meant to be up.
    ///
    /// # Errors
    /// There is no such app, or the database does not answer.
    pub async fn health(&self, permit: &Permit<ViewApp>) -> Result<Health, Error> {
        let id = permit.resource().clone();
        let now = orbitr_store::time::now();
        let open = self.hands.seen.span(&id);
        let read = move |conn: &Connection| {
            rows::get(conn, &id)?;
            spans(conn, &id, now, open, NO_LIMIT)
        };
        Ok(Health::of(self.hands.store.read(read).await?, now))
    }
}

impl Health {
    /// `spans` are the newest first.
    fn of(mut spans: Vec<Span>, now: Timestamp) -> Self {
        let over = |window: Duration| share(&spans, now, window);
        let (day, week, month) = (over(DAY), over(7 * DAY), over(30 * DAY));
        spans.truncate(SHOWN);
        Self { day, week, month, spans }
    }
}

/// The part of the looked-at time in the window in which the app was up.
fn share(spans: &[Span], now: Timestamp, window: Duration) -> Option<f64> {
    let from = to_ms(now).saturating_sub_unsigned(u64::try_from(window.as_millis()).unwrap_or(u64::MAX));
    let (mut up, mut all) = (0_i64, 0_i64);
    for span in spans {
        let length = to_ms(span.until).saturating_sub(to_ms(span.since).max(from)).max(0);
        all = all.saturating_add(length);
        up = up.saturating_add(if span.up { length } else { 0 });
    }
    #[expect(clippy::cast_precision_loss, reason = "a share of 90 days")]
    (all > 0).then(|| up as f64 / all as f64)
}

/// The newest spans of an app, at most so many, the newest first.
fn spans(
    conn: &Connection,
    app: &AppId,
    now: Timestamp,
    open: Option<Timestamp>,
    most: i64,
) -> Result<Vec<Span>, Error> {
    let mut query = conn
        .prepare_cached("SELECT since, until, up, reason FROM health WHERE app_id = ?1 ORDER BY since DESC LIMIT ?2")?;
    let read = |row: &Row<'_>| {
        let since = row::time(row, "since")?;
        let is_open = open.map(to_ms) == Some(to_ms(since));
        let until = if is_open { now } else { row::time(row, "until")? };
        Ok(Span { since, until, up: row.get("up")?, reason: row.get("reason")?, open: is_open })
    };
    Ok(query.query_map(params![app.as_str(), most], read)?.collect::<Result<_, _>>()?)
}

/// A span goes on or another begins; when the span that is open now began. None where the app is gone.
pub(crate) fn turn(
    tx: &mut Tx<'_>,
    app: &AppId,
    open: Option<Timestamp>,
    up: bool,
    reason: &str,
) -> Result<Option<Timestamp>, Error> {
    if rows::find(tx, app)?.is_none() {
        return Ok(None);
    }
    let now = tx.now();
    if let Some(open) = open {
        close(tx, app, open)?;
    } else if let Some(last) = spans(tx, app, now, None, 1)?.pop()
        && last.up == up
        && now.duration_since(last.until) < jiff::SignedDuration::try_from(BRIDGED).unwrap_or_default()
    {
        return Ok(Some(last.since));
    }
    tx.prepare_cached(
        "INSERT INTO health (app_id, since, until, up, reason) VALUES (?1, ?2, ?2, ?3, ?4)
         ON CONFLICT (app_id, since) DO UPDATE SET until = excluded.until, up = excluded.up, reason = excluded.reason",
    )?
    .execute(params![app.as_str(), to_ms(now), up, reason])?;
    Ok(Some(now))
}

/// The span ends now.
pub(crate) fn close(tx: &Tx<'_>, app: &AppId, open: Timestamp) -> Result<(), Error> {
    // A clock that was set back does not make a span end before it began.
    tx.prepare_cached("UPDATE health SET until = max(since, ?3) WHERE app_id = ?1 AND since = ?2")?
        .execute(params![app.as_str(), to_ms(open), to_ms(tx.now())])?;
    Ok(())
}

/// Writes down what goes on, and forgets what is long ago.
pub(crate) fn beat(tx: &Tx<'_>, open: &[(AppId, Timestamp)]) -> Result<(), Error> {
    for (app, since) in open {
        close(tx, app, *since)?;
    }
    let kept = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
    tx.prepare_cached("DELETE FROM health WHERE until < ?1")?.execute([to_ms(tx.now()).saturating_sub(kept)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
    }

    fn span(since: i64, until: i64, up: bool) -> Span {
        Span { since: at(since), until: at(until), up, reason: String::new(), open: false }
    }

    #[test]
    fn only_the_time_that_somebody_looked_counts() {
        let now = at(48);
        let health = Health::of(vec![span(42, 48, true), span(36, 38, false), span(0, 36, true)], now);
        // The last day: 12 hours up before the fault, 2 down, 4 nobody looked, 6 up.
        assert_eq!(health.day, Some(18.0 / 20.0));
        assert_eq!(health.week, Some(42.0 / 44.0));
        assert_eq!(health.week, health.month);
        assert_eq!(Health::of(Vec::new(), now).day, None);
        assert_eq!(Health::of(vec![span(0, 1, true)], now).day, None);
    }
}
