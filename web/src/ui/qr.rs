//! QR code as SVG.

use std::fmt::Write as _;

use maud::{Markup, html};

/// The quiet zone around the code, in modules (ISO/IEC 18004 asks for 4).
const QUIET: usize = 4;

/// Draws a QR code: `size` modules a side, `dark(x, y)` says which are dark. Always dark on light, in both themes, because
/// many readers refuse the opposite. Give the same content as copyable text beside it.
#[must_use]
pub fn qr(label: &str, size: usize, dark: impl Fn(usize, usize) -> bool) -> Markup {
    let mut path = String::new();
    for y in 0..size {
        let mut x = 0;
        while x < size {
            let run = (x..size).take_while(|&x| dark(x, y)).count();
            if run > 0 {
                // Writing to a String does not fail.
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
            }
            x += run.max(1);
        }
    }
    let side = size + 2 * QUIET;
    html! {
        svg class="qr" viewBox={ "0 0 " (side) " " (side) } role="img" aria-label=(label) shape-rendering="crispEdges" {
            rect class="qr-light" width="100%" height="100%" {}
            path class="qr-dark" d=(path) {}
        }
    }
}
