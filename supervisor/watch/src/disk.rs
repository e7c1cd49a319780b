//! When the disk will be full, from how full it was: a straight line through the samples. Pure.

use jiff::SignedDuration;
use orbitr_model::Timestamp;

/// So often a sample is kept.
pub(crate) const EVERY: SignedDuration = SignedDuration::from_mins(15);
/// For so long.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// With samples over less than this nothing is said.
const SPAN: SignedDuration = SignedDuration::from_hours(6);
/// What is further away may well never come.
const HORIZON_DAYS: f64 = 14.0;
/// A disk that has grown by less than this part of it since the first sample stands still.
const STANDS_STILL: f64 = 0.005;

/// How full the disk was at a moment, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) at: Timestamp,
    pub(crate) used: u64,
    pub(crate) total: u64,
}

/// A disk that will be full.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Forecast {
    /// In so many days.
    pub(crate) days: f64,
    /// So many bytes are added each day.
    pub(crate) daily: f64,
}

/// When it is full, if it goes on like that; none when it does not within two weeks, or when too little is known.
#[expect(clippy::cast_precision_loss, reason = "a forecast; sizes of disks are exact far beyond what it can say")]
pub(crate) fn forecast(samples: &[Sample], now: Timestamp) -> Option<Forecast> {
    let last = samples.last()?;
    // On another disk, or one that was made larger, it begins anew.
    let same: Vec<_> = samples.iter().filter(|sample| sample.total == last.total && sample.at <= now).collect();
    let first = same.first()?;
    let span = last.at.duration_since(first.at);
    if span < SPAN || last.total == 0 {
        return None;
    }
    let day = |at: Timestamp| at.duration_since(first.at).as_secs_f64() / 86_400.0;
    let points: Vec<(f64, f64)> = same.iter().map(|sample| (day(sample.at), sample.used as f64)).collect();
    let daily = slope(&points)?;
    let grown = daily * span.as_secs_f64() / 86_400.0;
    if grown < last.total as f64 * STANDS_STILL {
        return None;
    }
    let days = last.total.saturating_sub(last.used) as f64 / daily;
    (days < HORIZON_DAYS).then_some(Forecast { days, daily })
}

/// By how much y grows when x grows by one: least squares.
#[expect(clippy::cast_precision_loss, reason = "some hundred points")]
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let mean = |sum: f64| sum / n;
    let (x, y) = (mean(points.iter().map(|p| p.0).sum()), mean(points.iter().map(|p| p.1).sum()));
    let across: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let spread: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    (spread > 0.0).then(|| across / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    /// Every quarter of an hour for so many hours, as `used` says.
    fn over(hours: i64, used: impl Fn(i64) -> u64) -> Vec<Sample> {
        (0..=hours * 4).map(|n| Sample { at: at(n * 15), used: used(n), total: 100 * GIB }).collect()
    }

    #[test]
    fn a_disk_that_fills_steadily_is_full_on_a_day() {
        // a gibibyte an hour
        let samples = over(24, |n| 40 * GIB + u64::try_from(n).unwrap() * GIB / 4);
        let found = forecast(&samples, at(24 * 60)).unwrap();
        assert!((found.days - 1.5).abs() < 0.01, "{found:?}");
        assert!((found.daily - 24.0 * (1u64 << 30) as f64).abs() < 1e6, "{found:?}");
    }

    #[test]
    fn nothing_is_made_up_of_little() {
        let fills = |n: i64| 40 * GIB + u64::try_from(n).unwrap() * GIB / 4;
        assert_eq!(forecast(&over(5, fills), at(5 * 60)), None, "five hours are too few");
        assert_eq!(forecast(&[], at(0)), None);
        assert_eq!(forecast(&over(48, |_| 90 * GIB), at(48 * 60)), None, "it stands still");
        assert_eq!(forecast(&over(48, |n| 90 * GIB - u64::try_from(n).unwrap()), at(48 * 60)), None, "it gets emptier");
        let slowly = |n: i64| 10 * GIB + u64::try_from(n).unwrap() * GIB / 96;
        assert_eq!(forecast(&over(72, slowly), at(72 * 60)), None, "full in three months");
    }

    #[test]
    fn noise_on_a_nearly_full_disk_is_no_growth() {
        let noise = |n: i64| 98 * GIB + u64::try_from(n % 3).unwrap() * (64 << 20);
        assert_eq!(forecast(&over(72, noise), at(72 * 60)), None);
    }

    #[test]
    fn a_larger_disk_begins_anew() {
        let mut samples = over(24, |n| 40 * GIB + u64::try_from(n).unwrap() * GIB / 4);
        samples.last_mut().unwrap().total = 400 * GIB;
        assert_eq!(forecast(&samples, at(24 * 60)), None);
    }
}
