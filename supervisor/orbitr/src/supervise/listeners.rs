//! The sockets of the box: handed over by systemd, or opened here.

use std::{net::TcpListener, os::unix::net::UnixListener, path::PathBuf};

use anyhow::{Context, anyhow};
use orbitr_edge::{bind_tcp, bind_unix};
use orbitr_host::listen::Sockets;
use orbitr_model::Problem;

use super::Config;

/// Everything that the front door will listen on.
pub(super) struct Listeners {
    pub(super) https: Vec<TcpListener>,
    pub(super) http: Vec<TcpListener>,
    pub(super) control: UnixListener,
    /// The control socket's file, if it is ours to remove.
    pub(super) control_file: Option<PathBuf>,
    /// What could not be opened and is not needed, each in a sentence.
    pub(super) missing: Vec<String>,
}

/// Takes over the sockets named `https`, `http` and `control` from systemd; opens those that it has not.
/// The redirect from HTTP is a courtesy: if its port is taken, the box goes on without.
pub(super) fn open(config: &Config) -> anyhow::Result<Listeners> {
    let mut inherited = Sockets::from_env();
    let mut missing = Vec::new();
    let mut https = inherited.tcp("https").context("the socket «https» from systemd cannot be used")?;
    if https.is_empty() {
        https = config.https.iter().map(|address| bind_tcp(*address)).collect::<Result<_, _>>().map_err(plain)?;
    }
    let mut http = inherited.tcp("http").context("the socket «http» from systemd cannot be used")?;
    if http.is_empty() {
        for address in &config.http {
            match bind_tcp(*address) {
                Ok(listener) => http.push(listener),
                Err(error) => {
                    let sentence = format!("no redirect from HTTP: {}", Problem::from(error).title);
                    tracing::warn!("{sentence}");
                    missing.push(sentence);
                }
            }
        }
    }
    let mut control = inherited.unix("control").context("the socket «control» from systemd cannot be used")?;
    let (control, control_file) = match control.pop() {
        Some(listener) => (listener, None),
        None => (open_control(config)?, Some(config.socket.clone())),
    };
    Ok(Listeners { https, http, control, control_file, missing })
}

fn open_control(config: &Config) -> anyhow::Result<UnixListener> {
    if let Some(dir) = config.socket.parent() {
        orbitr_host::files::make_dir(dir, 0o755)
            .with_context(|| format!("the folder of the control socket, «{}», cannot be made", dir.display()))?;
    }
    bind_unix(&config.socket).map_err(plain)
}

/// The error in words for somebody who starts the program.
fn plain(error: orbitr_edge::Error) -> anyhow::Error {
    anyhow!(Problem::from(error))
}
