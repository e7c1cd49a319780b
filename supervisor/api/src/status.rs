//! Whether the box is there, and how it is doing, in one answer.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::Method};
use orbitr_access::{
    Permit, TheBox,
    action::{ListApps, ListIssues, ListJobs, ViewBox},
};
use orbitr_jobs::{Filter, Visible};
use orbitr_machine::Verdict;
use orbitr_model::{DisplayName, Mode, PageRequest};
use orbitr_watch::Counts;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Rooms, builder::Builder, openapi::Operation, problem::Answer};

const TAG: &str = "Box";
/// More jobs than this are not counted.
const JOBS_COUNTED: u32 = 200;

pub(crate) fn routes(api: Builder, version: &'static str) -> Builder {
    let get = |path, id, summary| Operation::new(Method::GET, path, id, summary).tag(TAG);
    api.always(
        "it says only that somebody answers",
        get("/health", "getHealth", "Whether the supervisor answers").answers::<Health>(200, "It does"),
        async || Json(Health { status: "ok" }),
    )
    .on(
        ViewBox,
        get("/status", "getStatus", "How the box is doing").answers::<Status>(200, "Its state in brief"),
        async move |State(rooms): State<Rooms>, permit: Permit<ViewBox>| status(&rooms, &permit, version).await,
    )
}

/// That somebody answers.
#[derive(Serialize, JsonSchema)]
struct Health {
    /// Always `ok`.
    status: &'static str,
}

/// The box in brief. Apps, issues and jobs are those that the caller may see.
#[derive(Serialize, JsonSchema)]
struct Status {
    /// The version of Orbitr.
    version: &'static str,
    /// What the box is called.
    name: DisplayName,
    /// What it does as a whole.
    #[serde(flatten)]
    mode: Mode,
    /// Docker, which runs the apps.
    docker: DockerStatus,
    /// Whether the machine's clock can be right, as it was last judged. By a clock that is `behind` or `ahead` no certificate
    /// can be checked.
    clock: Verdict,
    /// Whether the box is in safe mode: apps stay stopped.
    safe_mode: bool,
    /// How many apps are in each state; states without any are left out.
    apps: BTreeMap<&'static str, u32>,
    /// How many issues of each severity there are that nobody has dismissed.
    issues: Counts,
    /// How many jobs have not ended; 200 stands for as many or more.
    #[schemars(range(max = 200))]
    active_jobs: usize,
}

/// Whether Docker answers.
#[derive(Serialize, JsonSchema)]
struct DockerStatus {
    /// Whether it does.
    up: bool,
    /// Why not; empty when it does.
    reason: String,
}

async fn status(rooms: &Rooms, permit: &Permit<ViewBox>, version: &'static str) -> Answer<Json<Status>> {
    let reason = rooms.apps.docker_answers().err();
    let may_list = rooms.look::<ListApps>(permit.caller(), TheBox).await?;
    let mut apps = BTreeMap::new();
    for app in rooms.apps.list(&may_list).await? {
        *apps.entry(app.status.state.as_str()).or_default() += 1;
    }
    let may_list = rooms.look::<ListJobs>(permit.caller(), TheBox).await?;
    let visible = may_list.visible().apps().map(|apps| Visible { apps, owner: permit.actor().user() });
    let active = Filter { active: Some(true), visible, ..Filter::default() };
    let jobs = rooms.jobs.list(active, &PageRequest { cursor: None, limit: JOBS_COUNTED }).await?;
    let reasons = [rooms.apps.troubles(), rooms.machine.troubles()].concat();
    let mode = if reasons.is_empty() { Mode::Running } else { Mode::Degraded { reasons } };
    let docker = DockerStatus { up: reason.is_none(), reason: reason.unwrap_or_default() };
    let (name, clock) = (rooms.machine.name(), rooms.machine.clock());
    let safe_mode = rooms.apps.in_safe_mode().await?;
    let may_list = rooms.look::<ListIssues>(permit.caller(), TheBox).await?;
    let issues = Counts::of(&rooms.watch.list(&may_list).await?);
    let active_jobs = jobs.items.len();
    Ok(Json(Status { version, name, mode, docker, clock, safe_mode, apps, issues, active_jobs }))
}
