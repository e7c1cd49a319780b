//! The API over a real database, without Docker: what it documents, what it refuses, what it repeats.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod document;
mod network;
mod protocol;
mod rescue;
mod testbox;
