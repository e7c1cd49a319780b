//! Meters: how full something is; progress: how far something has come.

use maud::{Markup, Render, html};

use super::Tone;

/// How full something is, as a bar with figures.
#[derive(Clone, Debug)]
pub struct Meter {
    label: String,
    text: String,
    fraction: f64,
    warn: f64,
    bad: f64,
}

impl Meter {
    /// `fraction` is 0 to 1; `text` says it in figures («1.2 GiB of 4 GiB»).
    pub fn new(label: impl Into<String>, fraction: f64, text: impl Into<String>) -> Self {
        let fraction = if fraction.is_finite() { fraction.clamp(0.0, 1.0) } else { 0.0 };
        Self { label: label.into(), text: text.into(), fraction, warn: 0.80, bad: 0.92 }
    }

    /// From where on it is a warning and from where on it is bad, both 0 to 1; 0.80 and 0.92 where not said.
    #[must_use]
    pub const fn limits(mut self, warn: f64, bad: f64) -> Self {
        self.warn = warn;
        self.bad = bad;
        self
    }

    fn tone(&self) -> Tone {
        if self.fraction >= self.bad {
            Tone::Bad
        } else if self.fraction >= self.warn {
            Tone::Warn
        } else {
            Tone::Neutral
        }
    }
}

impl Render for Meter {
    fn render(&self) -> Markup {
        let tone = self.tone();
        let percent = format!("{:.0}", self.fraction * 100.0);
        html! {
            div class="meter" data-tone=(tone.as_str()) {
                div class="meter-line" {
                    span class="meter-label" { (self.label) }
                    span class="meter-text" {
                        (self.text)
                        @if tone != Tone::Neutral {
                            span class="meter-note" { (tone.icon()) @if tone == Tone::Bad { "Full" } @else { "Nearly full" } }
                        }
                    }
                }
                // An attribute of SVG, because the content security policy allows no style attribute.
                svg class="bar" role="meter" aria-label=(self.label) aria-valuenow=(percent) aria-valuemin="0"
                    aria-valuemax="100" aria-valuetext=(self.text) {
                    rect class="bar-track" width="100%" height="100%" rx="3" {}
                    rect class="bar-fill" width={ (percent) "%" } height="100%" rx="3" {}
                }
            }
        }
    }
}

/// How far a job or a download has come: 0 to 1, or none where nobody knows.
#[must_use]
pub fn progress(label: &str, fraction: Option<f64>) -> Markup {
    let fraction = fraction.filter(|value| value.is_finite()).map(|value| value.clamp(0.0, 1.0));
    let value = fraction.map(|value| format!("{value:.3}"));
    html! { progress class="progress" aria-label=(label) max="1" value=[value] {} }
}
