//! `orbitr privileged ACT`: one act as root, started by its unit.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Context;
use orbitr_model::{Act, Problem};
use orbitr_privileged::{Places, Run};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Does the act. 0 when it is done, 1 when it failed; 2 is what the arguments' reader says when they are wrong.
pub(crate) fn main(act: Act) -> ExitCode {
    match run(act) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("orbitr: {act}: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(act: Act) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("the runtime cannot be started")?.block_on(async {
        let cancel = CancellationToken::new();
        let mut asked = signal(SignalKind::terminate()).context("signals cannot be received")?;
        let run = Run::new(act, Places::image(), cancel.clone(), say);
        let stop = async {
            asked.recv().await;
            cancel.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            done = orbitr_privileged::act(act, &run) => done.map_err(|error| anyhow::anyhow!(Problem::from(&error))),
            () = stop => Ok(()),
        }
    })
}

/// A line on standard error, which systemd keeps in the journal.
fn say(text: &str) {
    // Nobody can be told that nobody can be told.
    let _ = writeln!(io::stderr(), "{text}");
}
