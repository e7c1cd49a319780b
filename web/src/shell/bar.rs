//! Top bar: where you are, search, what runs now, your account; and the things that lie over a page.

use maud::{Markup, html};
use orbitr_watch::{Counts, Severity};

use super::{PageCx, TrayJob, nav::NavItem};
use crate::{
    prefs::{self, Theme},
    ui::{self, Icon, Tone},
};

/// The mark: a planet, its orbit and what goes round it.
pub(super) fn mark() -> Markup {
    html! {
        svg class="mark" viewBox="0 0 32 32" aria-hidden="true" {
            circle class="mark-planet" cx="16" cy="16" r="6" {}
            circle class="mark-orbit" cx="16" cy="16" r="12.5" {}
            circle class="mark-moon" cx="24.8" cy="7.2" r="3.2" {}
        }
    }
}

/// The picture behind the pages before sign-in.
pub(super) fn orbits() -> Markup {
    html! {
        svg class="orbits" viewBox="0 0 1200 1200" {
            @for (radius, angle_x, angle_y, size) in [(190, 734.4, 465.6, 9), (330, 314.2, 434.9, 6), (470, 1041.0, 760.8, 12), (600, 175.7, 175.7, 7)] {
                circle class="orbits-ring" cx="600" cy="600" r=(radius) {}
                circle class="orbits-moon" cx=(angle_x) cy=(angle_y) r=(size) {}
            }
        }
    }
}

/// The bar over the page.
pub(super) fn top(cx: &PageCx) -> Markup {
    html! {
        header class="top-bar" {
            a class="top-brand" href="/" title=(cx.box_name) { (mark()) span { (cx.box_name) } }
            (breadcrumb(cx))
            div class="top-tools" {
                a class="palette-button" href="/palette" data-palette {
                    (Icon::Search) span { "Search or run …" } kbd { "Ctrl K" }
                }
                @if let Some(counts) = &cx.issues { (bell(counts)) }
                (tray(&cx.jobs))
                (account(cx))
            }
        }
    }
}

fn breadcrumb(cx: &PageCx) -> Markup {
    let section = cx.section.and_then(|section| NavItem::ALL.into_iter().find(|item| item.section == section));
    html! {
        nav class="breadcrumb" aria-label="Breadcrumb" {
            ol {
                @if let Some(section) = section {
                    li {
                        @if cx.crumbs.is_empty() { span aria-current="page" { (section.label) } }
                        @else { a href=(section.href) { (section.label) } }
                    }
                }
                @for crumb in &cx.crumbs {
                    li {
                        @match &crumb.href {
                            Some(href) => a href=(href) { (crumb.label) },
                            None => span aria-current="page" { (crumb.label) },
                        }
                    }
                }
            }
        }
    }
}

/// What runs now: a count that opens a list. Also the answer of `GET /jobs/tray`, which keeps it live.
#[must_use]
pub fn tray(jobs: &[TrayJob]) -> Markup {
    html! {
        div id="tray" class="tray" data-live="jobs" data-src="/jobs/tray" {
            button class="top-button" type="button" popovertarget="tray-menu" data-busy[!jobs.is_empty()] {
                @if jobs.is_empty() { (Icon::ListChecks) } @else { (Icon::LoaderCircle) }
                @if !jobs.is_empty() { span class="count" { (jobs.len()) } }
                span class="sr-only" {
                    @match jobs.len() { 0 => "No job runs", 1 => "1 job runs", n => { (n) " jobs run" } }
                }
            }
            div id="tray-menu" class="menu menu-tray" popover {
                p class="menu-title" { "Running now" }
                @for job in jobs.iter().take(5) {
                    a class="tray-job" href={ "/jobs/" (job.id) } data-open="drawer" {
                        span class="tray-title" { (ui::status_dot(job.state)) (job.title) }
                        (ui::progress(&job.title, job.progress))
                        @if !job.message.is_empty() { span class="tray-message" { (job.message) } }
                    }
                }
                @if jobs.is_empty() { p class="menu-note" { "Nothing runs. What you start shows up here." } }
                a class="menu-item" href="/jobs" { (Icon::ListChecks) "All jobs" }
            }
        }
    }
}

/// How many issues there are: a bell that leads to them. Also the answer of `GET /issues/bell`, which keeps it live.
#[must_use]
pub fn bell(counts: &Counts) -> Markup {
    let tone = counts.worst().map(|worst| match worst {
        Severity::Bad => Tone::Bad,
        Severity::Warning => Tone::Warn,
        Severity::Info => Tone::Busy,
    });
    html! {
        div id="bell" class="bell" data-live="issues" data-src="/issues/bell" {
            a class="top-button" href="/issues" data-tone=[tone.map(Tone::as_str)] {
                (Icon::Bell)
                @if counts.all() > 0 { span class="count" aria-hidden="true" { (counts.all()) } }
                span class="sr-only" { @match counts.all() { 0 => "No issues", 1 => "1 issue", n => { (n) " issues" } } }
            }
        }
    }
}

fn account(cx: &PageCx) -> Markup {
    html! {
        @if let Some(viewer) = &cx.viewer {
            div class="account" {
                button class="top-button top-account" type="button" popovertarget="account-menu" {
                    (ui::avatar(&viewer.name)) span class="sr-only" { "Account of " (viewer.name) }
                }
                div id="account-menu" class="menu menu-account" popover {
                    div class="menu-who" {
                        (ui::avatar(&viewer.name))
                        div { p class="menu-name" { (viewer.name) } p class="menu-note" { (viewer.username) " · " (viewer.role.as_str()) } }
                    }
                    a class="menu-item" href="/account" { (Icon::CircleUser) "Your account" }
                    button class="menu-item scripted" type="button" data-shortcuts { (Icon::Keyboard) "Shortcuts" kbd { "?" } }
                    (theme_switch(cx))
                    form method="post" action="/sign-out" hx-ignore {
                        button class="menu-item" type="submit" { (Icon::LogOut) "Sign out" }
                    }
                }
            }
        }
    }
}

/// Dark, light, or as the device says.
pub(super) fn theme_switch(cx: &PageCx) -> Markup {
    let look = |theme| match theme {
        Theme::System => (Icon::Monitor, "As this device"),
        Theme::Light => (Icon::Sun, "Light"),
        Theme::Dark => (Icon::Moon, "Dark"),
    };
    html! {
        form class="theme-switch" method="post" action=(prefs::ROUTE) data-prefs="theme" {
            input type="hidden" name="back" value=(cx.path);
            @for theme in Theme::ALL {
                @let (icon, word) = look(theme);
                button type="submit" name="theme" value=(theme.as_str()) title=(word)
                    aria-pressed=(if cx.prefs.theme == theme { "true" } else { "false" }) {
                    (icon) span class="sr-only" { (word) }
                }
            }
        }
    }
}

/// What the script opens over a page; empty and closed until then.
pub(super) fn overlays() -> Markup {
    html! {
        dialog id="palette" class="palette" aria-label="Search pages, apps and actions" {
            div class="palette-line" {
                (Icon::Search)
                // «replace»: an answer to an older word never overtakes the newer one.
                input id="palette-input" type="text" aria-label="Search pages, apps and actions" hx-sync="replace"
                    placeholder="Search pages, apps and actions" autocomplete="off" spellcheck="false";
                kbd { "Esc" }
            }
            div id="palette-box" {}
        }
        dialog id="sheet" {
            button type="button" class="sheet-close" data-close-sheet { (Icon::X) span class="sr-only" { "Close" } }
            div id="sheet-body" {}
        }
        dialog id="shortcuts" class="shortcuts" aria-labelledby="shortcuts-title" {
            div class="shortcuts-head" {
                h2 id="shortcuts-title" { "Shortcuts" }
                button type="button" class="sheet-close" data-close-sheet { (Icon::X) span class="sr-only" { "Close" } }
            }
            dl {
                @for (keys, what) in [("Ctrl K", "Search or run"), ("/", "Filter this list"), ("?", "This help"), ("Esc", "Close")] {
                    div { dt { @for key in keys.split(' ') { kbd { (key) } } } dd { (what) } }
                }
                @for item in NavItem::ALL {
                    div { dt { kbd { "g" } kbd { (item.key) } } dd { "Go to " (item.label) } }
                }
            }
            dl id="shortcuts-here" {}
        }
    }
}
