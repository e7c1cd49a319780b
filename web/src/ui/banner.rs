//! Banners: what the reader must know before anything else on the page.

use maud::{Markup, Render, html};
use orbitr_model::Problem;

use super::{Tone, copyable};

/// A message across the page or the card.
#[derive(Clone, Debug)]
pub struct Banner {
    tone: Tone,
    title: String,
    body: Option<Markup>,
    actions: Option<Markup>,
    urgent: bool,
}

/// A message in a tone, for example `ui::banner(Tone::Warn, "Docker does not answer")`.
pub fn banner(tone: Tone, title: impl Into<String>) -> Banner {
    Banner { tone, title: title.into(), body: None, actions: None, urgent: false }
}

impl Banner {
    /// What is under the title.
    #[must_use]
    pub fn body(mut self, body: impl Render) -> Self {
        self.body = Some(body.render());
        self
    }

    /// Buttons: the fix, the log.
    #[must_use]
    pub fn actions(mut self, actions: impl Render) -> Self {
        self.actions = Some(actions.render());
        self
    }
}

impl Render for Banner {
    fn render(&self) -> Markup {
        html! {
            div class="banner" data-tone=(self.tone.as_str()) role=[self.urgent.then_some("alert")] {
                (self.tone.icon())
                div class="banner-text" {
                    p class="banner-title" { (self.title) }
                    @if let Some(body) = &self.body { (body) }
                    @if let Some(actions) = &self.actions { div class="banner-actions" { (actions) } }
                }
            }
        }
    }
}

/// A refusal or failure: what happened, why, what to do next, the wrong fields as links to them, and the code to search for.
#[must_use]
pub fn problem(problem: &Problem) -> Markup {
    let body = html! {
        @if !problem.detail.is_empty() { p { (problem.detail) } }
        @if !problem.next.is_empty() { p { (problem.next) } }
        @if let Some(seconds) = problem.retry_after { p { "Try again in " (seconds) " seconds." } }
        @if !problem.fields.is_empty() {
            ul {
                @for wrong in &problem.fields {
                    li { a href={ "#" (super::field::field_id(&wrong.field)) } { (wrong.message) } }
                }
            }
        }
        p class="banner-code" { "Code " (copyable(&problem.code)) }
    };
    let mut shown = banner(Tone::Bad, &problem.title).body(body);
    shown.urgent = true;
    shown.render()
}
