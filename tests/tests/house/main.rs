//! The rules of the house, checked on the code itself: who may depend on whom (`graph`), and what a file of ours may
//! look like (`source`). A rule that clippy can hold is in `clippy.toml` instead.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod graph;
mod source;

use std::path::{Path, PathBuf};

/// The repository's root folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Fails with one line for each broken rule, so that one run shows them all.
#[track_caller]
fn assert_none(what: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{what}:\n  {}", broken.join("\n  "));
}
