//! The product driven from outside: a real supervisor, a real engine, real images. Each test starts a box of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, reason = "the seed of a random run")]
#![allow(clippy::disallowed_methods, reason = "an authenticator app has a clock of its own")]

mod adopt;
mod archives;
mod auth;
mod bad_input;
mod bindings;
mod chain;
mod crash;
mod disks;
mod docker_store;
mod engine;
mod engine_jobs;
mod healing;
mod issues;
mod issues_slow;
mod model;
mod moments;
mod movable;
mod openapi;
mod policy;
mod power;
mod random;
mod recovery;
mod releases;
mod safe_mode;
mod shop;
mod totp;
mod updates;
mod walk;
mod world;
