//! Card: a titled group.

use maud::{Markup, Render, html};

/// A titled group of things that belong together.
#[derive(Clone, Debug, Default)]
pub struct Card {
    title: Option<String>,
    hint: Option<String>,
    actions: Option<Markup>,
    body: Option<Markup>,
    footer: Option<Markup>,
    id: Option<String>,
    flush: bool,
    danger: bool,
}

/// The short form: a title and what is under it.
pub fn card(title: impl Into<String>, body: impl Render) -> Card {
    Card { title: Some(title.into()), body: Some(body.render()), ..Card::default() }
}

impl Card {
    /// A card without a title.
    #[must_use]
    pub fn plain(body: impl Render) -> Self {
        Self { body: Some(body.render()), ..Self::default() }
    }

    /// One sentence under the title.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Buttons at the title's right.
    #[must_use]
    pub fn actions(mut self, actions: impl Render) -> Self {
        self.actions = Some(actions.render());
        self
    }

    /// A line under the body, for «show all» or for a form's buttons.
    #[must_use]
    pub fn footer(mut self, footer: impl Render) -> Self {
        self.footer = Some(footer.render());
        self
    }

    /// An id, so that a link can go to it.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The body touches the card's edges: for tables, logs and lists.
    #[must_use]
    pub const fn flush(mut self) -> Self {
        self.flush = true;
        self
    }

    /// Holds what takes things away: removing, resetting.
    #[must_use]
    pub const fn danger(mut self) -> Self {
        self.danger = true;
        self
    }
}

impl Render for Card {
    fn render(&self) -> Markup {
        html! {
            section class="card" id=[self.id.as_deref()] data-danger[self.danger] {
                @if self.title.is_some() || self.actions.is_some() {
                    div class="card-head" {
                        div class="card-titles" {
                            @if let Some(title) = &self.title { h2 { (title) } }
                            @if let Some(hint) = &self.hint { p { (hint) } }
                        }
                        @if let Some(actions) = &self.actions { div class="card-actions" { (actions) } }
                    }
                }
                @if let Some(body) = &self.body { div class="card-body" data-flush[self.flush] { (body) } }
                @if let Some(footer) = &self.footer { div class="card-foot" { (footer) } }
            }
        }
    }
}
