//! What a connection is doing, and until when it may go on doing it.
//!
//! hyper's own header timeout runs on idle connections too, so it cannot be short and let browsers keep
//! theirs; and nothing in hyper ends an idle HTTP/2 connection or one whose client has stopped reading.
//! So the connection's bytes and requests are watched here, and one timer follows from what is seen.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::Protocol;
use crate::Limits;

/// What to do with a connection when its time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It works; look again later.
    Look,
    /// It has nothing to do: tell the client and close.
    Close,
    /// It holds a place without using it: drop it.
    Cut,
}

/// Shared by the connection's bytes, its requests and its timer.
#[derive(Clone)]
pub(super) struct Activity(Arc<Mutex<State>>);

struct State {
    protocol: Protocol,
    requests: usize,
    /// Since when the header of a request is on its way.
    head_since: Option<Instant>,
    idle_since: Instant,
    /// Since when the client has taken nothing of what is sent to it.
    stalled_since: Option<Instant>,
}

impl Activity {
    /// A new connection: its first request is on its way.
    pub(super) fn new(protocol: Protocol, now: Instant) -> Self {
        let state = State { protocol, requests: 0, head_since: Some(now), idle_since: now, stalled_since: None };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Bytes came. Between the requests of HTTP/1 they can only be the next header; HTTP/2 has other frames.
    pub(super) fn bytes_came(&self, now: Instant) {
        let mut state = self.state();
        if state.requests == 0 && state.protocol == Protocol::Http1 {
            state.head_since.get_or_insert(now);
        }
    }

    /// The client takes what is sent to it, or not.
    pub(super) fn writing(&self, goes_on: bool, now: Instant) {
        let mut state = self.state();
        if goes_on {
            state.stalled_since = None;
        } else {
            state.stalled_since.get_or_insert(now);
        }
    }

    /// A request has come; it ends when the guard is dropped.
    pub(super) fn request(&self) -> RequestGuard {
        let mut state = self.state();
        state.requests += 1;
        state.head_since = None;
        RequestGuard(self.clone())
    }

    /// When something is due if nothing else happens, and what.
    pub(super) fn due(&self, limits: &Limits, now: Instant) -> (Instant, Verdict) {
        let state = self.state();
        let stalled = state.stalled_since.map(|since| (since + limits.write, Verdict::Cut));
        let waiting = match state.head_since {
            _ if state.requests > 0 => (now + limits.idle, Verdict::Look),
            Some(since) => (since + limits.header, Verdict::Cut),
            None => (state.idle_since + limits.idle, Verdict::Close),
        };
        stalled.filter(|stalled| stalled.0 < waiting.0).unwrap_or(waiting)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request in progress, to the end of its answer's body.
pub(super) struct RequestGuard(Activity);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.requests = state.requests.saturating_sub(1);
        state.idle_since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_header_has_15_seconds_and_an_idle_connection_75() {
        let (limits, start) = (Limits::default(), Instant::now());
        let activity = Activity::new(Protocol::Http1, start);
        assert_eq!(activity.due(&limits, start), (start + s(15), Verdict::Cut));
        let request = activity.request();
        assert_eq!(activity.due(&limits, start).1, Verdict::Look);
        drop(request);
        let (due, verdict) = activity.due(&limits, start);
        assert!(verdict == Verdict::Close && due >= start + s(75) && due < start + s(80));
        activity.bytes_came(start + s(10));
        activity.bytes_came(start + s(20));
        assert_eq!(activity.due(&limits, start), (start + s(25), Verdict::Cut));
    }

    #[test]
    fn frames_between_requests_do_not_shorten_an_http_2_connection() {
        let (limits, start) = (Limits::default(), Instant::now());
        let activity = Activity::new(Protocol::Http2, start);
        drop(activity.request());
        activity.bytes_came(start + s(1));
        let (due, verdict) = activity.due(&limits, start);
        assert!(verdict == Verdict::Close && due >= start + s(75));
    }

    #[test]
    fn a_client_that_stops_reading_is_cut_even_within_a_request() {
        let (limits, start) = (Limits::default(), Instant::now());
        let activity = Activity::new(Protocol::Http1, start);
        let _request = activity.request();
        activity.writing(false, start);
        activity.writing(false, start + s(10));
        assert_eq!(activity.due(&limits, start + s(10)), (start + s(60), Verdict::Cut));
        activity.writing(true, start + s(20));
        assert_eq!(activity.due(&limits, start + s(20)).1, Verdict::Look);
    }
}
