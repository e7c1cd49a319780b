//! Tiles: apps and extensions, with their icon.

use maud::{Markup, Render, html};

/// The icon of an app, or its initial on a colour made from its name. `src` is an address of this box.
#[must_use]
pub fn app_icon(name: &str, src: Option<&str>) -> Markup {
    html! {
        @match src {
            Some(src) => img class="app-icon" src=(src) alt="" width="48" height="48" loading="lazy";,
            None => span class="app-icon app-initial" data-hue=(hue(name)) aria-hidden="true" { (initials(name, 1)) },
        }
    }
}

/// A person's initials on a colour made from the name.
#[must_use]
pub fn avatar(name: &str) -> Markup {
    html! { span class="avatar" data-hue=(hue(name)) aria-hidden="true" { (initials(name, 2)) } }
}

/// One of eight hues that the style sheet knows, always the same for the same name.
fn hue(name: &str) -> u32 {
    name.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(33).wrapping_add(u32::from(byte)).rotate_left(3)) % 8
}

fn initials(name: &str, count: usize) -> String {
    name.split(|c: char| !c.is_alphanumeric())
        .filter_map(|word| word.chars().next())
        .take(count)
        .flat_map(char::to_uppercase)
        .collect()
}

/// One app or extension in a grid.
#[derive(Clone, Debug)]
pub struct Tile {
    name: String,
    href: String,
    icon: Option<String>,
    summary: Option<String>,
    status: Option<Markup>,
    foot: Option<Markup>,
}

impl Tile {
    /// Its name and its page.
    pub fn new(name: impl Into<String>, href: impl Into<String>) -> Self {
        Self { name: name.into(), href: href.into(), icon: None, summary: None, status: None, foot: None }
    }

    /// The address of its icon on this box.
    #[must_use]
    pub fn icon(mut self, src: impl Into<String>) -> Self {
        self.icon = Some(src.into());
        self
    }

    /// One line about it.
    #[must_use]
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = Some(summary.into());
        self
    }

    /// Its status: [`super::status`] or [`super::app_status`].
    #[must_use]
    pub fn status(mut self, status: Markup) -> Self {
        self.status = Some(status);
        self
    }

    /// A line at the bottom: version, category, «Installed».
    #[must_use]
    pub fn foot(mut self, foot: impl Render) -> Self {
        self.foot = Some(foot.render());
        self
    }
}

impl Render for Tile {
    fn render(&self) -> Markup {
        html! {
            article class="tile" {
                (app_icon(&self.name, self.icon.as_deref()))
                div class="tile-text" {
                    h2 { a class="tile-link" href=(self.href) { (self.name) } }
                    @if let Some(summary) = &self.summary { p { (summary) } }
                    @if let Some(status) = &self.status { div class="tile-status" { (status) } }
                }
                @if let Some(foot) = &self.foot { div class="tile-foot" { (foot) } }
            }
        }
    }
}

/// Tiles in a grid that fills the width.
#[must_use]
pub fn tiles(tiles: &[Tile]) -> Markup {
    html! { div class="tiles" { @for tile in tiles { (tile) } } }
}
