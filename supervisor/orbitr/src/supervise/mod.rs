//! The supervisor: `Config` → `build` → `App` → `run`. This is the composition root; it knows every part
//! and no rule of any.

mod announce;
mod comeback;
mod config;
mod copies;
mod crashes;
mod credential;
mod health;
mod identity;
mod listeners;
mod logging;
mod parts;
mod run;
mod site;
mod state_dir;
mod waiting;
mod welcome;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use orbitr_edge::{Certificates, FrontDoor, Limits, Site};

pub(crate) use self::{
    config::{Args, CONTROL_SOCKET, Config},
    identity::built,
};
use self::{crashes::Starts, listeners::Listeners, parts::Parts, state_dir::StateLock, waiting::Waiting};

/// The version of this Orbitr.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Threads that run tasks: a box serves a few people, and its work is done by children and by Docker.
const WORKERS: std::ops::RangeInclusive<usize> = 2..=4;
/// Threads for what blocks: database reads, files, password hashes.
const BLOCKING_THREADS: usize = 64;
/// How long tasks that still block may hold up the end of the process.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Everything, put together and listening, but not announced yet.
struct App {
    config: Config,
    parts: Parts,
    certificates: Certificates,
    front: FrontDoor,
    site: Site,
    addresses: announce::Addresses,
    listeners: Opened,
    /// None where nobody starts it again by itself.
    starts: Option<Starts>,
    _lock: StateLock,
}

/// What remains to be known of the listeners once they serve.
struct Opened {
    control_file: Option<std::path::PathBuf>,
    missing: Vec<String>,
}

/// Runs the supervisor to its end. 0 when it was asked to stop, 1 when it cannot work, 2 when its flags
/// are wrong.
pub(crate) fn main(args: Args) -> ExitCode {
    let config = match Config::try_from(args) {
        Ok(config) => config,
        Err(error) => {
            say(&format!("orbitr: {error}"));
            return ExitCode::from(2);
        }
    };
    match start(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("orbitr: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn start(config: Config) -> anyhow::Result<()> {
    logging::start(&config.log)?;
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers.clamp(*WORKERS.start(), *WORKERS.end()))
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let ended = runtime.block_on(async { build(config).await?.run().await });
    runtime.shutdown_timeout(LAST_MOMENT);
    ended
}

/// Puts everything together. Nothing answers before the last line of this.
async fn build(config: Config) -> anyhow::Result<App> {
    tracing::info!(version = VERSION, state = %config.state_dir.display(), "starting");
    let lock = state_dir::take(&config.state_dir)?;
    let Listeners { https, http, control, control_file, missing } = listeners::open(&config)?;
    credential::take()?;
    let waiting = Waiting::if_needed(&config)?;
    let certificates = identity::open(&config, &waiting::tls_dir(&config, waiting.is_some())?).await?;
    let starts = (config.watch_crashes && waiting.is_none()).then(|| Starts::note(&config.state_dir));
    let parts = match starts.as_ref().and_then(Starts::too_many) {
        Some(times) => Parts::crashed(&config, times)?,
        None => Parts::build(&config, &certificates, waiting).await?,
    };

    let addresses = announce::Addresses::of(&https)?;
    let (front, site) = (FrontDoor::new(Limits::default()), Site::new(site::router(&parts, &certificates)));
    front.unix(control, site.clone(), site::introduce_local)?;
    for listener in https {
        front.https(listener, &certificates, site.clone(), site::introduce_visitor)?;
    }
    for listener in http {
        front.redirect(listener, addresses.main_port())?;
    }
    let listeners = Opened { control_file, missing };
    Ok(App { config, parts, certificates, front, site, addresses, listeners, starts, _lock: lock })
}

/// A line or more on standard error, which systemd keeps in the journal.
fn say(text: &str) {
    // Nobody can be told that nobody can be told.
    let _ = writeln!(io::stderr(), "{text}");
}
