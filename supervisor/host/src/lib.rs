//! The machine underneath, as the supervisor reaches it.
//!
//! What lives here: child processes ([`exec`]), figures of the machine ([`figures`]), facts about it
//! ([`facts`]), the talk with the service manager ([`notify`], [`listen`]) and files that survive a
//! power cut ([`files`]). This is the only crate that starts processes.
//! What may not: any rule of a room, the database, Docker, HTTP.

pub mod exec;
pub mod facts;
pub mod figures;
pub mod files;
pub mod listen;
pub mod notify;
pub mod terminal;
