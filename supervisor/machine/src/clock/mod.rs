//! Whether the machine's clock can be right. A box with an empty battery starts in the past or far in the future; then no
//! certificate of anybody is valid, and nothing should be judged by it.
//!
//! What is known without a network: when this program was built, when the box last ran, and the battery-backed clock.

mod keep;

use jiff::SignedDuration;
use orbitr_model::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) use self::keep::Keeper;

/// A clock may be set back by so much without a word: corrections, and the last look is up to an hour old.
const SLACK: SignedDuration = SignedDuration::from_mins(10);
/// Nobody runs a program for so long without an update: twelve years, longer than its slots were sized for.
const TOO_OLD: SignedDuration = SignedDuration::from_hours(12 * 366 * 24);
/// A box that was off for so long is possible, and its clock worth a second look.
const LONG_OFF: SignedDuration = SignedDuration::from_hours(400 * 24);
/// The two clocks of a machine differ by seconds, not by this.
const CLOCKS_APART: SignedDuration = SignedDuration::from_hours(25);

/// What the clock is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) now: Timestamp,
    /// When this program was built.
    pub(crate) built: Timestamp,
    /// The last moment at which the box ran with a clock that could be right.
    pub(crate) last_seen: Option<Timestamp>,
    /// The battery-backed clock.
    pub(crate) battery: Option<Timestamp>,
    /// Whether time servers agree with it; none where nobody says.
    pub(crate) synchronised: Option<bool>,
}

/// What can be said of the clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing speaks against it.
    Plausible,
    /// It cannot be right: it is earlier than something that has happened.
    Behind {
        /// At least this late it is.
        at_least: Timestamp,
        /// How that is known, as a sentence.
        why: String,
    },
    /// It is hardly right: it is later than can be.
    Ahead {
        /// How that is known, as a sentence.
        why: String,
    },
    /// It may be right, and something does not fit.
    Doubtful {
        /// What does not fit, as a sentence.
        why: String,
    },
}

impl Verdict {
    /// Whether certificates can be judged by this clock.
    #[must_use]
    pub const fn is_usable(&self) -> bool {
        matches!(self, Self::Plausible | Self::Doubtful { .. })
    }

    /// What is wrong, for people; none when nothing is.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Plausible => None,
            Self::Behind { why, .. } | Self::Ahead { why } | Self::Doubtful { why } => Some(why),
        }
    }
}

/// The rule.
pub(crate) fn judge(facts: &Facts) -> Verdict {
    let Facts { now, built, last_seen, battery, synchronised } = *facts;
    if now < built {
        let why = format!("The clock says {}, and this Orbitr was built on {}.", day(now), day(built));
        return Verdict::Behind { at_least: built, why };
    }
    if synchronised == Some(true) {
        return Verdict::Plausible;
    }
    if let Some(seen) = last_seen.filter(|seen| now + SLACK < *seen) {
        let why = format!("The clock says {}, and this box has already run on {}.", day(now), day(seen));
        return Verdict::Behind { at_least: seen, why };
    }
    if now.duration_since(built) > TOO_OLD && built > Timestamp::UNIX_EPOCH {
        let years = now.duration_since(built).as_hours() / (24 * 365);
        return Verdict::Ahead {
            why: format!("The clock says {}: {years} years after this Orbitr was built.", day(now)),
        };
    }
    if let Some(battery) = battery.filter(|battery| now.duration_since(*battery).abs() > CLOCKS_APART) {
        let why = format!("The clock says {}, and the battery-backed one {}.", day(now), day(battery));
        return Verdict::Doubtful { why };
    }
    if let Some(seen) = last_seen.filter(|seen| now.duration_since(*seen) > LONG_OFF) {
        let why = format!("The clock says {}, and this box last ran on {}.", day(now), day(seen));
        return Verdict::Doubtful { why };
    }
    Verdict::Plausible
}

fn day(at: Timestamp) -> String {
    at.strftime("%-d %b %Y").to_string()
}

/// Whether this moment may be kept as the last one seen: a clock that runs ahead would be remembered for ever.
pub(crate) fn is_worth_keeping(facts: &Facts) -> bool {
    match judge(facts) {
        Verdict::Plausible => true,
        // A box that was off for long, or whose battery is empty, goes on; a clock that may be years ahead does not count.
        Verdict::Doubtful { .. } => facts.last_seen.is_none_or(|seen| facts.now.duration_since(seen) <= LONG_OFF),
        Verdict::Behind { .. } | Verdict::Ahead { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("{text}T12:00:00Z").parse().unwrap()
    }

    fn facts(now: &str) -> Facts {
        Facts {
            now: at(now),
            built: at("2026-11-01"),
            last_seen: Some(at("2027-03-01")),
            battery: None,
            synchronised: Some(false),
        }
    }

    #[test]
    fn clocks_in_1970_and_in_2040_are_not_believed() {
        assert!(
            matches!(judge(&facts("1970-01-01")), Verdict::Behind { at_least, .. } if at_least == at("2026-11-01"))
        );
        assert!(matches!(judge(&facts("2040-01-01")), Verdict::Ahead { .. }));
        assert!(
            matches!(judge(&facts("2027-01-01")), Verdict::Behind { at_least, .. } if at_least == at("2027-03-01"))
        );
        assert_eq!(judge(&facts("2027-03-02")), Verdict::Plausible);
        // Time servers know better, but for what has happened already.
        let synchronised = |now| Facts { synchronised: Some(true), ..facts(now) };
        assert_eq!(judge(&synchronised("2027-01-01")), Verdict::Plausible);
        assert_eq!(judge(&synchronised("2040-01-01")), Verdict::Plausible);
        assert!(!judge(&synchronised("1970-01-01")).is_usable());
    }

    #[test]
    fn what_does_not_fit_together_is_said_and_still_used() {
        let doubtful = judge(&Facts { battery: Some(at("2015-01-01")), ..facts("2027-03-02") });
        assert!(matches!(doubtful, Verdict::Doubtful { .. }) && doubtful.is_usable());
        assert!(matches!(judge(&facts("2030-01-01")), Verdict::Doubtful { .. }));
    }

    #[test]
    fn a_clock_that_runs_ahead_is_not_remembered() {
        assert!(is_worth_keeping(&facts("2027-03-02")));
        for wrong in ["1970-01-01", "2030-01-01", "2040-01-01"] {
            assert!(!is_worth_keeping(&facts(wrong)), "{wrong}");
        }
        assert!(is_worth_keeping(&Facts { synchronised: Some(true), ..facts("2030-01-01") }));
    }

    proptest! {
        #[test]
        fn a_clock_before_the_build_is_never_usable(seconds in 0i64..1_793_000_000) {
            let now = Timestamp::from_second(seconds).unwrap();
            for synchronised in [None, Some(false), Some(true)] {
                let facts = Facts { now, synchronised, ..facts("2027-03-01") };
                prop_assert!(!judge(&facts).is_usable());
            }
        }
    }
}
