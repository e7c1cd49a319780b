//! Recovery mode: a site of one page, for a box whose database cannot be used. It needs no database.
//!
//! Nobody can sign in without one, so whoever chooses types the recovery code, which the supervisor makes at each such
//! start and shows on the console and in its log. Nothing here deletes: what is replaced is set aside.

mod choice;
pub(crate) mod door;
mod export;
mod page;

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use axum::{
    Form, Router,
    extract::{DefaultBodyLimit, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::{Next, from_fn},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use orbitr_access::{
    Secret,
    gate::{PeerAddress, is_same_origin, is_unsafe},
};
use orbitr_machine::data::Acts;
use orbitr_model::{ImageVersion, Mode, Problem, RecoveryReason, ReturnReason};
use orbitr_store::recovery;
use serde::Deserialize;
use tokio::sync::{Mutex, Notify};

use self::{choice::Choice, door::Door};
use crate::{
    assets,
    csp::{self, Nonce},
    prefs::{self, Prefs},
    shell::{GoesOn, PageCx, error_page, error_status},
};

pub use door::new_code;

/// The most that the form may have: 16 KiB.
const FORM_LIMIT: usize = 16 * 1024;
/// Where the page that says «restarting» leads.
const AGAIN: GoesOn = GoesOn { after: 4, to: "/" };

/// What the site of Recovery mode needs.
pub struct Recovery {
    /// Why the database cannot be used.
    pub reason: RecoveryReason,
    /// The state directory, which no store has open.
    pub state_dir: PathBuf,
    /// The code that was shown on the console, see [`new_code`].
    pub code: Secret,
    /// Told once after a choice was carried out: the box is to open its database again.
    pub restart: Arc<Notify>,
    /// Root's acts; none where the system is not ours.
    pub acts: Option<Acts>,
}

impl fmt::Debug for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recovery").field("reason", &self.reason).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Site(Arc<Inner>);

struct Inner {
    reason: RecoveryReason,
    state_dir: PathBuf,
    door: Door,
    restart: Arc<Notify>,
    acts: Option<Acts>,
    /// One choice at a time.
    at_work: Mutex<()>,
    /// A choice was carried out: from now on there is nothing to choose.
    done: AtomicBool,
}

/// The site of a box in Recovery mode, ready to be served. Everything under `/api/` is refused with 503 `recovery-mode`.
pub fn site(recovery: Recovery) -> Router {
    let site = Site(Arc::new(Inner {
        reason: recovery.reason,
        state_dir: recovery.state_dir,
        door: Door::new(&recovery.code),
        restart: recovery.restart,
        acts: recovery.acts,
        at_work: Mutex::new(()),
        done: AtomicBool::new(false),
    }));
    Router::new()
        .route("/", get(show))
        .route("/recovery", post(choose))
        .route(prefs::ROUTE, post(preferences))
        .fallback(elsewhere)
        .with_state(site)
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .layer(from_fn(own_pages_only))
        .route(assets::ROUTE, get(assets::serve))
        .layer(from_fn(csp::headers))
}

/// What the page knows of its reader. The box's name is in the database.
struct Cx(PageCx);

impl FromRequestParts<Site> for Cx {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Self::Rejection> {
        let nonce = parts.extensions.get::<Nonce>().cloned().unwrap_or_else(Nonce::fresh);
        let mut cx = PageCx::new(nonce, "/", orbitr_store::time::now());
        cx.prefs = Prefs::from_headers(&parts.headers);
        cx.mode = Mode::Recovery { reason: site.0.reason.clone() };
        Ok(Self(cx))
    }
}

async fn show(State(site): State<Site>, Cx(cx): Cx) -> Response {
    if site.0.done.load(Ordering::Acquire) {
        return restarting(cx);
    }
    chooser(&site, &cx, None, None, StatusCode::SERVICE_UNAVAILABLE).await
}

async fn chooser(
    site: &Site,
    cx: &PageCx,
    chosen: Option<&str>,
    problem: Option<&Problem>,
    status: StatusCode,
) -> Response {
    let kept = recovery::kept(&site.0.state_dir).await.map_err(|error| {
        tracing::warn!(%error, "the kept copies cannot be listed");
    });
    let versions = site.0.acts.as_ref().map(Acts::other_versions).unwrap_or_default();
    let given = page::Given { reason: &site.0.reason, kept: kept.as_deref().ok(), versions: &versions };
    (status, page::chooser(cx, &given, chosen, problem)).into_response()
}

fn restarting(mut cx: PageCx) -> Response {
    cx.goes_on = Some(AGAIN);
    (StatusCode::SERVICE_UNAVAILABLE, page::restarting(&cx)).into_response()
}

#[derive(Deserialize)]
struct ChoiceForm {
    #[serde(default)]
    choice: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    confirm: String,
}

async fn choose(State(site): State<Site>, Cx(cx): Cx, request: Request) -> Response {
    let from = request.extensions().get::<PeerAddress>().map(|peer| peer.0.ip());
    let Ok(Form(form)) = <Form<ChoiceForm> as axum::extract::FromRequest<()>>::from_request(request, &()).await else {
        let problem = Problem::new(400, "form-unreadable", "The form could not be read").then("Go back and try again.");
        return error_page(&cx, &problem);
    };
    if site.0.done.load(Ordering::Acquire) {
        return restarting(cx);
    }
    let again = async |problem: Problem| {
        let mut response = chooser(&site, &cx, Some(&form.choice), Some(&problem), error_status(&problem)).await;
        if let Some(seconds) = problem.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    };
    let Some(choice) = Choice::parse(&form.choice) else {
        return again(Problem::field("choice", "Choose how to go on.")).await;
    };
    if let Err(problem) = site.0.door.knock(from, &Secret::new(form.code.as_str()), Instant::now()) {
        tracing::warn!(?from, code = problem.code, "a recovery code was refused");
        return again(problem).await;
    }
    if choice.is_confirmed_by(&form.confirm) {
        match carry_out(&site, &choice).await {
            Ok(Some(download)) => download,
            Ok(None) => restarting(cx),
            Err(problem) => again(problem).await,
        }
    } else {
        let problem = (!form.confirm.is_empty()).then(|| Problem::field("confirm", "These are not the words."));
        (StatusCode::UNPROCESSABLE_ENTITY, page::confirm(&cx, &form.code, problem.as_ref())).into_response()
    }
}

/// Does it; what was begun is finished, whether the browser stays or not. An export is an answer of its own.
async fn carry_out(site: &Site, choice: &Choice) -> Result<Option<Response>, Problem> {
    tracing::warn!(?choice, "a way out of Recovery mode was chosen");
    if *choice == Choice::Export {
        return export::download(site.0.state_dir.clone()).await.map(Some);
    }
    let (site, choice) = (site.clone(), choice.clone());
    let work = tokio::spawn(async move {
        let inner = &site.0;
        let _one_at_a_time = inner.at_work.lock().await;
        if inner.done.load(Ordering::Acquire) {
            return Ok(());
        }
        if let Choice::Version(version) = &choice {
            inner.go_back_to(version).await?;
            // The whole machine restarts, and nothing is opened before.
            inner.done.store(true, Ordering::Release);
            return Ok(());
        }
        choice.carry_out(&inner.state_dir).await.map_err(|error| {
            tracing::error!(error = %chain(&error), "the way out of Recovery mode did not work");
            Problem::from(error)
        })?;
        inner.done.store(true, Ordering::Release);
        inner.restart.notify_one();
        Ok(())
    });
    work.await.map_err(|_| Problem::internal())?.map(|()| None)
}

impl Inner {
    /// Has the machine start the version of the system that ran before. The one that runs is given up for it.
    async fn go_back_to(&self, version: &ImageVersion) -> Result<(), Problem> {
        let acts = self.acts.as_ref().filter(|acts| acts.other_versions().contains(version));
        let acts = acts.ok_or_else(|| Problem::field("choice", "This version is not on the disk, or was given up."))?;
        let reason = ReturnReason {
            code: "recovery".to_owned(),
            title: "Its owner went back from Recovery mode".to_owned(),
            detail: page::told(&self.reason).title.to_owned(),
        };
        acts.go_back_to(version, reason).await.inspect_err(|problem| {
            tracing::error!(%problem, "the version before could not be chosen");
        })
    }
}

/// An error with all its reasons, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(why) = next {
        text = format!("{text}: {why}");
        next = why.source();
    }
    text
}

async fn preferences(Form(form): Form<prefs::PrefsForm>) -> Response {
    prefs::apply(&form)
}

/// Any other address: programs are told in their own way, people come to the one page.
async fn elsewhere(method: Method, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return as_json(&recovery_mode());
    }
    if matches!(method, Method::GET | Method::HEAD) {
        Redirect::temporary("/").into_response()
    } else {
        StatusCode::METHOD_NOT_ALLOWED.into_response()
    }
}

fn recovery_mode() -> Problem {
    Problem::new(503, "recovery-mode", "The box is in Recovery mode")
        .why("Its database cannot be used.")
        .then("Open its address in a browser and choose how to go on.")
        .retry_after(60)
}

pub(crate) fn as_json(problem: &Problem) -> Response {
    let kind = HeaderValue::from_static("application/problem+json");
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]);
    if let Some(seconds) = problem.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    (error_status(problem), headers, body).into_response()
}

/// A form that another site sends is not looked at.
pub(crate) async fn own_pages_only(request: Request, next: Next) -> Response {
    // No cookie opens anything below /api/ here; what programs ask there is refused, or carries its own proof.
    let of_pages = !request.uri().path().starts_with("/api/");
    if of_pages && is_unsafe(request.method()) && !is_same_origin(request.uri(), request.headers()) {
        let problem = Problem::new(403, "cross-site-request", "This request does not come from this box's own pages")
            .then("Open the page on this box and try again from there.");
        return as_json(&problem);
    }
    next.run(request).await
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
