//! `reset-docker`: throws Docker's store away and begins another. Apps' data are elsewhere; images are pulled again.
//!
//! The old store is renamed before the new one is made, and deleted last: whatever a power cut leaves is swept up by the
//! next run, and Docker always finds one whole store.

use std::{fs, path::Path, time::Duration};

use orbitr_host::{
    disks::{btrfs, mount},
    exec::{Command, Output},
    files,
};
use serde_json::{Value, json};

use crate::{Error, Run};

const WHAT: &str = "Making Docker's store anew";
/// Containers have 10 s each to end, and may be many.
const LIMIT: Duration = Duration::from_secs(5 * 60);
const STORES: [&str; 2] = ["@docker", "@containerd"];
const OLD: &str = ".old";
/// In the order in which they stop; they start the other way round.
const UNITS: [&str; 5] =
    ["docker.socket", "docker.service", "containerd.service", "var-lib-docker.mount", "var-lib-containerd.mount"];

pub(crate) async fn reset_docker(run: &Run) -> Result<Option<Value>, Error> {
    let device = fs::canonicalize(run.places.link()).map_err(Error::io(WHAT))?;
    run.step("Stopping Docker")?;
    systemctl(run, "stop", &UNITS).await?;
    let reset = with_top(run, &device).await;
    // Docker comes back, however it went.
    let started =
        systemctl(run, "start", &["var-lib-containerd.mount", "var-lib-docker.mount", "docker.service"]).await;
    reset?;
    run.step("Starting Docker")?;
    started?;
    Ok(Some(json!({})))
}

async fn with_top(run: &Run, device: &Path) -> Result<(), Error> {
    let top = run.places.top();
    files::make_dir(&top, 0o700).map_err(Error::io(WHAT))?;
    mount::mount(device, &top, "btrfs", "subvolid=5", &run.cancel).await?;
    let renewed = renew(run, &top).await;
    mount::unmount(&top, &run.cancel).await?;
    renewed
}

/// Puts new stores in the place of the old ones.
pub(crate) async fn renew(run: &Run, top: &Path) -> Result<(), Error> {
    for store in STORES {
        run.step("Making a new store")?;
        let (path, old) = (top.join(store), top.join(format!("{store}{OLD}")));
        if old.exists() {
            delete(run, &old).await?;
        }
        if path.exists() {
            fs::rename(&path, &old).map_err(Error::io(WHAT))?;
        }
        btrfs::create_subvolume(&path, &run.cancel).await?;
        files::sync_dir(top).map_err(Error::io(WHAT))?;
        if old.exists() {
            run.step("Deleting the old store")?;
            delete(run, &old).await?;
        }
    }
    Ok(())
}

/// A store may hold subvolumes of its own, where Docker used btrfs's.
async fn delete(run: &Run, old: &Path) -> Result<(), Error> {
    let list = Command::new("btrfs").args(["subvolume", "list", "-o", "--sort=-path"]).arg(old).limit(LIMIT);
    let listed = list.run(&run.cancel).await.and_then(Output::success).map_err(Error::program(WHAT))?;
    let name = old.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for line in listed.stdout_text().lines() {
        let inner = line.split_once(" path ").and_then(|(_, path)| path.strip_prefix(&format!("{name}/")));
        if let Some(inner) = inner.filter(|inner| !inner.split('/').any(|part| part == "..")) {
            btrfs::delete_subvolume(&old.join(inner), &run.cancel).await?;
        }
    }
    Ok(btrfs::delete_subvolume(old, &run.cancel).await?)
}

async fn systemctl(run: &Run, verb: &str, units: &[&str]) -> Result<(), Error> {
    if !run.places.has_systemd() {
        return Ok(());
    }
    let done = Command::new("systemctl").arg(verb).args(units).limit(LIMIT).run(&run.cancel).await;
    done.and_then(Output::success).map_err(Error::program(WHAT))?;
    Ok(())
}
