//! The command line: what can be said, and who does it. Every verb but `supervise`, `ext` and `version` is a client
//! of the API, over the Unix socket of this machine or over HTTPS with a token; `ext` works on files alone.
//!
//! Exit codes are stable; [`failure::Exit`] lists them, and so does `--help`.

mod about;
mod adopt;
mod apps;
mod archives;
pub(crate) mod args;
mod bindings;
pub(crate) mod client;
mod docker_store;
mod extension;
pub(crate) mod failure;
mod install;
mod issues;
mod jobs;
mod machine;
mod moves;
mod network;
mod output;
mod people;
mod policy;
mod releases;
mod remedies;
mod rescue;
mod routes;
mod ssh;
pub(crate) mod stream;
mod time;
mod updates;
mod verbs;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, error::ErrorKind};

use self::{
    args::{Common, ExtensionVerb, Verb},
    failure::{Exit, Failure},
    output::Output,
};
use crate::{console, supervise};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it failed: the job failed or was cancelled, the audit log is broken, or the box has a problem
  2  the arguments, or the input that they give, are wrong
  3  there is no such thing
  4  not permitted, or not signed in
  5  the supervisor cannot be reached
  6  something is in the way: another job, another state, too many tries; try again later";

/// A box you own that behaves like a cloud.
#[derive(Debug, Parser)]
#[command(
    name = "orbitr",
    version,
    arg_required_else_help = true,
    max_term_width = 100,
    infer_subcommands = false,
    after_help = EXIT_CODES
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the supervisor: the daemon that serves the box's pages and keeps its apps
    Supervise(Box<supervise::Args>),
    /// The menu of the box's own screen: how it is, and what can be done without a browser
    Console(console::Args),
    #[command(flatten)]
    Verb(Verb),
    /// Write extensions: needs no box
    Ext {
        #[command(subcommand)]
        verb: ExtensionVerb,
    },
    /// What the units of Orbitr OS run as root; nobody else has a use for it
    #[command(hide = true)]
    Privileged {
        /// Which act
        act: orbitr_model::Act,
    },
    /// Print the version and when it was built
    Version,
    /// Print every route with what it needs, as the test that walks them all reads it
    #[command(hide = true)]
    Routes,
}

/// Does what the arguments say.
pub(crate) fn run() -> ExitCode {
    let Cli { common, command } = Cli::parse();
    match command {
        Command::Supervise(args) => {
            if let Some(flag) = common.only_for_clients() {
                let about = format!("{flag} is for the other commands, which talk to a supervisor");
                let _ = Cli::command().error(ErrorKind::ArgumentConflict, about).print();
                return Exit::Usage.into();
            }
            supervise::main(*args)
        }
        Command::Console(args) => console::main(&common, &args),
        Command::Verb(verb) => client(&common, verb),
        Command::Ext { verb } => here(&common, |out| extension::run(verb, out)),
        Command::Privileged { act } => crate::privileged::main(act),
        Command::Version => here(&common, version),
        Command::Routes => routes::print(),
    }
}

/// One verb, from connecting to the exit code.
fn client(common: &Common, verb: Verb) -> ExitCode {
    let mut out = Output::new(common.json);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::Local(format!("the program cannot start: {error}")).tell(&out),
    };
    let done = runtime.block_on(verbs::run(common, verb, &mut out));
    // Reading from a terminal may still hold a thread; nobody waits for it.
    runtime.shutdown_background();
    match done.and_then(|exit| out.finish().map(|()| exit)) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.tell(&out),
    }
}

/// A verb that needs no supervisor.
fn here(common: &Common, verb: impl FnOnce(&mut Output) -> Result<Exit, Failure>) -> ExitCode {
    let mut out = Output::new(common.json);
    match verb(&mut out).and_then(|exit| out.finish().map(|()| exit)) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.tell(&out),
    }
}

fn version(out: &mut Output) -> Result<Exit, Failure> {
    let (version, built) = (env!("CARGO_PKG_VERSION"), supervise::built());
    if out.is_json() {
        out.json(&serde_json::json!({ "version": version, "built": built }))?;
    } else {
        out.line(&format!("orbitr {version} (built {built})"))?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_contradict_each_other_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_stand_before_or_after_the_verb() {
        for line in [["orbitr", "--json", "apps"], ["orbitr", "apps", "--json"]] {
            assert!(Cli::try_parse_from(line).unwrap().common.json);
        }
    }

    #[test]
    fn deleting_data_needs_the_name_once_more() {
        let parse = |line: &[&str]| Cli::try_parse_from(["orbitr", "remove", "db"].iter().chain(line));
        assert!(parse(&[]).is_err());
        assert!(parse(&["--delete-data"]).is_err());
        assert!(parse(&["--keep-data", "--delete-data", "--confirm", "db"]).is_err());
        assert!(parse(&["--keep-data"]).is_ok());
        assert!(parse(&["--delete-data", "--confirm", "db"]).is_ok());
    }

    #[test]
    fn no_flag_takes_a_secret() {
        let mut command = Cli::command();
        command.build();
        let all = command.get_subcommands().flat_map(clap::Command::get_arguments).chain(command.get_arguments());
        for argument in all {
            let name = argument.get_id().as_str();
            assert!(!name.contains("password") && name != "token" && name != "secret", "{name}");
        }
    }
}
