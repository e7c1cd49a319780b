//! The gallery: every component and sample pages with made-up data over plain HTTP on localhost, for looking at while
//! working on the style sheet and for the browser checks.
//!
//! `cargo run -p orbitr-web --example gallery -- 127.0.0.1:8791`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a tool for developers, not a part of the product"
)]

mod apps;
mod box_pages;
mod components;
mod doors;
mod jobs;
mod live;

use std::sync::Arc;

use axum::{
    Form, Router,
    extract::{FromRef, FromRequestParts, Path, Query, State},
    http::{HeaderMap, Uri, request::Parts},
    middleware::from_fn,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use maud::Markup;
use orbitr_model::{Problem, Role, Timestamp};
use orbitr_web::{
    assets,
    csp::{self, Nonce},
    flash::{self, Flash, Waiting},
    prefs::{self, Prefs, PrefsForm},
    shell::{self, NavItem, PageCx, Viewer},
    ui::{self, Icon, PaletteItem},
};
use serde::Deserialize;

/// What every sample page begins with.
pub(crate) struct Cx(pub(crate) PageCx);

impl<S: Sync> FromRequestParts<S> for Cx
where
    Arc<live::Work>: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let nonce = Nonce::from_request_parts(parts, state).await?;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let mut cx = PageCx::new(nonce, path, Timestamp::now());
        cx.box_name = "attic".to_owned();
        cx.prefs = Prefs::from_headers(&parts.headers);
        cx.flash = Waiting::from_request_parts(parts, state).await?.0;
        cx.viewer = Some(Viewer { name: "Anna Lindqvist".into(), username: "anna".into(), role: Role::Admin });
        let work = Arc::<live::Work>::from_ref(state);
        cx.jobs = work.tray();
        cx.events_after = Some(work.cursor().to_string());
        Ok(Self(cx))
    }
}

#[derive(Deserialize)]
struct Query_ {
    #[serde(default)]
    q: String,
}

async fn palette(Cx(cx): Cx, Query(Query_ { q }): Query<Query_>, headers: HeaderMap) -> Markup {
    let word = q.to_lowercase();
    let page = |item: &NavItem| PaletteItem {
        group: "Pages".into(),
        icon: item.icon,
        label: item.label.into(),
        hint: format!("g {}", item.key),
        href: item.href.into(),
        way: ui::PaletteWay::Page,
    };
    let mut items: Vec<PaletteItem> = NavItem::ALL.iter().map(page).collect();
    for (name, href) in [("PostgreSQL", "/apps/postgresql"), ("Nginx", "/apps/nginx"), ("Valkey", "/apps/valkey")] {
        items.push(PaletteItem {
            group: "Apps".into(),
            icon: Icon::Box,
            label: name.into(),
            hint: "App".into(),
            href: href.into(),
            way: ui::PaletteWay::Page,
        });
    }
    items.push(PaletteItem {
        group: "Actions".into(),
        icon: Icon::RotateCw,
        label: "Restart PostgreSQL".into(),
        hint: "Runs at once".into(),
        href: "/apps/postgresql/restart".into(),
        way: ui::PaletteWay::Post,
    });
    items.retain(|item| item.label.to_lowercase().contains(&word));
    let results = ui::palette_results(&items);
    if headers.contains_key("hx-request") {
        return results;
    }
    let search = ui::Field::search("q", "Search pages, apps and actions").value(q);
    let body =
        maud::html! { (ui::header("Search")) (ui::filters("/palette", &maud::html! { (search) }, false)) (results) };
    shell::page(&cx.here("Search"), "Search", &body)
}

async fn error(Cx(mut cx): Cx, Path((who, status)): Path<(String, u16)>) -> Response {
    if who == "out" {
        cx.viewer = None;
    }
    let problem = match status {
        403 => Problem::new(403, "not-allowed", "You may look at PostgreSQL, but not stop it")
            .why("Your grant on this app is «view»; stopping needs «operate».")
            .then("Ask an admin of this box for the grant."),
        405 => Problem::new(405, "method-not-allowed", "This address does not take that")
            .then("Go back and use the buttons of the page."),
        413 => Problem::new(413, "too-large", "That is more than the box takes")
            .why("The upload has 120 MiB; the limit is 64 MiB.")
            .then("Upload it over the command line."),
        422 => Problem::field("port", "Port 80 is taken by Nginx").then("Choose another port."),
        429 => Problem::new(429, "too-many-tries", "Too many wrong codes from this address").retry_after(40),
        503 => Problem::new(503, "docker-down", "Docker does not answer")
            .why("The socket /run/docker.sock refuses connections since 14:03.")
            .then("Restart Docker; the box notices by itself."),
        500 => Problem::internal(),
        _ => Problem::not_found("app", "postgresql"),
    };
    shell::error_page(&cx, &problem)
}

async fn preferences(Form(form): Form<PrefsForm>) -> Response {
    prefs::apply(&form)
}

async fn done(uri: Uri) -> Response {
    let app = uri.path().split('/').nth(2).unwrap_or_default().to_owned();
    let flash = Flash::busy("PostgreSQL is being restarted").link("Show", format!("/jobs/{}", live::JOB));
    flash.redirect(&format!("/apps/{app}"))
}

async fn missing(Cx(cx): Cx) -> Response {
    shell::error_page(&cx, &Problem::new(404, "page-not-found", "There is no such page").then("Start again from Home."))
}

#[tokio::main]
async fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8791".to_owned());
    let work = live::Work::start();
    let app = Router::new()
        .route(assets::ROUTE, get(assets::serve))
        .route(prefs::ROUTE, post(preferences))
        .route("/palette", get(palette))
        .route("/error/{who}/{status}", get(error))
        .route("/components", get(components::page))
        .merge(apps::routes())
        .merge(box_pages::routes())
        .merge(doors::routes())
        .merge(jobs::routes())
        .merge(live::routes())
        .route("/apps/{app}/restart", post(done))
        .fallback(missing)
        .layer(from_fn(flash::take))
        .layer(from_fn(csp::headers))
        .with_state(work);
    let listener = tokio::net::TcpListener::bind(&address).await.expect("the address is free");
    println!("http://{address}/components");
    axum::serve(listener, app).await.expect("served");
}

pub(crate) type Work = State<Arc<live::Work>>;
pub(crate) type Routes = Router<Arc<live::Work>>;

pub(crate) fn respond(markup: Markup) -> Response {
    markup.into_response()
}
