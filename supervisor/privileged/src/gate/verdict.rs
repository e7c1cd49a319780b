//! When the health gate has seen enough: pure, so that it can be tried without a machine.

use std::time::Duration;

use orbitr_model::{GateCheck, GateState};

/// A wrong answer that stays for so long is one: who does not answer yet has until the deadline.
pub(crate) const SETTLED: Duration = Duration::from_secs(20);

/// What one look saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// As it should be.
    Good(String),
    /// There is nothing here to look at.
    Nothing(String),
    /// It does not answer, or not yet.
    NotYet(String),
    /// It answers, and what it says is wrong.
    Wrong(String),
}

/// A thing that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) tier: u8,
    pub(crate) name: &'static str,
    /// The stable code of its failure.
    pub(crate) code: &'static str,
    /// Its failure in a short sentence.
    pub(crate) title: &'static str,
}

/// How things stand: what the last look saw, up to the first thing that is not as it should be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    seen: Vec<(Check, Seen)>,
    /// Which of them is wrong, and since when.
    wrong: Option<(Check, Duration)>,
}

impl Standing {
    /// Takes a look that ended `now`, counted from the beginning.
    pub(crate) fn take(&mut self, seen: Vec<(Check, Seen)>, now: Duration) {
        let wrong = seen.iter().find(|(_, seen)| matches!(seen, Seen::Wrong(_))).map(|(check, _)| *check);
        self.wrong = wrong.map(|check| match self.wrong {
            Some((before, since)) if before == check => (check, since),
            _ => (check, now),
        });
        self.seen = seen;
    }

    /// Whether that is enough.
    pub(crate) fn state(&self, of: usize, now: Duration, deadline: Duration) -> GateState {
        let fine = |seen: &Seen| matches!(seen, Seen::Good(_) | Seen::Nothing(_));
        if self.seen.len() == of && self.seen.iter().all(|(_, seen)| fine(seen)) {
            GateState::Passed
        } else if now >= deadline || self.wrong.is_some_and(|(_, since)| now.saturating_sub(since) >= SETTLED) {
            GateState::Failed
        } else {
            GateState::Watching
        }
    }

    /// What is not as it should be.
    pub(crate) fn reason(&self) -> Option<(Check, String)> {
        self.seen.iter().find_map(|(check, seen)| match seen {
            Seen::NotYet(detail) | Seen::Wrong(detail) => Some((*check, detail.clone())),
            Seen::Good(_) | Seen::Nothing(_) => None,
        })
    }

    /// As everybody is told; what was not looked at is there, too.
    pub(crate) fn told(&self, checks: &[Check]) -> Vec<GateCheck> {
        let told = |check: &Check| {
            let seen = self.seen.iter().find(|(known, _)| known == check).map(|(_, seen)| seen);
            let (ok, detail) = match seen {
                None => (None, String::new()),
                Some(Seen::Nothing(detail)) => (None, detail.clone()),
                Some(Seen::Good(detail)) => (Some(true), detail.clone()),
                Some(Seen::NotYet(detail) | Seen::Wrong(detail)) => (Some(false), detail.clone()),
            };
            GateCheck { tier: check.tier, name: check.name.to_owned(), ok, detail }
        };
        checks.iter().map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ONE: Check = Check { tier: 0, name: "data", code: "health-data", title: "The data are away" };
    const TWO: Check = Check { tier: 1, name: "pages", code: "health-ui", title: "The pages do not answer" };
    const DEADLINE: Duration = Duration::from_secs(600);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn look(standing: &mut Standing, seen: &[Seen], seconds: u64) -> GateState {
        standing.take([ONE, TWO].into_iter().zip(seen.iter().cloned()).collect(), at(seconds));
        standing.state(2, at(seconds), DEADLINE)
    }

    #[test]
    fn it_passes_when_all_is_well_and_waits_for_what_does_not_answer_yet() {
        let mut standing = Standing::default();
        let (good, not_yet) = (Seen::Good(String::new()), Seen::NotYet("nobody answers".to_owned()));
        assert_eq!(
            look(&mut standing, std::slice::from_ref(&good), 0),
            GateState::Watching,
            "one look is not all of it"
        );
        assert_eq!(look(&mut standing, &[good.clone(), not_yet.clone()], 300), GateState::Watching);
        assert_eq!(look(&mut standing, &[good.clone(), not_yet], 600), GateState::Failed);
        assert_eq!(standing.reason().unwrap(), (TWO, "nobody answers".to_owned()));
        assert_eq!(look(&mut standing, &[good, Seen::Nothing(String::new())], 599), GateState::Passed);
    }

    #[test]
    fn a_wrong_answer_counts_once_it_stays() {
        let mut standing = Standing::default();
        let good = Seen::Good(String::new());
        let wrong = |detail: &str| Seen::Wrong(detail.to_owned());
        assert_eq!(look(&mut standing, &[good.clone(), wrong("500")], 10), GateState::Watching);
        assert_eq!(look(&mut standing, &[wrong("full")], 25), GateState::Watching, "another one begins anew");
        assert_eq!(look(&mut standing, &[good.clone(), wrong("500")], 30), GateState::Watching);
        assert_eq!(look(&mut standing, &[good.clone(), Seen::NotYet(String::new())], 45), GateState::Watching);
        assert_eq!(look(&mut standing, &[good.clone(), wrong("502")], 50), GateState::Watching);
        assert_eq!(look(&mut standing, &[good, wrong("500")], 70), GateState::Failed);
        assert_eq!(standing.reason().unwrap().1, "500");
        let told = standing.told(&[ONE, TWO]);
        assert_eq!(told.iter().map(|check| check.ok).collect::<Vec<_>>(), [Some(true), Some(false)]);
    }
}
