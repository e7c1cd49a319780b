//! The bus: against the fake that bites, against what a real systemd says of itself, and against real daemons.

mod biting;
mod contract;
mod daemons;
