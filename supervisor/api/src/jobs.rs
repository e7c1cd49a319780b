//! Jobs: the list, one, its log, cancel.

use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode},
};
use orbitr_access::{
    Permit,
    action::{CancelJob, ListJobs, ViewJob},
};
use orbitr_jobs::{Filter, Job, LogChunk};
use orbitr_model::{AppId, JobState, Page, Problem};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Rooms,
    builder::Builder,
    etag::Tagged,
    input::{self, Query},
    openapi::Operation,
    problem::{Answer, Refused},
};

const TAG: &str = "Jobs";
/// The most of a log that one answer holds, in bytes.
const LOG_CHUNK: usize = 256 * 1024;

pub(crate) fn routes(api: Builder) -> Builder {
    let get = |path, id, summary| Operation::new(Method::GET, path, id, summary).tag(TAG);
    let cancel = Operation::new(Method::POST, "/jobs/{job}/cancel", "cancelJob", "Cancel a job; what it did is undone");
    api.on(
        ListJobs,
        get("/jobs", "listJobs", "The jobs that the caller may see, the newest first")
            .query::<JobQuery>()
            .answers::<Page<Job>>(200, "A page of jobs"),
        list,
    )
    .on(ViewJob, get("/jobs/{job}", "getJob", "One job with its steps").answers::<Job>(200, "The job"), show)
    .on(
        ViewJob,
        get("/jobs/{job}/log", "getJobLog", "A part of a job's log")
            .query::<LogFrom>()
            .answers::<LogChunk>(200, "The text, and where the next part begins"),
        log,
    )
    .on(CancelJob, cancel.tag(TAG).answers_nothing(202, "It is being cancelled"), cancel_job)
}

/// Which jobs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct JobQuery {
    /// Those that work on this app.
    #[serde(default)]
    app: Option<AppId>,
    /// Those in this state.
    #[serde(default)]
    state: Option<JobState>,
    /// `true`: those that have not ended; `false`: those that have.
    #[serde(default)]
    active: Option<bool>,
    /// `next` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// At most this many; 1 to 200, 50 when left out.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
}

/// From where.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LogFrom {
    /// The byte that the part begins with: `next` of the part before, 0 for the beginning.
    #[serde(default)]
    from: u64,
}

async fn list(
    State(rooms): State<Rooms>,
    permit: Permit<ListJobs>,
    Query(query): Query<JobQuery>,
) -> Answer<Json<Page<Job>>> {
    let visible = permit.caller().visible_jobs();
    let filter = Filter { app: query.app, state: query.state, active: query.active, owner: None, visible };
    let page = input::page(query.cursor, query.limit)?;
    Ok(Json(rooms.jobs.list(filter, &page).await?))
}

async fn show(State(rooms): State<Rooms>, permit: Permit<ViewJob>) -> Answer<Tagged<Job>> {
    let id = *permit.resource();
    match rooms.jobs.get(id).await? {
        Some(job) => Ok(Tagged(job)),
        None => Err(Refused(Problem::not_found("job", id))),
    }
}

async fn log(
    State(rooms): State<Rooms>,
    permit: Permit<ViewJob>,
    Query(query): Query<LogFrom>,
) -> Answer<Json<LogChunk>> {
    Ok(Json(rooms.jobs.log(*permit.resource(), query.from, LOG_CHUNK).await?))
}

async fn cancel_job(State(rooms): State<Rooms>, permit: Permit<CancelJob>) -> Answer<StatusCode> {
    rooms.jobs.cancel(*permit.resource(), permit.actor(), permit.address()).await?;
    Ok(StatusCode::ACCEPTED)
}
