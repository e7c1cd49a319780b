//! The site: the rooms behind the pages, and what every page knows about its reader and the box.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::request::Parts,
};
use bytes::Bytes;
use orbitr_access::{Access, Caller, TheBox, action::OwnAccount};
use orbitr_apps::Apps;
use orbitr_jobs::{Filter, Jobs};
use orbitr_machine::Machine;
use orbitr_model::{Actor, Mode, PageRequest, Timestamp};
use orbitr_watch::Watch;

use crate::{
    csp::Nonce,
    flash::Waiting,
    hub::Hub,
    issues,
    prefs::Prefs,
    shell::{PageCx, TrayJob, Viewer},
    ui::Clock,
};

/// Gives the OpenAPI document, as JSON text.
pub type Reference = Arc<dyn Fn() -> Bytes + Send + Sync>;

/// What a browser is told about the box's own certificates.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// SHA-256 of the authority, in pairs of hexadecimal digits with colons.
    pub authority: String,
    /// The authority's certificate, PEM.
    pub pem: String,
}

/// The rooms behind the pages. A handle: clones share everything.
#[derive(Clone)]
pub struct Site {
    /// Who may.
    pub access: Access,
    /// Apps and the store.
    pub apps: Apps,
    /// Jobs.
    pub jobs: Jobs,
    /// This box.
    pub machine: Machine,
    /// What is wrong.
    pub watch: Watch,
    /// The stream of changes.
    pub hub: Hub,
    /// The box's own certificates.
    pub certificates: Arc<Certificates>,
    /// The OpenAPI document, for the page that shows it.
    pub reference: Reference,
    /// The version of this Orbitr.
    pub version: &'static str,
}

impl Site {
    /// What every page knows. Lists that cannot be read are left empty here; the page itself says what failed.
    pub(crate) async fn cx(&self, parts: &Parts, caller: Option<&Caller>) -> PageCx {
        let nonce = parts.extensions.get::<Nonce>().cloned().unwrap_or_else(Nonce::fresh);
        let path = parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
        let mut cx = PageCx::new(nonce, path, orbitr_store::time::now());
        cx.events_after = Some(self.hub.position());
        cx.prefs = Prefs::from_headers(&parts.headers);
        cx.flash = parts.extensions.get::<Waiting>().and_then(|waiting| waiting.0.clone());
        cx.box_name = self.machine.name().to_string();
        cx.clock = self.clock(cx.clock.now());
        cx.mode = self.mode();
        if let Some(caller) = caller {
            cx.viewer = self.viewer(caller).await;
            cx.jobs = self.tray(caller).await;
            cx.issues = issues::counts(self, caller).await;
            cx.safe_mode = self.apps.in_safe_mode().await.unwrap_or_default();
        }
        cx
    }

    /// Who looks, by the name they gave themselves.
    async fn viewer(&self, caller: &Caller) -> Option<Viewer> {
        let (Actor::User { name, .. } | Actor::Token { name, .. }) = caller.actor() else { return None };
        let permit = self.access.permit::<OwnAccount>(caller, TheBox).await.ok()?;
        let me = self.access.me(&permit).await.ok()?;
        let shown = me.user.map_or_else(|| name.to_string(), |user| user.display_name.to_string());
        Some(Viewer { name: shown, username: name.to_string(), role: caller.role() })
    }

    /// The box's clock.
    pub(crate) fn clock(&self, now: Timestamp) -> Clock {
        Clock::new(now, self.machine.time_zone())
    }

    fn mode(&self) -> Mode {
        let reasons = [self.apps.troubles(), self.machine.troubles()].concat();
        if !self.access.is_claimed() {
            Mode::Setup
        } else if reasons.is_empty() {
            Mode::Running
        } else {
            Mode::Degraded { reasons }
        }
    }

    /// The jobs that run now, as far as the reader may see them.
    pub(crate) async fn tray(&self, caller: &Caller) -> Vec<TrayJob> {
        let filter = Filter { active: Some(true), visible: caller.visible_jobs(), ..Filter::default() };
        let page = self.jobs.list(filter, &PageRequest::default()).await;
        let jobs = page.map(|page| page.items).unwrap_or_default();
        jobs.into_iter()
            .map(|job| TrayJob {
                id: job.id,
                title: job.title,
                state: job.state,
                progress: job.progress,
                message: job.message,
            })
            .collect()
    }
}

/// The page context, for handlers: `Cx(cx): Cx`.
pub(crate) struct Cx(pub(crate) PageCx);

impl FromRequestParts<Site> for Cx {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Infallible> {
        // A caller that cannot be found out is none: the gate has already decided whether that is enough.
        let caller = <Caller as OptionalFromRequestParts<Site>>::from_request_parts(parts, site).await.ok().flatten();
        Ok(Self(site.cx(parts, caller.as_ref()).await))
    }
}
