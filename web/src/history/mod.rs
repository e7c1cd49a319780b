//! Activity: history and the audit log, with filters, export and the look at the chain.

mod words;

use axum::{
    body::{Body, Bytes},
    extract::{Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::TryStreamExt;
use maud::{Markup, html};
use orbitr_access::{Permit, action::ViewAudit, gate::Routes};
use orbitr_model::{PageRequest, Timestamp, deed};
use orbitr_store::{
    Outcome,
    events::{Event, Filter},
};
use serde::{Deserialize, Serialize};

use crate::{
    shell::{self, Section},
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Choice, Column, Field, Icon, Moment, Row, Status, Tone},
};

pub(crate) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes.get(ViewAudit, "/activity", page).get(ViewAudit, "/activity/export", export).get(
        ViewAudit,
        "/activity/verify",
        verify,
    )
}

/// An event as a line of a timeline.
pub(crate) fn moment(event: &Event) -> Moment {
    let (tone, icon) = look(event);
    let detail = words::detail(event);
    Moment {
        tone,
        icon,
        text: words::sentence(event, &about(event)),
        detail: (!detail.is_empty()).then(|| html! { (detail) }),
        at: event.at,
    }
}

/// The thing that an event is about, as a link where it has a page.
fn about(event: &Event) -> Markup {
    let subject = &event.subject;
    let name = match (subject.name.as_str(), subject.kind.as_str()) {
        ("" | "box", "box") => "the box",
        // Refusals know only the number of these.
        (name, "project") if name == subject.id => "a project",
        (name, "job") if name == subject.id => "a job",
        ("", _) => &subject.id,
        (name, _) => name,
    };
    let href = match subject.kind.as_str() {
        "app" => Some(format!("/apps/{}", subject.id)),
        "job" => Some(format!("/jobs/{}", subject.id)),
        _ => None,
    };
    html! { @if let Some(href) = href { a href=(href) { (name) } } @else { (name) } }
}

fn look(event: &Event) -> (Tone, Icon) {
    match event.outcome {
        Outcome::Denied => (Tone::Warn, Icon::Ban),
        Outcome::Failed => (Tone::Bad, Icon::CircleX),
        Outcome::Ok => match event.action.split('.').next() {
            Some("app") => (Tone::Neutral, Icon::LayoutGrid),
            Some("issue") if event.action == deed::ISSUE_FOUND => (Tone::Warn, Icon::Bell),
            Some("issue") if event.action == deed::ISSUE_ENDED => (Tone::Good, Icon::Bell),
            Some("issue") => (Tone::Neutral, Icon::Bell),
            Some("job") => (Tone::Good, Icon::CircleCheck),
            Some("box") => (Tone::Neutral, Icon::Settings),
            _ => (Tone::Neutral, Icon::Users),
        },
    }
}

fn outcome(event: &Event) -> Status {
    match event.outcome {
        Outcome::Ok => Status::new(Tone::Good, Icon::CircleCheck, "Done"),
        Outcome::Denied => Status::new(Tone::Warn, Icon::Ban, "Refused"),
        Outcome::Failed => Status::new(Tone::Bad, Icon::CircleX, "Failed"),
    }
}

/// What the filters say; empty text is no filter.
#[derive(Default, Deserialize, Serialize)]
struct Shown {
    #[serde(default)]
    actor: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

impl Shown {
    fn is_filtered(&self) -> bool {
        [&self.actor, &self.action, &self.outcome, &self.from, &self.to].iter().any(|text| !text.is_empty())
    }

    /// A day of the form begins and ends in the box's time zone.
    fn filter(&self, zone: &jiff::tz::TimeZone) -> Filter {
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        let day = |text: &str, days: i64| -> Option<Timestamp> {
            let date: jiff::civil::Date = text.parse().ok()?;
            let date = date.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
            Some(date.to_zoned(zone.clone()).ok()?.timestamp())
        };
        Filter {
            actor: some(&self.actor),
            action: some(&self.action),
            subject_kind: None,
            subject_id: None,
            outcome: match self.outcome.as_str() {
                "ok" => Some(Outcome::Ok),
                "denied" => Some(Outcome::Denied),
                "failed" => Some(Outcome::Failed),
                _ => None,
            },
            from: day(&self.from, 0),
            to: day(&self.to, 1),
        }
    }

    fn query(&self, cursor: Option<&str>) -> String {
        let with = Self {
            actor: self.actor.clone(),
            action: self.action.clone(),
            outcome: self.outcome.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            cursor: cursor.map(str::to_owned),
        };
        serde_urlencoded::to_string(with).unwrap_or_default()
    }
}

async fn page(
    State(site): State<Site>,
    permit: Permit<ViewAudit>,
    Cx(cx): Cx,
    Query(shown): Query<Shown>,
) -> Answer<Markup> {
    let cx = cx.section(Section::Activity);
    let filter = shown.filter(&site.machine.time_zone());
    let request = PageRequest { cursor: shown.cursor.clone(), ..PageRequest::default() };
    let events = site.access.audit(&permit, filter, request).await?;
    let rows = events.items.iter().map(|event| {
        Row::new()
            .cell(html! {
                (words::sentence(event, &about(event)))
                @let said = words::detail(event);
                div class="status-reason" { code { (event.action) } @if !said.is_empty() { " · " (said) } }
            })
            .cell(cx.clock.moment(event.at))
            .cell(ui::status(outcome(event)))
            .cell(event.address.map_or_else(String::new, |address| address.to_string()))
    });
    let empty = ui::empty(Icon::History, "Nothing like that has happened").text("Other filters may find more.");
    let table =
        ui::table("Audit log", ["What happened", "When", "Outcome", "From"].map(Column::new)).rows(rows).empty(empty);
    let next = events.next.as_deref().map(|next| format!("/activity?{}", shown.query(Some(next))));
    let first = shown.cursor.as_ref().map(|_| format!("/activity?{}", shown.query(None)));
    let body = html! {
        (ui::header("Activity").lead("Who did what, when and from where. Every line is chained to the one before.")
            .actions(html! {
                (ui::link_button("Verify", "/activity/verify").icon(Icon::ShieldCheck))
                (ui::link_button("Export", format!("/activity/export?{}", shown.query(None))).icon(Icon::Download).download())
            }))
        (ui::filters("/activity", filters(&shown), shown.is_filtered()))
        (table)
        (ui::pagination(events.items.len()).first(first).next(next))
    };
    Ok(shell::page(&cx, "Activity", body))
}

fn filters(shown: &Shown) -> Markup {
    let what = [
        ("", "Everything"),
        ("app", "Apps"),
        ("job", "Jobs"),
        ("issue", "Issues"),
        ("session", "Sign-ins"),
        ("user", "Accounts"),
        ("token", "Tokens"),
        ("box", "The box"),
        ("unit", "Units"),
    ];
    let outcomes = [("", "Any"), ("ok", "Done"), ("denied", "Refused"), ("failed", "Failed")];
    let choices = |list: &[(&str, &str)]| list.iter().map(|(value, label)| Choice::new(*value, *label)).collect();
    html! {
        (Field::text("actor", "Who").value(&shown.actor).placeholder("user name"))
        (Field::select("action", "What", choices(&what)).value(&shown.action))
        (Field::select("outcome", "Outcome", choices(&outcomes)).value(&shown.outcome))
        (Field::date("from", "From").value(&shown.from))
        (Field::date("to", "To").value(&shown.to))
    }
}

async fn export(State(site): State<Site>, permit: Permit<ViewAudit>, Query(shown): Query<Shown>) -> Answer<Response> {
    let lines = site.access.export_audit(&permit, shown.filter(&site.machine.time_zone())).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/jsonl"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"orbitr-audit.jsonl\""),
    ];
    Ok((headers, Body::from_stream(lines.map_ok(Bytes::from))).into_response())
}

async fn verify(State(site): State<Site>, permit: Permit<ViewAudit>, Cx(cx): Cx) -> Answer<Markup> {
    let cx = cx.section(Section::Activity).here("Verify");
    let found = match site.access.verify_audit(&permit).await? {
        Ok(verified) => html! {
            (ui::banner(Tone::Good, "The chain is whole").body(html! { p { (verified.count) " events, none changed, removed, added or reordered." } }))
            (ui::key_values().copy("Last hash", &verified.head))
        },
        Err(broken) => html! {
            (ui::banner(Tone::Bad, "The chain is broken").body(html! { p { "At event " (broken.at) ": " (broken.why) "." } p { "Somebody changed the database behind Orbitr's back, or the disk did. Export what is there and compare it with an earlier export." } }))
        },
    };
    let body = html! {
        (ui::header("Verify").actions(ui::link_button("Back", "/activity").quiet()))
        div class="stack narrow" { (found) }
    };
    Ok(shell::page(&cx, "Verify", body))
}
