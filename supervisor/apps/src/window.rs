//! Days and hours of the box's own clock: when updates may be put in without a person. Pure.

use std::{fmt, str::FromStr, time::Duration};

use jiff::{
    Zoned,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use orbitr_model::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Days and hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it opens; none means every day.
    #[serde(default)]
    pub days: Vec<Day>,
    /// When it opens, in the box's time zone.
    pub from: TimeOfDay,
    /// When it closes; the next day, if that is not later than it opens.
    pub until: TimeOfDay,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are what they are")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    /// All seven.
    pub const ALL: [Self; 7] =
        [Self::Monday, Self::Tuesday, Self::Wednesday, Self::Thursday, Self::Friday, Self::Saturday, Self::Sunday];

    /// Its name, as it is written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Tuesday => "tuesday",
            Self::Wednesday => "wednesday",
            Self::Thursday => "thursday",
            Self::Friday => "friday",
            Self::Saturday => "saturday",
            Self::Sunday => "sunday",
        }
    }

    const fn is(self, day: Weekday) -> bool {
        matches!(
            (self, day),
            (Self::Monday, Weekday::Monday)
                | (Self::Tuesday, Weekday::Tuesday)
                | (Self::Wednesday, Weekday::Wednesday)
                | (Self::Thursday, Weekday::Thursday)
                | (Self::Friday, Weekday::Friday)
                | (Self::Saturday, Weekday::Saturday)
                | (Self::Sunday, Weekday::Sunday)
        )
    }
}

/// Hours and minutes: `02:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples" = ["02:30"]))]
pub struct TimeOfDay(Time);

/// Text that is no time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a time such as 02:30")]
pub struct InvalidTime;

impl FromStr for TimeOfDay {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let part = |text: &str| {
            let two = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
            two.then(|| text.parse::<i8>().ok()).flatten().ok_or(InvalidTime)
        };
        let (hour, minute) = text.split_once(':').ok_or(InvalidTime)?;
        Time::new(part(hour)?, part(minute)?, 0, 0).map(Self).map_err(|_| InvalidTime)
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = InvalidTime;

    fn try_from(text: String) -> Result<Self, InvalidTime> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

/// When a window is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

impl Window {
    /// The first time that it is open and that is not over at `now`; it may have begun. Where the clock is put forward over
    /// its beginning, it opens that much later.
    pub(crate) fn next(&self, now: &Zoned) -> Option<Open> {
        let zone = now.time_zone();
        let mut day = now.date().yesterday().ok()?;
        // Each day of the week comes within eight days, and the one that began yesterday may still be open.
        for _ in 0..10 {
            let open = self.on(day, zone).filter(|open| open.until > now.timestamp());
            if open.is_some() {
                return open;
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    fn on(&self, day: Date, zone: &TimeZone) -> Option<Open> {
        if !self.days.is_empty() && !self.days.iter().any(|it| it.is(day.weekday())) {
            return None;
        }
        let last = if self.until.0 > self.from.0 { day } else { day.tomorrow().ok()? };
        let at = |day: Date, time: TimeOfDay| Some(day.to_datetime(time.0).to_zoned(zone.clone()).ok()?.timestamp());
        Some(Open { from: at(day, self.from)?, until: at(last, self.until)? })
    }
}

impl Open {
    /// The same, opening later: at most a quarter of it goes.
    pub(crate) fn later(self, delay: Duration) -> Self {
        let quarter = self.until.duration_since(self.from).unsigned_abs() / 4;
        let from = self.from.checked_add(delay.min(quarter)).unwrap_or(self.from);
        Self { from, ..self }
    }

    pub(crate) fn is_at(self, now: Timestamp) -> bool {
        (self.from..self.until).contains(&now)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(days: &[Day], from: &str, until: &str) -> Window {
        Window { days: days.to_vec(), from: from.parse().unwrap(), until: until.parse().unwrap() }
    }

    fn open(window: &Window, now: &str) -> String {
        let now: Zoned = now.parse().unwrap();
        let open = window.next(&now).unwrap();
        let at = |time: Timestamp| time.to_zoned(now.time_zone().clone()).strftime("%a %d %H:%M").to_string();
        format!("{} - {}", at(open.from), at(open.until))
    }

    #[test]
    fn it_opens_on_its_days_and_may_close_on_the_next() {
        let nights = window(&[], "02:00", "05:00");
        // a Monday
        assert_eq!(open(&nights, "2026-11-23T01:59:00[Europe/Berlin]"), "Mon 23 02:00 - Mon 23 05:00");
        assert_eq!(open(&nights, "2026-11-23T04:59:59[Europe/Berlin]"), "Mon 23 02:00 - Mon 23 05:00");
        assert_eq!(open(&nights, "2026-11-23T05:00:00[Europe/Berlin]"), "Tue 24 02:00 - Tue 24 05:00");
        let weekend = window(&[Day::Saturday, Day::Sunday], "22:00", "04:00");
        assert_eq!(open(&weekend, "2026-11-23T03:00:00[Europe/Berlin]"), "Sun 22 22:00 - Mon 23 04:00");
        assert_eq!(open(&weekend, "2026-11-23T04:00:00[Europe/Berlin]"), "Sat 28 22:00 - Sun 29 04:00");
        let whole = window(&[Day::Sunday], "00:00", "00:00");
        assert_eq!(open(&whole, "2026-11-23T12:00:00[Europe/Berlin]"), "Sun 29 00:00 - Mon 30 00:00");
    }

    #[test]
    fn the_hour_that_is_left_out_in_spring_opens_it_later() {
        let night = window(&[], "02:30", "05:00");
        assert_eq!(open(&night, "2026-03-29T00:00:00[Europe/Berlin]"), "Sun 29 03:30 - Sun 29 05:00");
        // the hour that there is twice in autumn: it opens in the first one
        let twice = window(&[], "02:30", "03:00");
        let now: Zoned = "2026-10-25T00:00:00[Europe/Berlin]".parse().unwrap();
        let open = twice.next(&now).unwrap();
        assert_eq!(open.until.duration_since(open.from).as_mins(), 90);
    }

    #[test]
    fn a_time_is_two_digits_and_two_digits() {
        for text in ["", "2:00", "24:00", "12:60", "12", "12:00:00", "ab:cd", "-1:00", "+1:00"] {
            assert_eq!(text.parse::<TimeOfDay>(), Err(InvalidTime), "{text}");
        }
        assert_eq!("23:59".parse::<TimeOfDay>().unwrap().to_string(), "23:59");
    }

    proptest! {
        #[test]
        fn what_it_says_is_the_soonest_and_not_over(
            days in proptest::collection::vec(0_usize..7, 0..4),
            from in 0_i8..24, until in 0_i8..24, now in 1_700_000_000_i64..1_900_000_000, delay in 0_u64..1000,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
        ) {
            let days = days.into_iter().filter_map(|day| Day::ALL.get(day).copied()).collect();
            let time = |hour| TimeOfDay(Time::new(hour, 0, 0, 0).unwrap());
            let window = Window { days, from: time(from), until: time(until) };
            let now = Timestamp::from_second(now).unwrap().in_tz(zone).unwrap();
            let open = window.next(&now).unwrap();
            prop_assert!(open.until > now.timestamp());
            prop_assert!(open.from < open.until);
            let later = open.later(Duration::from_secs(delay));
            prop_assert!(later.from >= open.from && later.from < later.until);
            // Asked at any moment until it closes, it is the same one.
            let asked = open.from.max(now.timestamp()).in_tz(zone).unwrap();
            prop_assert_eq!(window.next(&asked), Some(open));
        }
    }
}
