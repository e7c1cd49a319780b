//! Empty state: says why there is nothing and what to do next.

use maud::{Markup, Render, html};

use super::Icon;

/// What stands where a list would be.
#[derive(Clone, Debug)]
pub struct Empty {
    icon: Icon,
    title: String,
    text: Option<String>,
    action: Option<Markup>,
}

/// An empty state with a picture and a title.
pub fn empty(icon: Icon, title: impl Into<String>) -> Empty {
    Empty { icon, title: title.into(), text: None, action: None }
}

impl Empty {
    /// A sentence that teaches.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The next action, usually one primary button.
    #[must_use]
    pub fn action(mut self, action: impl Render) -> Self {
        self.action = Some(action.render());
        self
    }
}

impl Render for Empty {
    fn render(&self) -> Markup {
        html! {
            div class="empty" {
                div class="empty-picture" { (self.icon) }
                p class="empty-title" { (self.title) }
                @if let Some(text) = &self.text { p class="empty-text" { (text) } }
                @if let Some(action) = &self.action { div class="empty-action" { (action) } }
            }
        }
    }
}
