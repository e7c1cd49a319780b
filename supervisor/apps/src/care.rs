//! What is done about an app that is not as its owner wants it. Pure: what is there comes in, the next act goes out.
//!
//! Docker's own restart policy brings back what ends by itself. This brings back what somebody else took away, stopped,
//! paused or cut off, and what runs without answering. Tries come further and further apart, and after a few the box
//! leaves the app alone: then somebody has to look.

use std::time::{Duration, Instant};

use orbitr_docker::{Container, State};
use orbitr_model::{ReleaseId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{status::why_down, view::Care};

/// Somebody who restarts a container by hand stops it for a moment.
const PATIENCE_WITH_CONTAINERS: Duration = Duration::from_secs(2);
/// A service that hangs for a moment comes back by itself; a restart takes longer.
const PATIENCE_WITH_SILENCE: Duration = Duration::from_secs(30);
/// Seconds from one try to the next where something was taken away: whoever does that a few times in a row gets an answer each time.
const TAKEN_AWAY: &[u64] = &[0, 0, 5, 10, 60, 300, 900];
/// The same where it does not answer: each restart is an outage of its own.
const SILENCE: &[u64] = &[0, 10, 60, 300, 900];
/// So many tries of the gentle kind come before everything is made anew.
const GENTLE: u32 = 2;
/// An app that was well for so long may begin to count from zero.
const FORGOTTEN: Duration = Duration::from_secs(10 * 60);
/// So often the engine starts a container again before that is called a loop.
const ENDS_IN_A_LOOP: u32 = 5;

/// What an app lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// A container is not there, does not run, or is not the one that is wanted.
    Containers(String),
    /// A container runs outside of its network, which Compose takes for being right.
    CutOff(String),
    /// The engine starts a container again and again.
    Ends {
        /// In a sentence.
        why: String,
        /// How often so far.
        times: u32,
    },
    /// Everything runs, and nobody is reached.
    Silent(String),
}

impl Lack {
    /// In a sentence.
    pub(crate) fn why(&self) -> &str {
        match self {
            Self::Containers(why) | Self::CutOff(why) | Self::Ends { why, .. } | Self::Silent(why) => why,
        }
    }
}

/// How an app is brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum How {
    /// What is missing is made and started.
    Up,
    /// Everything is stopped and started.
    Restart,
    /// Containers and networks are made anew.
    Anew,
    /// It is stopped, since nobody wants it to run.
    Stop,
}

/// What an app that should be up lacks; `expected` are the services of which a container stays up.
pub(crate) fn lack<'a, C: AsRef<Container>>(
    expected: impl Iterator<Item = &'a str>,
    containers: &[C],
    release: ReleaseId,
    answer: &Result<(), String>,
) -> Option<Lack> {
    let all = || containers.iter().map(AsRef::as_ref);
    for service in expected {
        if !all().any(|container| container.service.as_deref() == Some(service)) {
            return Some(Lack::Containers(format!("{service} has no container")));
        }
    }
    if let Some(other) = all().find(|container| container.release != Some(release)) {
        return Some(Lack::Containers(format!("the container {} is of another release", other.name)));
    }
    if let Some(container) = all().find(|container| container.state == State::Restarting) {
        return Some(Lack::Ends { why: why_down(container), times: container.restarts });
    }
    if let Some(container) = all().find(|container| container.state != State::Running) {
        return Some(Lack::Containers(why_down(container)));
    }
    if let Some(cut_off) = all().find(|container| container.is_cut_off()) {
        return Some(Lack::CutOff(format!("the container {} was taken out of its network", cut_off.name)));
    }
    answer.as_ref().err().map(|why| Lack::Silent(why.clone()))
}

/// An app that is not well, or was not lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    /// When it was last seen to begin.
    since: Timestamp,
    /// The same, or the end of the last try: patience begins here.
    from: Instant,
    tries: u32,
    last_try: Option<Instant>,
    /// Since when it is well again.
    well: Option<Instant>,
    /// There is nothing left to try.
    gave_up: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Nothing before this is over.
    Wait(Duration),
    /// A try.
    Try(How),
    /// Somebody has to look.
    Leave,
}

impl Case {
    pub(crate) const fn open(at: Timestamp, now: Instant) -> Self {
        Self { since: at, from: now, tries: 0, last_try: None, well: None, gave_up: false }
    }

    /// It lacks something at this moment.
    pub(crate) fn lacks(&mut self, lack: &Lack, at: Timestamp, now: Instant) {
        if self.well.take().is_some() {
            (self.since, self.from) = (at, now);
        }
        self.gave_up = match lack {
            Lack::Ends { times, .. } => {
                self.tries = self.tries.max(*times);
                *times >= ENDS_IN_A_LOOP
            }
            Lack::Containers(_) | Lack::CutOff(_) => self.tries as usize >= TAKEN_AWAY.len(),
            Lack::Silent(_) => self.tries as usize >= SILENCE.len(),
        };
    }

    /// A job of ours is at it: patience begins when that has ended.
    pub(crate) const fn tended(&mut self, now: Instant) {
        self.from = now;
    }

    /// It is well at this moment; true when it has been for so long that the case is closed.
    pub(crate) fn is_over(&mut self, now: Instant) -> bool {
        let well = *self.well.get_or_insert(now);
        now.saturating_duration_since(well) >= FORGOTTEN
    }

    /// A try begins.
    pub(crate) const fn tries(&mut self, now: Instant) {
        self.tries = self.tries.saturating_add(1);
        self.last_try = Some(now);
        self.from = now;
    }

    /// What to do about it; `grace` is how long its containers may still take to come up.
    pub(crate) fn next(&self, lack: &Lack, now: Instant, grace: Duration) -> Act {
        let (patience, pauses, gentle) = match lack {
            Lack::Ends { .. } => return Act::Leave,
            Lack::Containers(_) => (PATIENCE_WITH_CONTAINERS, TAKEN_AWAY, How::Up),
            Lack::CutOff(_) => (PATIENCE_WITH_CONTAINERS, TAKEN_AWAY, How::Anew),
            Lack::Silent(_) => (PATIENCE_WITH_SILENCE.max(grace), SILENCE, How::Restart),
        };
        let Some(back_off) = pauses.get(self.tries as usize) else { return Act::Leave };
        let ready =
            (self.from + patience).max(self.last_try.map_or(self.from, |last| last + Duration::from_secs(*back_off)));
        if now < ready {
            Act::Wait(ready - now)
        } else {
            Act::Try(if self.tries < GENTLE { gentle } else { How::Anew })
        }
    }

    /// What is shown of it; nothing while the app is well.
    pub(crate) fn shown(&self) -> Option<Care> {
        self.well.is_none().then_some(Care { since: self.since, tries: self.tries, gave_up: self.gave_up })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn containers() -> Lack {
        Lack::Containers("web is not running".to_owned())
    }

    fn silent() -> Lack {
        Lack::Silent("nothing takes connections on port 80".to_owned())
    }

    /// Lets time pass until the case is left alone; what was tried, and when.
    fn story(lack: &Lack, grace: Duration) -> Vec<(u64, How)> {
        let begun = Instant::now();
        let mut now = begun;
        let mut case = Case::open(Timestamp::UNIX_EPOCH, now);
        let mut tried = Vec::new();
        loop {
            case.lacks(lack, Timestamp::UNIX_EPOCH, now);
            match case.next(lack, now, grace) {
                Act::Wait(pause) => now += pause,
                Act::Try(how) => {
                    tried.push(((now - begun).as_secs(), how));
                    case.tries(now);
                }
                Act::Leave => return tried,
            }
        }
    }

    #[test]
    fn what_was_taken_away_comes_back_within_seconds_and_then_more_and_more_patiently() {
        let tried = story(&containers(), Duration::from_secs(300));
        let (up, anew) = (How::Up, How::Anew);
        assert_eq!(tried, [(2, up), (4, up), (9, anew), (19, anew), (79, anew), (379, anew), (1279, anew)]);
    }

    #[test]
    fn what_does_not_answer_is_given_time_before_it_is_restarted() {
        let tried = story(&silent(), Duration::ZERO);
        assert_eq!(tried.first(), Some(&(30, How::Restart)));
        let slow = story(&silent(), Duration::from_secs(300));
        assert_eq!(slow.first(), Some(&(300, How::Restart)));
    }

    #[test]
    fn a_loop_is_left_to_the_engine_and_told() {
        let now = Instant::now();
        let mut case = Case::open(Timestamp::UNIX_EPOCH, now);
        for times in 0..ENDS_IN_A_LOOP {
            let lack = Lack::Ends { why: "web ended with status 1".to_owned(), times };
            case.lacks(&lack, Timestamp::UNIX_EPOCH, now);
            assert_eq!(case.next(&lack, now, Duration::ZERO), Act::Leave);
            assert!(!case.shown().unwrap().gave_up);
        }
        let lack = Lack::Ends { why: "web ended with status 1".to_owned(), times: ENDS_IN_A_LOOP };
        case.lacks(&lack, Timestamp::UNIX_EPOCH, now);
        assert!(case.shown().unwrap().gave_up);
    }

    #[test]
    fn tries_are_forgotten_only_after_it_was_well_for_long() {
        let mut now = Instant::now();
        let mut case = Case::open(Timestamp::UNIX_EPOCH, now);
        case.tries(now);
        assert!(!case.is_over(now));
        assert_eq!(case.shown(), None, "well is well");
        now += FORGOTTEN / 2;
        assert!(!case.is_over(now));
        let again: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        case.lacks(&containers(), again, now);
        assert_eq!(case.shown(), Some(Care { since: again, tries: 1, gave_up: false }));
        assert!(!case.is_over(now));
        now += FORGOTTEN;
        assert!(case.is_over(now));
    }

    proptest! {
        #[test]
        fn however_often_it_is_looked_at_there_are_no_more_tries_than_the_limit(
            looks in prop::collection::vec((0_u64..2000, any::<bool>()), 1..200), grace in 0_u64..600,
        ) {
            let mut now = Instant::now();
            let mut case = Case::open(Timestamp::UNIX_EPOCH, now);
            let mut tried = 0;
            let mut last: Option<Instant> = None;
            for (pause, quiet) in looks {
                now += Duration::from_secs(pause);
                let (lack, pauses) = if quiet { (silent(), SILENCE) } else { (containers(), TAKEN_AWAY) };
                case.lacks(&lack, Timestamp::UNIX_EPOCH, now);
                prop_assert_eq!(case.shown().unwrap().gave_up, tried >= pauses.len());
                if let Act::Try(_) = case.next(&lack, now, Duration::from_secs(grace)) {
                    prop_assert!(last.is_none_or(|last| now - last >= Duration::from_secs(pauses[tried])));
                    case.tries(now);
                    last = Some(now);
                    tried += 1;
                }
            }
            prop_assert!(tried <= TAKEN_AWAY.len());
        }
    }
}
