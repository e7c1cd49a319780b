//! Forms: a plain POST with its refusal on top and its buttons at the end.

use maud::{Markup, Render, html};
use orbitr_model::Problem;

use super::{Button, problem};

/// A form that posts.
#[derive(Clone, Debug)]
pub struct Form<'a> {
    action: String,
    problem: Option<&'a Problem>,
    body: Option<Markup>,
    buttons: Vec<Button>,
    upload: bool,
    id: Option<String>,
}

impl<'a> Form<'a> {
    /// Where it posts to.
    pub fn post(action: impl Into<String>) -> Self {
        Self { action: action.into(), problem: None, body: None, buttons: Vec::new(), upload: false, id: None }
    }

    /// What the last try was refused for; each field shows its own part through [`super::Field::problem`].
    #[must_use]
    pub const fn problem(mut self, problem: Option<&'a Problem>) -> Self {
        self.problem = problem;
        self
    }

    /// The fields.
    #[must_use]
    pub fn body(mut self, body: impl Render) -> Self {
        self.body = Some(body.render());
        self
    }

    /// A button at the end; the primary one last.
    #[must_use]
    pub fn button(mut self, button: Button) -> Self {
        self.buttons.push(button);
        self
    }

    /// Sends files too.
    #[must_use]
    pub const fn upload(mut self) -> Self {
        self.upload = true;
        self
    }

    /// An id.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
}

impl Render for Form<'_> {
    fn render(&self) -> Markup {
        html! {
            form class="form" method="post" action=(self.action) id=[self.id.as_deref()]
                enctype=[self.upload.then_some("multipart/form-data")] {
                @if let Some(refused) = self.problem { (problem(refused)) }
                @if let Some(body) = &self.body { (body) }
                @if !self.buttons.is_empty() {
                    div class="form-actions" { @for button in &self.buttons { (button) } }
                }
            }
        }
    }
}

/// Filters of a list: a form that gets, applied at each change where there is JavaScript.
#[must_use]
pub fn filters(action: &str, fields: impl Render, filtered: bool) -> Markup {
    html! {
        form class="filters" method="get" action=(action) data-filters role="search" {
            (fields)
            div class="form-actions" {
                span class="unscripted" { (super::button("Filter").small()) }
                @if filtered { (super::link_button("Clear", action).small().quiet()) }
            }
        }
    }
}
