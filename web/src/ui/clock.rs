//! Times: relative in words, exact on hover.

use jiff::tz::TimeZone;
use maud::{Markup, html};
use orbitr_model::Timestamp;

/// What «now» is for one page, and whose wall clock its exact times are in.
#[derive(Clone, Debug)]
pub struct Clock {
    now: Timestamp,
    zone: TimeZone,
}

impl Clock {
    /// The page's moment and the box's time zone.
    #[must_use]
    pub const fn new(now: Timestamp, zone: TimeZone) -> Self {
        Self { now, zone }
    }

    /// The page's moment.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// «3 min ago», «in 2 days», with the exact moment on hover; the script keeps the words true.
    #[must_use]
    pub fn ago(&self, at: Timestamp) -> Markup {
        html! { time datetime=(at) title=(self.exact(at)) data-relative { (relative(at, self.now)) } }
    }

    /// The moment on the box's clock: «2026-11-22 14:03:07 CET».
    #[must_use]
    pub fn exact(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }

    /// The day and minute on the box's clock, for tables of history: «22 Nov, 14:03».
    #[must_use]
    pub fn moment(&self, at: Timestamp) -> Markup {
        let zoned = at.to_zoned(self.zone.clone());
        let same_year = zoned.year() == self.now.to_zoned(self.zone.clone()).year();
        let form = if same_year { "%-d %b, %H:%M" } else { "%-d %b %Y, %H:%M" };
        html! { time datetime=(at) title=(self.exact(at)) { (zoned.strftime(form)) } }
    }

    /// How long something took or has been going on: «1 min 12 s».
    #[must_use]
    pub fn took(&self, started: Timestamp, ended: Option<Timestamp>) -> Markup {
        let seconds = ended.unwrap_or(self.now).as_second().saturating_sub(started.as_second()).max(0);
        html! {
            @if ended.is_some() { span class="took" { (duration(seconds)) } }
            @else { span class="took" data-since=(started) { (duration(seconds)) } }
        }
    }
}

/// The same words as `time.js`.
fn relative(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(at.as_second());
    let amount = match seconds.unsigned_abs() {
        0..45 => return "just now".to_owned(),
        s @ 45..5_400 => format!("{} min", (s + 30) / 60),
        s @ 5_400..129_600 => format!("{} h", (s + 1_800) / 3_600),
        s @ 129_600..3_888_000 => format!("{} days", (s + 43_200) / 86_400),
        s @ 3_888_000..47_304_000 => format!("{} months", (s + 1_314_000) / 2_628_000),
        s => format!("{} years", (s + 15_768_000) / 31_536_000),
    };
    if seconds > 0 { format!("{amount} ago") } else { format!("in {amount}") }
}

/// The same words as `time.js`.
pub(super) fn duration(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// So many seconds, in the same words.
#[must_use]
pub fn span_of(seconds: u64) -> String {
    duration(i64::try_from(seconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(seconds)
    }

    #[test]
    fn times_are_told_in_round_words() {
        let told = |ago: i64| relative(at(1_000_000_000 - ago), at(1_000_000_000));
        let words: Vec<String> =
            [0, 44, 45, 100, 5_399, 5_400, 86_400, 200_000, 9_000_000, 90_000_000].map(told).into();
        assert_eq!(
            words,
            [
                "just now",
                "just now",
                "1 min ago",
                "2 min ago",
                "90 min ago",
                "2 h ago",
                "24 h ago",
                "2 days ago",
                "3 months ago",
                "3 years ago"
            ]
        );
        assert_eq!(told(-3_600), "in 60 min");
    }

    #[test]
    fn durations_have_two_parts_at_most() {
        assert_eq!([5, 65, 3_725, 180_000].map(duration), ["5 s", "1 min 5 s", "1 h 2 min", "2 days 2 h"]);
    }
}
