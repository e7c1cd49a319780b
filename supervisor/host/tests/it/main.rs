//! The machine underneath, with real processes, files and kernel.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test may fail, and says what it leaves out"
)]

mod dbus;
mod exec;
mod exec_ends;
mod files;
mod journal;
mod machine;
