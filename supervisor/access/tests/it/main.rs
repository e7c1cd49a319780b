//! The promises of this crate, kept through its public face with a real database.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod audit;
mod claim;
mod gate;
mod grants;
mod invites;
mod people;
mod profile;
mod second_step;
mod sessions;
mod sign_in;
mod testbox;
mod tokens;
mod walk;
