//! Actions by the clock: when each is due, and what is kept of it.

use std::collections::HashMap;

use jiff::{SignedDuration, Zoned};
use orbitr_model::{AppId, JobId, Timestamp};
use orbitr_sdk::{Cron, Job};
use orbitr_store::{Tx, row, time::to_ms};
use rusqlite::{Connection, Row, params};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Error, extension::Extension, view::JobBrief};

/// In eight years every day of every month comes at least once.
const DAYS: usize = 8 * 366;

/// An action by the clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ScheduleView {
    /// The extension's name for it.
    pub name: String,
    /// The action that it runs.
    pub action: String,
    /// What that one is called.
    pub label: String,
    /// When, as the extension writes it: five cron fields in the box's time zone, or `every` and a length of time.
    pub spec: String,
    /// When it was begun last.
    pub last: Option<Timestamp>,
    /// The job of that time, as long as it is known.
    pub job: Option<JobBrief>,
    /// When it is due; in the past while something keeps it from being begun, none before the clock has seen it.
    pub next: Option<Timestamp>,
}

/// How often.
pub(crate) enum Rhythm {
    Cron(Cron),
    Every(SignedDuration),
}

/// What is kept of one.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) spec: String,
    /// When it was begun last, or first seen.
    pub(crate) since: Timestamp,
    pub(crate) job: Option<JobId>,
}

/// What is kept, by app and name.
pub(crate) type AllKept = HashMap<(AppId, String), Kept>;

/// As the extension writes it.
pub(crate) fn spec(job: &Job) -> String {
    match (&job.cron, &job.every) {
        (Some(cron), _) => cron.clone(),
        (None, Some(every)) => format!("every {every}"),
        (None, None) => String::new(),
    }
}

impl Rhythm {
    pub(crate) fn of(job: &Job) -> Option<Self> {
        match (&job.cron, &job.every) {
            (Some(cron), _) => cron.parse().ok().map(Self::Cron),
            (None, Some(every)) => SignedDuration::try_from(every.duration()).ok().map(Self::Every),
            (None, None) => None,
        }
    }

    /// The first time after a moment. A time that the clock is put forward over comes that much later, and one that comes
    /// twice because it is put back counts the first time.
    pub(crate) fn next(&self, after: &Zoned) -> Option<Timestamp> {
        let cron = match self {
            Self::Every(span) => return after.timestamp().checked_add(*span).ok(),
            Self::Cron(cron) => cron,
        };
        let mut day = after.date();
        for _ in 0..DAYS {
            let number = |number: i8| u32::try_from(number).unwrap_or_default();
            let weekday = number(day.weekday().to_sunday_zero_offset());
            if cron.on(number(day.month()), number(day.day()), weekday) {
                let at = |(hour, minute): (u32, u32)| {
                    let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
                    let time = day.at(hour, minute, 0, 0).to_zoned(after.time_zone().clone()).ok()?;
                    Some(time.timestamp()).filter(|time| *time > after.timestamp())
                };
                let first = cron.times().filter_map(at).min();
                if first.is_some() {
                    return first;
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }
}

/// When an action is due that was begun, or first seen, at `since`: a clock that went back makes nobody wait for it.
pub(crate) fn due(job: &Job, since: Timestamp, now: &Zoned) -> Option<Timestamp> {
    let since = since.min(now.timestamp()).to_zoned(now.time_zone().clone());
    Rhythm::of(job)?.next(&since)
}

/// An app's actions by the clock, each with the job of its last time.
pub(crate) fn views(
    app: &AppId,
    extension: &Extension,
    kept: &AllKept,
    now: &Zoned,
) -> Vec<(ScheduleView, Option<JobId>)> {
    let manifest = extension.manifest();
    let view = |(name, job): (&orbitr_sdk::Name, &Job)| {
        let spec = spec(job);
        let known = kept.get(&(app.clone(), name.to_string())).filter(|kept| kept.spec == spec);
        let label = manifest.action(job.action.as_str()).map(|action| action.label.clone()).unwrap_or_default();
        let begun = known.and_then(|kept| kept.job);
        let view = ScheduleView {
            name: name.to_string(),
            action: job.action.to_string(),
            label,
            last: begun.and(known).map(|kept| kept.since),
            job: None,
            next: known.and_then(|kept| due(job, kept.since, now)),
            spec,
        };
        (view, begun)
    };
    manifest.x().jobs.iter().map(view).collect()
}

pub(crate) fn all(conn: &Connection) -> Result<AllKept, Error> {
    let mut query = conn.prepare_cached("SELECT app_id, name, spec, since, job FROM schedule")?;
    let read = |found: &Row<'_>| {
        let kept =
            Kept { spec: found.get("spec")?, since: row::time(found, "since")?, job: row::parse_opt(found, "job")? };
        Ok(((row::parse(found, "app_id")?, found.get("name")?), kept))
    };
    Ok(query.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// Writes down that one was begun now, or is seen for the first time.
pub(crate) fn begin(tx: &Tx<'_>, app: &AppId, name: &str, spec: &str, job: Option<JobId>) -> Result<(), Error> {
    tx.prepare_cached("INSERT OR REPLACE INTO schedule (app_id, name, spec, since, job) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![app.as_str(), name, spec, to_ms(tx.now()), job.map(|job| job.to_string())])?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    fn next(cron: &str, after: &str) -> String {
        let after: Zoned = after.parse().unwrap();
        let rhythm = Rhythm::Cron(cron.parse().unwrap());
        let next = rhythm.next(&after).map(|next| next.to_zoned(after.time_zone().clone()));
        next.map_or_else(|| "never".to_owned(), |next| next.strftime("%a %Y-%m-%d %H:%M %:z").to_string())
    }

    #[test]
    fn cron_fields_mean_what_crontab_says() {
        let monday = "2026-11-23T10:07:30[Europe/Berlin]";
        let table = [
            ("* * * * *", "Mon 2026-11-23 10:08 +01:00"),
            ("*/15 * * * *", "Mon 2026-11-23 10:15 +01:00"),
            ("7 10 * * *", "Tue 2026-11-24 10:07 +01:00"),
            ("30 4 1,15 * *", "Tue 2026-12-01 04:30 +01:00"),
            ("0 9-17/4 * * mon-fri", "Mon 2026-11-23 13:00 +01:00"),
            ("0 3 * * 7", "Sun 2026-11-29 03:00 +01:00"),
            ("0 0 29 feb *", "Tue 2028-02-29 00:00 +01:00"),
            // either day will do where both are given
            ("0 0 13 * fri", "Fri 2026-11-27 00:00 +01:00"),
            ("5/20 12 * * *", "Mon 2026-11-23 12:05 +01:00"),
        ];
        for (cron, wanted) in table {
            assert_eq!(next(cron, monday), wanted, "{cron}");
        }
    }

    #[test]
    fn the_clock_that_is_put_forward_or_back_loses_no_day() {
        assert_eq!(next("30 2 * * *", "2026-03-28T12:00:00[Europe/Berlin]"), "Sun 2026-03-29 03:30 +02:00");
        assert_eq!(next("30 2 * * *", "2026-10-24T12:00:00[Europe/Berlin]"), "Sun 2026-10-25 02:30 +02:00");
        assert_eq!(next("30 2 * * *", "2026-10-25T02:30:00+02:00[Europe/Berlin]"), "Mon 2026-10-26 02:30 +01:00");
    }

    #[test]
    fn times_that_were_missed_are_one_and_a_clock_that_went_back_makes_nobody_wait() {
        let job = Job { cron: Some("0 3 * * *".to_owned()), every: None, action: "a".parse().unwrap() };
        let now: Zoned = "2026-11-23T10:00:00[UTC]".parse().unwrap();
        let days_ago = now.timestamp() - SignedDuration::from_hours(5 * 24);
        assert!(due(&job, days_ago, &now).unwrap() < now.timestamp(), "it is due once");
        let tomorrow: Zoned = "2026-11-24T03:00:00[UTC]".parse().unwrap();
        assert_eq!(due(&job, now.timestamp(), &now), Some(tomorrow.timestamp()), "and then not before its next time");
        let ahead = now.timestamp() + SignedDuration::from_hours(100 * 24);
        assert_eq!(due(&job, ahead, &now), Some(tomorrow.timestamp()));
    }
}
