//! The key that the machine keeps for the box (systemd-creds): where there is one, the box's key files are sealed with it.

use std::{env, fs, path::PathBuf};

use anyhow::Context;

/// Where systemd puts credentials (systemd.exec(5)).
const FOLDER: &str = "CREDENTIALS_DIRECTORY";
const NAME: &str = "box.key";

/// Takes the key, if systemd has one for us.
pub(super) fn take() -> anyhow::Result<()> {
    let Some(folder) = env::var_os(FOLDER) else { return Ok(()) };
    let path = PathBuf::from(folder).join(NAME);
    if !path.exists() {
        return Ok(());
    }
    let key = fs::read(&path).with_context(|| format!("the credential «{}» cannot be read", path.display()))?;
    match key.try_into() {
        Ok(key) => orbitr_store::seal_keys_with(key),
        // The box is reachable without it; what is sealed says so itself.
        Err(_) => tracing::error!("the credential box.key is not 32 bytes long and is not used"),
    }
    Ok(())
}
