//! One try of one step or of its undo, held to its limit and stopped when it has to stop.

use std::{future::pending, panic::AssertUnwindSafe, pin::pin};

use futures_util::FutureExt as _;
use orbitr_model::Problem;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{StepContext, StepError, driver::Driver, machine::StepRow, problem};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Back,
}

/// What came of a try.
#[derive(Debug)]
pub(crate) enum Tried {
    Done,
    Failed(StepError),
    /// Stopped for a shutdown; to be begun again.
    Parked,
}

/// Why a try was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Cancelled,
    Limit,
    Shutdown,
}

impl Driver {
    pub(crate) async fn attempt(&self, direction: Direction, step: &StepRow) -> Tried {
        let stop = CancellationToken::new();
        let cx = self.context(direction, step, stop.clone());
        let work = match direction {
            Direction::Forward => self.work.run(&step.name, &cx),
            Direction::Back => self.work.undo(&step.name, &cx),
        };
        let mut work = pin!(AssertUnwindSafe(work).catch_unwind());
        let cancelled = async {
            match direction {
                Direction::Forward => self.live.cancel.cancelled().await,
                Direction::Back => pending().await,
            }
        };
        let why = tokio::select! {
            biased;
            result = &mut work => {
                self.live.log.flush().await;
                return self.judge(step, result);
            }
            () = cancelled => Why::Cancelled,
            () = self.core.stop.cancelled() => Why::Shutdown,
            () = sleep(step.limit) => Why::Limit,
        };
        stop.cancel();
        // What it returns now is not taken at its word: «done» may only mean that it noticed the signal.
        let shutdown = async {
            self.core.stop.cancelled().await;
            sleep(self.core.pace.park_grace).await;
        };
        tokio::select! {
            _ = &mut work => {}
            () = sleep(self.core.pace.grace) => self.own_line(&format!("{} did not stop and was broken off", step.title)),
            () = shutdown => {}
        }
        self.live.log.flush().await;
        match why {
            Why::Cancelled => Tried::Failed(StepError::lasting(problem::cancelled())),
            Why::Limit => Tried::Failed(StepError::lasting(problem::time_limit(&step.title, step.limit))),
            Why::Shutdown => Tried::Parked,
        }
    }

    fn context(&self, direction: Direction, step: &StepRow, stop: CancellationToken) -> StepContext {
        StepContext {
            turn: self.live.new_turn(),
            live: self.live.clone(),
            store: self.core.store.clone(),
            stop,
            attempt: if direction == Direction::Forward { step.attempts } else { step.undo_attempts },
            resumed: self.resumed,
            actor: self.actor(),
            app: self.head.app.clone(),
        }
    }

    fn judge(&self, step: &StepRow, result: std::thread::Result<Result<(), StepError>>) -> Tried {
        match result {
            Ok(Ok(())) => Tried::Done,
            Ok(Err(error)) => Tried::Failed(error.fit_to_keep(self.core.store.redactor())),
            Err(_) => {
                tracing::error!(job = %self.head.id, kind = self.head.kind, step = step.name, "a step panicked");
                Tried::Failed(StepError::lasting(Problem::internal()))
            }
        }
    }
}
