//! What is wrong with the box and its apps, and what helps where no other page does it.

use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode},
};
use orbitr_access::{
    Permit,
    action::{ChangeApp, ChangeBox, DismissAppIssue, DismissIssue, ListIssues, OperateApp},
};
use orbitr_apps::Started;
use orbitr_machine::MachineJob;
use orbitr_watch::IssueView;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Rooms,
    builder::Builder,
    input::{Path, Query},
    openapi::Operation,
    problem::Answer,
};

const TAG: &str = "Issues";

pub(crate) fn routes(api: Builder) -> Builder {
    let get = |path, id, summary| Operation::new(Method::GET, path, id, summary).tag(TAG);
    let post = |path, id, summary| Operation::new(Method::POST, path, id, summary).tag(TAG);
    let started = |operation: Operation| operation.answers::<Started>(202, "The job that does it");
    let gone = |operation: Operation| operation.answers_nothing(204, "It is hidden until it ends and comes back");
    api.on(
        ListIssues,
        get("/issues", "listAllIssues", "What is wrong with the box and its apps, the worst first, with what helps")
            .query::<Shown>()
            .answers::<Vec<IssueView>>(200, "Nothing, or each issue that the caller may see"),
        list,
    )
    .on(DismissIssue, gone(post("/issues/{issue}/dismiss", "dismissIssue", "Hide any issue")), dismiss)
    .on(
        ChangeApp,
        started(post(
            "/apps/{app}/ports/move",
            "movePorts",
            "Give an app a free port for each that another program holds",
        )),
        move_ports,
    )
    .on(
        OperateApp,
        started(post(
            "/apps/{app}/images/fetch",
            "fetchImages",
            "Get the images of an app that are gone or damaged, and start it",
        )),
        fetch_images,
    )
    .on(
        ChangeApp,
        started(post(
            "/apps/{app}/secrets/{secret}/rotate",
            "rotateSecret",
            "Make a secret of an app anew, where a restart is enough",
        )),
        rotate_secret,
    )
    .on(
        ChangeBox,
        post("/box/certificate/renew", "renewCertificate", "Renew the certificate of the box")
            .answers::<MachineJob>(202, "The job that does it"),
        renew_certificate,
    )
    .on(
        ChangeBox,
        post("/box/copies", "copyDatabase", "Copy the database of the box now")
            .answers::<MachineJob>(202, "The job that does it"),
        copy_database,
    )
    .on(
        DismissAppIssue,
        gone(post("/apps/{app}/issues/{issue}/dismiss", "dismissAppIssue", "Hide an issue of one app")),
        dismiss_of_app,
    )
}

/// Which issues.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Shown {
    /// Those that were dismissed, too.
    #[serde(default)]
    dismissed: bool,
}

async fn list(
    State(rooms): State<Rooms>,
    permit: Permit<ListIssues>,
    Query(shown): Query<Shown>,
) -> Answer<Json<Vec<IssueView>>> {
    let mut issues = rooms.watch.list(&permit).await?;
    issues.retain(|issue| shown.dismissed || issue.dismissed.is_none());
    Ok(Json(issues))
}

async fn dismiss(
    State(rooms): State<Rooms>,
    permit: Permit<DismissIssue>,
    Path(issue): Path<String>,
) -> Answer<StatusCode> {
    rooms.watch.dismiss(&permit, &issue).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn dismiss_of_app(
    State(rooms): State<Rooms>,
    permit: Permit<DismissAppIssue>,
    Path((_, issue)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.watch.dismiss_of_app(&permit, &issue).await?;
    Ok(StatusCode::NO_CONTENT)
}

type Begun<T> = Answer<(StatusCode, Json<T>)>;

async fn move_ports(State(rooms): State<Rooms>, permit: Permit<ChangeApp>) -> Begun<Started> {
    Ok((StatusCode::ACCEPTED, Json(rooms.apps.move_ports(&permit).await?)))
}

async fn fetch_images(State(rooms): State<Rooms>, permit: Permit<OperateApp>) -> Begun<Started> {
    Ok((StatusCode::ACCEPTED, Json(rooms.apps.repair(&permit).await?)))
}

async fn rotate_secret(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeApp>,
    Path((_, secret)): Path<(String, String)>,
) -> Begun<Started> {
    Ok((StatusCode::ACCEPTED, Json(rooms.apps.rotate_secret(&permit, &secret).await?)))
}

async fn renew_certificate(State(rooms): State<Rooms>, permit: Permit<ChangeBox>) -> Begun<MachineJob> {
    Ok((StatusCode::ACCEPTED, Json(rooms.machine.renew_certificate(&permit).await?)))
}

async fn copy_database(State(rooms): State<Rooms>, permit: Permit<ChangeBox>) -> Begun<MachineJob> {
    Ok((StatusCode::ACCEPTED, Json(rooms.machine.copy_database(&permit).await?)))
}
