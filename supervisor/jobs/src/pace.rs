//! How long the runner waits, and how often it tries.

use std::time::Duration;

/// The bounds that every job is kept to. The defaults are the product's; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How many jobs do work at the same moment. One that waits for its next try does not count.
    pub at_once: usize,
    /// The wait after the first failed try; each later one is twice as long.
    pub first_wait: Duration,
    /// The longest wait between two tries.
    pub longest_wait: Duration,
    /// How often a step that can be undone is begun, restarts included, before it counts as failed.
    pub begins: u32,
    /// How often taking back one step is tried before the job gives up.
    pub undo_tries: u32,
    /// For how long taking back one step is tried before the job gives up, counted from this start of
    /// the supervisor.
    pub undo_time: Duration,
    /// How long a step has to return after it was told to stop; then it is dropped.
    pub grace: Duration,
    /// The same at a shutdown, where less time is left.
    pub park_grace: Duration,
    /// How long [`Jobs::park`](crate::Jobs::park) takes at most.
    pub park_limit: Duration,
    /// How many ended jobs are kept, the newest ones.
    pub kept: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            at_once: 4,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            begins: 5,
            undo_tries: 20,
            undo_time: Duration::from_secs(600),
            grace: Duration::from_secs(10),
            park_grace: Duration::from_secs(3),
            park_limit: Duration::from_secs(5),
            kept: 1000,
        }
    }
}

impl Pace {
    /// How long to wait after the `tries`-th try (counted from 1) failed with `problem_wait`, the wait
    /// in seconds that the problem itself asks for.
    pub(crate) fn wait(&self, tries: u32, problem_wait: Option<u64>) -> Duration {
        let doubled = self.first_wait.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
        let asked = problem_wait.map_or(Duration::ZERO, Duration::from_secs);
        doubled.max(asked).min(self.longest_wait)
    }
}
