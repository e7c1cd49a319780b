//! Promises of the web foundation, through its public face.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod assets;
mod doors;
mod markup;
mod network;
