//! What is installed.

use axum::extract::State;
use maud::{Markup, html};
use orbitr_access::{
    Caller, Permit, TheBox,
    action::{InstallUnknown, ListApps, RemoveApp, ViewArchives},
};
use orbitr_apps::{AppView, Phase};
use orbitr_model::Topic;

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
    let may_install = super::may_install(&site, permit.caller());
    let body = html! {
        (ui::header("Apps").lead(lead)
            .actions(html! { @if let Some(home) = site.access.home().filter(|home| permit.caller().may::<ViewArchives>(home)) {
                @if permit.caller().may::<InstallUnknown>(&TheBox) {
                    (ui::link_button("Compose projects", "/adopt").quiet())
                }
                (ui::link_button("Archives", format!("/projects/{home}/archives")).quiet())
            }
            @if may_install { (ui::link_button("Install an app", "/store").primary().icon(Icon::Plus).shortcut("n")) } }))
        (tables(&apps, permit.caller(), may_install))
    };
    Ok(shell::page(&cx, "Apps", &body))
}

pub(super) async fn rows(State(site): State<Site>, permit: Permit<ListApps>) -> Answer<Markup> {
    let may_install = super::may_install(&site, permit.caller());
    Ok(tables(&site.apps.list(&permit).await?, permit.caller(), may_install))
}

fn tables(apps: &[AppView], caller: &Caller, may_install: bool) -> Markup {
    let (kept, there): (Vec<_>, Vec<_>) = apps.iter().partition(|app| app.phase == Phase::Kept);
    let columns = [
        Column::new("App").sortable(),
        Column::new("State").sortable(),
        Column::new("Version"),
        Column::new("Port"),
        Column::actions(),
    ];
    let table = ui::table("Installed apps", columns)
        .rows(there.iter().map(|app| row(app, caller)))
        .filter("Filter apps")
        .empty(super::no_apps(may_install));
    let body = html! {
        (table)
        @if !kept.is_empty() { (kept_card(&kept, caller, may_install)) }
    };
    ui::live("apps-list", &[Topic::Apps], "/apps/list", body)
}

fn row(app: &AppView, caller: &Caller) -> Row {
    let ports: Vec<String> = app.endpoints.iter().map(|endpoint| endpoint.at.port.to_string()).collect();
    Row::new()
        .id(format!("app-{}", app.id))
        .href(format!("/apps/{}", app.id))
        .cell(html! { span class="cluster" { (ui::app_icon(app.name.as_str(), Some(&icon(&app.extension)))) (app.name) } })
        .cell(Cell::new(ui::app_status(&app.status)).sort(app.status.state.as_str()))
        .cell(app.version.as_str())
        .cell(ports.join(", "))
        .cell(html! {
            @if let Some(verb) = super::verbs(app, caller).first() {
                @let (word, icon, href) = super::verb(&app.id, *verb);
                (ui::button(word).icon_only(icon).small().quiet().post(href))
            }
        })
}

/// Apps that were removed and whose data is kept.
fn kept_card(kept: &[&AppView], caller: &Caller, may_install: bool) -> Markup {
    let rows = kept.iter().map(|app| {
        Row::new()
            .cell(html! { span class="cluster" { (ui::app_icon(app.name.as_str(), Some(&icon(&app.extension)))) (app.name) } })
            .cell(html! { code { (app.id) } })
            .cell(html! {
                @if may_install { (ui::link_button("Install again", format!("/store/{}?app={}", app.extension, app.id)).small()) }
                @if caller.may::<RemoveApp>(&app.id) {
                    (ui::link_button("Delete the data …", format!("/apps/{}/remove", app.id)).small().quiet().opens_dialog())
                }
            })
    });
    let columns = [Column::new("App"), Column::new("Id"), Column::actions()];
    html! { (ui::card("Kept data", ui::table("Kept data", columns).rows(rows)).hint("Removed apps whose data you kept.").flush()) }
}
