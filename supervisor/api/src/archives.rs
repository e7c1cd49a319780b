//! Archives: files that hold an app with its data.

use axum::{
    Json,
    body::Body as Stream,
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use orbitr_access::{
    Permit,
    action::{ExportApp, InstallApp, ManageArchives, ViewArchives},
};
use orbitr_apps::{Archive, ExportRequest, Exporting, ImportRequest, Started};
use orbitr_model::Problem;
use uuid::Uuid;

use crate::{
    Rooms,
    apps::accepted,
    builder::Builder,
    input::{Body, Path},
    openapi::Operation,
    problem::{Answer, Refused},
};

const TAG: &str = "Archives";
const KIND: &str = "application/gzip";
const ALL: &str = "/projects/{project}/archives";
const ONE: &str = "/projects/{project}/archives/{archive}";

pub(crate) fn routes(api: Builder) -> Builder {
    let op = |method, path, id, summary| Operation::new(method, path, id, summary).tag(TAG);
    api.on(
        ExportApp,
        op(Method::POST, "/apps/{app}/export", "exportApp", "Put an app with its data into an archive")
            .body::<ExportRequest>()
            .answers::<Exporting>(202, "The job that does it, and the archive that there will be"),
        export,
    )
    .on(
        ViewArchives,
        op(Method::GET, ALL, "listArchives", "The archives of a project, the newest first")
            .answers::<Vec<Archive>>(200, "The archives"),
        list,
    )
    .on(
        ManageArchives,
        op(Method::POST, ALL, "uploadArchive", "Bring an archive; it is deleted by itself after a week")
            .file(KIND)
            .answers::<Archive>(201, "What is in it"),
        upload,
    )
    .on(ViewArchives, op(Method::GET, ONE, "getArchive", "One archive").answers::<Archive>(200, "What is in it"), show)
    .on(
        ViewArchives,
        op(Method::GET, "/projects/{project}/archives/{archive}/file", "downloadArchive", "The file itself")
            .answers_text(200, KIND, "The archive"),
        download,
    )
    .on(
        ManageArchives,
        op(Method::DELETE, ONE, "deleteArchive", "Delete an archive, for good").answers_nothing(204, "It is deleted"),
        delete,
    )
    .on(
        InstallApp,
        op(
            Method::POST,
            "/projects/{project}/archives/{archive}/install",
            "installArchive",
            "Install an app from an archive, as a new app",
        )
        .body::<ImportRequest>()
        .answers::<Started>(202, "The job that does it, and the new app"),
        install,
    )
}

fn id(text: &str) -> Answer<Uuid> {
    text.parse().map_err(|_| Refused(Problem::not_found("archive", text)))
}

async fn export(
    State(rooms): State<Rooms>,
    permit: Permit<ExportApp>,
    Body(request): Body<ExportRequest>,
) -> Answer<Response> {
    let project = rooms.apps.project_of(permit.resource()).await?;
    let into = rooms.look::<ManageArchives>(permit.caller(), project).await?;
    let exporting = rooms.apps.export(&permit, &into, request).await?;
    let location = format!("/api/v1/jobs/{}", exporting.started.job);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(exporting)).into_response())
}

async fn list(State(rooms): State<Rooms>, permit: Permit<ViewArchives>) -> Answer<Json<Vec<Archive>>> {
    Ok(Json(rooms.apps.archives(&permit).await?))
}

async fn upload(State(rooms): State<Rooms>, permit: Permit<ManageArchives>, body: Stream) -> Answer<Response> {
    let mut upload = rooms.apps.upload(&permit).await?;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let cut_off = |_| Refused(Problem::new(400, "upload-cut-off", "The upload was cut off"));
        upload.write(piece.map_err(cut_off)?).await?;
    }
    let archive = rooms.apps.uploaded(&permit, upload).await?;
    let location = format!("/api/v1/projects/{}/archives/{}", archive.project, archive.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(archive)).into_response())
}

async fn show(
    State(rooms): State<Rooms>,
    permit: Permit<ViewArchives>,
    Path((_, archive)): Path<(String, String)>,
) -> Answer<Json<Archive>> {
    Ok(Json(rooms.apps.archive(&permit, id(&archive)?).await?))
}

async fn download(
    State(rooms): State<Rooms>,
    permit: Permit<ViewArchives>,
    Path((_, archive)): Path<(String, String)>,
) -> Answer<Response> {
    let found = rooms.apps.download(&permit, id(&archive)?).await?;
    let headers = [
        (header::CONTENT_TYPE, KIND.to_owned()),
        (header::CONTENT_LENGTH, found.archive.size.0.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", found.archive.file_name())),
    ];
    Ok((headers, Stream::from_stream(found.pieces().await?)).into_response())
}

async fn delete(
    State(rooms): State<Rooms>,
    permit: Permit<ManageArchives>,
    Path((_, archive)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.apps.delete_archive(&permit, id(&archive)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn install(
    State(rooms): State<Rooms>,
    permit: Permit<InstallApp>,
    Path((_, archive)): Path<(String, String)>,
    Body(request): Body<ImportRequest>,
) -> Answer<Response> {
    Ok(accepted(rooms.apps.import(&permit, id(&archive)?, request).await?))
}
