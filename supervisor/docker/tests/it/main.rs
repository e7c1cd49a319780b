//! The engine's promises, kept against a real one: the one whose socket `ORBITR_TEST_DOCKER` names.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail")]

mod bench;
mod compose;
mod compose_fails;
mod logs;
mod owned;
mod pulls;
mod restart;
mod table;
