//! The state directory, and the lock that makes it one supervisor's.

use std::{
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

/// How long a lock that somebody holds is waited for.
const LOCK_LIMIT: Duration = Duration::from_secs(2);
const LOCK_STEP: Duration = Duration::from_millis(20);

/// Held for as long as the supervisor runs; the kernel lets go of it however the process ends.
#[derive(Debug)]
pub(super) struct StateLock(#[allow(dead_code, reason = "held, not used")] File);

/// Locks the file, with patience: a child that a killed supervisor was just starting holds what it inherited until it
/// becomes its own program.
fn lock(file: &File) -> Result<(), TryLockError> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_LIMIT => thread::sleep(LOCK_STEP),
            other => return other,
        }
    }
}

/// Makes the directory, 0700, if it is not there, and locks it.
pub(super) fn take(dir: &Path) -> anyhow::Result<StateLock> {
    let shown = dir.display();
    orbitr_host::files::make_dir(dir, 0o700)
        .and_then(|()| fs::set_permissions(dir, Permissions::from_mode(0o700)))
        .with_context(|| format!("the state directory «{shown}» cannot be used"))?;
    let path = dir.join("supervisor.lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("the lock file «{}» cannot be opened", path.display()))?;
    match lock(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            // What it says is for people only; the lock is what counts.
            let _ = (&file).take(20).read_to_string(&mut owner);
            let owner = owner.trim();
            let who = if owner.is_empty() { String::new() } else { format!(" (process {owner})") };
            bail!(
                "another supervisor{who} uses the state directory «{shown}». Stop it first, or give this one \
                 a directory of its own with --state-dir"
            );
        }
        Err(TryLockError::Error(error)) => return Err(error).context("the state directory cannot be locked"),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .context("the lock file cannot be written")?;
    Ok(StateLock(file))
}
