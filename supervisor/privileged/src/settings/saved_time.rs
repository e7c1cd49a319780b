//! The time that systemd-timesyncd saves on the data partition, and goes on from at the next start.
//!
//! It saves whatever the clock says, also when a broken one was years ahead; without a network the box would then stay in
//! that future for good, although its battery-backed clock is right again.

use std::{
    fs, io,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use orbitr_host::{clock, files};

use crate::Places;

const HOUR: i64 = 60 * 60;
/// Two clocks of one machine differ by less, whatever time zone the battery-backed one was set in.
const CLOCKS_APART: i64 = 25 * HOUR;
/// Nobody runs an image for so long: twelve years.
const TOO_OLD: i64 = 12 * 366 * 24 * HOUR;

/// Removes the saved time when it cannot be right.
pub(super) fn check(places: &Places) {
    let (saved, built) = (seconds(&places.saved_time), seconds(&places.os_release));
    let (Ok(saved), Ok(built)) = (saved, built) else { return };
    if is_believed(saved, clock::battery_backed(), built) {
        return;
    }
    match files::remove(&places.saved_time) {
        Ok(()) => tracing::warn!(saved, "the time that was saved is far ahead of the machine's clock: it is not used"),
        Err(error) => tracing::warn!(%error, "the saved time is far ahead and cannot be removed"),
    }
}

/// When a file was last written, in seconds since 1970: timesyncd's file is empty, its time is what counts.
fn seconds(file: &Path) -> io::Result<i64> {
    let modified = fs::metadata(file)?.modified()?;
    let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).map(|since| since.as_secs());
    since(modified).ok().and_then(|seconds| i64::try_from(seconds).ok()).ok_or_else(|| io::Error::other("before 1970"))
}

/// A battery-backed clock that can be right goes before a saved time; without one, only the far future is not believed.
const fn is_believed(saved: i64, battery: Option<i64>, built: i64) -> bool {
    match battery {
        Some(battery) if battery >= built => saved <= battery.saturating_add(CLOCKS_APART),
        _ => saved <= built.saturating_add(TOO_OLD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: i64 = 1_795_000_000;
    const DAY: i64 = 24 * HOUR;

    #[test]
    fn a_clock_that_is_right_again_goes_before_a_time_of_the_far_future() {
        let now = BUILT + 100 * DAY;
        assert!(!is_believed(now + 13 * 366 * DAY, Some(now), BUILT));
        assert!(!is_believed(now + 2 * DAY, Some(now), BUILT));
        assert!(is_believed(now + HOUR, Some(now), BUILT));
        assert!(is_believed(now - 300 * DAY, Some(now), BUILT));
    }

    #[test]
    fn a_box_with_an_empty_battery_goes_on_from_where_it_was() {
        for battery in [None, Some(0), Some(BUILT - DAY)] {
            assert!(is_believed(BUILT + 5 * 366 * DAY, battery, BUILT));
            assert!(!is_believed(BUILT + 13 * 366 * DAY, battery, BUILT));
        }
    }
}
