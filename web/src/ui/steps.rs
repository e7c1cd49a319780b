//! Step list: what a job does, one line a step.

use maud::{Markup, html};
use orbitr_model::{StepState, Timestamp};

use super::{Clock, status_dot};

/// One step of a job.
#[derive(Clone, Debug)]
pub struct StepRow {
    /// What it does: «Pull images».
    pub title: String,
    /// Where it is.
    pub state: StepState,
    /// When it was begun.
    pub started: Option<Timestamp>,
    /// When it was done or undone.
    pub ended: Option<Timestamp>,
    /// How often it was begun.
    pub attempts: u32,
}

/// The steps in their order, with how long each took.
#[must_use]
pub fn steps(rows: &[StepRow], clock: &Clock) -> Markup {
    html! {
        @if !rows.is_empty() {
            ol class="steps" {
                @for row in rows {
                    li data-state=(row.state.as_str()) {
                        (status_dot(row.state))
                        span class="steps-title" { (row.title) }
                        @if row.attempts > 1 { span class="steps-note" { "try " (row.attempts) } }
                        @if let Some(started) = row.started { (clock.took(started, row.ended)) }
                    }
                }
            }
        }
    }
}
