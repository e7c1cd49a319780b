//! Sparkline: the recent course of one figure, drawn on the server.

use std::fmt::Write as _;

use maud::{Markup, Render, html};

const WIDTH: f64 = 160.0;
const HEIGHT: f64 = 40.0;

/// The recent course of one figure.
#[derive(Clone, Debug)]
pub struct Sparkline {
    label: String,
    values: Vec<Option<f64>>,
    max: Option<f64>,
}

/// `label` says in words what is drawn and what it is now («CPU over the last hour, now 12 %»). The oldest value first;
/// `None` is a gap, where nobody measured.
pub fn sparkline(label: impl Into<String>, values: impl IntoIterator<Item = Option<f64>>) -> Sparkline {
    let values = values.into_iter().map(|value| value.filter(|v| v.is_finite())).collect();
    Sparkline { label: label.into(), values, max: None }
}

impl Sparkline {
    /// What the top edge means, for example 1.0 for fractions; the highest value where not said.
    #[must_use]
    pub const fn max(mut self, max: f64) -> Self {
        self.max = Some(max);
        self
    }

    /// The line and the area under it, as SVG paths; gaps part them.
    fn paths(&self) -> (String, String) {
        let highest = self.values.iter().flatten().copied().fold(0.0_f64, f64::max);
        let top = self.max.unwrap_or(highest).max(f64::MIN_POSITIVE);
        #[expect(clippy::cast_precision_loss, reason = "some hundreds of points")]
        let step = WIDTH / (self.values.len().saturating_sub(1).max(1) as f64);
        let (mut line, mut area, mut open) = (String::new(), String::new(), None);
        for (index, value) in self.values.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "some hundreds of points")]
            let x = index as f64 * step;
            // Writing to a String does not fail.
            match value {
                Some(value) => {
                    let y = (HEIGHT - 1.5) - (value / top).clamp(0.0, 1.0) * (HEIGHT - 4.0);
                    let _ = write!(line, "{}{x:.1} {y:.1}", if open.is_some() { "L" } else { "M" });
                    let _ = match open {
                        Some(_) => write!(area, "L{x:.1} {y:.1}"),
                        None => write!(area, "M{x:.1} {HEIGHT}L{x:.1} {y:.1}"),
                    };
                    open = Some(x);
                }
                None => {
                    if let Some(last) = open.take() {
                        let _ = write!(area, "L{last:.1} {HEIGHT}z");
                    }
                }
            }
        }
        if let Some(last) = open {
            let _ = write!(area, "L{last:.1} {HEIGHT}z");
        }
        (line, area)
    }
}

impl Render for Sparkline {
    fn render(&self) -> Markup {
        let (line, area) = self.paths();
        html! {
            svg class="sparkline" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                aria-label=(self.label) {
                title { (self.label) }
                path class="sparkline-area" d=(area) {}
                path class="sparkline-line" d=(line) {}
            }
        }
    }
}
