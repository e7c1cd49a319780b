//! One job from where it is to its end: asks the state machine, does as it says, writes what came of it.

use std::sync::Arc;

use orbitr_model::{Actor, JobId, JobState, Problem, StepState, Timestamp, Topic};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use crate::{
    Error, Outcome, StepError,
    attempt::{Direction, Tried},
    error::chain,
    fault::{self, Moment},
    kind::Work,
    live::{Live, lock},
    machine::{Machine, Order, StepRow, Verdict},
    problem::span,
    rows::{self, Head},
    runner::Core,
};

/// How the driver comes to its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// It has just left the queue.
    Fresh,
    /// A start of the supervisor found it unfinished.
    Resumed,
}

/// The supervisor stops; the job's row is as the next start needs it.
pub(crate) struct Stopped;

pub(crate) struct Driver {
    pub(crate) core: Arc<Core>,
    pub(crate) live: Arc<Live>,
    pub(crate) head: Head,
    pub(crate) work: Arc<dyn Work>,
    actor: Arc<Actor>,
    /// The right to do work now; given up while waiting for the next try.
    place: Option<OwnedSemaphorePermit>,
    /// Whether it began under an earlier run of the supervisor.
    pub(crate) resumed: bool,
    /// Since when the step at hand is being undone, in this run of the supervisor.
    undoing: Option<(String, Instant)>,
}

/// Works on a job until it has ended or the supervisor stops.
pub(crate) async fn drive(core: Arc<Core>, id: JobId, start: Start, place: Option<OwnedSemaphorePermit>) {
    let live = core.enter(id).await;
    if let Some(mut driver) = Driver::open(&core, &live, place, start).await
        && driver.run(start).await.is_err()
    {
        driver.own_line("stopped with the supervisor; goes on when it starts again");
    }
    live.log.flush().await;
    lock(&core.lives).remove(&id);
    // A place or a lock is free; and only now may a reader of the log be told that it has ended.
    core.wake.notify_one();
    core.store.notify(Topic::Job(id));
}

impl Driver {
    /// None when this release cannot work on the job, which is then its end, or when the supervisor stops.
    async fn open(
        core: &Arc<Core>,
        live: &Arc<Live>,
        place: Option<OwnedSemaphorePermit>,
        start: Start,
    ) -> Option<Self> {
        let id = live.id;
        let load = || core.store.read(move |conn| rows::load(conn, id)?.ok_or(Error::Unknown(id)));
        let (head, _) = persist(core, live, load).await.ok()?;
        match core.open(&head.kind, &head.args) {
            Ok(work) => {
                let actor = Arc::new(head.actor.clone());
                let (core, live, resumed) = (Arc::clone(core), Arc::clone(live), start == Start::Resumed);
                let driver = Self { core, live, head, work, actor, place, resumed, undoing: None };
                if start == Start::Fresh {
                    driver
                        .own_line(&format!("{} ({}), wanted by {}", driver.head.title, driver.head.kind, driver.actor));
                }
                Some(driver)
            }
            Err(problem) => {
                live.log.own_line(Timestamp::now(), &problem.to_string());
                let broke = || {
                    let problem = problem.clone();
                    core.advance(id, None, move |machine, _| Ok(machine.broke(*problem)?))
                };
                let _ = persist(core, live, broke).await;
                None
            }
        }
    }

    async fn run(&mut self, start: Start) -> Result<(), Stopped> {
        if start == Start::Resumed {
            self.own_line("resumed after a restart of the supervisor");
            let pace = self.core.pace;
            let (verdict, machine) = self.commit(move |machine, _| Ok(machine.resume(&pace)?)).await?;
            match verdict {
                Verdict::Again(wait) => {
                    self.own_line(&format!("the step at hand was begun often already; it waits for {}", span(wait)));
                    self.pause(wait).await?;
                }
                Verdict::GoOn => {}
                Verdict::Ended => {
                    self.say_end(&machine);
                    return Ok(());
                }
            }
        }
        loop {
            self.take_place().await?;
            let (order, machine) = self.commit(|machine, now| Ok(machine.next(now)?)).await?;
            let ended = match order {
                Order::Run(step) => self.forward(&step, &machine).await?,
                Order::Undo(step) => self.back(&step).await?,
                Order::Ended => Some(machine),
            };
            if let Some(machine) = ended {
                self.say_end(&machine);
                return Ok(());
            }
        }
    }

    async fn forward(&mut self, step: &StepRow, machine: &Machine) -> Result<Option<Machine>, Stopped> {
        let number = machine.steps.iter().take_while(|other| other.state == StepState::Done).count() + 1;
        let again = if step.attempts > 1 { format!(" (try {})", step.attempts) } else { String::new() };
        self.own_line(&format!("step {number} of {}: {}{again}", machine.steps.len(), step.title));
        fault::point(&self.head.kind, &step.name, Moment::Before);
        match self.attempt(Direction::Forward, step).await {
            Tried::Done => {
                self.commit(|machine, now| Ok(machine.step_done(now)?)).await?;
                fault::point(&self.head.kind, &step.name, Moment::After);
                Ok(None)
            }
            Tried::Failed(error) => {
                let pace = self.core.pace;
                let failed = error.clone();
                let (verdict, machine) =
                    self.commit(move |machine, now| Ok(machine.step_failed(&failed, now, &pace)?)).await?;
                if machine.cancel {
                    self.own_line("cancelled");
                } else {
                    self.own_line(&format!("failed: {}: {error}", step.title));
                }
                self.follow(verdict, &error, machine).await
            }
            Tried::Parked => self.park().await,
        }
    }

    async fn back(&mut self, step: &StepRow) -> Result<Option<Machine>, Stopped> {
        let since = match &self.undoing {
            Some((name, since)) if *name == step.name => *since,
            _ => {
                let now = Instant::now();
                self.undoing = Some((step.name.clone(), now));
                now
            }
        };
        self.own_line(&format!("taking back: {}", step.title));
        fault::point(&self.head.kind, &step.name, Moment::UndoBefore);
        match self.attempt(Direction::Back, step).await {
            Tried::Done => {
                self.commit(|machine, now| Ok(machine.step_undone(now)?)).await?;
                fault::point(&self.head.kind, &step.name, Moment::UndoAfter);
                Ok(None)
            }
            Tried::Failed(error) => {
                let pace = self.core.pace;
                let failed = error.clone();
                let spent = since.elapsed();
                let (verdict, machine) =
                    self.commit(move |machine, now| Ok(machine.undo_failed(&failed, spent, now, &pace)?)).await?;
                self.own_line(&format!("not taken back: {}: {error}", step.title));
                self.follow(verdict, &error, machine).await
            }
            Tried::Parked => self.park().await,
        }
    }

    /// After a failed try: wait, go on, or end.
    async fn follow(
        &mut self,
        verdict: Verdict,
        error: &StepError,
        machine: Machine,
    ) -> Result<Option<Machine>, Stopped> {
        match verdict {
            Verdict::Again(wait) => {
                let wait_text = span(wait);
                self.own_line(&format!("trying again in {wait_text}"));
                let title = error.problem().title.trim_end_matches('.');
                self.live.say(&format!("{title}. Trying again in {wait_text}."));
                self.pause(wait).await?;
                Ok(None)
            }
            Verdict::GoOn => Ok(None),
            Verdict::Ended => Ok(Some(machine)),
        }
    }

    async fn park(&self) -> Result<Option<Machine>, Stopped> {
        self.commit(|machine, _| Ok(machine.parked()?)).await?;
        Err(Stopped)
    }

    /// Waits without holding a place. A cancel cuts the wait short while the job can still be cancelled;
    /// afterwards none is accepted, so the token stays silent.
    async fn pause(&mut self, wait: std::time::Duration) -> Result<(), Stopped> {
        self.place = None;
        self.core.wake.notify_one();
        let cancel_counts = self.undoing.is_none();
        tokio::select! {
            () = self.core.stop.cancelled() => Err(Stopped),
            () = self.live.cancel.cancelled(), if cancel_counts => Ok(()),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    async fn take_place(&mut self) -> Result<(), Stopped> {
        if self.core.stop.is_cancelled() {
            return Err(Stopped);
        }
        if self.place.is_none() {
            tokio::select! {
                () = self.core.stop.cancelled() => return Err(Stopped),
                place = Arc::clone(&self.core.places).acquire_owned() => self.place = place.ok(),
            }
        }
        Ok(())
    }

    /// Writes a transition. A result must not be lost over a full disk, so this tries until it is written
    /// or the supervisor stops.
    async fn commit<R: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Machine, Timestamp) -> Result<R, Error> + Clone + Send + 'static,
    ) -> Result<(R, Machine), Stopped> {
        let (core, id) = (&self.core, self.head.id);
        let write = || core.advance(id, Some(Arc::clone(&self.work)), change.clone());
        let applied = persist(core, &self.live, write);
        applied.await.map(|applied| (applied.result, applied.machine))
    }

    fn say_end(&self, machine: &Machine) {
        let line = match machine.outcome() {
            Some(Outcome::Succeeded) => "done".to_owned(),
            Some(Outcome::Cancelled) => "cancelled; everything that it had done is taken back".to_owned(),
            Some(Outcome::Failed { problem, undone: true }) => {
                format!("failed; everything that it had done is taken back: {problem}")
            }
            Some(Outcome::Failed { problem, undone: false }) => format!("failed: {problem}"),
            None => return,
        };
        self.own_line(&line);
    }

    pub(crate) fn own_line(&self, line: &str) {
        self.live.log.own_line(Timestamp::now(), line);
    }

    pub(crate) fn actor(&self) -> Arc<Actor> {
        Arc::clone(&self.actor)
    }
}

/// Repeats a database operation with growing waits until it works or the supervisor stops.
async fn persist<T, F: Future<Output = Result<T, Error>>>(
    core: &Core,
    live: &Live,
    mut operation: impl FnMut() -> F,
) -> Result<T, Stopped> {
    for tries in 1_u32.. {
        match operation().await {
            Ok(done) => return Ok(done),
            Err(Error::Unknown(_)) => return Err(Stopped),
            Err(error) => {
                tracing::error!(job = %live.id, error = chain(&error), "a job's progress cannot be written");
                live.say(&format!("Waiting: {}.", Problem::from(error).title));
            }
        }
        tokio::select! {
            () = core.stop.cancelled() => return Err(Stopped),
            () = tokio::time::sleep(core.pace.wait(tries, None)) => {}
        }
    }
    Err(Stopped)
}

/// Whether a job in this state is worked on by a driver.
pub(crate) const fn is_driven(state: JobState) -> bool {
    matches!(state, JobState::Running | JobState::Undoing)
}
