//! Stops the build with the one command to run when the assets have not been built.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::path::Path;

fn main() {
    // Only the generated Rust: a debug build reads style sheet and script from disk at each request.
    println!("cargo::rerun-if-changed=assets/dist/icons.rs");
    for needed in ["assets/dist/icons.rs", "assets/dist/www/app.css", "assets/dist/www/app.js"] {
        if !Path::new(needed).exists() {
            println!("cargo::error=the web assets have not been built (web/{needed} is missing); run ./scripts/assets");
        }
    }
}
