//! The acts on real disks: loop devices with real partition tables and real file systems. They need root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may fail loudly"
)]

mod disk;
mod install;
mod make;
mod open;
mod others;
mod stick;
mod store;
mod updates;
