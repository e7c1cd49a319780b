//! Live part: an element that is fetched anew when what it shows has changed.

use maud::{Markup, Render, html};
use orbitr_model::Topic;

/// A part of the page that follows topics. When one of them changes, the script fetches `src`, which must answer with this
/// same element (the same call), and morphs it in place: focus, scrolling and open parts stay.
///
/// `id` is unique on the page. Without JavaScript it is simply what was true when the page was made.
#[must_use]
pub fn live(id: &str, topics: &[Topic], src: &str, body: impl Render) -> Markup {
    let topics = topics.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    html! { div id=(id) class="live" data-live=(topics) data-src=(src) { (body) } }
}
