//! Stopping Docker so that nothing of its store is in use any more, and starting it again.

use std::{fs, path::Path, time::Duration};

use orbitr_host::{
    disks::mount,
    exec::{Command, Output},
    mounts,
};
use tokio::time::{Instant, sleep};

use super::aside;
use crate::{
    Error, Run,
    gate::{Answer, Ask},
};

const WHAT: &str = "Stopping or starting Docker";
/// Containers have 90 s each to end, and end beside each other.
const LIMIT: Duration = Duration::from_secs(5 * 60);
/// How long Docker may take until it answers with an empty store.
const ANSWERS: Duration = Duration::from_secs(3 * 60);
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// In the order in which they stop; they start the other way round. The socket first, or a client starts Docker again.
const UNITS: [&str; 3] = ["docker.socket", "docker.service", "containerd.service"];
/// The containers, which live on when Docker stops (`live-restore`): each is a unit of its own.
const CONTAINERS: &str = "docker-*.scope";

/// Ends Docker and every container. One that went on would write to the data of the one that takes its place.
pub(super) async fn stop(run: &Run) -> Result<(), Error> {
    systemctl(run, &["stop", "docker.socket", "docker.service"]).await?;
    systemctl(run, &["stop", CONTAINERS]).await?;
    systemctl(run, &["stop", "containerd.service"]).await?;
    // containerd leaves the keepers of containers behind, for the next containerd to find; there is nothing to keep.
    for unit in fs::read_dir(&run.places.cgroups).into_iter().flatten().flatten() {
        let name = unit.file_name().to_string_lossy().into_owned();
        let is_docker = name.starts_with("docker-") && name.ends_with(".scope");
        if is_docker || UNITS.contains(&name.as_str()) {
            end_all_in(&unit.path())?;
        }
    }
    Ok(())
}

/// Ends every process of a control group (cgroups(7): `cgroup.kill`). One that is gone has none.
fn end_all_in(group: &Path) -> Result<(), Error> {
    match fs::write(group.join("cgroup.kill"), "1") {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(WHAT)(error)),
        _ => Ok(()),
    }
}

/// Takes away what stopped containers leave: layers that are mounted, and the bridges of their networks, whose addresses
/// would be in the way of the new ones.
pub(super) async fn let_go(run: &Run) -> Result<(), Error> {
    run.step("Letting go of the store")?;
    for store in aside::stores(&run.places) {
        for at in mounts::below(store).map_err(Error::io(WHAT))? {
            mount::unmount(&at, &run.cancel).await?;
        }
    }
    for card in fs::read_dir(&run.places.net).into_iter().flatten().flatten() {
        let name = card.file_name().to_string_lossy().into_owned();
        if is_bridge_of_docker(&name) && card.path().join("bridge").is_dir() {
            let gone = Command::new("ip").args(["link", "delete", &name]).limit(LIMIT).run(&run.cancel).await;
            if let Err(error) = gone.and_then(Output::success) {
                // Docker chooses other addresses then.
                tracing::warn!(%name, %error, "a bridge of Docker stays");
            }
        }
    }
    Ok(())
}

/// How Docker names the bridge of a network: by the beginning of the network's id.
fn is_bridge_of_docker(name: &str) -> bool {
    name.strip_prefix("br-").is_some_and(|id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Starts it. systemd forgets first how often it has tried before.
pub(super) async fn start(run: &Run) -> Result<(), Error> {
    systemctl(run, &["reset-failed", "docker.socket", "docker.service", "containerd.service"]).await?;
    let started = systemctl(run, &["start", "containerd.service", "docker.socket", "docker.service"]).await;
    started.map_err(|error| match error {
        Error::Program { source, .. } => Error::NoDocker(source.to_string()),
        other => other,
    })
}

/// Waits until it answers.
pub(super) async fn answers(run: &Run) -> Result<(), Error> {
    let until = Instant::now() + ANSWERS;
    loop {
        let why = match Ask::socket(&run.places.docker, "/_ping").send(run).await {
            Answer::Said { code: 200, .. } => return Ok(()),
            Answer::Said { code, .. } => format!("it says {code}"),
            Answer::Silent(why) => why,
        };
        if run.cancel.is_cancelled() {
            return Err(Error::Stopped);
        }
        if Instant::now() >= until {
            return Err(Error::NoDocker(why));
        }
        sleep(LOOK_AGAIN).await;
    }
}

async fn systemctl(run: &Run, args: &[&str]) -> Result<(), Error> {
    if !run.places.has_systemd() {
        return Ok(());
    }
    let done = Command::new(&run.places.systemctl).args(args).limit(LIMIT).run(&run.cancel).await;
    done.and_then(Output::success).map_err(Error::program(WHAT))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bridges_that_docker_named_are_taken_away() {
        assert!(is_bridge_of_docker("br-0f410f90ea92"));
        for other in ["docker0", "br-lan", "br0", "br-0f410f90ea9", "br-0f410f90ea920", "br-guest-net-1"] {
            assert!(!is_bridge_of_docker(other), "{other}");
        }
    }
}
