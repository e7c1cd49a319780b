//! Page header: what this page is, and the one thing to do here.

use maud::{Markup, Render, html};

/// Title, one line about it, and buttons; stays at the top while the page scrolls.
#[derive(Clone, Debug)]
pub struct PageHeader {
    title: String,
    lead: Option<Markup>,
    picture: Option<Markup>,
    actions: Option<Markup>,
}

/// The header of a page; its title is the page's only `h1`.
pub fn header(title: impl Into<String>) -> PageHeader {
    PageHeader { title: title.into(), lead: None, picture: None, actions: None }
}

impl PageHeader {
    /// One line under the title: text, or a status pill with facts.
    #[must_use]
    pub fn lead(mut self, lead: impl Render) -> Self {
        self.lead = Some(lead.render());
        self
    }

    /// An app's icon or a person's avatar beside the title.
    #[must_use]
    pub fn picture(mut self, picture: Markup) -> Self {
        self.picture = Some(picture);
        self
    }

    /// Buttons, the primary one last.
    #[must_use]
    pub fn actions(mut self, actions: impl Render) -> Self {
        self.actions = Some(actions.render());
        self
    }
}

impl Render for PageHeader {
    fn render(&self) -> Markup {
        html! {
            div class="page-header" {
                @if let Some(picture) = &self.picture { (picture) }
                div class="page-titles" {
                    h1 { (self.title) }
                    @if let Some(lead) = &self.lead { div class="page-lead" { (lead) } }
                }
                @if let Some(actions) = &self.actions { div class="page-actions" { (actions) } }
            }
        }
    }
}
