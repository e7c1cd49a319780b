//! Durable work: jobs that survive a crash, go on or are undone, and say what they did.
//!
//! What lives here: the queue, the state machine of a job, the runner that does steps and undoes them,
//! progress, logs, and what readers see of it. What may not: any particular kind of job (those are rooms'),
//! any rule about who may do what, any call outside the box.
//!
//! A room writes a [`Kind`] and puts jobs into the queue with [`enqueue()`], in the same transaction as the
//! change that the job carries out. Before and after each step a row is committed, so a crash at any moment
//! leaves a job that the next start finishes or undoes.
//!
//! - Jobs with the same lock run one at a time, first come, first served; at most four jobs do work at once.
//! - A step that fails is undone with all before it, last one first. An error that waiting helps against is
//!   tried again first, five times in all.
//! - Once a step that cannot be undone has begun, the job only goes forward: errors are tried again with
//!   growing waits until they are gone, and a cancel is refused.
//! - A cancelled, overdue or parked step gets a signal, then a few seconds; then its future is dropped.

mod attempt;
mod context;
mod driver;
mod enqueue;
mod error;
mod fault;
mod jobs;
mod kind;
mod live;
mod log;
mod machine;
mod overdue;
mod pace;
mod problem;
mod rows;
mod runner;
mod transition;
mod view;

pub use self::{
    context::StepContext,
    enqueue::{NewJob, enqueue},
    error::Error,
    jobs::{Builder, Jobs},
    kind::{Kind, Outcome, Step, StepError},
    log::{LOG_MAX_BYTES, LogChunk},
    machine::Illegal,
    overdue::{LateStep, Overdue, overdue},
    pace::Pace,
    problem::Refusal,
    view::{
        Belongs, Failed, Filter, Job, StepView, Unfinished, Visible, belongs, failed_last, failed_not_undone,
        unfinished,
    },
};
