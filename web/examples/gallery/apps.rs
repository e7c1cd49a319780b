//! Sample pages of apps: the list, one app, the store, an install form, removing.

use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use maud::{Markup, html};
use orbitr_model::{AppState, AppStatus, Problem, Timestamp, Topic};
use orbitr_web::{
    flash::Flash,
    shell::{self, Section},
    ui::{self, Cell, Choice, Column, Confirm, Field, Form, Icon, LogChunk, LogView, Row, Tab, Tile},
};

use crate::{Cx, Routes, Work as WorkState, respond};

pub(crate) const APPS: [(&str, &str, AppState, &str, u64); 9] = [
    ("postgresql", "PostgreSQL", AppState::Running, "", 182),
    ("nextcloud", "Nextcloud", AppState::Starting, "Waiting for the database", 341),
    ("nginx", "Nginx", AppState::Unhealthy, "Port 8080 refuses connections", 12),
    ("valkey", "Valkey", AppState::Stopped, "", 0),
    ("gitea", "Gitea", AppState::Running, "", 96),
    ("grafana", "Grafana", AppState::Down, "Exited with code 137: out of memory", 0),
    ("home-assistant", "Home Assistant", AppState::Installing, "Pulling images, 40 %", 0),
    ("jellyfin", "Jellyfin", AppState::Changing, "", 512),
    ("paperless", "Paperless", AppState::Unknown, "Docker does not answer", 0),
];

fn status(state: AppState, reason: &str) -> Markup {
    ui::app_status(&AppStatus { state, reason: reason.to_owned() })
}

async fn list(Cx(cx): Cx) -> Markup {
    let cx = cx.section(Section::Apps);
    let rows = APPS.iter().map(|(id, name, state, reason, memory)| {
        Row::new()
            .id(format!("app-{id}"))
            .href(format!("/apps/{id}"))
            .cell(html! { span class="cluster" { (ui::app_icon(name, None)) (name) } })
            .cell(Cell::new(status(*state, reason)).sort(state.as_str()))
            .cell("17.9")
            .cell(Cell::new(if *memory > 0 { format!("{memory} MiB") } else { "–".into() }).sort(memory))
            .cell(html! {
                @if *state == AppState::Stopped {
                    (ui::button("Start").icon_only(Icon::Play).small().quiet().post(format!("/apps/{id}/restart")))
                } @else {
                    (ui::button("Restart").icon_only(Icon::RotateCw).small().quiet().post(format!("/apps/{id}/restart")))
                }
            })
    });
    let columns = [
        Column::new("App").sortable(),
        Column::new("State").sortable(),
        Column::new("Version").minor(),
        Column::new("Memory").number().sortable(),
        Column::actions(),
    ];
    let body = html! {
        (ui::header("Apps").lead("9 installed, 3 need a look")
            .actions(html! { (ui::link_button("Install an app", "/store").primary().icon(Icon::Plus).shortcut("n")) }))
        (ui::table("Installed apps", columns).rows(rows).filter("Filter apps"))
    };
    shell::page(&cx, "Apps", &body)
}

fn app_header(tab: &str) -> Markup {
    let tab = |name: &str, label: &str| {
        let href = if name == "overview" { "/apps/postgresql".to_owned() } else { format!("/apps/postgresql/{name}") };
        Tab::new(label, href, tab == name)
    };
    html! {
        (ui::header("PostgreSQL").picture(ui::app_icon("PostgreSQL", None)).lead(html! {
            (ui::status(AppState::Running)) span { "17.9 · official/postgresql" } span { "up 12 days" }
        }).actions(html! {
            (ui::button("Restart").icon(Icon::RotateCw).post("/apps/postgresql/restart").shortcut("r"))
            (ui::button("Stop").icon(Icon::Square).post("/apps/postgresql/restart"))
        }))
        (ui::tabs("PostgreSQL", &[tab("overview", "Overview"), tab("logs", "Logs"), tab("settings", "Settings"), tab("history", "History").count(12)]))
    }
}

async fn show(Cx(cx): Cx) -> Markup {
    let cx = cx.section(Section::Apps).here("PostgreSQL");
    let body = html! {
        (app_header("overview"))
        div class="split" {
            div class="stack" {
                (ui::banner(orbitr_web::ui::Tone::Busy, "Version 17.10 is out").body(html! { p { "It fixes two security issues. The box makes a snapshot first." } })
                    .actions(html! { (ui::button("Update").small().post("/apps/postgresql/restart")) (ui::link_button("What changes", "#").small().quiet()) }))
                (ui::card("Connection", html! {
                    (ui::key_values().copy("Host", "attic.local").copy("Port", "5432").copy("Database", "app").copy("User", "app")
                        .row("Password", html! { (ui::button("Show once").small().post("/apps/postgresql/restart")) }))
                }).hint("From anywhere in your network."))
                (ui::card("Containers", html! { (containers()) }).flush())
            }
            div class="stack" {
                (ui::card("Use", html! { div class="stack stack-s" {
                    (ui::Meter::new("Memory", 0.36, "182 MiB of 512 MiB"))
                    (ui::Meter::new("CPU", 0.07, "7 % of 2 cores"))
                    (ui::Meter::new("Data", 0.94, "18.8 GiB of 20 GiB"))
                } }))
                (ui::card("About", html! { (ui::key_values().row("Installed", cx.clock.ago(Timestamp::now() - jiff::SignedDuration::from_hours(290)))
                    .row("Data", html! { code { "/var/lib/orbitr/apps/postgresql/data" } }).row("Release", ui::copyable_as("0198c0de", "0198c0de-0000-7000-8000-000000000042"))) }))
            }
        }
    };
    shell::page(&cx, "PostgreSQL", &body)
}

fn containers() -> ui::Table {
    let columns = [Column::new("Service"), Column::new("State"), Column::new("Image"), Column::new("Memory").number()];
    ui::table("Containers", columns).rows([
        Row::new()
            .cell("db")
            .cell(ui::status(AppState::Running))
            .cell(html! { code { "postgres:17.9" } })
            .cell("164 MiB"),
        Row::new()
            .cell("exporter")
            .cell(ui::status(AppState::Running))
            .cell(html! { code { "prometheuscommunity/postgres-exporter:0.17.1" } })
            .cell("18 MiB"),
    ])
}

async fn logs(Cx(cx): Cx) -> Markup {
    let cx = cx.section(Section::Apps).crumb("PostgreSQL", "/apps/postgresql").here("Logs");
    let text = (0..180).map(|n| format!("2026-11-22 14:{:02}:{:02}.{:03} UTC [{}] LOG:  checkpoint complete: wrote {} buffers (0.{n}%); 0 WAL file(s) added, 0 removed\n", n / 60, n % 60, n * 7 % 1000, n % 31 + 20, n * 3)).collect();
    let view = LogView::new("app-log", "Log of PostgreSQL", LogChunk { text, next: 9, ended: false })
        .follows("/apps/postgresql/log", &[Topic::App("postgresql".parse().unwrap())])
        .search("/apps/postgresql/logs", "")
        .download("/apps/postgresql/log.txt");
    shell::page(&cx, "Logs of PostgreSQL", &html! { (app_header("logs")) (view) })
}

async fn history(Cx(cx): Cx) -> Markup {
    let cx = cx.section(Section::Apps).crumb("PostgreSQL", "/apps/postgresql").here("History");
    let moments = crate::box_pages::moments();
    let body = html! { (app_header("history")) (ui::card("What happened", ui::timeline(&moments, &cx.clock))) };
    shell::page(&cx, "History of PostgreSQL", &body)
}

fn install_form(problem: Option<&Problem>, action: &str, word: &str) -> Markup {
    html! {
        (Form::post(action).problem(problem).body(html! {
            (Field::text("name", "Name").value("PostgreSQL").required().help("How it is called on this box.").problem(problem))
            (Field::text("database", "Database").value("app").mono().required().pattern("[a-z_]+", "small letters and _"))
            (Field::password("password", "Password").generates().autocomplete("new-password").help("Empty: the box makes one and shows it once."))
            (Field::port("port", "Port").value("5432").problem(problem))
            (Field::number("memory", "Memory").value("512").unit("MiB").range("128", "16384").help("The most it may use."))
            (Field::select("version", "Version", vec![Choice::new("17", "17 (recommended)"), Choice::new("16", "16")]).value("17").narrow())
            (Field::radio("reach", "Reachable from", vec![
                Choice::new("box", "This box only").help("Other apps on this box can use it."),
                Choice::new("lan", "Your network").help("Everyone in your network who has the password."),
            ]).value("lan").required())
            (Field::multi("extensions", "Extensions", vec![Choice::new("pgvector", "pgvector"), Choice::new("postgis", "PostGIS"), Choice::new("timescale", "TimescaleDB")]).value("pgvector"))
            (Field::switch("start", "Start it after every restart of the box").on(true))
            (Field::area("notes", "Notes", 3).optional().placeholder("For yourself"))
        }).button(ui::link_button("Cancel", "/store").quiet()).button(ui::button(word).primary()))
    }
}

async fn settings(Cx(cx): Cx) -> Markup {
    let cx = cx.section(Section::Apps).crumb("PostgreSQL", "/apps/postgresql").here("Settings");
    let body = html! {
        (app_header("settings"))
        div class="stack narrow" {
            (ui::card("Settings", install_form(None, "/apps/postgresql/restart", "Save and restart")))
            (ui::card("Remove", html! { div class="cluster" {
                p { "Stops the app and removes its containers. You choose whether its data stays." }
                (ui::link_button("Remove …", "/apps/postgresql/remove").opens_dialog().icon(Icon::Trash2))
            } }).danger())
        }
    };
    shell::page(&cx, "Settings of PostgreSQL", &body)
}

fn confirm(problem: Option<&Problem>) -> Confirm<'_> {
    Confirm {
        title: "Remove PostgreSQL?".into(),
        goes: vec![
            "2 containers and their network".into(),
            "2.3 GiB of data in 1 volume, if you do not keep it".into(),
        ],
        stays: vec!["Its history and 4 snapshots".into()],
        typed: Some("postgresql".into()),
        fields: Some(html! { (Field::checkbox("keep", "Keep the data for a later install").on(true)) }),
        action: "/apps/postgresql/remove".into(),
        button: "Remove app".into(),
        back: "/apps/postgresql/settings".into(),
        problem,
    }
}

async fn remove(Cx(cx): Cx) -> Markup {
    let cx = cx.section(Section::Apps).crumb("PostgreSQL", "/apps/postgresql").here("Remove");
    shell::page(&cx, "Remove PostgreSQL", &html! { (ui::Card::plain(html! { (confirm(None)) })) })
}

async fn removed(Cx(cx): Cx, body: String) -> Response {
    if body.contains("confirm=postgresql") {
        return Flash::busy("PostgreSQL is being removed")
            .link("Show", format!("/jobs/{}", crate::live::JOB))
            .redirect("/apps");
    }
    let problem = Problem::field("confirm", "Type the app's name, postgresql");
    let cx = cx.section(Section::Apps).crumb("PostgreSQL", "/apps/postgresql").here("Remove");
    let page = shell::page(&cx, "Remove PostgreSQL", &html! { (ui::Card::plain(html! { (confirm(Some(&problem))) })) });
    (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
}

async fn store(Cx(cx): Cx) -> Markup {
    let cx = cx.section(Section::Store);
    let tile = |name: &str, summary: &str, category: &str, installed: bool| {
        let tile = Tile::new(name, "/store/postgresql").summary(summary);
        if installed {
            tile.foot(
                html! { (ui::status(ui::Status::new(ui::Tone::Good, Icon::Check, "Installed"))) span { (category) } },
            )
        } else {
            tile.foot(category.to_owned())
        }
    };
    let all = [
        tile("PostgreSQL", "The relational database that most apps ask for.", "Databases", true),
        tile("Valkey", "Keeps keys and values in memory; a drop-in for Redis.", "Databases", false),
        tile("Nginx", "Serves files and passes requests on.", "Web", true),
        tile(
            "Nextcloud",
            "Files, calendars and contacts of your own, on every device you have and for everybody you share with.",
            "Files",
            false,
        ),
        tile("Home Assistant", "One place for everything in the house that can be switched.", "Home", false),
        tile("Jellyfin", "Your films and music on every screen.", "Media", false),
    ];
    let filter = html! {
        (Field::search("q", "Search").placeholder("Name or purpose"))
        (Field::select("category", "Category", vec![Choice::new("", "All"), Choice::new("db", "Databases")]))
    };
    let body = html! {
        (ui::header("Store").lead("Apps that are ready for this box."))
        (ui::filters("/store", &filter, false))
        (ui::tiles(&all))
    };
    shell::page(&cx, "Store", &body)
}

async fn install(Cx(cx): Cx) -> Markup {
    let cx = cx.section(Section::Store).here("PostgreSQL");
    let body = html! {
        (ui::header("Install PostgreSQL").picture(ui::app_icon("PostgreSQL", None)).lead("The relational database that most apps ask for."))
        div class="split" {
            (ui::Card::plain(install_form(None, "/store/postgresql", "Install")))
            (ui::card("What it gets", ui::key_values().row("Image", html! { code { "postgres:17.9" } }).row("Memory", "128 MiB, better 512 MiB").row("Disk", "1 GiB").row("Ports", "5432")))
        }
    };
    shell::page(&cx, "Install PostgreSQL", &body)
}

async fn installed(Cx(cx): Cx) -> Response {
    let problem = Problem::field("port", "Port 5432 is taken by «old-database»; 5433 is free");
    let cx = cx.section(Section::Store).here("PostgreSQL");
    let body = html! {
        (ui::header("Install PostgreSQL"))
        (ui::Card::plain(install_form(Some(&problem), "/store/postgresql", "Install")))
    };
    (StatusCode::UNPROCESSABLE_ENTITY, shell::page(&cx, "Install PostgreSQL", &body)).into_response()
}

async fn other(Path(_app): Path<String>, cx: Cx, _work: WorkState) -> Response {
    respond(show(cx).await)
}

pub(crate) fn routes() -> Routes {
    Routes::new()
        .route("/apps", get(list))
        .route("/apps/{app}", get(other))
        .route("/apps/postgresql/logs", get(logs))
        .route("/apps/postgresql/history", get(history))
        .route("/apps/postgresql/settings", get(settings))
        .route("/apps/postgresql/remove", get(remove).post(removed))
        .route("/store", get(store))
        .route("/store/postgresql", get(install).post(installed))
}
