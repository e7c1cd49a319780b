//! The store through its public face, on a real database in a temporary directory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod events;
mod full_disk;
mod recovery;
mod redact;
mod secrets;
mod support;
mod threads;
