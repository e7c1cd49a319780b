//! Icons: lucide's drawings, those named in `web/assets/src/icons.txt`.

use maud::{Markup, PreEscaped, Render, html};

include!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/dist/icons.rs"));

/// Drawn in the text's colour and hidden from screen readers: the word beside it, or the button's label, says it.
impl Render for Icon {
    fn render(&self) -> Markup {
        html! {
            svg class="icon" viewBox="0 0 24 24" aria-hidden="true" { (PreEscaped(self.paths())) }
        }
    }
}
