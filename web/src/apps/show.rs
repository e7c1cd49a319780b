//! One app: overview, logs, history.

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, Uri, header, uri::Authority},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Caller, Permit,
    action::{InstallApp, ListEvents, RemoveApp, ViewApp},
};
use orbitr_apps::{AppDetail, ContainerView, Health, LOG_LINES_MAX, LogEntry, LogQuery, Phase, Verb};
use orbitr_model::{AppId, Level, PageRequest, Problem, Topic};
use orbitr_store::events::Filter;
use serde::Deserialize;

use super::{actions, bindings, health, icon, releases};
use crate::{
    history as history_pages,
    shell::{self, PageCx, Section},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Clock, Column, Icon, LogChunk, LogView, Row, Status, Tab, Tone},
};

/// Lines that the log page shows.
const LOG_LINES: u32 = 400;

/// What stands over every page of an app.
pub(super) fn head(app: &AppDetail, tab: &str, caller: &Caller) -> Markup {
    let id = &app.app.id;
    let level = caller.level_on_app(id).unwrap_or(Level::View);
    let tabs = |name: &str, label: &str, path: &str| Tab::new(label, format!("/apps/{id}{path}"), tab == name);
    let mut all =
        vec![tabs("overview", "Overview", ""), tabs("logs", "Logs", "/logs"), tabs("history", "History", "/history")];
    if level >= Level::Manage && app.app.phase != Phase::Kept {
        all.insert(2, tabs("settings", "Settings", "/settings"));
    }
    html! {
        (ui::header(app.app.name.to_string()).picture(ui::app_icon(app.app.name.as_str(), Some(&icon(&app.app.extension))))
            .lead(html! { (ui::app_status(&app.app.status)) span { (app.app.version) " · " (app.app.extension) } })
            .actions(html! {
                @for (index, verb) in super::verbs(&app.app, caller).into_iter().enumerate() {
                    @if verb == Verb::Stop && app.dependants.iter().any(|dependant| dependant.runs) {
                        (ui::link_button("Stop …", format!("/apps/{id}/stop")).icon(Icon::Square).opens_dialog())
                    } @else {
                        @let button = super::verb_button(id, verb);
                        @let button = if verb == Verb::Start { button.primary() } else { button };
                        (if index == 0 { button.shortcut("r") } else { button })
                    }
                }
            }))
        (ui::tabs(app.app.name.as_str(), &all))
    }
}

pub(super) fn cx_of(cx: PageCx, app: &AppDetail, here: Option<&str>) -> PageCx {
    let cx = cx.section(Section::Apps);
    match here {
        None => cx.here(app.app.name.to_string()),
        Some(here) => cx.crumb(app.app.name.to_string(), format!("/apps/{}", app.app.id)).here(here),
    }
}

pub(super) async fn overview(State(site): State<Site>, permit: Permit<ViewApp>, Cx(cx): Cx) -> Answer<Markup> {
    let (app, lately) = (site.apps.get(&permit).await?, site.apps.health(&permit).await?);
    let cx = cx_of(cx, &app, None);
    let title = app.app.name.to_string();
    Ok(shell::page(&cx, &title, overview_live(&app, &lately, permit.caller(), &cx)))
}

pub(super) async fn live(State(site): State<Site>, permit: Permit<ViewApp>, Cx(cx): Cx) -> Answer<Markup> {
    let (app, lately) = (site.apps.get(&permit).await?, site.apps.health(&permit).await?);
    Ok(overview_live(&app, &lately, permit.caller(), &cx))
}

fn overview_live(app: &AppDetail, lately: &Health, caller: &Caller, cx: &PageCx) -> Markup {
    let id = &app.app.id;
    let body = html! {
        (head(app, "overview", caller))
        @if let Some(job) = &app.app.job {
            (ui::banner(Tone::Busy, &job.title).actions(ui::link_button("Follow it", format!("/jobs/{}", job.id)).small().opens_drawer()))
        }
        (health::care(&app.app, &cx.clock))
        (releases::offer(app, caller, &cx.clock))
        @if app.app.phase == Phase::Kept { (kept_banner(app, caller)) } @else {
        div class="split" {
            div class="stack" {
                (connection(app, caller))
                (actions::card(app, caller, &cx.clock))
                (bindings::cards(app, caller))
                (ui::card("Containers", containers(&app.containers, &cx.clock)).flush())
                @if !app.notes.is_empty() {
                    (ui::card("What now", ui::prose(&app.notes)))
                }
            }
            div class="stack" { (health::card(&app.app, lately, &cx.clock)) (about(app, &cx.clock)) }
        }
        }
    };
    ui::live("app-overview", &[Topic::App(id.clone())], &format!("/apps/{id}/live"), body)
}

/// What is left of an app that was removed, and the two ways on from there.
fn kept_banner(app: &AppDetail, caller: &Caller) -> Markup {
    let app = &app.app;
    let actions = html! {
        @if caller.may::<InstallApp>(&app.project) {
            (ui::link_button("Install again", format!("/store/{}?app={}", app.extension, app.id)).small())
        }
        @if caller.may::<RemoveApp>(&app.id) {
            (ui::link_button("Delete the data …", format!("/apps/{}/remove", app.id)).small().quiet().opens_dialog())
        }
    };
    html! {
        (ui::banner(Tone::Neutral, "This app is removed, and its data is kept")
            .body(html! { p { "Installed again, it finds its data and its passwords as they were." } }).actions(actions))
    }
}

fn connection(app: &AppDetail, caller: &Caller) -> Markup {
    let id = &app.app.id;
    let may_reveal = caller.level_on_app(id).is_some_and(|level| level >= Level::Manage);
    let inputs = app.release.as_ref().map(|release| &release.inputs);
    html! {
        (ui::card("Connection", html! {
            @let mut list = ui::key_values();
            @for endpoint in &app.app.endpoints {
                @let port = endpoint.at.port.to_string();
                @let label = if endpoint.purpose.is_empty() { "Port" } else { endpoint.purpose.as_str() };
                ({ list = list.copy(label, &port); html! {} })
            }
            @for (name, value) in inputs.into_iter().flatten() {
                @if let Some(text) = value.as_str().filter(|text| !text.is_empty() && text.len() < 80) {
                    ({ list = list.copy(words(name), text); html! {} })
                }
            }
            (list)
            div class="cluster" {
                @for endpoint in app.app.endpoints.iter().filter(|endpoint| endpoint.web) {
                    a class="button button-primary" href={ "/apps/" (id) "/open/" (endpoint.name) } target="_blank" rel="noreferrer" {
                        (Icon::ExternalLink) "Open"
                    }
                }
                @if may_reveal && app.app.has_passwords {
                    (ui::button("Show passwords").icon(Icon::Eye).post(format!("/apps/{id}/secrets")))
                }
            }
        }).hint("On every address of this box."))
    }
}

fn words(name: &str) -> String {
    let text = name.replace('_', " ");
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn containers(containers: &[ContainerView], clock: &Clock) -> ui::Table {
    let rows = containers.iter().map(|container| {
        Row::new()
            .cell(container.service.as_str())
            .cell(html! {
                (ui::status(look(container)))
                @if container.restarts > 0 { span class="status-reason" { (container.restarts) " restarts" } }
            })
            .cell(html! { code { (short(&container.image)) } })
            .cell(container.started.map_or_else(|| html! {}, |started| clock.ago(started)))
    });
    let columns = [Column::new("Service"), Column::new("State"), Column::new("Image"), Column::new("Started").number()];
    let empty = ui::empty(Icon::Box, "No containers").text("They are made when the app starts.");
    ui::table("Containers", columns).rows(rows).empty(empty)
}

/// An image without its digest, which is long and says nothing to people.
fn short(image: &str) -> &str {
    image.split('@').next().unwrap_or(image)
}

fn look(container: &ContainerView) -> Status {
    let (tone, icon, word) = match (container.state.as_str(), container.health.as_str()) {
        ("running", "unhealthy") => (Tone::Bad, Icon::TriangleAlert, "Unhealthy"),
        ("running", "starting") => (Tone::Busy, Icon::LoaderCircle, "Starting"),
        ("running", _) => (Tone::Good, Icon::CircleCheck, "Running"),
        ("restarting", _) => (Tone::Warn, Icon::RotateCw, "Restarting"),
        ("paused", _) => (Tone::Neutral, Icon::CirclePause, "Paused"),
        ("created", _) => (Tone::Neutral, Icon::CircleDashed, "Created"),
        _ => (Tone::Neutral, Icon::Square, "Stopped"),
    };
    Status::new(tone, icon, word)
}

fn about(app: &AppDetail, clock: &Clock) -> Markup {
    html! {
        (ui::card("About", html! {
            (ui::key_values()
                .row("Id", ui::copyable(app.app.id.as_str()))
                .row("Installed", clock.ago(app.app.created))
                .maybe("Release", app.release.as_ref().map(|release| html! { (release.number) " · " (release.reason) }))
                .row(if app.data_elsewhere { "Data, on another disk" } else { "Data" }, ui::copyable(&app.data_at))
                .maybe("Held", app.updates.policy.hold.as_ref().map(|hold| html! {
                    @if hold.reason.is_empty() { "Not updated until it is released" } @else { (hold.reason) }
                }))
                .maybe("By", app.release.as_ref().map(|release| release.made_by.to_string())))
        }))
        @if let Some(release) = &app.release {
            (ui::card("Images", html! { ul class="plain" { @for image in release.images.values() { li { (ui::copyable_as(short(image), image)) } } } }))
        }
    }
}

/// Sends the browser to an app's own address: this box under the name by which it was reached, at the app's port.
pub(super) async fn open(
    State(site): State<Site>,
    permit: Permit<ViewApp>,
    headers: HeaderMap,
    uri: Uri,
    Path((_, name)): Path<(String, String)>,
) -> Answer<Redirect> {
    let app = site.apps.get(&permit).await?;
    let endpoint = app.app.endpoints.iter().find(|endpoint| endpoint.web && endpoint.name == name);
    let Some(endpoint) = endpoint else { return Err(Trouble(Problem::not_found("address", name))) };
    // HTTP/2 names the host in the address, HTTP/1.1 in a header.
    let named = uri.authority().map(|authority| authority.as_str().to_owned());
    let named = named.or_else(|| headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned));
    let authority: Option<Authority> = named.and_then(|host| host.parse().ok());
    let Some(authority) = authority else {
        return Err(Trouble(Problem::new(400, "host-missing", "The browser does not say how it reached the box")));
    };
    Ok(Redirect::to(&format!("http://{}:{}/", authority.host(), endpoint.at.port)))
}

#[derive(Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    q: String,
}

fn text(entries: &[LogEntry]) -> String {
    let mut text = String::new();
    for entry in entries {
        let time = entry.time.map(|time| time.to_string()).unwrap_or_default();
        text.push_str(&format!("{time} {} | {}\n", entry.service, entry.text));
    }
    text
}

pub(super) async fn logs(
    State(site): State<Site>,
    permit: Permit<ViewApp>,
    Cx(cx): Cx,
    Query(search): Query<Search>,
) -> Answer<Markup> {
    let app = site.apps.get(&permit).await?;
    let cx = cx_of(cx, &app, Some("Logs"));
    let id = &app.app.id;
    let searched = !search.q.trim().is_empty();
    let query =
        LogQuery { tail: LOG_LINES, search: searched.then(|| search.q.trim().to_owned()), ..LogQuery::default() };
    let entries = site.apps.log_window(&permit, &query).await?;
    let chunk = LogChunk { text: text(&entries), next: position(&entries), ended: searched };
    let mut view = LogView::new("app-log", format!("Log of {}", app.app.name), chunk)
        .search(format!("/apps/{id}/logs"), search.q.trim())
        .download(format!("/apps/{id}/log.txt"));
    if !searched {
        view = view.follows(format!("/apps/{id}/log"), &[Topic::App(id.clone())]);
    }
    let title = format!("Logs of {}", app.app.name);
    Ok(shell::page(&cx, &title, html! { (head(&app, "logs", permit.caller())) (view) }))
}

/// Where a log goes on: the microsecond after the last line.
fn position(entries: &[LogEntry]) -> u64 {
    let last = entries.iter().filter_map(|entry| entry.time).max();
    last.and_then(|time| u64::try_from(time.as_microsecond()).ok()).map_or(0, |at| at + 1)
}

#[derive(Deserialize)]
pub(super) struct From {
    #[serde(default)]
    from: u64,
}

pub(super) async fn log(
    State(site): State<Site>,
    permit: Permit<ViewApp>,
    Query(query): Query<From>,
) -> Answer<Response> {
    let since = i64::try_from(query.from).ok().and_then(|at| orbitr_model::Timestamp::from_microsecond(at).ok());
    let wanted = LogQuery { tail: LOG_LINES, since: since.filter(|_| query.from > 0), ..LogQuery::default() };
    let mut entries = site.apps.log_window(&permit, &wanted).await?;
    // Docker's clock is finer than its filter.
    entries.retain(|entry| entry.time.is_none_or(|time| since.is_none_or(|since| time >= since)));
    let next = if entries.is_empty() { query.from } else { position(&entries) };
    Ok(ui::log_chunk(&LogChunk { text: text(&entries), next, ended: false }))
}

pub(super) async fn log_file(State(site): State<Site>, permit: Permit<ViewApp>) -> Answer<Response> {
    let query = LogQuery { tail: LOG_LINES_MAX, ..LogQuery::default() };
    let entries = site.apps.log_window(&permit, &query).await?;
    let id: &AppId = permit.resource();
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.log\"")),
    ];
    Ok((headers, text(&entries)).into_response())
}

pub(super) async fn history(State(site): State<Site>, permit: Permit<ViewApp>, Cx(cx): Cx) -> Answer<Markup> {
    let app = site.apps.get(&permit).await?;
    let cx = cx_of(cx, &app, Some("History"));
    let list = site.access.permit::<ListEvents>(permit.caller(), orbitr_access::TheBox).await?;
    let filter =
        Filter { subject_kind: Some("app".to_owned()), subject_id: Some(app.app.id.to_string()), ..Filter::default() };
    let events = site.access.events(&list, filter, PageRequest { limit: 100, ..PageRequest::default() }).await?;
    let moments: Vec<_> = events.items.iter().map(history_pages::moment).collect();
    let all = site.apps.releases(&permit).await?;
    let snapshots = site.apps.snapshots(&permit).await?;
    let table = releases::table(&app, &all, &snapshots, permit.caller(), &cx.clock);
    let body = html! {
        (head(&app, "history", permit.caller()))
        div class="stack" {
            (ui::card("Releases", table).flush())
            (ui::card("What happened", ui::timeline(&moments, &cx.clock)))
        }
    };
    Ok(shell::page(&cx, &format!("History of {}", app.app.name), body))
}
