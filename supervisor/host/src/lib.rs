//! The machine underneath, as the supervisor reaches it.
//!
//! What lives here: child processes ([`exec`]), figures of the machine ([`figures`]), facts about it
//! ([`facts`], [`network`], [`clock`], [`mounts`], [`battery`]), the talk with the service manager ([`notify`], [`listen`]) and with it and its
//! fellows over the system bus ([`dbus`]), the journal ([`journal`]) files that survive a power cut ([`files`]) and copies of
//! whole folders ([`tree`]). This is
//! the only crate that starts processes, and the only one that speaks D-Bus.
//! What may not: any rule of a room, the database, Docker, HTTP.

pub mod battery;
pub mod clock;
pub mod dbus;
pub mod disks;
pub mod exec;
pub mod facts;
pub mod figures;
pub mod files;
pub mod inbox;
pub mod journal;
pub mod listen;
pub mod mounts;
pub mod network;
pub mod notify;
pub mod ports;
pub mod pressure;
pub mod terminal;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tree;
pub mod units;
pub mod watch;
