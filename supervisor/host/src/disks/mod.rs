//! Disks and partitions: what is there ([`Blocks`], [`table`], [`probe`]) and the few programs that change them
//! ([`partition`], [`btrfs`], [`luks`], [`mount`]).
//!
//! What lives here: one typed call for each thing that a program of the system does, with a time limit. What may not: any
//! decision about what may be changed; nothing here asks whose data it is.

mod blocks;
pub mod btrfs;
mod error;
pub mod luks;
pub mod mount;
pub mod partition;
mod probe;
mod read;
mod table;

pub use self::{
    blocks::{BlockDisk, BlockPartition, Blocks},
    error::Error,
    probe::{Signature, probe},
    read::{is_blank, zero},
    table::{Entry, Table, table},
};
