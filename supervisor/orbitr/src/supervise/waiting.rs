//! Orbitr OS without its data partition: what is served then, and what comes along when the supervisor starts again on it.
//! All of that is in `/run/orbitr`, which lasts until the machine is switched off.

use std::{
    fs, io,
    os::unix::fs::chown,
    path::{Path, PathBuf},
};

use anyhow::Context;
use orbitr_access::{Access, Secret};
use orbitr_host::files;
use orbitr_machine::data::{Acts, Places, Stage};
use orbitr_web::data::{DataSite, new_code};

use super::Config;

const CODE: &str = "orbitr/setup-code";
const TLS: &str = "orbitr/tls";
const WELCOME: &str = "orbitr/welcome";
/// Who may read the welcome: the consoles.
const CONSOLE_GROUP: &str = "orbitr-console";

/// A box that waits for its data partition.
pub(super) struct Waiting {
    acts: Acts,
    code: Secret,
}

impl Waiting {
    /// On the image, while no data partition is open; none otherwise.
    pub(super) fn if_needed(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some(places) = &config.image else { return Ok(None) };
        let acts = Acts::new(places.clone());
        let stage = acts.stage();
        if stage == Stage::Open {
            return Ok(None);
        }
        let facts = acts.facts();
        tracing::warn!(?stage, state = ?facts.state, reason = ?facts.reason, "no data partition is open");
        let code = match kept_code(places) {
            Some(code) => code,
            None => {
                let code = new_code().context("a code cannot be made: the system gives no randomness")?;
                files::write(&places.run.join(CODE), code.expose().as_bytes(), 0o600)
                    .context("the code cannot be kept")?;
                code
            }
        };
        Ok(Some(Self { acts, code }))
    }

    /// What its pages need.
    pub(super) fn site(&self) -> DataSite {
        DataSite { acts: self.acts.clone(), code: self.code.clone() }
    }

    pub(super) fn code(&self) -> &str {
        self.code.expose()
    }

    pub(super) fn summary(&self) -> &'static str {
        match self.acts.stage() {
            Stage::Installer => "ready to be installed onto a disk",
            Stage::Degraded => "waiting for a decision about its data",
            Stage::Setup | Stage::Open => "waiting to be claimed",
        }
    }

    /// Waits until the data partition is open and mounted.
    pub(super) async fn opened(&self) {
        if let Err(error) = self.acts.opened().await {
            tracing::error!(%error, "the data partition cannot be watched for: restart Orbitr once it is open");
            std::future::pending::<()>().await;
        }
    }
}

fn kept_code(places: &Places) -> Option<Secret> {
    let text = fs::read_to_string(places.run.join(CODE)).ok()?;
    Some(Secret::new(text.trim())).filter(|code| !code.expose().is_empty())
}

/// The setup code: on the image the one that the console shows already, so that a wizard goes on with it.
pub(super) async fn setup_code(config: &Config, access: &Access) -> Result<Option<Secret>, orbitr_access::Error> {
    match config.image.as_ref().and_then(kept_code) {
        Some(code) => access.keep_setup_code(code).await,
        None => access.new_setup_code().await,
    }
}

/// Where the certificates are. While the box waits they are in `/run`; a new data partition takes them over, so that a
/// browser that trusts them goes on doing so.
pub(super) fn tls_dir(config: &Config, waiting: bool) -> anyhow::Result<PathBuf> {
    let lasting = config.state_dir.join("tls");
    let Some(places) = &config.image else { return Ok(lasting) };
    let passing = places.run.join(TLS);
    if waiting {
        return Ok(passing);
    }
    if !lasting.exists() && passing.is_dir() {
        take_over(&passing, &lasting).context("the certificates cannot be taken over")?;
    }
    Ok(lasting)
}

/// Copies a folder of plain files, whole or not at all.
fn take_over(from: &Path, to: &Path) -> io::Result<()> {
    let half = to.with_extension("new");
    files::remove(&half)?;
    files::make_dir(&half, 0o700)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files::write(&half.join(entry.file_name()), &fs::read(entry.path())?, 0o600)?;
        }
    }
    fs::rename(&half, to)?;
    files::sync_dir(to.parent().unwrap_or(to))
}

/// Leaves the block that says how to get in for the consoles.
pub(super) fn welcome(places: &Places, text: &str) {
    let path = places.run.join(WELCOME);
    let written = files::write(&path, text.as_bytes(), 0o640).and_then(|()| match group(CONSOLE_GROUP) {
        Some(group) => chown(&path, None, Some(group)),
        None => Ok(()),
    });
    if let Err(error) = written {
        tracing::warn!(%error, "the consoles cannot be told how to get in");
    }
}

/// A group's number, from `/etc/group`.
fn group(name: &str) -> Option<u32> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}
