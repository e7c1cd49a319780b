//! The program itself: started as a process, spoken to from outside, stopped by signals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod cli;
mod console;
mod extension;
mod image;
mod machine;
mod network;
mod stand_in;
mod supervise;
mod support;
