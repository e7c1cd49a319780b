//! The product from outside: a real supervisor in a folder of its own, and everybody who talks to it.
//!
//! What lives here: starting, killing and asking a box, and looking at what it left in Docker and on the disk.
//! What may not: a promise; those are in `tests/e2e`, and nothing here knows the product's own code.
//!
//! Needs the testbed (`tests/testbed`): a Docker engine and a registry that nobody else uses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a helper of tests ends the test where it stands"
)]
#![allow(clippy::disallowed_methods, reason = "tests start, kill and look at processes themselves")]

mod client;
mod disk;
mod engine;
mod extension;
mod machine;
mod people;
mod ports;
mod raw;
mod routes;
mod test_box;
mod wait;

pub use self::{
    client::{Answer, Client, Who},
    disk::Disk,
    engine::{Engine, Registry, encoded, owned},
    extension::Sample,
    machine::{Machine, Root},
    people::{ADMIN, PASSWORD, Person},
    ports::free_port,
    routes::Route,
    test_box::{Ended, TestBox},
    wait::{eventually, job_of},
};
