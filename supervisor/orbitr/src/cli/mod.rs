//! The command line: what can be said, and who does it.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::supervise;

/// A box you own that behaves like a cloud.
#[derive(Debug, Parser)]
#[command(name = "orbitr", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the supervisor: the daemon that serves the box's pages and keeps its apps
    Supervise(Box<supervise::Args>),
    /// Print the version and when it was built
    Version,
}

/// Does what the arguments say. Exit codes: 0 done, 1 failed, 2 the arguments are wrong.
pub(crate) fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Supervise(args) => supervise::main(*args),
        Command::Version => version(),
    }
}

fn version() -> ExitCode {
    let line = format!("orbitr {} (built {})", env!("CARGO_PKG_VERSION"), supervise::built());
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
