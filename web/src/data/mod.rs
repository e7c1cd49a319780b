//! The site of a box that has no data partition open: the first steps of the wizard on Orbitr OS, the installer of a
//! stick, and the choices of a box that cannot open its data. It needs no database.
//!
//! Nobody can sign in without one, so whoever chooses types the code that the console shows. The browser keeps it in a
//! cookie, so that a reload, and the restart after the data partition was made, go on where it was. Nothing here formats
//! anything: it asks root, and root looks again.

mod act;
mod api;
mod page;

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use axum::{
    Form, Router,
    extract::{DefaultBodyLimit, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::from_fn,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use maud::Markup;
use orbitr_access::{Secret, gate::PeerAddress};
use orbitr_machine::data::{Acts, Stage};
use orbitr_model::{Mode, Problem, RecoveryKey};

use crate::{
    assets,
    csp::{self, Nonce},
    installer,
    prefs::{self, Prefs},
    recovery::{as_json, door::Door, own_pages_only},
    shell::{GoesOn, PageCx, error_status},
};

pub(crate) use self::{
    act::request_id,
    page::{about, name as disk_name},
};
pub use crate::recovery::new_code;

/// The most that a form may have: 16 KiB.
const FORM_LIMIT: usize = 16 * 1024;
/// Where the browser keeps the code until the box is claimed. The name binds it to this origin (RFC 6265bis).
pub(crate) const COOKIE: &str = "__Host-orbitr-setup";

/// What the site needs.
pub struct DataSite {
    /// Root's acts.
    pub acts: Acts,
    /// The code that the console shows.
    pub code: Secret,
}

impl fmt::Debug for DataSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataSite").finish_non_exhaustive()
    }
}

/// What every handler has.
#[derive(Clone)]
pub(crate) struct Site(Arc<Inner>);

struct Inner {
    acts: Acts,
    door: Door,
    /// The key that was shown and is to be typed back, and whether the chip shall open the data by itself.
    pending: Mutex<Option<Pending>>,
}

/// A recovery key on its way to paper.
#[derive(Clone)]
struct Pending {
    key: RecoveryKey,
    chip: bool,
}

impl Site {
    pub(crate) fn acts(&self) -> &Acts {
        &self.0.acts
    }

    fn pending(&self) -> Option<Pending> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_pending(&self, pending: Option<Pending>) {
        *self.0.pending.lock().unwrap_or_else(PoisonError::into_inner) = pending;
    }

    /// Looks at a code; wrong ones are counted, wherever they come from.
    fn knock(&self, from: Option<IpAddr>, code: &Secret) -> Result<(), Problem> {
        self.0.door.knock(from, code, Instant::now()).map_err(|problem| {
            if problem.status == 429 {
                return problem;
            }
            let mut problem = Problem::field("code", "This is not the code.");
            problem.code = "wrong-setup-code".to_owned();
            problem.then("Read it again from the box's screen, or from its serial console.")
        })
    }
}

/// The site, ready to be served. Under `/api/v1/setup` the same for programs; everything else there is refused.
pub fn site(site: DataSite) -> Router {
    let state = Site(Arc::new(Inner { acts: site.acts, door: Door::new(&site.code), pending: Mutex::default() }));
    let pages = Router::new()
        .route("/", get(show))
        .route("/setup", get(show).post(enter))
        .route("/setup/data", post(act::choose))
        .route("/setup/key", get(act::show_key).post(act::typed_back))
        .route("/setup/unlock", post(act::unlock))
        .route("/setup/again", post(act::look_again))
        .route(act::PROGRESS, get(act::progress))
        .route("/setup/restart", post(act::restart))
        .route("/install", get(installer::list).post(installer::install))
        .route(prefs::ROUTE, post(preferences))
        .fallback(elsewhere)
        .layer(from_fn(own_pages_only));
    // A program sends the code itself, which no page of another site can make a browser do.
    pages
        .merge(api::routes())
        .with_state(state)
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .route(assets::ROUTE, get(assets::serve))
        .layer(from_fn(csp::headers))
}

/// What a page knows of its reader.
pub(crate) struct Cx(pub(crate) PageCx);

impl FromRequestParts<Site> for Cx {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Self::Rejection> {
        let nonce = parts.extensions.get::<Nonce>().cloned().unwrap_or_else(Nonce::fresh);
        let path = if parts.method == Method::GET { parts.uri.path() } else { "/" };
        let mut cx = PageCx::new(nonce, path, orbitr_store::time::now());
        cx.prefs = Prefs::from_headers(&parts.headers);
        cx.mode = match site.acts().stage() {
            Stage::Degraded => Mode::Degraded { reasons: Vec::new() },
            _ => Mode::Setup,
        };
        Ok(Self(cx))
    }
}

/// Somebody who has typed the code. Without it a handler is not reached.
pub(crate) struct Near;

impl FromRequestParts<Site> for Near {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Response> {
        let refuse = || Redirect::to("/").into_response();
        let code = code_cookie(&parts.headers).ok_or_else(refuse)?;
        site.knock(peer(parts), &code).map(|()| Self).map_err(|_| refuse())
    }
}

fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<PeerAddress>().map(|peer| peer.0.ip())
}

/// The code that the browser keeps.
pub(crate) fn code_cookie(headers: &HeaderMap) -> Option<Secret> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut values = pairs.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    values.find(|(name, _)| *name == COOKIE).map(|(_, value)| Secret::new(value))
}

/// The `Set-Cookie` that keeps the code; with none it takes it out again.
pub(crate) fn set_code_cookie(code: Option<&Secret>) -> HeaderValue {
    let clean: String =
        code.map_or("", Secret::expose).chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
    let age = if clean.is_empty() { "; Max-Age=0" } else { "" };
    let line = format!("{COOKIE}={clean}; Path=/; Secure; HttpOnly; SameSite=Strict{age}");
    let mut value =
        HeaderValue::try_from(line).unwrap_or(HeaderValue::from_static("__Host-orbitr-setup=; Path=/; Secure"));
    value.set_sensitive(true);
    value
}

#[derive(serde::Deserialize)]
struct CodeForm {
    #[serde(default)]
    code: String,
}

/// Where the reader is: at the door, or at the step that the facts say.
async fn show(State(site): State<Site>, Cx(cx): Cx, near: Result<Near, Response>) -> Response {
    if near.is_err() {
        return page::door(&cx, site.acts().stage(), None).into_response();
    }
    if site.acts().at_work().await.is_some() {
        return Redirect::to(act::PROGRESS).into_response();
    }
    if site.acts().is_mounting().await {
        return opened(cx);
    }
    match site.acts().stage() {
        Stage::Installer => Redirect::to("/install").into_response(),
        Stage::Open => opened(cx),
        stage => page::step(&site, &cx, stage, None).into_response(),
    }
}

async fn enter(State(site): State<Site>, Cx(cx): Cx, request: Request) -> Response {
    let from = request.extensions().get::<PeerAddress>().map(|peer| peer.0.ip());
    let form = <Form<CodeForm> as axum::extract::FromRequest<()>>::from_request(request, &()).await;
    let code = Secret::new(form.map(|Form(form)| form.code).unwrap_or_default());
    match site.knock(from, &code) {
        Ok(()) => ([(header::SET_COOKIE, set_code_cookie(Some(&code)))], Redirect::to("/")).into_response(),
        Err(problem) => refused(&problem, page::door(&cx, site.acts().stage(), Some(&problem))),
    }
}

/// A page that says what was wrong with what was sent.
pub(crate) fn refused(problem: &Problem, page: Markup) -> Response {
    let mut response = (error_status(problem), page).into_response();
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A page that leads on by itself.
fn goes_on(mut cx: PageCx, after: u32, to: &'static str) -> PageCx {
    cx.goes_on = Some(GoesOn { after, to });
    cx
}

/// The data partition is open, and the supervisor is about to start again on it.
fn opened(cx: PageCx) -> Response {
    page::opened(&goes_on(cx, 2, "/setup")).into_response()
}

async fn preferences(Form(form): Form<prefs::PrefsForm>) -> Response {
    prefs::apply(&form)
}

/// Any other address: programs are told in their own way, people come to where they are.
async fn elsewhere(method: Method, State(site): State<Site>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return as_json(&no_data(site.acts().stage()));
    }
    if matches!(method, Method::GET | Method::HEAD) {
        Redirect::temporary("/").into_response()
    } else {
        StatusCode::METHOD_NOT_ALLOWED.into_response()
    }
}

fn no_data(stage: Stage) -> Problem {
    let why = match stage {
        Stage::Installer => "It runs from an installation medium.",
        Stage::Setup => "It is new.",
        Stage::Degraded => "It cannot open its data.",
        Stage::Open => "It is about to start on its data partition.",
    };
    Problem::new(503, "no-data-partition", "The box has no data partition open")
        .why(why)
        .then("Open its address in a browser and follow the steps, or use /api/v1/setup.")
        .retry_after(10)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
