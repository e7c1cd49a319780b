//! The shell around every page: head, sidebar, top bar, phone bar, messages, and the bare page for those who are not in yet.
//!
//! What lives here: what is the same on every page. What may not: any page, any lookup; a handler fills [`PageCx`].

mod bar;
mod error;
mod nav;

use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};
use orbitr_model::{JobId, JobState, Mode, Role, Timestamp};
use orbitr_watch::Counts;

use crate::{
    assets::{asset_url, build_id},
    csp::Nonce,
    flash::Flash,
    prefs::{Prefs, Theme},
    ui::{self, Clock, Icon, Tone},
};

pub use bar::{bell, tray};
pub use error::{error_page, error_status};
pub use nav::{NavItem, Section};

/// Who looks at the page.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// The name shown in the account menu.
    pub name: String,
    /// The name used to sign in.
    pub username: String,
    /// Decides which sections are shown; what is allowed is decided by access alone.
    pub role: Role,
}

/// A step of the path to this page; the last one is the page itself and has no address.
#[derive(Clone, Debug)]
pub struct Crumb {
    /// Its name.
    pub label: String,
    /// Its page.
    pub href: Option<String>,
}

/// A job that runs now, in the tray.
#[derive(Clone, Debug)]
pub struct TrayJob {
    /// Which.
    pub id: JobId,
    /// What it does.
    pub title: String,
    /// Where it is.
    pub state: JobState,
    /// How far, 0 to 1.
    pub progress: Option<f64>,
    /// What it does right now.
    pub message: String,
}

/// Everything a page needs to know besides its own view.
#[derive(Clone, Debug)]
pub struct PageCx {
    /// From [`crate::csp`].
    pub nonce: Nonce,
    /// Who looks; none before sign-in.
    pub viewer: Option<Viewer>,
    /// The box's name, or «Orbitr» where it has none yet.
    pub box_name: String,
    /// Path and query of this request, where the switches come back to.
    pub path: String,
    /// From [`Prefs::from_headers`].
    pub prefs: Prefs,
    /// From [`crate::flash::Waiting`].
    pub flash: Option<Flash>,
    /// What the box as a whole is doing; a banner says it where it is not plainly running.
    pub mode: Mode,
    /// Whether the box is in safe mode: a banner says it on every page.
    pub safe_mode: bool,
    /// The page's moment.
    pub clock: Clock,
    /// Which section is marked; none on pages outside of them.
    pub section: Option<Section>,
    /// The path to this page.
    pub crumbs: Vec<Crumb>,
    /// What runs now, as far as this viewer may see it; the tray shows the first five.
    pub jobs: Vec<TrayJob>,
    /// How many issues there are, as far as this viewer may see them; none where nobody can say.
    pub issues: Option<Counts>,
    /// After how many seconds a browser without JavaScript loads the page again. Only for pages on which nobody types: what
    /// was typed would be gone.
    pub look_again: Option<u32>,
    /// Where the browser goes by itself, with or without JavaScript. Only for pages without a form, as above.
    pub goes_on: Option<GoesOn>,
    /// Where the stream of changes goes on from, so that nothing is missed between this answer and its start.
    pub events_after: Option<String>,
}

/// A page that leads on by itself. With JavaScript the browser leaves it only when the other one answers, so that nobody meets
/// a browser's own error page while the box starts again.
#[derive(Clone, Copy, Debug)]
pub struct GoesOn {
    /// After how many seconds; without an answer, again after as many.
    pub after: u32,
    /// To which path.
    pub to: &'static str,
}

impl PageCx {
    /// A page for nobody in particular; the fields are filled in by the handler.
    #[must_use]
    pub fn new(nonce: Nonce, path: impl Into<String>, now: Timestamp) -> Self {
        Self {
            nonce,
            viewer: None,
            box_name: "Orbitr".to_owned(),
            path: path.into(),
            prefs: Prefs::default(),
            flash: None,
            mode: Mode::Running,
            safe_mode: false,
            clock: Clock::new(now, TimeZone::UTC),
            section: None,
            crumbs: Vec::new(),
            jobs: Vec::new(),
            issues: None,
            look_again: None,
            goes_on: None,
            events_after: None,
        }
    }

    /// Marks a section of the navigation; it is also the first crumb.
    #[must_use]
    pub fn section(mut self, section: Section) -> Self {
        self.section = Some(section);
        self
    }

    /// Adds a crumb that leads somewhere.
    #[must_use]
    pub fn crumb(mut self, label: impl Into<String>, href: impl Into<String>) -> Self {
        self.crumbs.push(Crumb { label: label.into(), href: Some(href.into()) });
        self
    }

    /// Adds the last crumb: this page.
    #[must_use]
    pub fn here(mut self, label: impl Into<String>) -> Self {
        self.crumbs.push(Crumb { label: label.into(), href: None });
        self
    }

    /// Whether the viewer is an admin, for what is only offered to admins.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.role == Role::Admin)
    }
}

/// A page inside the shell. `title` is for the window; the page's own header is part of `body` ([`ui::header`]).
#[must_use]
pub fn page(cx: &PageCx, title: &str, body: impl Render) -> Markup {
    let inside = html! {
        a class="skip" href="#main" { "Skip to content" }
        div class="shell" {
            (nav::sidebar(cx))
            div class="frame" {
                (bar::top(cx))
                main id="main" tabindex="-1" {
                    (mode_banner(&cx.mode))
                    (safe_mode_banner(cx))
                    (body)
                }
            }
            (nav::phone_bar(cx))
        }
        (bar::overlays())
    };
    document(cx, title, "app", &inside)
}

/// A page without navigation: setup, sign-in, invitation, recovery. `body` holds the only `h1`.
#[must_use]
pub fn bare_page(cx: &PageCx, title: &str, body: impl Render) -> Markup {
    let inside = html! {
        a class="skip" href="#main" { "Skip to content" }
        div class="bare" {
            div class="bare-sky" aria-hidden="true" { (bar::orbits()) }
            header class="bare-head" {
                (bar::mark())
                span { (cx.box_name) }
            }
            main id="main" tabindex="-1" class="bare-main" { (body) }
            footer class="bare-foot" {
                (bar::theme_switch(cx))
            }
        }
    };
    document(cx, title, "bare", &inside)
}

/// What phones paint around the page: the ground of tokens.css as sRGB.
const LIGHT: &str = "#faf8f5";
/// The same by night.
const DARK: &str = "#0d1619";

/// htmx: only the extensions that app.js brings, no inline style, and logs are left alone by morphing.
const HTMX_CONFIG: &str = r#"{"extensions":"hx-csp,orbitr,orbitr-press","includeIndicatorCSS":false,"morphSkip":"[data-log]","defaultTimeout":30000}"#;

/// In the page itself: a box that is about to start again may not give its script any more, and browsers keep nothing that
/// came with a certificate that they do not know.
const GOES_ON: &str = include_str!("../../assets/src/js/goes-on.js");

fn document(cx: &PageCx, title: &str, kind: &str, inside: &Markup) -> Markup {
    let events = cx.viewer.as_ref().map(|_| match &cx.events_after {
        Some(after) => format!("/events?after={after}"),
        None => "/events".to_owned(),
    });
    // No view transition: for as long as one plays, every click falls on it and on nothing else.
    let boost = (kind == "app").then_some("swap:outerSync");
    html! {
        (DOCTYPE)
        html lang="en" data-theme=(cx.prefs.theme.as_str()) data-sidebar=(cx.prefs.sidebar.as_str()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                meta name="color-scheme" content="light dark";
                @for (theme, media, colour) in [(Theme::Dark, "(prefers-color-scheme: light)", LIGHT), (Theme::Light, "(prefers-color-scheme: dark)", DARK)] {
                    @let forced = if theme == Theme::Dark { DARK } else { LIGHT };
                    meta name="theme-color" media=(media) content=(if cx.prefs.theme == theme { forced } else { colour });
                }
                meta name="htmx-config" content=(HTMX_CONFIG);
                @if let Some(seconds) = cx.look_again { noscript { meta http-equiv="refresh" content=(seconds); } }
                @if let Some(goes_on) = &cx.goes_on {
                    // before anything that it would have to wait for
                    script nonce=(cx.nonce) data-goes-on-after=(goes_on.after) data-goes-on-to=(goes_on.to) { (PreEscaped(GOES_ON)) }
                    noscript { meta http-equiv="refresh" content={ (goes_on.after) "; url=" (goes_on.to) }; } }
                title { (title) " · " (cx.box_name) }
                link rel="preload" as="font" type="font/woff2" crossorigin href=(asset_url("inter-latin.woff2"));
                link rel="stylesheet" href=(asset_url("app.css"));
                link rel="icon" type="image/svg+xml" href=(asset_url("favicon.svg"));
                script nonce=(cx.nonce) src=(asset_url("app.js")) defer {}
            }
            body data-kind=(kind) data-build=(build_id()) data-now=(cx.clock.now()) data-events=[events]                hx-boost:inherited=[boost]
                hx-sync:inherited="drop" hx-nonce=(cx.nonce) {
                (inside)
                div id="toasts" class="toasts" role="status" { @if let Some(flash) = &cx.flash { (ui::toast(flash)) } }
                div id="offline" class="offline" role="alert" hidden {
                    (Icon::WifiOff) span { "The box does not answer. This page shows what was last known; trying again …" }
                }
                (ui::toast_template())
            }
        }
    }
}

/// What leaves safe mode; a page of the machine answers it.
pub(crate) const SAFE_MODE: &str = "/system/rescue/safe-mode";

fn safe_mode_banner(cx: &PageCx) -> Markup {
    html! {
        @if cx.safe_mode {
            @let banner = ui::banner(Tone::Warn, "Safe mode is on")
                .body(html! { p { "Apps stay stopped, so that you can look at what is wrong. Those that are wanted start again when you leave it." } });
            @if cx.is_admin() {
                (banner.actions(html! {
                    form method="post" action=(SAFE_MODE) {
                        input type="hidden" name="to" value="off";
                        (ui::button("Leave safe mode").small())
                    }
                }))
            } @else { (banner) }
        }
    }
}

fn mode_banner(mode: &Mode) -> Markup {
    html! {
        @if let Mode::Degraded { reasons } = mode {
            (ui::banner(Tone::Warn, "Something that the box needs is missing")
                .body(html! { ul { @for reason in reasons { li { (reason) } } } }))
        }
    }
}
