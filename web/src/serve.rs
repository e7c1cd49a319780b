//! Putting the site together: every route, the layers around them, the way the gate refuses pages.

use axum::{
    Form, Router,
    extract::DefaultBodyLimit,
    http::{HeaderMap, Method},
    middleware::{from_fn, from_fn_with_state},
    response::Response,
};
use orbitr_access::{
    action::OwnAccount,
    gate::{Gate, RouteInfo, Routes},
};

use crate::{
    access, apps, assets, csp, flash, history, home, hub, issues, jobs, machine, palette, prefs, reference, settings,
    site::Site, trouble,
};

/// The most that a form may have: 256 KiB.
const FORM_LIMIT: usize = 256 * 1024;
const LOOKS: &str = "how pages look is the browser's own choice";

/// The site, ready to be served.
#[derive(Debug)]
pub struct Served {
    /// The router for everything but the API.
    pub router: Router,
    /// Every route with what it needs, as the test that walks them all wants it.
    pub table: Vec<RouteInfo>,
}

/// The gate with the site's way of refusing.
#[must_use]
pub fn gate(access: orbitr_access::Access) -> Gate {
    Gate::new(access).pages(trouble::refused)
}

/// The routes that [`serve`] serves, without anything behind them.
#[must_use]
pub fn table() -> Vec<RouteInfo> {
    routes().table().to_vec()
}

/// Puts the site together.
#[must_use]
pub fn serve(site: Site, gate: &Gate) -> Served {
    let routes = routes();
    let table = routes.table().to_vec();
    let router = routes
        .into_router(gate)
        .fallback(trouble::nothing_here)
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .layer(from_fn_with_state(site.clone(), trouble::pages))
        .layer(from_fn(flash::take))
        .layer(axum::Extension(gate.clone()))
        .with_state(site)
        .route(assets::ROUTE, axum::routing::get(assets::serve))
        .layer(from_fn(csp::headers));
    Served { router, table }
}

fn routes() -> Routes<Site> {
    let routes =
        Routes::new().get(OwnAccount, "/events", hub::events).always(Method::POST, prefs::ROUTE, LOOKS, preferences);
    let routes = issues::routes(access::routes(home::routes(routes)));
    let routes = machine::routes(jobs::routes(apps::routes(routes)));
    reference::routes(palette::routes(settings::routes(history::routes(routes))))
}

async fn preferences(_: HeaderMap, Form(form): Form<prefs::PrefsForm>) -> Response {
    prefs::apply(&form)
}
