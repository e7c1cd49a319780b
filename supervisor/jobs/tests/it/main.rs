//! The promises of jobs, through the public face, with a real database and real logs in a temporary folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[cfg(feature = "fault-injection")]
mod abort;
mod cancel;
mod chaos;
mod history;
mod log;
mod queue;
mod resume;
mod steps;
mod view;
mod world;
