//! What is installed.

use axum::extract::State;
use maud::{Markup, html};
use orbitr_access::{Caller, Permit, action::ListApps};
use orbitr_apps::{AppView, Phase, Wanted};
use orbitr_model::{Level, Topic};

use super::icon;
use crate::{
    shell::{self, Section},
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Cell, Column, Icon, Row},
};

pub(super) async fn page(State(site): State<Site>, permit: Permit<ListApps>, Cx(cx): Cx) -> Answer<Markup> {
    let cx = cx.section(Section::Apps);
    let apps = site.apps.list(&permit).await?;
    let installed = apps.iter().filter(|app| app.phase != Phase::Kept).count();
    let lead = match installed {
        0 => "Nothing is installed yet.".to_owned(),
        1 => "1 installed".to_owned(),
        n => format!("{n} installed"),
    };
    let body = html! {
        (ui::header("Apps").lead(lead)
            .actions(html! { (ui::link_button("Install an app", "/store").primary().icon(Icon::Plus).shortcut("n")) }))
        (tables(&apps, permit.caller()))
    };
    Ok(shell::page(&cx, "Apps", &body))
}

pub(super) async fn rows(State(site): State<Site>, permit: Permit<ListApps>) -> Answer<Markup> {
    Ok(tables(&site.apps.list(&permit).await?, permit.caller()))
}

fn tables(apps: &[AppView], caller: &Caller) -> Markup {
    let (kept, there): (Vec<_>, Vec<_>) = apps.iter().partition(|app| app.phase == Phase::Kept);
    let columns = [
        Column::new("App").sortable(),
        Column::new("State").sortable(),
        Column::new("Version"),
        Column::new("Port"),
        Column::actions(),
    ];
    let empty = ui::empty(Icon::LayoutGrid, "No apps yet")
        .text("The store has apps that are ready for this box.")
        .action(ui::link_button("Open the store", "/store").primary().icon(Icon::Store));
    let table = ui::table("Installed apps", columns)
        .rows(there.iter().map(|app| row(app, caller)))
        .filter("Filter apps")
        .empty(empty);
    let body = html! {
        (table)
        @if !kept.is_empty() { (kept_card(&kept)) }
    };
    ui::live("apps-list", &[Topic::Apps], "/apps/list", body)
}

fn row(app: &AppView, caller: &Caller) -> Row {
    let ports: Vec<String> = app.endpoints.iter().map(|endpoint| endpoint.at.port.to_string()).collect();
    let may = caller.level_on_app(&app.id).is_some_and(|level| level >= Level::Operate) && app.job.is_none();
    Row::new()
        .id(format!("app-{}", app.id))
        .href(format!("/apps/{}", app.id))
        .cell(html! { span class="cluster" { (ui::app_icon(app.name.as_str(), Some(&icon(&app.extension)))) (app.name) } })
        .cell(Cell::new(ui::app_status(&app.status)).sort(app.status.state.as_str()))
        .cell(app.version.as_str())
        .cell(ports.join(", "))
        .cell(html! {
            @if may && app.phase == Phase::Installed {
                @match app.wanted {
                    Wanted::Stopped => (ui::button("Start").icon_only(Icon::Play).small().quiet().post(format!("/apps/{}/start", app.id))),
                    Wanted::Running => (ui::button("Restart").icon_only(Icon::RotateCw).small().quiet().post(format!("/apps/{}/restart", app.id))),
                }
            }
        })
}

/// Apps that were removed and whose data is kept.
fn kept_card(kept: &[&AppView]) -> Markup {
    let rows = kept.iter().map(|app| {
        Row::new()
            .cell(html! { span class="cluster" { (ui::app_icon(app.name.as_str(), Some(&icon(&app.extension)))) (app.name) } })
            .cell(html! { code { (app.id) } })
            .cell(html! {
                (ui::link_button("Install again", format!("/store/{}?app={}", app.extension, app.id)).small())
                (ui::link_button("Delete the data …", format!("/apps/{}/remove", app.id)).small().quiet().opens_dialog())
            })
    });
    let columns = [Column::new("App"), Column::new("Id"), Column::actions()];
    html! { (ui::card("Kept data", ui::table("Kept data", columns).rows(rows)).hint("Removed apps whose data you kept.").flush()) }
}
