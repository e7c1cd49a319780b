//! The state machine of one job: what comes next, and which changes are allowed. Pure: no clock, no
//! input or output. Every change of a job goes through a named transition here, inside the transaction
//! that writes its row.
//!
//! ```text
//! queued ─begin→ running ─every step done→ succeeded
//!    │              └─failed, cancelled→ undoing ─every step undone→ failed | cancelled
//!    └─cancel→ cancelled                    └─undo given up→ failed, not undone
//! ```

use std::time::Duration;

use orbitr_model::{JobState, Problem, StepState, Timestamp};

use crate::{
    kind::{Outcome, Step, StepError},
    pace::Pace,
    problem::{self, Refusal},
};

#[cfg(test)]
mod tests;

/// The part of a job that changes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Machine {
    pub(crate) state: JobState,
    /// Somebody asked for a cancel. Only ever set while everything can still be undone.
    pub(crate) cancel: bool,
    pub(crate) problem: Option<Problem>,
    pub(crate) failed_step: Option<String>,
    pub(crate) resumed: u32,
    pub(crate) steps: Vec<StepRow>,
}

/// One step with where it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StepRow {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) limit: Duration,
    pub(crate) reversible: bool,
    pub(crate) state: StepState,
    /// How often it was begun; a clean stop at a shutdown does not count.
    pub(crate) attempts: u32,
    pub(crate) undo_attempts: u32,
    pub(crate) started: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
}

/// What the driver has to do next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Order {
    /// Do this step; its beginning is written.
    Run(StepRow),
    /// Take this step back; its beginning is written.
    Undo(StepRow),
    /// Nothing: the job has ended.
    Ended,
}

/// What follows from a failed try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The same again, after this wait.
    Again(Duration),
    /// Ask for the next order.
    GoOn,
    /// The job has ended.
    Ended,
}

/// A transition that the state does not allow: a defect of ours, or a hand in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a job that is {} cannot {wanted}", from.as_str())]
pub struct Illegal {
    from: JobState,
    wanted: &'static str,
}

impl Machine {
    /// Whether the job can only go forward: a step that cannot be undone has begun.
    pub(crate) fn forward_only(&self) -> bool {
        self.steps.iter().any(|step| !step.reversible && step.state != StepState::Pending)
    }

    /// Whether a cancel is on its way: asked for, or already being carried out.
    pub(crate) fn is_cancelling(&self) -> bool {
        match self.state {
            JobState::Running => self.cancel,
            JobState::Undoing => self.cancel && self.problem.is_none(),
            _ => false,
        }
    }

    /// How it ended, once it has.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self.state {
            JobState::Succeeded => Some(Outcome::Succeeded),
            JobState::Cancelled => Some(Outcome::Cancelled),
            JobState::Failed => Some(Outcome::Failed {
                problem: self.problem.clone().unwrap_or_else(Problem::internal),
                undone: self.steps.iter().all(|s| matches!(s.state, StepState::Pending | StepState::Undone)),
            }),
            JobState::Queued | JobState::Running | JobState::Undoing => None,
        }
    }

    /// Queued → running, with the kind's steps.
    pub(crate) fn begin(&mut self, steps: Vec<Step>) -> Result<(), Illegal> {
        self.expect(JobState::Queued, "begin")?;
        self.state = JobState::Running;
        self.steps = steps.into_iter().map(StepRow::new).collect();
        Ok(())
    }

    /// The supervisor started and finds the job unfinished. A step that was begun too often without
    /// coming to an end probably takes the supervisor down with it, so it fails, or at least waits.
    pub(crate) fn resume(&mut self, pace: &Pace) -> Result<Verdict, Illegal> {
        let verdict = match self.state {
            JobState::Running => self.resume_step(pace),
            JobState::Undoing => self.resume_undo(pace),
            _ => return Err(self.illegal("be resumed")),
        };
        self.resumed = self.resumed.saturating_add(1);
        Ok(verdict)
    }

    fn resume_step(&mut self, pace: &Pace) -> Verdict {
        let crashed = |step: &&StepRow| step.state == StepState::Running && step.attempts >= pace.begins;
        match self.steps.iter().find(crashed) {
            None => Verdict::GoOn,
            Some(_) if self.cancel => Verdict::GoOn,
            Some(_) if self.forward_only() => Verdict::Again(pace.longest_wait),
            Some(step) => {
                let problem = problem::crash_loop(&step.title, step.attempts);
                self.turn_back(Some(problem));
                Verdict::GoOn
            }
        }
    }

    fn resume_undo(&mut self, pace: &Pace) -> Verdict {
        match self.steps.iter().find(|step| step.state == StepState::Undoing) {
            Some(step) if step.undo_attempts >= pace.undo_tries => {
                let problem = problem::crash_loop(&step.title, step.undo_attempts);
                self.give_up_undo(&problem);
                Verdict::Ended
            }
            Some(step) if step.undo_attempts >= pace.begins => Verdict::Again(pace.longest_wait),
            _ => Verdict::GoOn,
        }
    }

    /// What to do now; its beginning is already noted when this returns.
    pub(crate) fn next(&mut self, now: Timestamp) -> Result<Order, Illegal> {
        if self.state == JobState::Running && self.cancel {
            self.state = JobState::Undoing;
        }
        match self.state {
            JobState::Running => Ok(self.begin_step(now)),
            JobState::Undoing => Ok(self.begin_undo()),
            _ => Err(self.illegal("go on")),
        }
    }

    fn begin_step(&mut self, now: Timestamp) -> Order {
        let Some(step) = self.steps.iter_mut().find(|step| step.state != StepState::Done) else {
            self.state = JobState::Succeeded;
            return Order::Ended;
        };
        step.state = StepState::Running;
        step.attempts = step.attempts.saturating_add(1);
        step.started.get_or_insert(now);
        Order::Run(step.clone())
    }

    fn begin_undo(&mut self) -> Order {
        let left = |step: &&mut StepRow| !matches!(step.state, StepState::Pending | StepState::Undone);
        let Some(step) = self.steps.iter_mut().rev().find(left) else {
            self.state = if self.problem.is_some() { JobState::Failed } else { JobState::Cancelled };
            return Order::Ended;
        };
        step.state = StepState::Undoing;
        step.undo_attempts = step.undo_attempts.saturating_add(1);
        step.ended = None;
        Order::Undo(step.clone())
    }

    /// The running step is done.
    pub(crate) fn step_done(&mut self, now: Timestamp) -> Result<(), Illegal> {
        self.close(JobState::Running, StepState::Running, StepState::Done, now, "finish a step")
    }

    /// The running step failed.
    pub(crate) fn step_failed(&mut self, error: &StepError, now: Timestamp, pace: &Pace) -> Result<Verdict, Illegal> {
        let forward_only = self.forward_only();
        let cancel = self.cancel;
        let step = self.running_step()?;
        let worth_it = error.waiting_helps() && step.attempts < pace.begins && !cancel;
        if forward_only || worth_it {
            return Ok(Verdict::Again(pace.wait(step.attempts, error.problem().retry_after)));
        }
        step.ended = Some(now);
        self.turn_back((!cancel).then(|| error.problem().clone()));
        Ok(Verdict::GoOn)
    }

    /// The step being undone is undone.
    pub(crate) fn step_undone(&mut self, now: Timestamp) -> Result<(), Illegal> {
        self.close(JobState::Undoing, StepState::Undoing, StepState::Undone, now, "take a step back")
    }

    /// The undo failed, after `spent` on this step in this run of the supervisor.
    pub(crate) fn undo_failed(
        &mut self,
        error: &StepError,
        spent: Duration,
        now: Timestamp,
        pace: &Pace,
    ) -> Result<Verdict, Illegal> {
        let illegal = self.illegal("give up an undo");
        let step = self.steps.iter_mut().find(|step| step.state == StepState::Undoing).ok_or(illegal)?;
        if step.undo_attempts < pace.undo_tries && spent < pace.undo_time {
            return Ok(Verdict::Again(pace.wait(step.undo_attempts, error.problem().retry_after)));
        }
        step.ended = Some(now);
        self.give_up_undo(error.problem());
        Ok(Verdict::Ended)
    }

    /// The step at hand was stopped for a shutdown and is begun again at the next start.
    pub(crate) fn parked(&mut self) -> Result<(), Illegal> {
        let illegal = self.illegal("be parked");
        let at_hand = |step: &&mut StepRow| matches!(step.state, StepState::Running | StepState::Undoing);
        let step = self.steps.iter_mut().find(at_hand).ok_or(illegal)?;
        let count = if step.state == StepState::Running { &mut step.attempts } else { &mut step.undo_attempts };
        *count = count.saturating_sub(1);
        Ok(())
    }

    /// Somebody wants it cancelled. Asking twice is no error.
    pub(crate) fn cancel(&mut self) -> Result<(), Refusal> {
        match self.state {
            JobState::Queued => self.state = JobState::Cancelled,
            JobState::Running if self.forward_only() => return Err(Refusal::PastNoReturn),
            JobState::Running => self.cancel = true,
            JobState::Undoing if self.is_cancelling() => {}
            JobState::Undoing => return Err(Refusal::AlreadyUndoing),
            state => return Err(Refusal::Ended(state)),
        }
        Ok(())
    }

    /// This release cannot work on it: its kind or its arguments are unknown. What it did stays.
    pub(crate) fn broke(&mut self, problem: Problem) -> Result<(), Illegal> {
        if self.state.is_final() {
            return Err(self.illegal("fail"));
        }
        self.problem = Some(problem);
        self.state = JobState::Failed;
        Ok(())
    }

    /// What lies before the step that stays is left too: taking it away under a step that is still there
    /// could only do more harm.
    fn give_up_undo(&mut self, reason: &Problem) {
        if let Some(step) = self.steps.iter_mut().find(|step| step.state == StepState::Undoing) {
            step.state = StepState::Failed;
            self.problem = Some(problem::undo_given_up(self.problem.take(), &step.title, reason));
            self.failed_step.get_or_insert_with(|| step.name.clone());
        }
        self.state = JobState::Failed;
    }

    fn turn_back(&mut self, problem: Option<Problem>) {
        if let Some(step) = self.steps.iter_mut().find(|step| step.state == StepState::Running) {
            step.state = StepState::Failed;
            if problem.is_some() {
                self.failed_step = Some(step.name.clone());
            }
        }
        self.problem = problem;
        self.state = JobState::Undoing;
    }

    fn running_step(&mut self) -> Result<&mut StepRow, Illegal> {
        let illegal = self.illegal("fail at a step");
        self.expect(JobState::Running, "fail at a step")?;
        self.steps.iter_mut().find(|step| step.state == StepState::Running).ok_or(illegal)
    }

    fn close(
        &mut self,
        job: JobState,
        from: StepState,
        to: StepState,
        now: Timestamp,
        wanted: &'static str,
    ) -> Result<(), Illegal> {
        self.expect(job, wanted)?;
        let illegal = self.illegal(wanted);
        let step = self.steps.iter_mut().find(|step| step.state == from).ok_or(illegal)?;
        step.state = to;
        step.ended = Some(now);
        Ok(())
    }

    fn expect(&self, state: JobState, wanted: &'static str) -> Result<(), Illegal> {
        if self.state == state { Ok(()) } else { Err(self.illegal(wanted)) }
    }

    fn illegal(&self, wanted: &'static str) -> Illegal {
        Illegal { from: self.state, wanted }
    }
}

impl StepRow {
    fn new(step: Step) -> Self {
        Self {
            name: step.name.to_owned(),
            title: step.title,
            limit: step.limit,
            reversible: step.reversible,
            state: StepState::Pending,
            attempts: 0,
            undo_attempts: 0,
            started: None,
            ended: None,
        }
    }
}
