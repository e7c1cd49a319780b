//! Ports for what a test starts later.

use std::{
    hash::{BuildHasher, RandomState},
    net::TcpListener,
};

const FIRST: u16 = 20_000;
const HOW_MANY: u64 = 12_000;

/// A TCP port that is free on every IPv4 address, and stays so until somebody is told to use it: below those that
/// Linux gives to outgoing connections (`ip_local_port_range` in ip(7)).
#[must_use]
pub fn free_port() -> u16 {
    loop {
        // a new RandomState differs from the one before; nothing here has to be secret
        let chance = RandomState::new().hash_one(std::process::id()) % HOW_MANY;
        let port = FIRST + u16::try_from(chance).unwrap();
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}
