//! The jobs of this room, one file each.

pub(crate) mod calm;
pub(crate) mod change;
pub(crate) mod install;
pub(crate) mod lifecycle;
pub(crate) mod remove;

use std::time::Duration;

use orbitr_jobs::{Step, StepError};
use orbitr_model::Problem;

/// Steps that only write files or a few rows.
const SHORT: Duration = Duration::from_secs(60);
/// Starting and stopping containers: each may take its grace.
const CONTAINERS: Duration = Duration::from_secs(10 * 60);
/// Pulling images over a slow line; a download that stands still ends much earlier.
const PULL: Duration = Duration::from_secs(6 * 60 * 60);
/// The longest grace that an extension may ask for, and some.
const PROBE: Duration = Duration::from_secs(65 * 60);

fn step(name: &'static str, title: &str, limit: Duration) -> Step {
    Step { name, title: title.to_owned(), limit, reversible: true }
}

/// A step that this release of the supervisor does not know: the job was begun by another one.
fn unknown(step: &str) -> StepError {
    StepError::lasting(Problem::new(500, "job-step-unknown", format!("This Orbitr does not know the step «{step}»")))
}
