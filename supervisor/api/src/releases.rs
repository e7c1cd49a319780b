//! An app's releases beside each other, those that stay, and what is in the data of then.

use axum::{
    Json,
    body::Body as Stream,
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use orbitr_access::{
    Permit,
    action::{ChangeApp, ViewApp},
};
use orbitr_apps::{Comparison, Listing};
use orbitr_model::Problem;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Rooms,
    builder::Builder,
    input::{Path, Query},
    openapi::Operation,
    problem::{Answer, Refused},
};

/// Where in the data of then.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The path below the data, which begins with the name of a volume; empty for all of it.
    #[serde(default)]
    path: String,
}

pub(crate) fn routes(api: Builder) -> Builder {
    let operation = |method, path, id, summary| Operation::new(method, path, id, summary).tag("Apps");
    api.on(
        ViewApp,
        operation(
            Method::GET,
            "/apps/{app}/releases/{release}/compare/{other}",
            "compareReleases",
            "What differs between two releases of an app, by their numbers",
        )
        .answers::<Comparison>(200, "What differs; secrets by name only"),
        compare,
    )
    .on(
        ChangeApp,
        operation(
            Method::PUT,
            "/apps/{app}/releases/{release}/pin",
            "pinRelease",
            "Keep a release and its data, however many come after it",
        )
        .answers_nothing(204, "It stays"),
        pin,
    )
    .on(
        ChangeApp,
        operation(Method::DELETE, "/apps/{app}/releases/{release}/pin", "unpinRelease", "Let go of a pinned release")
            .answers_nothing(204, "It goes when it is old"),
        unpin,
    )
    .on(
        ChangeApp,
        operation(
            Method::GET,
            "/apps/{app}/snapshots/{snapshot}/files",
            "browseSnapshot",
            "What is in a folder of a snapshot of an app's data",
        )
        .query::<Place>()
        .answers::<Listing>(200, "A thousand entries at the most, folders first"),
        browse,
    )
    .on(
        ChangeApp,
        operation(
            Method::GET,
            "/apps/{app}/snapshots/{snapshot}/file",
            "getSnapshotFile",
            "A file of a snapshot of an app's data",
        )
        .query::<Place>()
        .answers_text(200, "application/octet-stream", "The file"),
        file,
    )
}

/// The number of a release or a snapshot that an address names.
pub(crate) fn number(kind: &str, text: &str) -> Answer<u32> {
    text.parse().map_err(|_| Refused(Problem::not_found(kind, text)))
}

async fn compare(
    State(rooms): State<Rooms>,
    permit: Permit<ViewApp>,
    Path((_, release, other)): Path<(String, String, String)>,
) -> Answer<Json<Comparison>> {
    let (from, to) = (number("release", &release)?, number("release", &other)?);
    Ok(Json(rooms.apps.compare(&permit, from, to).await?))
}

async fn pin(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeApp>,
    Path((_, release)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.apps.pin(&permit, number("release", &release)?, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unpin(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeApp>,
    Path((_, release)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.apps.pin(&permit, number("release", &release)?, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn browse(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeApp>,
    Path((_, snapshot)): Path<(String, String)>,
    Query(place): Query<Place>,
) -> Answer<Json<Listing>> {
    Ok(Json(rooms.apps.browse(&permit, number("snapshot", &snapshot)?, &place.path).await?))
}

async fn file(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeApp>,
    Path((_, snapshot)): Path<(String, String)>,
    Query(place): Query<Place>,
) -> Answer<Response> {
    let found = rooms.apps.snapshot_file(&permit, number("snapshot", &snapshot)?, &place.path).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, found.size.to_string()),
        (header::CONTENT_DISPOSITION, found.disposition()),
    ];
    Ok((headers, Stream::from_stream(found.pieces())).into_response())
}
