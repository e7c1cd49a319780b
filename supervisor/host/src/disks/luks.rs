//! LUKS2: one key that a person keeps, and where there is one, the machine's security chip. Keys go in on standard input.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use orbitr_model::RecoveryKey;
use tokio_util::sync::CancellationToken;

use super::Error;
use crate::exec::{Command, Exit, Output};

/// A chip may be slow, and so may a key that is tried on an old machine.
const LIMIT: Duration = Duration::from_secs(2 * 60);
const FORMAT: &str = "Encrypting the partition";
const OPEN: &str = "Opening the encrypted partition";
const CLOSE: &str = "Closing the encrypted partition";
const RESIZE: &str = "Growing the encrypted partition";
/// A security chip, as the kernel shares it among programs.
const CHIP: &str = "/dev/tpmrm0";
const ENROL: &str = "Binding the encryption to the security chip";
const INSPECT: &str = "Looking at the encryption header";
const ERASE: &str = "Erasing the encryption header";
/// What systemd-cryptenroll(1) calls a key that a chip holds.
const CHIP_TOKEN: &str = "systemd-tpm2";
/// cryptsetup(8): no key fits.
const NO_KEY: Exit = Exit::Code(2);

/// Where an open one appears.
#[must_use]
pub fn node(name: &str) -> PathBuf {
    Path::new("/dev/mapper").join(name)
}

/// Encrypts a device, whatever it holds, with a label in its header.
///
/// # Errors
/// It cannot be written.
pub async fn format(device: &Path, label: &str, key: &RecoveryKey, cancel: &CancellationToken) -> Result<(), Error> {
    let command = Command::new("cryptsetup")
        .args(["luksFormat", "--batch-mode", "--type", "luks2", "--label", label, "--key-file=-"])
        // The key has 140 random bits: stretching it would only cost memory, which a box of 1 GiB has not.
        .args(["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"])
        .arg(device)
        .stdin(key.expose())
        .limit(LIMIT);
    command.run(cancel).await.and_then(Output::success).map_err(Error::program(FORMAT))?;
    Ok(())
}

/// Binds a further key to the security chip, without PCRs: a firmware update does not lock the owner out.
///
/// # Errors
/// There is no chip, or it refuses.
pub async fn enrol_chip(device: &Path, key: &RecoveryKey, cancel: &CancellationToken) -> Result<(), Error> {
    let command = Command::new("systemd-cryptenroll").args(["--tpm2-device=auto", "--tpm2-pcrs="]).arg(device);
    enrol(command, key, cancel).await
}

async fn enrol(command: Command, key: &RecoveryKey, cancel: &CancellationToken) -> Result<(), Error> {
    // Its own way to be given a key without a file; only root can read a root process's environment.
    let command = command.env("PASSWORD", key.expose()).limit(LIMIT);
    command.run(cancel).await.and_then(Output::success).map_err(Error::program(ENROL))?;
    Ok(())
}

/// Whether a key of a device is bound to a security chip, this machine's or another one's.
///
/// # Errors
/// It is no LUKS2.
pub async fn is_bound(device: &Path, cancel: &CancellationToken) -> Result<bool, Error> {
    let command = Command::new("cryptsetup").args(["luksDump", "--dump-json-metadata"]).arg(device).limit(LIMIT);
    let output = command.run(cancel).await.and_then(Output::success).map_err(Error::program(INSPECT))?;
    let tokens = serde_json::from_slice::<Header>(&output.stdout).map(|header| header.tokens).unwrap_or_default();
    Ok(tokens.values().any(|token| token.kind == CHIP_TOKEN))
}

/// The part of a header that tells what opens it (LUKS2 On-Disk Format, 3.6).
#[derive(serde::Deserialize)]
struct Header {
    tokens: std::collections::BTreeMap<String, Token>,
}

#[derive(serde::Deserialize)]
struct Token {
    #[serde(rename = "type")]
    kind: String,
}

/// Binds it to this machine's security chip, and to no other one any more. Cut off in between, it is bound to none.
///
/// # Errors
/// There is no chip, or it refuses.
pub async fn rebind_chip(device: &Path, key: &RecoveryKey, cancel: &CancellationToken) -> Result<(), Error> {
    if !Path::new(CHIP).exists() {
        return Err(Error::io(ENROL)(io::Error::other("this machine has no security chip")));
    }
    // In one call it would say that this is done already, and do nothing: it tells chips apart by their policy only.
    enrol(Command::new("systemd-cryptenroll").arg("--wipe-slot=tpm2").arg(device), key, cancel).await?;
    enrol_chip(device, key, cancel).await
}

/// Opens a device under a name with a key; false when the key does not fit.
///
/// # Errors
/// It is no LUKS, or the kernel cannot map it.
pub async fn open(device: &Path, name: &str, key: &RecoveryKey, cancel: &CancellationToken) -> Result<bool, Error> {
    let command = Command::new("cryptsetup").args(["open", "--key-file=-"]).arg(device).arg(name);
    let output = command.stdin(key.expose()).limit(LIMIT).run(cancel).await.map_err(Error::program(OPEN))?;
    fits(output)
}

/// Whether a key opens a device, without opening it.
///
/// # Errors
/// It is no LUKS.
pub async fn try_key(device: &Path, key: &RecoveryKey, cancel: &CancellationToken) -> Result<bool, Error> {
    let command = Command::new("cryptsetup").args(["open", "--test-passphrase", "--key-file=-"]).arg(device);
    let output = command.stdin(key.expose()).limit(LIMIT).run(cancel).await.map_err(Error::program(OPEN))?;
    fits(output)
}

/// Opens a device under a name with the security chip; false when it does not, whatever the reason.
///
/// # Errors
/// The program cannot be run.
pub async fn open_by_chip(device: &Path, name: &str, cancel: &CancellationToken) -> Result<bool, Error> {
    let command = Command::new("cryptsetup")
        .args(["open", "--batch-mode", "--token-only", "--token-type", CHIP_TOKEN])
        .arg(device)
        .arg(name)
        .limit(LIMIT);
    let output = command.run(cancel).await.map_err(Error::program(OPEN))?;
    Ok(output.status == Exit::Code(0))
}

fn fits(output: Output) -> Result<bool, Error> {
    if output.status == NO_KEY {
        return Ok(false);
    }
    output.success().map_err(Error::program(OPEN))?;
    Ok(true)
}

/// Closes what was opened under a name.
///
/// # Errors
/// Something uses it.
pub async fn close(name: &str, cancel: &CancellationToken) -> Result<(), Error> {
    let command = Command::new("cryptsetup").args(["close", name]).limit(LIMIT);
    command.run(cancel).await.and_then(Output::success).map_err(Error::program(CLOSE))?;
    Ok(())
}

/// Lets an open one have the whole of its device. The key is in the kernel already or is not needed.
///
/// # Errors
/// As cryptsetup says.
pub async fn fill(name: &str, key: Option<&RecoveryKey>, cancel: &CancellationToken) -> Result<(), Error> {
    let mut command = Command::new("cryptsetup").args(["resize", "--batch-mode"]).limit(LIMIT);
    if let Some(key) = key {
        command = command.arg("--key-file=-").stdin(key.expose());
    } else {
        command = command.args(["--token-only", "--token-type", CHIP_TOKEN]);
    }
    command.arg(name).run(cancel).await.and_then(Output::success).map_err(Error::program(RESIZE))?;
    Ok(())
}

/// Makes every key of a device useless. What it encrypted cannot be read again by anybody.
///
/// # Errors
/// It cannot be written.
pub async fn erase(device: &Path, cancel: &CancellationToken) -> Result<(), Error> {
    let command = Command::new("cryptsetup").args(["erase", "--batch-mode"]).arg(device).limit(LIMIT);
    command.run(cancel).await.and_then(Output::success).map_err(Error::program(ERASE))?;
    Ok(())
}
