//! One transition of one job as one transaction: the row, its steps, and what its end means.

use std::sync::Arc;

use orbitr_model::{JobId, Timestamp, Topic, deed};
use orbitr_store::{self as store, NewEvent, Subject, Tx};

use crate::{
    Error, Outcome,
    kind::Work,
    machine::Machine,
    rows::{self, Head, Shown},
};

/// What a committed transition left behind.
pub(crate) struct Step<R> {
    pub(crate) result: R,
    pub(crate) machine: Machine,
    /// Old jobs that were forgotten; their logs can go.
    pub(crate) forgotten: Vec<JobId>,
}

/// Changes the job `id` by `change` and writes what changed. If that ends the job, its kind hears of it,
/// history gets its line and the oldest ended jobs go, all in this transaction.
pub(crate) fn apply<R>(
    tx: &mut Tx<'_>,
    id: JobId,
    work: Option<&Arc<dyn Work>>,
    shown: Option<&Shown>,
    kept: u32,
    change: impl FnOnce(&mut Machine, Timestamp) -> Result<R, Error>,
) -> Result<Step<R>, Error> {
    let now = tx.now();
    let (head, before) = rows::load(tx, id)?.ok_or(Error::Unknown(id))?;
    let mut machine = before.clone();
    let result = change(&mut machine, now)?;
    rows::save(tx, id, &before, &machine, now)?;
    if let Some(shown) = shown {
        rows::save_shown(tx, id, shown)?;
    }
    let mut forgotten = Vec::new();
    if let Some(outcome) = machine.outcome().filter(|_| !before.state.is_final()) {
        rows::save_shown(tx, id, &Shown::default())?;
        if let Some(work) = work {
            work.ended(tx, &outcome)?;
        }
        tx.event(history(&head, &machine, &outcome))?;
        forgotten = rows::prune(tx, kept, id)?;
    }
    tx.changed(Topic::Job(id));
    if before.state != machine.state {
        tx.changed(Topic::Jobs);
        if let Some(app) = head.app {
            tx.changed(Topic::App(app));
        }
    }
    Ok(Step { result, machine, forgotten })
}

fn history(head: &Head, machine: &Machine, outcome: &Outcome) -> NewEvent {
    let (action, result) = match outcome {
        Outcome::Succeeded => (deed::JOB_SUCCEEDED, store::Outcome::Ok),
        Outcome::Failed { .. } => (deed::JOB_FAILED, store::Outcome::Failed),
        Outcome::Cancelled => (deed::JOB_CANCELLED, store::Outcome::Ok),
    };
    let mut detail = serde_json::json!({ "job": head.id, "kind": head.kind, "title": head.title });
    if let Some(fields) = detail.as_object_mut() {
        let mut add = |name: &str, value: Option<&String>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value.as_str().into());
            }
        };
        add("step", machine.failed_step.as_ref());
        add("code", machine.problem.as_ref().map(|problem| &problem.code));
    }
    NewEvent { actor: head.actor.clone(), action, subject: subject(head), outcome: result, detail, address: None }
}

/// What history files a job under: its app, else the box.
pub(crate) fn subject(head: &Head) -> Subject {
    head.app.as_ref().map_or_else(Subject::the_box, |app| Subject::new("app", app, app))
}
