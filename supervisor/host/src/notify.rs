//! Words to the service manager (sd_notify(3)). Without one, each of them does nothing.

use std::time::Duration;

use sd_notify::NotifyState;

/// The service is up and answers.
pub fn ready() {
    send(&[NotifyState::Ready]);
}

/// The service has begun to stop.
pub fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// What `systemctl status` shows beside the service, in one line.
pub fn status(text: &str) {
    // A line end would begin a field of its own.
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    send(&[NotifyState::Status(&line)]);
}

/// The service is alive; due at least once in each [`watchdog_interval`].
pub fn alive() {
    send(&[NotifyState::Watchdog]);
}

/// How often [`alive`] is due: half of what the unit's `WatchdogSec=` says, as sd_watchdog_enabled(3)
/// recommends; none when the unit has no watchdog.
#[must_use]
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager does not listen");
    }
}
