//! Palette: every page and action, found by typing.

use maud::{Markup, html};

use super::Icon;

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
    /// Whether going there posts, for actions that need no question.
    pub post: bool,
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
    html! {
        @if item.post {
            form method="post" action=(item.href) { button class="palette-item" type="submit" { (inside) } }
        } @else {
            a class="palette-item" href=(item.href) { (inside) }
        }
    }
}
