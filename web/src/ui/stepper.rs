//! Stepper: where a wizard is.

use maud::{Markup, html};

use super::Icon;

/// The steps of a wizard; `current` counts from 0.
#[must_use]
pub fn stepper(label: &str, steps: &[&str], current: usize) -> Markup {
    html! {
        nav aria-label=(label) {
            ol class="stepper" {
                @for (index, step) in steps.iter().enumerate() {
                    li data-state=(if index < current { "done" } else if index == current { "current" } else { "next" })
                        aria-current=[(index == current).then_some("step")] {
                        span class="stepper-mark" {
                            @if index < current { (Icon::Check) span class="sr-only" { "Done: " } } @else { (index + 1) }
                        }
                        span class="stepper-word" { (step) }
                    }
                }
            }
        }
    }
}
