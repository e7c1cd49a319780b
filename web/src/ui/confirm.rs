//! Typed confirmation: for what cannot be undone.

use maud::{Markup, Render, html};

use super::{Field, Icon, button, link_button, problem};

/// Asks before something is taken away: says what goes and what stays, and has the name typed where data goes.
///
/// It is the body of a page of its own (`GET /apps/x/remove`); a link with [`super::Button::opens_dialog`] shows the same
/// page as a dialog. The server checks the typed name again: field `confirm`.
#[derive(Clone, Debug)]
pub struct Confirm<'a> {
    /// The question: «Remove PostgreSQL?».
    pub title: String,
    /// What is taken away, one sentence each.
    pub goes: Vec<String>,
    /// What stays, one sentence each.
    pub stays: Vec<String>,
    /// What must be typed; none where nothing is lost.
    pub typed: Option<String>,
    /// Choices above the typed name, for example whether data is kept.
    pub fields: Option<Markup>,
    /// Where the form posts.
    pub action: String,
    /// The word on the red button: «Remove app».
    pub button: String,
    /// Where «Cancel» goes without JavaScript.
    pub back: String,
    /// What the last try was refused for.
    pub problem: Option<&'a orbitr_model::Problem>,
}

impl Render for Confirm<'_> {
    fn render(&self) -> Markup {
        html! {
            section class="confirm" data-sheet {
                h1 { (self.title) }
                @if let Some(refused) = self.problem { (problem(refused)) }
                @for (class, icon, list) in [("goes", Icon::Trash2, &self.goes), ("stays", Icon::ShieldCheck, &self.stays)] {
                    @if !list.is_empty() {
                        ul class={ "confirm-list confirm-" (class) } {
                            @for line in list { li { (icon) span { (line) } } }
                        }
                    }
                }
                form method="post" action=(self.action) class="confirm-form" {
                    @if let Some(fields) = &self.fields { (fields) }
                    @if let Some(typed) = &self.typed {
                        (Field::text("confirm", format!("Type {typed} to confirm")).must_equal(typed).mono()
                            .error(self.problem.and_then(|p| p.message_for("confirm"))))
                    }
                    div class="form-actions" {
                        (link_button("Cancel", &self.back).quiet().closes_sheet())
                        (button(&self.button).danger())
                    }
                }
            }
        }
    }
}
