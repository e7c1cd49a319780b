//! The jobs of this room, one file each.

pub(crate) mod act;
pub(crate) mod adopt;
pub(crate) mod calm;
pub(crate) mod change;
pub(crate) mod clone;
pub(crate) mod export;
pub(crate) mod forget;
pub(crate) mod heal;
pub(crate) mod import;
pub(crate) mod install;
pub(crate) mod lifecycle;
pub(crate) mod move_data;
pub(crate) mod rebind;
pub(crate) mod remove;
pub(crate) mod repair;
pub(crate) mod rotate;

use std::time::Duration;

use orbitr_access::scope;
use orbitr_jobs::{Outcome, Step, StepError};
use orbitr_model::{AppId, Problem, ReleaseId};
use orbitr_store::{self as store, Tx};

use crate::{leaks, rows, secret_prefix, secret_prefix_of_app, work::Hands};

/// Steps that only write files or a few rows.
pub(crate) const SHORT: Duration = Duration::from_secs(60);
/// Starting and stopping containers: each may take its grace.
pub(crate) const CONTAINERS: Duration = Duration::from_secs(10 * 60);
/// Pulling images over a slow line; a download that stands still ends much earlier.
pub(crate) const PULL: Duration = Duration::from_secs(6 * 60 * 60);
/// The longest grace that an extension may ask for, and some.
pub(crate) const PROBE: Duration = Duration::from_secs(65 * 60);

fn step(name: &'static str, title: &str, limit: Duration) -> Step {
    Step { name, title: title.to_owned(), limit, reversible: true }
}

/// A step that this release of the supervisor does not know: the job was begun by another one.
fn unknown(step: &str) -> StepError {
    StepError::lasting(Problem::new(500, "job-step-unknown", format!("This Orbitr does not know the step «{step}»")))
}

/// Ends a job that puts one release in the place of another: the new one is the active one, or there is nothing of it.
fn take_over(
    hands: &Hands,
    tx: &mut Tx<'_>,
    app: &AppId,
    (new, previous): (ReleaseId, ReleaseId),
    outcome: &Outcome,
) -> Result<(), store::Error> {
    match outcome {
        Outcome::Succeeded => {
            leaks::forget_changed(tx, hands.store.secrets(), app, new, previous)?;
            rows::activate(tx, app, new)?;
            rebind::tell_dependants(tx, app)
        }
        // The rows stay, so that what is left can be told apart; the pointer never moved.
        Outcome::Failed { undone: false, .. } => Ok(()),
        Outcome::Failed { .. } | Outcome::Cancelled => {
            hands.store.secrets().remove_prefix(tx, &secret_prefix(app, new))?;
            rows::delete_release(tx, app, new)
        }
    }
}

/// Takes away what the database knows of an app of which nothing is left: its secrets, who may do what with it, its rows.
fn forget(hands: &Hands, tx: &mut Tx<'_>, app: &AppId) -> Result<(), store::Error> {
    hands.store.secrets().remove_prefix(tx, &secret_prefix_of_app(app))?;
    scope::remove_app(tx, app)?;
    rows::delete_app(tx, app)
}
