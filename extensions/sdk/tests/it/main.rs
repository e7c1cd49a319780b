//! The manifest through its public face.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail")]

mod actions;
mod bindings;
mod compose;
mod diagnostics;
mod fixture;
mod hostile;
mod inputs;
mod lints;
mod samples;
mod secrets;
mod variables;
