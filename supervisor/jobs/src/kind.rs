//! What a room writes to have its work done as a job: a kind, its steps, their errors.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use orbitr_model::Problem;
use orbitr_store::{self as store, Redactor, Tx};
use serde::{Serialize, de::DeserializeOwned};

use crate::{StepContext, log::cut};

/// Of each part of a step's problem, at most this much is kept.
const TEXT_MAX_BYTES: usize = 4 * 1024;

/// One step of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its stable name, for example `pull`; unique within the job. It is kept in the database, so a
    /// later release must still know it.
    pub name: &'static str,
    /// What people see, for example «Pull images».
    pub title: String,
    /// How long one try may take, and one try of its undo. Passing it is a failure.
    pub limit: Duration,
    /// Whether [`Kind::undo`] takes it back. Once a step that cannot be undone has begun, the job only
    /// goes forward: errors are tried again until they are gone, and it cannot be cancelled any more.
    pub reversible: bool,
}

/// One kind of work: a list of steps, each of which can be done twice without harm.
///
/// A step runs at least once: after a crash it runs again from its beginning. A step or an undo may be
/// dropped at any `.await`, which must leave no more behind than a crash would.
pub trait Kind: Send + Sync + 'static {
    /// Its stable name, for example `app.install`.
    const NAME: &'static str;

    /// What one job of it works on; kept as JSON in the database, so it holds no secret, and a field
    /// added later needs a default.
    type Args: Serialize + DeserializeOwned + Send + Sync + Clone + 'static;

    /// The steps in their order. Asked once, when the job begins; the answer is kept with it.
    fn steps(&self, args: &Self::Args) -> Vec<Step>;

    /// Does one step. Idempotent.
    fn run(
        &self,
        step: &str,
        cx: &StepContext,
        args: &Self::Args,
    ) -> impl Future<Output = Result<(), StepError>> + Send;

    /// Takes one step back, also one that only half ran. Idempotent. Never called for a step that is
    /// not reversible.
    fn undo(
        &self,
        step: &str,
        cx: &StepContext,
        args: &Self::Args,
    ) -> impl Future<Output = Result<(), StepError>> + Send;

    /// Writes what the end of the job means for the room: moves pointers, releases, sets states. Runs in
    /// the transaction that ends the job, so both happen or none; it is not called for a job whose kind
    /// or arguments this release cannot read.
    ///
    /// # Errors
    /// When the database refuses; the job then does not end, and its end is tried again.
    fn ended(&self, tx: &mut Tx<'_>, args: &Self::Args, outcome: &Outcome) -> Result<(), store::Error>;
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every step is done.
    Succeeded,
    /// It failed.
    Failed {
        /// Why.
        problem: Problem,
        /// Whether everything that it had done is taken back. If not, something of it is still there,
        /// and the room must go on showing it.
        undone: bool,
    },
    /// Somebody cancelled it, and everything that it had done is taken back.
    Cancelled,
}

/// Why a step failed, and whether doing it again after a while can help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepError {
    // Boxed: it is the error of every step.
    problem: Box<Problem>,
    waiting_helps: bool,
}

impl StepError {
    /// An error that a new try would meet again, for example a refused input.
    #[must_use]
    pub fn lasting(problem: Problem) -> Self {
        Self { problem: Box::new(problem), waiting_helps: false }
    }

    /// An error that may be gone after a while, for example a peer that does not answer.
    #[must_use]
    pub fn passing(problem: Problem) -> Self {
        Self { problem: Box::new(problem), waiting_helps: true }
    }

    /// What went wrong.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Whether a new try after a while can succeed.
    #[must_use]
    pub const fn waiting_helps(&self) -> bool {
        self.waiting_helps
    }

    /// Without any known secret and without endless text: a tool's output often ends up in a problem, and
    /// that in the database.
    pub(crate) fn fit_to_keep(mut self, redactor: &Redactor) -> Self {
        let problem = &mut *self.problem;
        let texts = [&mut problem.title, &mut problem.detail, &mut problem.next];
        for text in texts.into_iter().chain(problem.fields.iter_mut().map(|field| &mut field.message)) {
            let safe = redactor.redact(text);
            *text = cut(&safe, TEXT_MAX_BYTES).to_owned();
        }
        self
    }
}

/// Every room's error becomes a step's error by way of its problem; waiting helps where the problem says
/// how long to wait.
impl<E: Into<Problem>> From<E> for StepError {
    fn from(error: E) -> Self {
        let problem: Problem = error.into();
        let waiting_helps = problem.retry_after.is_some();
        Self { problem: Box::new(problem), waiting_helps }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

pub(crate) type StepFuture<'a> = Pin<Box<dyn Future<Output = Result<(), StepError>> + Send + 'a>>;

/// A kind whose argument type is hidden, so that the runner can keep all of them in one map.
pub(crate) trait AnyKind: Send + Sync {
    fn name(&self) -> &'static str;
    fn open(self: Arc<Self>, args: &str) -> Result<Arc<dyn Work>, serde_json::Error>;
}

/// A kind together with one job's arguments.
pub(crate) trait Work: Send + Sync {
    fn steps(&self) -> Vec<Step>;
    fn run<'a>(&'a self, step: &'a str, cx: &'a StepContext) -> StepFuture<'a>;
    fn undo<'a>(&'a self, step: &'a str, cx: &'a StepContext) -> StepFuture<'a>;
    fn ended(&self, tx: &mut Tx<'_>, outcome: &Outcome) -> Result<(), store::Error>;
}

struct Bound<K: Kind> {
    kind: Arc<K>,
    args: K::Args,
}

impl<K: Kind> AnyKind for K {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn open(self: Arc<Self>, args: &str) -> Result<Arc<dyn Work>, serde_json::Error> {
        Ok(Arc::new(Bound { args: serde_json::from_str(args)?, kind: self }))
    }
}

impl<K: Kind> Work for Bound<K> {
    fn steps(&self) -> Vec<Step> {
        self.kind.steps(&self.args)
    }

    fn run<'a>(&'a self, step: &'a str, cx: &'a StepContext) -> StepFuture<'a> {
        Box::pin(self.kind.run(step, cx, &self.args))
    }

    fn undo<'a>(&'a self, step: &'a str, cx: &'a StepContext) -> StepFuture<'a> {
        Box::pin(self.kind.undo(step, cx, &self.args))
    }

    fn ended(&self, tx: &mut Tx<'_>, outcome: &Outcome) -> Result<(), store::Error> {
        self.kind.ended(tx, &self.args, outcome)
    }
}
