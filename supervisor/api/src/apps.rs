//! The store and the apps.

use std::{collections::BTreeMap, convert::Infallible};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response, Sse, sse},
};
use futures_util::StreamExt;
use orbitr_access::{
    Permit,
    action::{ChangeApp, InstallApp, ListApps, OperateApp, RemoveApp, RevealAppSecrets, ViewApp, ViewCatalog},
};
use orbitr_apps::{
    ActRequest, AppDetail, AppView, ChangeRequest, DataSize, ExtensionDetail, ExtensionView, Health, InstallRequest,
    LOG_LINES_MAX, LogEntry, LogQuery, Plan, ReleaseView, RemoveRequest, RenameRequest, RollBackRequest, Snapshot,
    Started, UpdatePlan, UpdateRequest, Verb,
};
use orbitr_model::{ExtensionId, Problem};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Rooms,
    builder::Builder,
    etag::{self, Tagged},
    input::{self, Body, Path, Query},
    openapi::Operation,
    problem::{Answer, Refused},
    releases,
};

const STORE: &str = "Store";
const APPS: &str = "Apps";

pub(crate) fn routes(api: Builder) -> Builder {
    let get = |path, id, summary| Operation::new(Method::GET, path, id, summary).tag(APPS);
    let post = |path, id, summary| Operation::new(Method::POST, path, id, summary).tag(APPS);
    let started = |operation: Operation| operation.answers::<Started>(202, "The job that does it");
    api.on(
        ViewCatalog,
        get("/extensions", "listExtensions", "What can be installed")
            .tag(STORE)
            .answers::<Vec<ExtensionView>>(200, "The store"),
        extensions,
    )
    .on(
        ViewCatalog,
        get(
            "/extensions/{registry}/{extension}",
            "getExtension",
            "One extension, with what it asks and what it may do",
        )
        .tag(STORE)
        .answers::<ExtensionDetail>(200, "The extension"),
        extension,
    )
    .on(
        ViewCatalog,
        post("/plans", "planInstall", "What an installation would do; changes nothing")
            .tag(STORE)
            .body::<InstallRequest>()
            .answers::<Plan>(200, "The plan"),
        plan,
    )
    .on(
        ListApps,
        get("/apps", "listApps", "The apps that the caller may see").answers::<Vec<AppView>>(200, "The apps, by name"),
        list,
    )
    .on(
        InstallApp,
        started(
            post("/projects/{project}/apps", "installApp", "Install an extension; `home` names the built-in project")
                .body::<InstallRequest>(),
        ),
        install,
    )
    .on(ViewApp, get("/apps/{app}", "getApp", "One app").answers::<AppDetail>(200, "The app"), show)
    .on(
        ChangeApp,
        Operation::new(Method::PATCH, "/apps/{app}", "renameApp", "Call an app something else")
            .tag(APPS)
            .body::<RenameRequest>()
            .answers_nothing(204, "It is called so"),
        rename,
    )
    .on(
        ChangeApp,
        started(post(
            "/apps/{app}/bindings/{binding}/password",
            "rotatePassword",
            "Give an app another password at the app that it is bound to",
        )),
        rotate,
    )
    .on(
        ChangeApp,
        started(
            post("/apps/{app}/actions/{action}", "runAction", "Run an action of an app's extension")
                .body::<ActRequest>(),
        ),
        act,
    )
    .on(
        RemoveApp,
        started(
            Operation::new(
                Method::DELETE,
                "/apps/{app}/snapshots/{snapshot}",
                "deleteSnapshot",
                "Delete a snapshot of an app's data",
            )
            .tag(APPS),
        ),
        forget_snapshot,
    )
    .on(
        ViewApp,
        get("/apps/{app}/releases", "listReleases", "An app's releases, the newest first")
            .answers::<Vec<ReleaseView>>(200, "The releases"),
        releases,
    )
    .on(
        ViewApp,
        get("/apps/{app}/data", "getAppData", "How much an app's data folder holds")
            .answers::<DataSize>(200, "Its size"),
        data,
    )
    .on(
        ViewApp,
        get("/apps/{app}/health", "getAppHealth", "How an app was lately: when it answered, and when not")
            .answers::<Health>(200, "Shares of time, and spans"),
        health,
    )
    .on(
        ViewApp,
        get("/apps/{app}/logs", "getAppLogs", "The last lines of an app's logs")
            .query::<LogQuery>()
            .answers::<Vec<LogEntry>>(
                200,
                "The lines, the oldest first; with `follow`, a stream of server-sent events with one line each",
            ),
        logs,
    )
    .on(
        RevealAppSecrets,
        get("/apps/{app}/secrets", "revealAppSecrets", "The passwords that an app was given; written to history")
            .answers::<BTreeMap<String, String>>(200, "Values by name"),
        reveal,
    )
    .on(OperateApp, started(post("/apps/{app}/start", "startApp", "Start an app")), start)
    .on(OperateApp, started(post("/apps/{app}/stop", "stopApp", "Stop an app").query::<Stop>()), stop)
    .on(OperateApp, started(post("/apps/{app}/restart", "restartApp", "Restart an app")), restart)
    .on(
        ChangeApp,
        started(
            Operation::new(
                Method::PATCH,
                "/apps/{app}/inputs",
                "changeApp",
                "Change an app's inputs; those left out stay",
            )
            .tag(APPS)
            .body::<ChangeRequest>(),
        ),
        change,
    )
    .on(
        ChangeApp,
        get("/apps/{app}/update", "planUpdate", "What an update would do; changes nothing")
            .answers::<UpdatePlan>(200, "The plan"),
        plan_update,
    )
    .on(
        ChangeApp,
        started(
            post("/apps/{app}/update", "updateApp", "Update an app to the version that the store has")
                .body::<UpdateRequest>(),
        ),
        update,
    )
    .on(
        ChangeApp,
        started(
            post("/apps/{app}/roll-back", "rollBackApp", "Run an older release again, with the data of now or of then")
                .body::<RollBackRequest>(),
        ),
        roll_back,
    )
    .on(
        ViewApp,
        get("/apps/{app}/snapshots", "listSnapshots", "The snapshots of an app's data, the newest first")
            .answers::<Vec<Snapshot>>(200, "The snapshots"),
        snapshots,
    )
    .on(
        RemoveApp,
        started(
            Operation::new(Method::DELETE, "/apps/{app}", "removeApp", "Remove an app, with or without its data")
                .tag(APPS)
                .body::<RemoveRequest>(),
        ),
        remove,
    )
}

async fn extensions(State(rooms): State<Rooms>, permit: Permit<ViewCatalog>) -> Json<Vec<ExtensionView>> {
    Json(rooms.apps.extensions(&permit))
}

async fn extension(
    State(rooms): State<Rooms>,
    permit: Permit<ViewCatalog>,
    Path((registry, extension)): Path<(String, String)>,
) -> Answer<Json<ExtensionDetail>> {
    let id: ExtensionId = format!("{registry}/{extension}")
        .parse()
        .map_err(|_| Refused(Problem::not_found("extension", format!("{registry}/{extension}"))))?;
    Ok(Json(rooms.apps.extension(&permit, &id)?))
}

async fn plan(
    State(rooms): State<Rooms>,
    permit: Permit<ViewCatalog>,
    Body(request): Body<InstallRequest>,
) -> Answer<Json<Plan>> {
    Ok(Json(rooms.apps.plan(&permit, &request).await?))
}

async fn list(State(rooms): State<Rooms>, permit: Permit<ListApps>) -> Answer<Json<Vec<AppView>>> {
    Ok(Json(rooms.apps.list(&permit).await?))
}

async fn install(
    State(rooms): State<Rooms>,
    permit: Permit<InstallApp>,
    Body(request): Body<InstallRequest>,
) -> Answer<Response> {
    Ok(accepted(rooms.apps.install(&permit, request).await?))
}

async fn show(State(rooms): State<Rooms>, permit: Permit<ViewApp>) -> Answer<Tagged<AppDetail>> {
    Ok(Tagged(rooms.apps.get(&permit).await?))
}

async fn releases(State(rooms): State<Rooms>, permit: Permit<ViewApp>) -> Answer<Json<Vec<ReleaseView>>> {
    Ok(Json(rooms.apps.releases(&permit).await?))
}

async fn data(State(rooms): State<Rooms>, permit: Permit<ViewApp>) -> Answer<Json<DataSize>> {
    Ok(Json(rooms.apps.data_size(&permit).await?))
}

async fn rename(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeApp>,
    Body(request): Body<RenameRequest>,
) -> Answer<StatusCode> {
    rooms.apps.rename(&permit, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn act(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeApp>,
    Path((_, name)): Path<(String, String)>,
    Body(request): Body<ActRequest>,
) -> Answer<Response> {
    Ok(accepted(rooms.apps.act(&permit, &name, request).await?))
}

async fn rotate(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeApp>,
    Path((_, binding)): Path<(String, String)>,
) -> Answer<Response> {
    Ok(accepted(rooms.apps.rotate_password(&permit, &binding).await?))
}

async fn forget_snapshot(
    State(rooms): State<Rooms>,
    permit: Permit<RemoveApp>,
    Path((_, number)): Path<(String, String)>,
) -> Answer<Response> {
    Ok(accepted(rooms.apps.forget_snapshot(&permit, releases::number("snapshot", &number)?).await?))
}

async fn health(State(rooms): State<Rooms>, permit: Permit<ViewApp>) -> Answer<Json<Health>> {
    Ok(Json(rooms.apps.health(&permit).await?))
}

async fn logs(State(rooms): State<Rooms>, permit: Permit<ViewApp>, Query(query): Query<LogQuery>) -> Answer<Response> {
    input::within("tail", query.tail, 1, LOG_LINES_MAX)?;
    if !query.follow {
        return Ok(Json(rooms.apps.log_window(&permit, &query).await?).into_response());
    }
    let lines = rooms.apps.log_stream(&permit, query).await?;
    let events = lines.map(|line| {
        let event = match line {
            Ok(entry) => sse::Event::default().json_data(entry),
            Err(error) => sse::Event::default().event("problem").json_data(Problem::from(error)),
        };
        Ok::<_, Infallible>(event.unwrap_or_default())
    });
    Ok(Sse::new(events).keep_alive(sse::KeepAlive::default()).into_response())
}

async fn reveal(
    State(rooms): State<Rooms>,
    permit: Permit<RevealAppSecrets>,
) -> Answer<Json<BTreeMap<String, String>>> {
    Ok(Json(rooms.apps.reveal(&permit).await?))
}

/// What is stopped besides.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Stop {
    /// Also the apps that need it and that the caller may stop, before it.
    #[serde(default)]
    dependants: bool,
}

/// Operates an app, with those that go along.
async fn operate(rooms: &Rooms, permit: &Permit<OperateApp>, verb: Verb, along: bool) -> Answer<Response> {
    let others = if along { rooms.apps.along(permit, verb).await? } else { Vec::new() };
    let permits = rooms.access.permits(permit.caller(), others).await;
    Ok(accepted(rooms.apps.operate(permit, verb, &permits).await?))
}

async fn start(State(rooms): State<Rooms>, permit: Permit<OperateApp>) -> Answer<Response> {
    operate(&rooms, &permit, Verb::Start, true).await
}

async fn stop(State(rooms): State<Rooms>, permit: Permit<OperateApp>, Query(asked): Query<Stop>) -> Answer<Response> {
    operate(&rooms, &permit, Verb::Stop, asked.dependants).await
}

async fn restart(State(rooms): State<Rooms>, permit: Permit<OperateApp>) -> Answer<Response> {
    operate(&rooms, &permit, Verb::Restart, true).await
}

async fn change(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeApp>,
    headers: HeaderMap,
    Body(request): Body<ChangeRequest>,
) -> Answer<Response> {
    if etag::has_condition(&headers) {
        let now = rooms.apps.get(&rooms.look::<ViewApp>(permit.caller(), permit.resource().clone()).await?).await?;
        etag::check(&headers, &now)?;
    }
    Ok(accepted(rooms.apps.change(&permit, request).await?))
}

async fn plan_update(State(rooms): State<Rooms>, permit: Permit<ChangeApp>) -> Answer<Json<UpdatePlan>> {
    Ok(Json(rooms.apps.plan_update(&permit).await?))
}

async fn update(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeApp>,
    Body(request): Body<UpdateRequest>,
) -> Answer<Response> {
    Ok(accepted(rooms.apps.update(&permit, request).await?))
}

async fn roll_back(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeApp>,
    Body(request): Body<RollBackRequest>,
) -> Answer<Response> {
    Ok(accepted(rooms.apps.roll_back(&permit, request).await?))
}

async fn snapshots(State(rooms): State<Rooms>, permit: Permit<ViewApp>) -> Answer<Json<Vec<Snapshot>>> {
    Ok(Json(rooms.apps.snapshots(&permit).await?))
}

async fn remove(
    State(rooms): State<Rooms>,
    permit: Permit<RemoveApp>,
    Body(request): Body<RemoveRequest>,
) -> Answer<Response> {
    Ok(accepted(rooms.apps.remove(&permit, request).await?))
}

/// 202 with the job, and where to look for it.
pub(crate) fn accepted(started: Started) -> Response {
    let location = format!("/api/v1/jobs/{}", started.job);
    (StatusCode::ACCEPTED, [(axum::http::header::LOCATION, location)], Json(started)).into_response()
}
