//! The machine's journal: a window, followed, downloaded.

use std::convert::Infallible;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, header},
    response::{IntoResponse, Response, Sse, sse},
};
use futures_util::StreamExt;
use orbitr_access::{Permit, action::ViewJournal};
use orbitr_machine::{Boot, JournalPage, JournalQuery, Told};
use orbitr_model::Problem;

use crate::{Rooms, builder::Builder, input::Query, openapi::Operation, problem::Answer};

const TAG: &str = "Machine";

pub(super) fn routes(api: Builder) -> Builder {
    let get = |path, id, summary| Operation::new(Method::GET, path, id, summary).tag(TAG);
    api.on(
        ViewJournal,
        get("/box/journal", "getJournal", "A window of the machine's journal")
            .query::<JournalQuery>()
            .answers::<JournalPage>(200, "The lines, the oldest first; on a machine without a journal, that there is none"),
        window,
    )
    .on(
        ViewJournal,
        get("/box/journal/boots", "listBoots", "The boots that the journal knows, the newest first")
            .answers::<Vec<Boot>>(200, "The boots"),
        boots,
    )
    .on(
        ViewJournal,
        get("/box/journal/follow", "followJournal", "The journal as it is written, as server-sent events")
            .query::<JournalQuery>()
            .answers_text(
                200,
                "text/event-stream",
                "One line each, its cursor as the event's id; `missed` where lines were left out; after an hour it ends, and \
                 `Last-Event-ID` goes on",
            ),
        follow,
    )
    .on(
        ViewJournal,
        get("/box/journal/text", "downloadJournal", "The newest 20,000 lines as text; written to history")
            .query::<JournalQuery>()
            .answers_text(200, "text/plain", "One line each, the oldest first"),
        download,
    )
}

async fn window(
    State(rooms): State<Rooms>,
    permit: Permit<ViewJournal>,
    Query(query): Query<JournalQuery>,
) -> Answer<Json<JournalPage>> {
    Ok(Json(rooms.machine.journal(&permit, &query).await?))
}

async fn boots(State(rooms): State<Rooms>, permit: Permit<ViewJournal>) -> Answer<Json<Vec<Boot>>> {
    Ok(Json(rooms.machine.boots(&permit).await?))
}

async fn follow(
    State(rooms): State<Rooms>,
    permit: Permit<ViewJournal>,
    headers: HeaderMap,
    Query(mut query): Query<JournalQuery>,
) -> Answer<Response> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    if let Some(last) = last {
        query.after = Some(last.to_owned());
    }
    let lines = rooms.machine.follow_journal(&permit, &query)?;
    let events = lines.map(|told| {
        let event = match told {
            Ok(Told::Line(line)) => sse::Event::default().id(line.cursor.clone()).json_data(line),
            Ok(Told::Missed) => Ok(sse::Event::default().event("missed").data("lines")),
            Err(error) => sse::Event::default().event("problem").json_data(Problem::from(error)),
        };
        Ok::<_, Infallible>(event.unwrap_or_default())
    });
    Ok(Sse::new(events).keep_alive(sse::KeepAlive::default()).into_response())
}

async fn download(
    State(rooms): State<Rooms>,
    permit: Permit<ViewJournal>,
    Query(query): Query<JournalQuery>,
) -> Answer<Response> {
    let text = rooms.machine.download_journal(&permit, &query).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"orbitr-journal.txt\""),
    ];
    Ok((headers, text).into_response())
}
