//! History and the audit log.

use axum::{
    Json,
    body::{Body as HttpBody, Bytes},
    extract::State,
    http::{Method, header},
    response::{IntoResponse, Response},
};
use futures_util::TryStreamExt;
use orbitr_access::{
    Permit,
    action::{ListEvents, ViewAudit},
};
use orbitr_model::{Page, PageRequest};
use orbitr_store::{
    Outcome,
    events::{Event, Filter},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Rooms,
    builder::Builder,
    input::{self, Query},
    openapi::Operation,
    problem::Answer,
};

const TAG: &str = "History";

pub(crate) fn routes(api: Builder) -> Builder {
    let get = |path, id, summary| Operation::new(Method::GET, path, id, summary).tag(TAG);
    api.on(
        ListEvents,
        get("/events", "listEvents", "What happened, as far as the caller may see it; the newest first")
            .query::<EventQuery>()
            .answers::<Page<Event>>(200, "A page of events"),
        events,
    )
    .on(
        ViewAudit,
        get("/audit", "listAudit", "The whole history; the newest first")
            .query::<EventQuery>()
            .answers::<Page<Event>>(200, "A page of events"),
        audit,
    )
    .on(
        ViewAudit,
        get("/audit/export", "exportAudit", "The whole history as JSON lines, the oldest first")
            .query::<Filter>()
            .answers_text(200, "application/jsonl", "One event a line"),
        export,
    )
    .on(
        ViewAudit,
        get("/audit/verify", "verifyAudit", "Whether the chain of history is whole")
            .answers::<Verdict>(200, "What was found"),
        verify,
    )
}

/// Which events.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EventQuery {
    /// An account's id or name, or `box`, `local`, `anonymous`.
    #[serde(default)]
    actor: Option<String>,
    /// An action, or the part of it before a dot: `app` finds `app.stop` and `app.start`.
    #[serde(default)]
    action: Option<String>,
    /// The kind of thing that it was done to: `app`, `user`, `box`, `job` …
    #[serde(default)]
    subject_kind: Option<String>,
    /// The id of the thing that it was done to.
    #[serde(default)]
    subject_id: Option<String>,
    /// How it ended.
    #[serde(default)]
    outcome: Option<Outcome>,
    /// From this moment on.
    #[serde(default)]
    from: Option<orbitr_model::Timestamp>,
    /// Up to this moment.
    #[serde(default)]
    to: Option<orbitr_model::Timestamp>,
    /// `next` of the page before.
    #[serde(default)]
    cursor: Option<String>,
    /// At most this many; 1 to 200, 50 when left out.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
}

impl EventQuery {
    fn split(self) -> Answer<(Filter, PageRequest)> {
        let filter = Filter {
            actor: self.actor,
            action: self.action,
            subject_kind: self.subject_kind,
            subject_id: self.subject_id,
            outcome: self.outcome,
            from: self.from,
            to: self.to,
        };
        Ok((filter, input::page(self.cursor, self.limit)?))
    }
}

/// What a look at the whole chain found.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "chain", rename_all = "lowercase")]
enum Verdict {
    /// Nothing was changed, removed, added or reordered.
    Whole {
        /// How many events there are.
        count: i64,
    },
    /// Something was.
    Broken {
        /// The first event that does not fit.
        at: orbitr_model::EventId,
        /// What is wrong with it.
        why: String,
    },
}

async fn events(
    State(rooms): State<Rooms>,
    permit: Permit<ListEvents>,
    Query(query): Query<EventQuery>,
) -> Answer<Json<Page<Event>>> {
    let (filter, page) = query.split()?;
    Ok(Json(rooms.access.events(&permit, filter, page).await?))
}

async fn audit(
    State(rooms): State<Rooms>,
    permit: Permit<ViewAudit>,
    Query(query): Query<EventQuery>,
) -> Answer<Json<Page<Event>>> {
    let (filter, page) = query.split()?;
    Ok(Json(rooms.access.audit(&permit, filter, page).await?))
}

async fn export(
    State(rooms): State<Rooms>,
    permit: Permit<ViewAudit>,
    Query(filter): Query<Filter>,
) -> Answer<Response> {
    let lines = rooms.access.export_audit(&permit, filter).await?;
    let body = HttpBody::from_stream(lines.map_ok(Bytes::from));
    let headers = [
        (header::CONTENT_TYPE, "application/jsonl"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"orbitr-audit.jsonl\""),
    ];
    Ok((headers, body).into_response())
}

async fn verify(State(rooms): State<Rooms>, permit: Permit<ViewAudit>) -> Answer<Json<Verdict>> {
    Ok(Json(match rooms.access.verify_audit(&permit).await? {
        Ok(verified) => Verdict::Whole { count: verified.count },
        Err(broken) => Verdict::Broken { at: broken.at, why: broken.why },
    }))
}
