//! Whether an update is proved by the apps (the third tier of the health gate): every app that was healthy before the restart
//! is healthy again within its grace. Pure; time comes in as what has passed since the last look, by a clock that nobody can
//! set, so that no jump of the wall clock cuts anybody's time short.

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::SignedDuration;
use orbitr_model::{AppId, DisplayName, ImageVersion, ReleaseId, Timestamp};
use serde::{Deserialize, Serialize};

use super::apps::{AppHealth, AppTrouble};

/// What was written down before a restart says nothing any more after this.
const EXPIRES: SignedDuration = SignedDuration::from_hours(24);
/// No app is waited for longer, whatever its extension says.
const MOST: Duration = Duration::from_secs(30 * 60);
/// The longest sentence that is kept of an app, in characters.
const SAID_MAX: usize = 300;

/// How patient one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// Between two looks.
    pub(super) every: Duration,
    /// Every app gets so long, whatever its extension says.
    pub(super) least: Duration,
    /// And so much more for each of them: apps that start at the same time make each other slower.
    pub(super) each: Duration,
    /// So long all of them have to be healthy: one that comes up and falls again is not.
    pub(super) steady: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let of = Duration::from_secs;
        Self { every: of(20), least: of(5 * 60), each: of(10), steady: of(60) }
    }
}

/// An update on its way to being proved: written down right before the restart, and looked at after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Proof {
    /// The version that was left.
    pub(super) from: ImageVersion,
    /// The version that begins.
    pub(super) to: ImageVersion,
    /// When it was written down, and in which boot.
    at: Timestamp,
    boot: String,
    /// The apps that were healthy then.
    apps: Vec<Before>,
    pub(super) stage: Stage,
}

/// An app that was healthy before the restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Before {
    id: AppId,
    name: DisplayName,
    /// Another one later is its owner's doing, and says nothing about the update.
    release: ReleaseId,
    grace_s: u64,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub(super) enum Stage {
    /// The restart has not happened yet, or the new version has not been kept yet.
    Leaving,
    /// The apps come up. A restart begins their time anew.
    Watching { boot: String, clock: Clock },
    /// Somebody is asked.
    Asking(Question),
    /// The version before is being chosen; the boot in which that began.
    Returning { boot: String, question: Question },
}

/// How much time has passed, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clock {
    spent_ms: u64,
    /// For how long every app has been healthy.
    well_ms: u64,
}

/// What somebody is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Question {
    /// Since when.
    pub(super) since: Timestamp,
    /// When it was looked at last: with the time left, this says when it ends.
    pub(super) at: Timestamp,
    /// The apps that are not healthy.
    pub(super) apps: Vec<AppTrouble>,
    /// Going back was tried and did not work: it is not tried again without a person.
    pub(super) stays: bool,
    clock: Clock,
}

/// What is seen when one looks.
#[derive(Clone, Debug)]
pub(super) struct Look<'a> {
    pub(super) running: &'a ImageVersion,
    /// Whether the version that runs has passed the machine's own part of the health gate.
    pub(super) kept: bool,
    /// Whether the version before can be started.
    pub(super) has_back: bool,
    /// Whether a job of an update is at work.
    pub(super) at_work: bool,
    pub(super) boot: &'a str,
    pub(super) now: Timestamp,
    /// How long it is since the last look.
    pub(super) passed: Duration,
    /// How every app is; none when nobody can say.
    pub(super) apps: Option<&'a [AppHealth]>,
    /// After so long without an answer it goes back; none: never by itself.
    pub(super) limit: Option<Duration>,
    pub(super) pace: Pace,
}

/// What follows from a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It stays as it is.
    Nothing,
    /// It is written down like this.
    Keep(Proof),
    /// It says nothing any more.
    Forget,
    /// The update is proved.
    Proved,
    /// Somebody is asked, from now on.
    Ask(Proof),
    /// Nobody has answered.
    Return(Proof),
}

/// How one of the apps is, compared.
enum Now {
    Well,
    Trouble(AppTrouble),
    /// Somebody works on it.
    Busy,
    /// It does not count: it was removed, stopped or changed since.
    Out,
}

impl Before {
    fn now(&self, apps: &[AppHealth]) -> Now {
        let Some(app) = apps.iter().find(|app| app.id == self.id) else { return Now::Out };
        if !app.wanted || app.release != Some(self.release) {
            return Now::Out;
        }
        match &app.trouble {
            _ if app.busy => Now::Busy,
            None => Now::Well,
            Some(said) => {
                let said = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_MAX).collect();
                Now::Trouble(AppTrouble { id: self.id.clone(), name: app.name.clone(), said })
            }
        }
    }
}

impl Clock {
    const fn spent(self) -> Duration {
        Duration::from_millis(self.spent_ms)
    }

    fn is_steady(self, pace: Pace) -> bool {
        Duration::from_millis(self.well_ms) >= pace.steady
    }

    fn add(ms: &mut u64, passed: Duration) {
        *ms = ms.saturating_add(passed.as_millis().try_into().unwrap_or(u64::MAX));
    }
}

impl Question {
    /// How long there is left to answer.
    pub(super) fn left(&self, limit: Duration) -> Duration {
        limit.saturating_sub(self.clock.spent())
    }
}

/// All of them together.
struct Compared {
    trouble: Vec<AppTrouble>,
    /// Of those, one whose grace is over.
    late: bool,
    busy: bool,
}

impl Proof {
    /// What is written down before a restart: of the apps only those that are wanted and healthy, and that nobody works on.
    pub(super) fn begin(
        from: ImageVersion,
        to: ImageVersion,
        at: Timestamp,
        boot: String,
        apps: Vec<AppHealth>,
    ) -> Self {
        let healthy = apps.into_iter().filter(|app| app.wanted && !app.busy && app.trouble.is_none());
        let before = healthy.filter_map(|app| {
            Some(Before { id: app.id, name: app.name, release: app.release?, grace_s: app.grace.as_secs() })
        });
        Self { from, to, at, boot, apps: before.collect(), stage: Stage::Leaving }
    }

    /// How many apps it is about.
    pub(super) const fn apps(&self) -> usize {
        self.apps.len()
    }

    pub(super) const fn question(&self) -> Option<&Question> {
        match &self.stage {
            Stage::Asking(question) => Some(question),
            Stage::Leaving | Stage::Watching { .. } | Stage::Returning { .. } => None,
        }
    }

    fn at(&self, stage: Stage) -> Self {
        Self { stage, ..self.clone() }
    }

    /// The version before is being chosen.
    pub(super) fn returning(&self, boot: String) -> Option<Self> {
        let question = self.question()?.clone();
        Some(self.at(Stage::Returning { boot, question }))
    }

    /// The version before could not be chosen: the question stands, and nobody goes back without a person.
    pub(super) fn not_returned(&self) -> Option<Self> {
        let Stage::Returning { question, .. } = &self.stage else { return None };
        Some(self.at(Stage::Asking(Question { stays: true, ..question.clone() })))
    }

    /// What follows from a look.
    pub(super) fn next(&self, look: &Look<'_>) -> Next {
        if *look.running != self.to {
            let still_here = *look.running == self.from && look.boot == self.boot && self.stage == Stage::Leaving;
            return if still_here && !self.is_old(look.now) { Next::Nothing } else { Next::Forget };
        }
        match &self.stage {
            Stage::Leaving if self.is_old(look.now) => Next::Forget,
            Stage::Leaving if !look.kept => Next::Nothing,
            Stage::Leaving => {
                Next::Keep(self.at(Stage::Watching { boot: look.boot.to_owned(), clock: Clock::default() }))
            }
            Stage::Watching { boot, clock } => {
                // What passed before a restart says nothing about apps that start anew.
                let clock = if boot == look.boot { *clock } else { Clock::default() };
                self.watch(clock, look)
            }
            Stage::Asking(question) => self.ask(question, look),
            Stage::Returning { boot, .. } if look.at_work || boot == look.boot => Next::Nothing,
            // The machine has restarted, and not into the version before.
            Stage::Returning { .. } => self.not_returned().map_or(Next::Nothing, Next::Keep),
        }
    }

    /// A clock that was wrong may have written a moment that lies ahead.
    fn is_old(&self, now: Timestamp) -> bool {
        now.duration_since(self.at).abs() > EXPIRES
    }

    fn grace(&self, before: &Before, pace: Pace) -> Duration {
        let others = pace.each.saturating_mul(self.apps.len().try_into().unwrap_or(u32::MAX));
        Duration::from_secs(before.grace_s).max(pace.least.saturating_add(others)).min(MOST)
    }

    fn compare(&self, apps: &[AppHealth], clock: Clock, pace: Pace) -> Compared {
        let mut compared = Compared { trouble: Vec::new(), late: false, busy: false };
        for before in &self.apps {
            match before.now(apps) {
                Now::Well | Now::Out => {}
                Now::Busy => compared.busy = true,
                Now::Trouble(trouble) => {
                    compared.trouble.push(trouble);
                    compared.late |= clock.spent() >= self.grace(before, pace);
                }
            }
        }
        compared
    }

    fn watch(&self, mut clock: Clock, look: &Look<'_>) -> Next {
        let Some(apps) = look.apps else { return Next::Nothing };
        let seen = self.compare(apps, clock, look.pace);
        if seen.late {
            let (since, at, apps) = (look.now, look.now, seen.trouble);
            let question = Question { since, at, apps, stays: false, clock: Clock::default() };
            return Next::Ask(self.at(Stage::Asking(question)));
        }
        // While somebody works on an app, the others wait with it.
        if seen.busy {
            clock.well_ms = 0;
        } else {
            Clock::add(&mut clock.spent_ms, look.passed);
            if seen.trouble.is_empty() {
                Clock::add(&mut clock.well_ms, look.passed);
            } else {
                clock.well_ms = 0;
            }
        }
        if clock.is_steady(look.pace) {
            return Next::Proved;
        }
        Next::Keep(self.at(Stage::Watching { boot: look.boot.to_owned(), clock }))
    }

    fn ask(&self, question: &Question, look: &Look<'_>) -> Next {
        let Some(apps) = look.apps else { return Next::Nothing };
        let seen = self.compare(apps, question.clock, look.pace);
        let limit = look.limit.filter(|_| look.has_back && !question.stays);
        let mut now = question.clone();
        let unwell = !seen.trouble.is_empty();
        if !unwell && !seen.busy {
            Clock::add(&mut now.clock.well_ms, look.passed);
        } else {
            now.clock.well_ms = 0;
        }
        if now.clock.is_steady(look.pace) {
            return Next::Proved;
        }
        if unwell {
            now.apps = seen.trouble;
        }
        // Whoever mends an app has not been asked in vain: the time goes on when the job has ended.
        if limit.is_some() {
            now.at = look.now;
            if !seen.busy {
                Clock::add(&mut now.clock.spent_ms, look.passed);
            }
        }
        let over = limit.is_some_and(|limit| now.clock.spent() >= limit && unwell && !seen.busy);
        let next = self.at(Stage::Asking(now));
        match (over, next == *self) {
            (true, _) => Next::Return(next),
            (false, true) => Next::Nothing,
            (false, false) => Next::Keep(next),
        }
    }
}
