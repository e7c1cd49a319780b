//! Jobs: the panel of one (its page, and the drawer), and the rows of many.

use maud::{Markup, html};
use orbitr_model::{JobId, JobState, Problem, StepState, Timestamp, Topic};

use super::{
    Clock, Column, Icon, LogView, Row, StepRow, button, copyable, key_values, live, problem, progress, status, steps,
    table,
};

/// One job as its page shows it.
#[derive(Clone, Debug)]
pub struct JobView {
    /// Which.
    pub id: JobId,
    /// What it does: «Install PostgreSQL».
    pub title: String,
    /// Where it is.
    pub state: JobState,
    /// How far, 0 to 1, where that is known.
    pub progress: Option<f64>,
    /// What it does right now: «Pulling 3 of 7 layers».
    pub message: String,
    /// Why it failed.
    pub problem: Option<Problem>,
    /// Its steps.
    pub steps: Vec<StepRow>,
    /// Who started it.
    pub actor: String,
    /// The app it is about: name and address.
    pub app: Option<(String, String)>,
    /// When it was asked for.
    pub queued: Timestamp,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How often it went on after a restart of the supervisor.
    pub resumed: u32,
    /// Whether this reader may cancel it, and where that posts to.
    pub cancel: Option<String>,
}

/// The whole job: state, progress, steps, log, cancel. Stands alone on the job's page and slides in as the drawer.
///
/// `src` is the address whose answer is [`job_live`] alone, for example `/jobs/{job}/state`.
#[must_use]
pub fn job_panel(job: &JobView, log: &LogView, src: &str, clock: &Clock) -> Markup {
    html! {
        section class="job" data-sheet {
            (job_live(job, src, clock))
            h2 class="job-log-title" { "Log" }
            (log)
        }
    }
}

/// The part of the panel that changes while the job goes on; the answer of `src`.
#[must_use]
pub fn job_live(job: &JobView, src: &str, clock: &Clock) -> Markup {
    let body = html! {
        div class="job-head" {
            h1 { (job.title) }
            div class="job-facts" {
                (status(job.state))
                @if let Some(started) = job.started { (clock.took(started, job.ended)) }
                span { "by " (job.actor) }
                span { (clock.ago(job.queued)) }
            }
        }
        @if let Some(failed) = &job.problem { (problem(failed)) }
        @if !job.state.is_final() {
            div class="job-progress" {
                (progress(&job.title, job.progress))
                p { (now(job)) }
            }
        }
        (steps(&job.steps, clock))
        @if job.resumed > 0 {
            p class="job-note" { (Icon::RotateCw) "Went on after a restart of the supervisor" @if job.resumed > 1 { " (" (job.resumed) " times)" } "." }
        }
        (key_values()
            .maybe("App", job.app.as_ref().map(|(name, href)| html! { a href=(href) { (name) } }))
            .row("Job", copyable(&job.id.to_string())))
        @if let Some(action) = &job.cancel {
            div class="job-actions" { (button("Cancel job").post(action).icon(Icon::Ban)) }
        }
    };
    live(&format!("job-{}-state", job.id), &[Topic::Job(job.id)], src, &body)
}

/// What the job does at this moment.
fn now(job: &JobView) -> &str {
    let at = job.steps.iter().find(|step| matches!(step.state, StepState::Running | StepState::Undoing));
    match (job.message.as_str(), at) {
        ("", Some(step)) => &step.title,
        ("", None) if job.state == JobState::Queued => "Waiting for its turn",
        (message, _) => message,
    }
}

/// A table of jobs; each row opens its job at the side. `href` makes the address of one.
#[must_use]
pub fn job_rows(jobs: &[JobView], href: impl Fn(&JobId) -> String, clock: &Clock) -> super::Table {
    let rows = jobs.iter().map(|job| {
        Row::new()
            .id(format!("job-{}", job.id))
            .href(href(&job.id))
            .opens_drawer()
            .cell(job.title.as_str())
            .cell(html! {
                (status(job.state))
                @if !job.state.is_final() && !job.message.is_empty() { span class="status-reason" { (job.message) } }
            })
            .cell(job.actor.as_str())
            .cell(job.started.map_or_else(|| html! {}, |started| clock.took(started, job.ended)))
            .cell(clock.ago(job.queued))
    });
    let columns = [
        Column::new("Job"),
        Column::new("State"),
        Column::new("By"),
        Column::new("Took").number(),
        Column::new("Asked for").number(),
    ];
    table("Jobs", columns).rows(rows)
}
