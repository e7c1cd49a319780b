//! The promises of `orbitr-edge`, kept with real TLS clients over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod certificates;
mod https;
mod limits;
mod local;
mod support;
mod tools;
