//! Updates of the system: what is offered, installing one, going back, where they come from.

use axum::{
    Json,
    body::Body as Stream,
    extract::State,
    http::{Method, StatusCode},
    response::Response,
};
use futures_util::StreamExt;
use orbitr_access::{
    Permit,
    action::{UpdateBox, ViewMachine},
};
use orbitr_machine::{
    AnswerUpdate, ChangeUpdateSettings, ChooseVersion, InstallUpdate, LiftQuarantine, MachineJob, Offer,
    UpdateAnswered, UpdateSettings, Updates,
};
use orbitr_model::Problem;

use super::host::accepted;
use crate::{
    Rooms,
    builder::Builder,
    input::Body,
    openapi::Operation,
    problem::{Answer, Refused},
};

const TAG: &str = "Machine";
const KIND: &str = "application/x-tar";

pub(super) fn routes(api: Builder) -> Builder {
    let op = |method, path, id, summary| Operation::new(method, path, id, summary).tag(TAG);
    api.on(
        ViewMachine,
        op(
            Method::GET,
            "/box/updates",
            "getUpdates",
            "Versions of the system: what runs, what is offered, what came back",
        )
        .answers::<Updates>(200, "Updates as they are"),
        look,
    )
    .on(
        UpdateBox,
        op(
            Method::PATCH,
            "/box/updates/settings",
            "changeUpdates",
            "Say where updates come from and what is done with them",
        )
        .body::<ChangeUpdateSettings>()
        .answers::<UpdateSettings>(200, "The settings as they are now"),
        change,
    )
    .on(
        UpdateBox,
        op(Method::POST, "/box/updates/check", "checkUpdates", "Look for updates now")
            .answers::<MachineJob>(202, "The job that does it"),
        check,
    )
    .on(
        UpdateBox,
        op(
            Method::POST,
            "/box/updates/install",
            "installUpdate",
            "Download a version and write it into the other slot",
        )
        .body::<InstallUpdate>()
        .answers::<MachineJob>(202, "The job that does it"),
        install,
    )
    .on(
        UpdateBox,
        op(Method::POST, "/box/updates/upload", "uploadUpdate", "Bring a version as one file, orbitr-VERSION.update")
            .file(KIND)
            .answers::<Offer>(201, "The version, which can be installed now"),
        upload,
    )
    .on(
        UpdateBox,
        op(
            Method::POST,
            "/box/updates/read",
            "readUpdate",
            "Bring the newest version from the one USB stick that is plugged in",
        )
        .answers::<MachineJob>(202, "The job that does it"),
        read,
    )
    .on(
        UpdateBox,
        op(Method::POST, "/box/updates/choose", "chooseVersion", "Start another installed version from now on")
            .body::<ChooseVersion>()
            .answers::<MachineJob>(202, "The job that does it"),
        choose,
    )
    .on(
        UpdateBox,
        op(Method::POST, "/box/updates/lift", "liftQuarantine", "Let a version that came back be tried again")
            .body::<LiftQuarantine>()
            .answers_nothing(204, "It is offered again where a source has it"),
        lift,
    )
    .on(
        UpdateBox,
        op(
            Method::POST,
            "/box/updates/answer",
            "answerUpdate",
            "Say whether a version is kept after which apps are not healthy",
        )
        .body::<AnswerUpdate>()
        .answers::<UpdateAnswered>(200, "What that began: a job where the box goes back"),
        answer,
    )
}

async fn answer(
    State(rooms): State<Rooms>,
    permit: Permit<UpdateBox>,
    Body(request): Body<AnswerUpdate>,
) -> Answer<Json<UpdateAnswered>> {
    Ok(Json(rooms.machine.answer_update(&permit, &request).await?))
}

async fn look(State(rooms): State<Rooms>, permit: Permit<ViewMachine>) -> Answer<Json<Updates>> {
    Ok(Json(rooms.machine.updates(&permit).await?))
}

async fn change(
    State(rooms): State<Rooms>,
    permit: Permit<UpdateBox>,
    Body(change): Body<ChangeUpdateSettings>,
) -> Answer<Json<UpdateSettings>> {
    Ok(Json(rooms.machine.change_updates(&permit, &change).await?))
}

async fn check(State(rooms): State<Rooms>, permit: Permit<UpdateBox>) -> Answer<Response> {
    Ok(accepted(rooms.machine.check_updates(&permit).await?))
}

async fn read(State(rooms): State<Rooms>, permit: Permit<UpdateBox>) -> Answer<Response> {
    Ok(accepted(rooms.machine.read_update(&permit).await?))
}

async fn install(
    State(rooms): State<Rooms>,
    permit: Permit<UpdateBox>,
    Body(request): Body<InstallUpdate>,
) -> Answer<Response> {
    Ok(accepted(rooms.machine.install_update(&permit, &request).await?))
}

async fn upload(
    State(rooms): State<Rooms>,
    permit: Permit<UpdateBox>,
    body: Stream,
) -> Answer<(StatusCode, Json<Offer>)> {
    let mut upload = rooms.machine.upload_update(&permit).await?;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let cut_off = |_| Refused(Problem::new(400, "upload-cut-off", "The upload was cut off"));
        upload.write(piece.map_err(cut_off)?).await?;
    }
    Ok((StatusCode::CREATED, Json(rooms.machine.uploaded_update(&permit, upload).await?)))
}

async fn choose(
    State(rooms): State<Rooms>,
    permit: Permit<UpdateBox>,
    Body(request): Body<ChooseVersion>,
) -> Answer<Response> {
    Ok(accepted(rooms.machine.choose_version(&permit, &request).await?))
}

async fn lift(
    State(rooms): State<Rooms>,
    permit: Permit<UpdateBox>,
    Body(request): Body<LiftQuarantine>,
) -> Answer<StatusCode> {
    rooms.machine.lift_quarantine(&permit, &request).await?;
    Ok(StatusCode::NO_CONTENT)
}
