//! Where the supervisor's own log goes: the journal under systemd, standard error otherwise.

use std::{env, fs, io::IsTerminal, os::unix::fs::MetadataExt};

use anyhow::Context;
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, registry, util::SubscriberInitExt};

/// Starts logging. `filter` as in [`Targets`]: a level, or levels of parts (`info,orbitr_docker=debug`).
pub(super) fn start(filter: &str) -> anyhow::Result<()> {
    let filter = filter.parse::<Targets>().context("reading the log filter")?;
    let journal = to_journal().then(tracing_journald::layer).and_then(Result::ok);
    let stderr = journal.is_none().then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
    });
    registry().with(journal.with_filter(filter.clone())).with(stderr.with_filter(filter)).try_init()?;
    Ok(())
}

/// Whether standard error is the journal's own stream: `JOURNAL_STREAM` names it by device and inode
/// (systemd.exec(5)), and is inherited by processes whose output goes elsewhere.
fn to_journal() -> bool {
    let Ok(stream) = env::var("JOURNAL_STREAM") else { return false };
    fs::metadata("/proc/self/fd/2").is_ok_and(|meta| stream == format!("{}:{}", meta.dev(), meta.ino()))
}
