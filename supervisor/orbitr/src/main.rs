//! `orbitr`: the supervisor of the box, its command line and its console menu, in one program.
//!
//! What lives here: reading the configuration, putting the parts together, running them, and the command
//! line as a client of what runs. What may not: any rule, any query, any page; those live in the rooms.

mod cli;
mod console;
mod privileged;
mod supervise;

use std::process::ExitCode;

use rustls::crypto::aws_lc_rs;

fn main() -> ExitCode {
    // The one TLS library's cryptography, chosen before anything can ask for it; the only way to fail is
    // that it was chosen already.
    let _ = aws_lc_rs::default_provider().install_default();
    cli::run()
}
