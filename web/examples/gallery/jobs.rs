//! Sample jobs.

use axum::{
    extract::{Query, State},
    response::Response,
    routing::{get, post},
};
use jiff::ToSpan;
use maud::{Markup, html};
use orbitr_model::{JobId, JobState, Problem, StepState, Timestamp, Topic};
use orbitr_web::{
    flash::Flash,
    shell::{self, Section},
    ui::{self, JobView, LogChunk, LogView, StepRow},
};
use serde::Deserialize;

use crate::{
    Cx, Routes, Work as WorkState,
    live::{JOB, Work},
};

const STEPS: [&str; 6] = [
    "Check the plan",
    "Pull images",
    "Write the app's folder",
    "Start containers",
    "Reach it from outside",
    "Activate",
];

fn ago(minutes: i64) -> Timestamp {
    Timestamp::now() - minutes.minutes()
}

fn running(work: &Work) -> JobView {
    let at = work.position() as usize / 10;
    let step = |(index, title): (usize, &&str)| StepRow {
        title: (*title).to_owned(),
        state: if index < at {
            StepState::Done
        } else if index == at {
            StepState::Running
        } else {
            StepState::Pending
        },
        started: (index <= at).then(|| Timestamp::now() - ((at - index) as i64 * 10 + 9).seconds()),
        ended: (index < at).then(|| Timestamp::now() - ((at - index) as i64 * 10).seconds()),
        attempts: if index == 1 { 2 } else { 1 },
    };
    JobView {
        id: JOB.parse().unwrap(),
        title: "Install PostgreSQL".into(),
        state: JobState::Running,
        progress: Some(work.fraction()),
        message: format!("Pulling images: {} of 148 MiB, 3 of 7 layers", work.position() * 148 / 60),
        problem: None,
        steps: STEPS.iter().enumerate().map(step).collect(),
        actor: "anna".into(),
        app: Some(("PostgreSQL".into(), "/apps/postgresql".into())),
        queued: ago(1),
        started: Some(Timestamp::now() - 52.seconds()),
        ended: None,
        resumed: 1,
        cancel: Some(format!("/jobs/{JOB}/cancel")),
    }
}

pub(crate) fn sample(work: &Work) -> Vec<JobView> {
    let mut jobs = vec![running(work)];
    for (index, (title, state, problem)) in [
        ("Restart Nginx", JobState::Queued, None),
        ("Stop Valkey", JobState::Undoing, None),
        ("Change settings of Nextcloud", JobState::Succeeded, None),
        (
            "Install Grafana",
            JobState::Failed,
            Some(
                Problem::new(502, "pull-failed", "The image grafana/grafana:11.2.0 could not be pulled")
                    .why("The registry answered «toomanyrequests».")
                    .then("Try again in an hour, or sign in to the registry in Settings."),
            ),
        ),
        ("Remove Gitea", JobState::Cancelled, None),
    ]
    .into_iter()
    .enumerate()
    {
        let minutes = 4 + index as i64 * 55;
        jobs.push(JobView {
            id: format!("0198c0de-0000-7000-8000-00000000001{index}").parse().unwrap(),
            title: title.into(),
            state,
            progress: None,
            message: if state == JobState::Undoing { "Taking back «Stop containers»".into() } else { String::new() },
            problem,
            steps: Vec::new(),
            actor: if index == 1 { "the box".into() } else { "erik".into() },
            app: None,
            queued: ago(minutes),
            started: (state != JobState::Queued).then(|| ago(minutes)),
            ended: state.is_final().then(|| ago(minutes) + 74.seconds()),
            resumed: 0,
            cancel: None,
        });
    }
    jobs
}

fn log(work: &Work, from: u64) -> LogChunk {
    let line = |n: u64| {
        format!(
            "14:{:02}:{:02}  pull postgres:17.9  layer {:02x}f3c9e1a4b7  {} kB\n",
            n / 60 % 60,
            n % 60,
            n % 7,
            n * 197 % 9_000
        )
    };
    let end = work.cursor() + 160;
    let text = (from.max(end.saturating_sub(200))..end).map(line).collect();
    LogChunk { text, next: end, ended: false }
}

async fn list(Cx(cx): Cx, State(work): WorkState) -> Markup {
    let cx = cx.section(Section::Jobs);
    let jobs = sample(&work);
    let table = ui::job_rows(&jobs, |id| format!("/jobs/{id}"), &cx.clock);
    let body = html! {
        (ui::header("Jobs").lead("What the box is doing and has done."))
        (ui::live("jobs-list", &[Topic::Jobs], "/jobs/list", &html! { (table) }))
        (ui::pagination(jobs.len()).next(Some("/jobs?cursor=x".into())))
    };
    shell::page(&cx, "Jobs", &body)
}

async fn rows(Cx(cx): Cx, State(work): WorkState) -> Markup {
    let table = ui::job_rows(&sample(&work), |id| format!("/jobs/{id}"), &cx.clock);
    ui::live("jobs-list", &[Topic::Jobs], "/jobs/list", &html! { (table) })
}

fn find(work: &Work, id: &str) -> JobView {
    let id: JobId = id.parse().unwrap();
    let jobs = sample(work);
    jobs.iter().find(|job| job.id == id).unwrap_or(&jobs[0]).clone()
}

async fn show(Cx(cx): Cx, State(work): WorkState, axum::extract::Path(id): axum::extract::Path<String>) -> Markup {
    let job = find(&work, &id);
    let cx = cx.section(Section::Jobs).here(job.title.clone());
    let mut view = LogView::new("job-log", "Log of the job", log(&work, 0)).download(format!("/jobs/{id}/log.txt"));
    if !job.state.is_final() {
        view = view.follows(format!("/jobs/{id}/log"), &[Topic::Job(job.id)]);
    }
    let body = ui::job_panel(&job, &view, &format!("/jobs/{id}/state"), &cx.clock);
    shell::page(&cx, &job.title, &body)
}

async fn state(Cx(cx): Cx, State(work): WorkState, axum::extract::Path(id): axum::extract::Path<String>) -> Markup {
    ui::job_live(&find(&work, &id), &format!("/jobs/{id}/state"), &cx.clock)
}

#[derive(Deserialize)]
struct From {
    from: u64,
}

async fn more(State(work): WorkState, Query(From { from }): Query<From>) -> Response {
    ui::log_chunk(&log(&work, from))
}

async fn cancel() -> Response {
    Flash::good("The job is being cancelled").redirect("/jobs")
}

pub(crate) fn routes() -> Routes {
    Routes::new()
        .route("/jobs", get(list))
        .route("/jobs/list", get(rows))
        .route("/jobs/{job}", get(show))
        .route("/jobs/{job}/state", get(state))
        .route("/jobs/{job}/log", get(more))
        .route("/jobs/{job}/cancel", post(cancel))
}
