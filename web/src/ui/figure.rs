//! Figures: the few numbers that say how the box is.

use maud::{Markup, Render, html};

use super::{Icon, Sparkline};

/// One number with its name, its unit and its recent course.
#[derive(Clone, Debug)]
pub struct Figure {
    icon: Icon,
    label: String,
    value: String,
    unit: String,
    notes: Vec<String>,
    course: Option<Markup>,
}

/// A number: `figure(Icon::Cpu, "CPU", "12", "%")`.
pub fn figure(icon: Icon, label: impl Into<String>, value: impl Into<String>, unit: impl Into<String>) -> Figure {
    Figure { icon, label: label.into(), value: value.into(), unit: unit.into(), notes: Vec::new(), course: None }
}

impl Figure {
    /// A quieter line under those before: «of 16 GiB», «load 0.4».
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Its recent course along the lower edge.
    #[must_use]
    pub fn course(mut self, course: &Sparkline) -> Self {
        self.course = Some(course.render());
        self
    }
}

impl Render for Figure {
    fn render(&self) -> Markup {
        html! {
            div class="figure" {
                p class="figure-label" { (self.icon) (self.label) }
                p class="figure-value" { (self.value) @if !self.unit.is_empty() { small { " " (self.unit) } } }
                @for note in &self.notes { p class="figure-note" { (note) } }
                @if let Some(course) = &self.course { (course) } @else { span class="figure-end" {} }
            }
        }
    }
}

/// Figures in a row that wraps.
#[must_use]
pub fn figures(figures: &[Figure]) -> Markup {
    html! { div class="figures" { @for figure in figures { (figure) } } }
}
