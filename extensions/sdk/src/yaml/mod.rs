//! YAML as a tree that remembers where everything stands, and the way from that tree into types.

pub(crate) mod decode;
mod error;
mod read;
mod tree;

pub(crate) use decode::decode;
pub(crate) use read::read;
pub(crate) use tree::{Node, Value};
