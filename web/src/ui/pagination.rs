//! Pagination by cursor: newer and older, never «page 17 of 400».

use maud::{Markup, Render, html};

use super::{Icon, link_button};

/// The line under a list of which more is to be had.
#[derive(Clone, Debug, Default)]
pub struct Pagination {
    first: Option<String>,
    next: Option<String>,
    shown: usize,
}

/// `shown` is how many items are on this page.
#[must_use]
pub fn pagination(shown: usize) -> Pagination {
    Pagination { shown, ..Pagination::default() }
}

impl Pagination {
    /// The address of the first page; none when this is it.
    #[must_use]
    pub fn first(mut self, href: Option<String>) -> Self {
        self.first = href;
        self
    }

    /// The address of the next page; none when there is none.
    #[must_use]
    pub fn next(mut self, href: Option<String>) -> Self {
        self.next = href;
        self
    }
}

impl Render for Pagination {
    fn render(&self) -> Markup {
        html! {
            @if self.first.is_some() || self.next.is_some() {
                nav class="pagination" aria-label="Pages" {
                    span class="pagination-shown" { (self.shown) " shown" }
                    @if let Some(first) = &self.first { (link_button("Newest", first).small().icon(Icon::ArrowLeft)) }
                    @if let Some(next) = &self.next { (link_button("Older", next).small().trailing(Icon::ArrowRight)) }
                }
            }
        }
    }
}
