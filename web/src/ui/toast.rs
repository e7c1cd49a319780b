//! Toast: a message at the page's edge that goes away by itself.

use maud::{Markup, html};

use super::{Icon, Tone};
use crate::flash::Flash;

/// The message that came with this page.
#[must_use]
pub fn toast(flash: &Flash) -> Markup {
    html! {
        div class="toast" data-tone=(flash.tone.as_str()) data-toast {
            (flash.tone.icon())
            p { (flash.text) }
            @if let Some(action) = &flash.action {
                @if action.post {
                    form method="post" action=(action.href) { button class="toast-action" type="submit" { (action.label) } }
                } @else {
                    a class="toast-action" href=(action.href) { (action.label) }
                }
            }
            (close())
        }
    }
}

/// Empty ones for the script to copy, one a tone.
#[must_use]
pub fn toast_template() -> Markup {
    html! {
        @for tone in [Tone::Good, Tone::Bad] {
            template data-toast-template=(tone.as_str()) {
                div class="toast" data-tone=(tone.as_str()) data-toast { (tone.icon()) p {} (close()) }
            }
        }
    }
}

fn close() -> Markup {
    html! {
        button type="button" class="toast-close" data-close { (Icon::X) span class="sr-only" { "Close this message" } }
    }
}
