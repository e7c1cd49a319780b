//! Mounting, for a moment.

use std::{path::Path, time::Duration};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Error;
use crate::exec::{Command, Exit, Output};

/// A file system that was cut off may have to look itself over first.
const LIMIT: Duration = Duration::from_secs(5 * 60);
/// umount(8): it did not work, most often because somebody looks at it, as udev and udisks do with all that is new.
const BUSY: Exit = Exit::Code(32);
const TRIES: u32 = 20;
const AGAIN: Duration = Duration::from_millis(100);
const MOUNT: &str = "Mounting a file system";
const UNMOUNT: &str = "Unmounting a file system";

/// Mounts a device on a folder; options as mount(8) has them, besides `nosuid,nodev,noexec`.
///
/// # Errors
/// It is not of that kind, or damaged.
pub async fn mount(
    device: &Path,
    on: &Path,
    kind: &str,
    options: &str,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let options = format!("nosuid,nodev,noexec,{options}");
    let command = Command::new("mount").args(["-t", kind, "-o", options.as_str(), "--"]).arg(device).arg(on);
    command.limit(LIMIT).run(cancel).await.and_then(Output::success).map_err(Error::program(MOUNT))?;
    Ok(())
}

/// Unmounts what is on a folder.
///
/// # Errors
/// Something uses it.
pub async fn unmount(from: &Path, cancel: &CancellationToken) -> Result<(), Error> {
    let mut tries = 1;
    loop {
        let output = Command::new("umount").arg("--").arg(from).limit(LIMIT).run(cancel).await;
        let output = output.map_err(Error::program(UNMOUNT))?;
        if output.status != BUSY || tries == TRIES {
            output.success().map_err(Error::program(UNMOUNT))?;
            return Ok(());
        }
        tries += 1;
        sleep(AGAIN).await;
    }
}
