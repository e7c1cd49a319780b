//! `apply-settings`: host name, time zone, time servers, network and SSH as `box.json` says, below `/run` only.
//!
//! The file is the supervisor's; nothing in it is believed. What is wrong is left out with a warning, so that one wrong
//! value never takes the network away.

mod check;
mod render;
mod saved_time;

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

use orbitr_host::{
    clock,
    exec::{Command, Exit},
    facts, files, inbox,
};
use serde_json::{Value, json};

pub(crate) use self::render::{Now, Rendered, render};
use crate::{Error, Run};

const FILE: &str = "box.json";
const LONGEST: u64 = 256 * 1024;
const APPLYING: &str = "Applying a setting";
const LIMIT: Duration = Duration::from_secs(20);
/// Files of ours in a folder that others use, too.
const OURS: &str = "10-orbitr-";
const TIMESYNCD: &str = "50-orbitr.conf";
/// Starts this act again when the time of a trial is over, should the supervisor not do that.
const TRIAL_TIMER: &str = "orbitr-network-trial.timer";

/// Applies the settings; says what it left out.
pub(crate) async fn apply_settings(run: &Run) -> Result<Option<Value>, Error> {
    run.step("Reading the settings")?;
    let places = &run.places;
    let wanted = match inbox::read(&places.state.join(FILE), places.asker, LONGEST) {
        Ok(None) => Value::Null,
        Ok(Some(bytes)) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(%error, "box.json cannot be read: defaults are used");
            Value::Null
        }),
        Err(error) => {
            tracing::warn!(%error, "box.json is not used");
            Value::Null
        }
    };
    let zones = places.zones.clone();
    let now = Now {
        boot: clock::boot_id(),
        since_boot_ms: clock::since_boot().map_or(u64::MAX, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX)),
    };
    let rendered = render(&wanted, &now, &|zone| is_zone(&zones.join(zone)));
    for why in &rendered.ignored {
        tracing::warn!(why, "a setting is left out");
    }
    run.step("Applying the settings")?;
    saved_time::check(places);
    name(&rendered);
    zone(run, &rendered)?;
    time_servers(run, &rendered).await?;
    network(run, &rendered).await?;
    ssh(run, &rendered).await?;
    Ok(Some(json!({ "ignored": rendered.ignored })))
}

fn name(rendered: &Rendered) {
    let Some(name) = &rendered.host_name else { return };
    if facts::hostname() != *name
        && let Err(error) = facts::set_hostname(name)
    {
        tracing::warn!(%error, "the host name could not be set");
    }
}

/// A compiled time zone begins with this (RFC 9636).
fn is_zone(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"TZif"))
}

fn zone(run: &Run, rendered: &Rendered) -> Result<(), Error> {
    let zone = rendered.time_zone.as_deref().unwrap_or("Etc/UTC");
    let (link, new) = (run.places.box_run.join("localtime"), run.places.box_run.join(".localtime.new"));
    files::remove(&new)
        .and_then(|()| std::os::unix::fs::symlink(run.places.zones.join(zone), &new))
        .and_then(|()| fs::rename(&new, &link))
        .map_err(Error::io(APPLYING))
}

async fn time_servers(run: &Run, rendered: &Rendered) -> Result<(), Error> {
    let folder = run.places.systemd_run.join("timesyncd.conf.d");
    let wanted = rendered.timesyncd.iter().map(|text| (TIMESYNCD.to_owned(), text.clone())).collect();
    if replace(&folder, TIMESYNCD, &wanted, 0o644)? {
        systemctl(run, &["try-restart", "--no-block", "systemd-timesyncd.service"]).await?;
    }
    Ok(())
}

async fn network(run: &Run, rendered: &Rendered) -> Result<(), Error> {
    let folder = run.places.systemd_run.join("network");
    if rendered.trial {
        // Before anything changes: from here on the old setting comes back by itself. Not waited for, as systemd waits for us.
        systemctl(run, &["restart", "--no-block", TRIAL_TIMER]).await?;
    }
    if replace(&folder, OURS, &rendered.networks, 0o644)? && is_active(run, "systemd-networkd.service").await? {
        let reload = Command::new("networkctl").arg("reload").limit(LIMIT);
        let reloaded = reload.run(&run.cancel).await.and_then(orbitr_host::exec::Output::success);
        reloaded.map_err(Error::program(APPLYING))?;
    }
    Ok(())
}

async fn ssh(run: &Run, rendered: &Rendered) -> Result<(), Error> {
    let folder = run.places.box_run.join("ssh");
    let keys = rendered.ssh.clone().unwrap_or_default();
    files::make_dir(&folder, 0o700)
        .and_then(|()| fs::set_permissions(&folder, Permissions::from_mode(0o700)))
        .and_then(|()| files::write(&folder.join("authorized_keys"), keys.as_bytes(), 0o600))
        .map_err(Error::io(APPLYING))?;
    let is_on = is_active(run, "ssh.service").await?;
    // Not waited for: at a start, SSH waits for us.
    match (rendered.ssh.is_some(), is_on) {
        (true, false) => systemctl(run, &["start", "--no-block", "ssh.service"]).await,
        (false, true) => systemctl(run, &["stop", "--no-block", "ssh.service"]).await,
        _ => Ok(()),
    }
}

/// Makes the files of a folder that begin with `ours` those that are wanted; says whether anything changed.
fn replace(folder: &Path, ours: &str, wanted: &BTreeMap<String, String>, mode: u32) -> Result<bool, Error> {
    files::make_dir(folder, 0o755).map_err(Error::io(APPLYING))?;
    let mut changed = false;
    for entry in fs::read_dir(folder).map_err(Error::io(APPLYING))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(ours) && !wanted.contains_key(&name) {
            files::remove(&entry.path()).map_err(Error::io(APPLYING))?;
            changed = true;
        }
    }
    for (name, text) in wanted {
        let path = folder.join(name);
        if fs::read_to_string(&path).is_ok_and(|old| old == *text) {
            continue;
        }
        files::write(&path, text.as_bytes(), mode).map_err(Error::io(APPLYING))?;
        changed = true;
    }
    Ok(changed)
}

async fn is_active(run: &Run, unit: &str) -> Result<bool, Error> {
    if !run.places.has_systemd() {
        return Ok(false);
    }
    let asked = Command::new("systemctl").args(["is-active", "--quiet", unit]).limit(LIMIT).run(&run.cancel).await;
    Ok(asked.map_err(Error::program(APPLYING))?.status == Exit::Code(0))
}

async fn systemctl(run: &Run, args: &[&str]) -> Result<(), Error> {
    if !run.places.has_systemd() {
        return Ok(());
    }
    let done = Command::new("systemctl").args(args).limit(LIMIT).run(&run.cancel).await;
    done.and_then(orbitr_host::exec::Output::success).map_err(Error::program(APPLYING))?;
    Ok(())
}

#[cfg(test)]
mod tests;
