//! Palette: every page and action, found by typing.

use maud::{Markup, html};

use super::Icon;
use crate::prefs::Theme;

/// One thing that the palette found.
#[derive(Clone, Debug)]
pub struct PaletteItem {
    /// Its group: «Pages», «Apps», «Actions».
    pub group: String,
    /// Its picture.
    pub icon: Icon,
    /// Its name.
    pub label: String,
    /// What helps to tell it from others; may be empty.
    pub hint: String,
    /// Where it goes.
    pub href: String,
    /// How.
    pub way: PaletteWay,
}

/// How an item of the palette is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaletteWay {
    /// To a page.
    Page,
    /// To a page that opens as a dialog over this one.
    Dialog,
    /// To an address outside of these pages, in a tab of its own.
    Tab,
    /// By a post, for actions that need no question.
    Post,
    /// By the form that ends the session: it leads out of these pages.
    SignOut,
    /// By the form that changes how this browser shows the pages.
    Theme(Theme),
}

/// What `GET /palette?q=…` answers (the script asks with `HX-Request`), and the body of the palette's own page without
/// JavaScript. Items of one group must stand together.
#[must_use]
pub fn palette_results(items: &[PaletteItem]) -> Markup {
    let groups = items.chunk_by(|a, b| a.group == b.group);
    html! {
        div id="palette-results" class="palette-results" {
            @if items.is_empty() { p class="palette-none" { "Nothing found. Try another word." } }
            @for group in groups {
                @if let Some(first) = group.first() { p class="palette-group" { (first.group) } }
                ul {
                    @for item in group { li { (row(item)) } }
                }
            }
        }
    }
}

fn row(item: &PaletteItem) -> Markup {
    let inside = html! {
        (item.icon) span class="palette-label" { (item.label) }
        @if !item.hint.is_empty() { span class="palette-hint" { (item.hint) } }
    };
    let button = |name: Option<&str>, value: Option<&str>| {
        html! { button class="palette-item" type="submit" name=[name] value=[value] { (inside) } }
    };
    html! {
        @match item.way {
            PaletteWay::Page => a class="palette-item" href=(item.href) { (inside) },
            PaletteWay::Dialog => a class="palette-item" href=(item.href) data-open="dialog" { (inside) },
            PaletteWay::Tab => a class="palette-item" href=(item.href) target="_blank" rel="noreferrer" { (inside) },
            PaletteWay::Post => form method="post" action=(item.href) { (button(None, None)) },
            PaletteWay::SignOut => form method="post" action=(item.href) hx-ignore { (button(None, None)) },
            PaletteWay::Theme(theme) => form method="post" action=(item.href) data-prefs="theme" {
                (button(Some("theme"), Some(theme.as_str())))
            },
        }
    }
}
