//! Text for machines: ids, commands, fingerprints.

use maud::{Markup, html};

use super::Icon;

/// A short text in the mono font with a button that copies it.
#[must_use]
pub fn copyable(text: &str) -> Markup {
    copyable_as(text, text)
}

/// The same, showing a shorter form: `ui::copyable_as("0198c0de", &id.to_string())`.
#[must_use]
pub fn copyable_as(shown: &str, whole: &str) -> Markup {
    html! {
        span class="copy" {
            code title=[(shown != whole).then_some(whole)] { (shown) }
            button type="button" class="copy-button" data-copy=(whole) {
                (Icon::Copy) span class="sr-only" { "Copy " (whole) }
            }
        }
    }
}

/// A block of text in the mono font: a command to run, a file.
#[must_use]
pub fn code_block(label: &str, text: &str) -> Markup {
    html! {
        div class="code-block" {
            pre tabindex="0" aria-label=(label) { code { (text) } }
            button type="button" class="copy-button" data-copy=(text) {
                (Icon::Copy) span class="sr-only" { "Copy " (label) }
            }
        }
    }
}
