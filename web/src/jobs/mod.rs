//! Pages of jobs: the list, one with its steps and log, the tray.

use axum::{
    extract::{Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Caller, Permit,
    action::{CancelJob, ListJobs, ViewJob},
    gate::Routes,
};
use orbitr_jobs::{Filter, Job, LOG_MAX_BYTES};
use orbitr_model::{JobId, PageRequest, Problem, Topic};
use serde::Deserialize;

use crate::{
    flash::Flash,
    shell::{self, Section},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, JobView, LogChunk, LogView, StepRow},
};

/// The most of a log that one fetch gets, in bytes: some hundred lines.
const LOG_WINDOW: u64 = 64 * 1024;

pub(crate) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes
        .get(ListJobs, "/jobs", list)
        .get(ListJobs, "/jobs/tray", tray)
        .get(ListJobs, "/jobs/list", rows)
        .get(ViewJob, "/jobs/{job}", show)
        .get(ViewJob, "/jobs/{job}/state", state)
        .get(ViewJob, "/jobs/{job}/log", log)
        .get(ViewJob, "/jobs/{job}/log.txt", log_file)
        .post(CancelJob, "/jobs/{job}/cancel", cancel)
}

/// A job as its page shows it.
pub(crate) fn view(job: Job, caller: &Caller) -> JobView {
    let may_cancel =
        !job.state.is_final() && !job.cancelling && caller.may_on_job::<CancelJob>(job.app.as_ref(), &job.actor);
    JobView {
        id: job.id,
        title: job.title,
        state: job.state,
        progress: job.progress,
        message: job.message,
        problem: job.problem,
        steps: job
            .steps
            .into_iter()
            .map(|step| StepRow {
                title: step.title,
                state: step.state,
                started: step.started,
                ended: step.ended,
                attempts: step.attempts,
            })
            .collect(),
        actor: job.actor.to_string(),
        app: job.app.map(|app| (app.to_string(), format!("/apps/{app}"))),
        queued: job.queued,
        started: job.started,
        ended: job.ended,
        resumed: job.resumed,
        cancel: may_cancel.then(|| format!("/jobs/{}/cancel", job.id)),
    }
}

#[derive(Deserialize)]
struct ListQuery {
    #[serde(default)]
    cursor: Option<String>,
}

async fn table(
    site: &Site,
    caller: &Caller,
    cursor: Option<String>,
    clock: &ui::Clock,
) -> Answer<(Markup, Option<String>)> {
    let filter = Filter { visible: caller.visible_jobs(), ..Filter::default() };
    let page = site.jobs.list(filter, &PageRequest { cursor: cursor.clone(), ..PageRequest::default() }).await?;
    let jobs: Vec<JobView> = page.items.into_iter().map(|job| view(job, caller)).collect();
    let empty = ui::empty(ui::Icon::ListChecks, "Nothing has been done yet")
        .text("Installing, starting and removing apps shows up here, step by step.");
    let table = ui::job_rows(&jobs, |id| format!("/jobs/{id}"), clock).empty(empty);
    let src = match cursor {
        Some(cursor) => format!("/jobs/list?{}", serde_urlencoded::to_string([("cursor", cursor)]).unwrap_or_default()),
        None => "/jobs/list".to_owned(),
    };
    let next =
        page.next.map(|next| format!("/jobs?{}", serde_urlencoded::to_string([("cursor", next)]).unwrap_or_default()));
    let body =
        ui::live("jobs-list", &[Topic::Jobs], &src, html! { (table) (ui::pagination(jobs.len()).next(next.clone())) });
    Ok((body, next))
}

async fn list(
    State(site): State<Site>,
    permit: Permit<ListJobs>,
    Cx(cx): Cx,
    Query(query): Query<ListQuery>,
) -> Answer<Markup> {
    let cx = cx.section(Section::Jobs);
    let (table, _) = table(&site, permit.caller(), query.cursor, &cx.clock).await?;
    let body = html! {
        (ui::header("Jobs").lead("What the box is doing and has done."))
        (table)
    };
    Ok(shell::page(&cx, "Jobs", &body))
}

async fn rows(
    State(site): State<Site>,
    permit: Permit<ListJobs>,
    Cx(cx): Cx,
    Query(query): Query<ListQuery>,
) -> Answer<Markup> {
    Ok(table(&site, permit.caller(), query.cursor, &cx.clock).await?.0)
}

async fn tray(State(site): State<Site>, permit: Permit<ListJobs>) -> Markup {
    shell::tray(&site.tray(permit.caller()).await)
}

async fn find(site: &Site, id: JobId) -> Answer<Job> {
    site.jobs.get(id).await?.ok_or_else(|| Trouble(Problem::not_found("job", id)))
}

/// The end of a job's log; what does not fit into a window is in the file to download.
async fn window(site: &Site, id: JobId) -> Answer<LogChunk> {
    let all = site.jobs.log(id, 0, LOG_MAX_BYTES.try_into().unwrap_or(usize::MAX)).await?;
    let start = all.text.len().saturating_sub(usize::try_from(LOG_WINDOW).unwrap_or(usize::MAX));
    let start = all.text.get(start..).and_then(|rest| rest.find('\n')).map_or(0, |line| start + line + 1);
    let text = if all.text.len() as u64 > LOG_WINDOW { all.text.get(start..).unwrap_or_default() } else { &all.text };
    Ok(LogChunk { text: text.to_owned(), next: all.next, ended: all.ended })
}

async fn show(State(site): State<Site>, permit: Permit<ViewJob>, Cx(cx): Cx) -> Answer<Markup> {
    let id = *permit.resource();
    let job = view(find(&site, id).await?, permit.caller());
    let cx = cx.section(Section::Jobs).here(job.title.clone());
    let mut log =
        LogView::new("job-log", "Log of the job", window(&site, id).await?).download(format!("/jobs/{id}/log.txt"));
    if !job.state.is_final() {
        log = log.follows(format!("/jobs/{id}/log"), &[Topic::Job(id)]);
    }
    let body = ui::job_panel(&job, &log, &format!("/jobs/{id}/state"), &cx.clock);
    Ok(shell::page(&cx, &job.title, &body))
}

async fn state(State(site): State<Site>, permit: Permit<ViewJob>, Cx(cx): Cx) -> Answer<Markup> {
    let id = *permit.resource();
    let job = view(find(&site, id).await?, permit.caller());
    Ok(ui::job_live(&job, &format!("/jobs/{id}/state"), &cx.clock))
}

#[derive(Deserialize)]
struct From {
    #[serde(default)]
    from: u64,
}

async fn log(State(site): State<Site>, permit: Permit<ViewJob>, Query(query): Query<From>) -> Answer {
    let limit = usize::try_from(LOG_WINDOW).unwrap_or(usize::MAX);
    let chunk = site.jobs.log(*permit.resource(), query.from, limit).await?;
    Ok(ui::log_chunk(&LogChunk { text: chunk.text, next: chunk.next, ended: chunk.ended }))
}

async fn log_file(State(site): State<Site>, permit: Permit<ViewJob>) -> Answer {
    let id = *permit.resource();
    let chunk = site.jobs.log(id, 0, LOG_MAX_BYTES.try_into().unwrap_or(usize::MAX)).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"job-{id}.log\"")),
    ];
    Ok((headers, chunk.text).into_response())
}

async fn cancel(State(site): State<Site>, permit: Permit<CancelJob>) -> Answer<Response> {
    let id = *permit.resource();
    site.jobs.cancel(id, permit.actor(), permit.address()).await?;
    Ok(Flash::busy("The job is being cancelled; what it did is undone").redirect(&format!("/jobs/{id}")))
}
