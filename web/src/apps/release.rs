//! One release: what it is, what differs from another one, and what is in the data that was kept of it.

use axum::{
    body::Body,
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Permit,
    action::{ChangeApp, ViewApp},
};
use orbitr_apps::{AppDetail, Comparison, Difference, Entry, EntryKind, Listing, ReleaseView, Snapshot, What};
use orbitr_model::Problem;
use serde::Deserialize;

use super::{
    act::detail,
    releases::{numbered, of},
    show::cx_of,
};
use crate::{
    flash::Flash,
    shell,
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Choice, Clock, Column, Field, Icon, Row, Status, Tone},
};

#[derive(Default, Deserialize)]
pub(super) struct With {
    /// The other one; the one before when left out.
    with: Option<u32>,
}

pub(super) async fn page(
    State(site): State<Site>,
    permit: Permit<ViewApp>,
    Cx(cx): Cx,
    Path((_, number)): Path<(String, String)>,
    Query(with): Query<With>,
) -> Answer<Markup> {
    let number = numbered("release", &number)?;
    let app = detail(&site, &permit).await?;
    let (all, snapshots) = (site.apps.releases(&permit).await?, site.apps.snapshots(&permit).await?);
    let Some(release) = all.iter().find(|release| release.number == number) else {
        return Err(Trouble(Problem::not_found("release", number)));
    };
    let numbers = || all.iter().map(|other| other.number);
    let before = numbers().filter(|other| *other < number).max();
    let other = with.with.or(before).or_else(|| numbers().filter(|other| *other > number).min());
    let compared = match other {
        Some(other) => Some(site.apps.compare(&permit, other, number).await?),
        None => None,
    };
    let may = permit.caller().may::<ChangeApp>(&app.app.id);
    let body = html! {
        (ui::header(format!("Release {number}")).lead(html! {
            (release.version) @if release.active { " " (ui::status(Status::new(Tone::Good, Icon::CircleCheck, "Active"))) }
        }).actions(html! { @if may { (pin_button(&app, release)) } }))
        div class="stack" {
            (ui::card("About", about(&app, release, of(release, &snapshots), may, &cx.clock)))
            @if let Some(compared) = &compared { (differences(&app, &all, number, compared)) }
        }
    };
    let cx = cx_of(cx, &app, Some(&format!("Release {number}")));
    Ok(shell::page(&cx, &format!("Release {number} of {}", app.app.name), body))
}

fn pin_button(app: &AppDetail, release: &ReleaseView) -> ui::Button {
    let (word, path) = if release.pinned { ("Let it go", "unpin") } else { ("Keep it", "pin") };
    ui::button(word).icon(Icon::Lock).post(format!("/apps/{}/releases/{}/{path}", app.app.id, release.number))
}

fn about(app: &AppDetail, release: &ReleaseView, snapshot: Option<&Snapshot>, may: bool, clock: &Clock) -> Markup {
    html! {
        (ui::key_values()
            .row("Why", release.reason.as_str())
            .row("By", release.made_by.to_string())
            .row("Made", clock.ago(release.created))
            .row("Kept", if release.pinned { "However many come after it, with its data" } else { "Until ten newer ones are there" })
            .maybe("Data of then", snapshot.map(|snapshot| html! {
                (snapshot.size) ", kept " (clock.exact(snapshot.created))
                @if may { " " (ui::link_button("Look into it", format!("/apps/{}/snapshots/{}", app.app.id, snapshot.number)).small()) }
            })))
    }
}

fn differences(app: &AppDetail, all: &[ReleaseView], number: u32, found: &Comparison) -> Markup {
    let others = all.iter().filter(|other| other.number != number);
    let choice = |other: &ReleaseView| {
        Choice::new(other.number.to_string(), format!("{}: {}, {}", other.number, other.version, other.reason))
    };
    let field = Field::select("with", "Compare with", others.map(choice).collect()).value(found.from.to_string());
    let form = html! {
        form method="get" action={ "/apps/" (app.app.id) "/releases/" (number) } class="stack stack-s" {
            (field)
            div class="cluster" { (ui::button("Compare")) }
        }
    };
    let row = |it: &Difference| {
        let side = |text: &Option<String>| html! { @if let Some(text) = text { code { (text) } } @else { "–" } };
        let secret = it.what == What::Secret;
        Row::new()
            .cell(word(it.what))
            .cell(it.name.as_str())
            .cell(if secret {
                html! { "another one" }
            } else {
                side(&it.from)
            })
            .cell(if secret {
                html! { "another one" }
            } else {
                side(&it.to)
            })
    };
    let columns = [
        Column::new("What"),
        Column::new("Name"),
        Column::new(format!("Release {}", found.from)),
        Column::new(format!("Release {}", found.to)),
    ];
    let empty =
        ui::empty(Icon::CircleCheck, "Nothing differs").text("The two releases are the same but for their numbers.");
    html! {
        (ui::card("What differs", html! { div class="stack stack-s" {
            (form)
            (ui::table("What differs", columns).rows(found.differences.iter().map(row)).empty(empty))
            @if !found.text.is_empty() { (ui::code_block("The extension's text", &found.text)) }
        } }))
    }
}

const fn word(what: What) -> &'static str {
    match what {
        What::Version => "Version",
        What::Input => "Setting",
        What::Secret => "Secret",
        What::Image => "Image",
        What::Port => "Port",
        What::Binding => "Comes from",
        What::Permission => "Permission",
    }
}

pub(super) async fn pin(
    State(site): State<Site>,
    permit: Permit<ChangeApp>,
    Path((_, number)): Path<(String, String)>,
) -> Answer<Response> {
    let number = numbered("release", &number)?;
    site.apps.pin(&permit, number, true).await?;
    let flash = Flash::good("It is kept, however many come after it");
    Ok(flash.redirect(&format!("/apps/{}/releases/{number}", permit.resource())))
}

pub(super) async fn unpin(
    State(site): State<Site>,
    permit: Permit<ChangeApp>,
    Path((_, number)): Path<(String, String)>,
) -> Answer<Response> {
    let number = numbered("release", &number)?;
    site.apps.pin(&permit, number, false).await?;
    Ok(Flash::good("It goes when it is old").redirect(&format!("/apps/{}/releases/{number}", permit.resource())))
}

#[derive(Default, Deserialize)]
pub(super) struct Place {
    #[serde(default)]
    path: String,
}

/// What is in a folder of a snapshot.
pub(super) async fn browse(
    State(site): State<Site>,
    permit: Permit<ChangeApp>,
    Cx(cx): Cx,
    Path((_, number)): Path<(String, String)>,
    Query(place): Query<Place>,
) -> Answer<Markup> {
    let number = numbered("snapshot", &number)?;
    let app = detail(&site, &permit).await?;
    let found = site.apps.browse(&permit, number, &place.path).await?;
    let at = format!("/apps/{}/snapshots/{number}", app.app.id);
    let body = html! {
        (ui::header("Data of then").lead(html! { code { "/" (found.path) } }))
        (ui::card("What is in it", files(&found, &at, &cx.clock)).flush())
    };
    let cx = cx_of(cx, &app, Some("Data of then"));
    Ok(shell::page(&cx, &format!("Data of then of {}", app.app.name), body))
}

fn files(found: &Listing, at: &str, clock: &Clock) -> Markup {
    let below = |name: &str| if found.path.is_empty() { name.to_owned() } else { format!("{}/{name}", found.path) };
    let row = |it: &Entry| {
        let path = query(&below(&it.name));
        Row::new()
            .cell(html! {
                @match it.kind {
                    EntryKind::Folder => { a href={ (at) "?" (path) } { (it.name) "/" } }
                    EntryKind::File => { a href={ (at) "/file?" (path) } download { (it.name) } }
                    EntryKind::Link => { (it.name) " (a link)" }
                    EntryKind::Other => { (it.name) " (no file)" }
                }
            })
            .cell(if it.kind == EntryKind::File { it.size.to_string() } else { String::new() })
            .cell(it.modified.map_or_else(|| html! {}, |modified| clock.ago(modified)))
    };
    let columns = [Column::new("Name"), Column::new("Size").number(), Column::new("Written").number()];
    let empty = ui::empty(Icon::Folder, "It is empty");
    let above = found.path.rsplit_once('/').map_or("", |(above, _)| above);
    html! {
        @if !found.path.is_empty() {
            p class="hint" { a href={ (at) "?" (query(above)) } { "One folder up" } }
        }
        (ui::table("What is in it", columns).rows(found.entries.iter().map(row)).empty(empty))
        @if found.more { p class="hint" { "There is more: a thousand are shown." } }
    }
}

fn query(path: &str) -> String {
    serde_urlencoded::to_string([("path", path)]).unwrap_or_default()
}

pub(super) async fn file(
    State(site): State<Site>,
    permit: Permit<ChangeApp>,
    Path((_, number)): Path<(String, String)>,
    Query(place): Query<Place>,
) -> Answer<Response> {
    let found = site.apps.snapshot_file(&permit, numbered("snapshot", &number)?, &place.path).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, found.size.to_string()),
        (header::CONTENT_DISPOSITION, found.disposition()),
    ];
    Ok((headers, Body::from_stream(found.pieces())).into_response())
}
