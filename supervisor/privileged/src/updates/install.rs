//! `install-update`: systemd-sysupdate writes another version into the slot that does not run. It fetches from this machine
//! itself, where the supervisor serves what it has downloaded, and believes only what is signed with a key of the image.
//!
//! The kernel comes last: until then, nothing starts from the slot, however the act ended. The running slot is protected.

use std::{fs, path::PathBuf, time::Duration};

use orbitr_host::{
    exec::{self, Command, Source},
    files,
};
use orbitr_model::{ImageVersion, InstallUpdateRequest, UpdateFacts};
use serde_json::{Value, json};

use super::{Slots, kernels, look, look_after, marks, set_default};
use crate::{Error, Run};

const WHAT: &str = "Preparing the update";
/// Of the three transfers, what each is of the whole, in their order.
const PARTS: [(&str, f64, f64); 3] = [(".verity.", 0.0, 0.02), (".root.", 0.02, 0.88), (".efi", 0.88, 1.0)];
/// On a slow stick it takes long.
const LIMIT: Duration = Duration::from_secs(100 * 60);
/// Ports below are root's.
const LOWEST_PORT: u16 = 1024;
/// What stands in a template for the address.
const SOURCE: &str = "@SOURCE@";

pub(crate) async fn install_update(run: &Run) -> Result<Option<Value>, Error> {
    let request: InstallUpdateRequest = run.request()?.ok_or_else(|| Error::Request("nobody asked".to_owned()))?;
    run.step("Looking at the installed versions")?;
    let facts = look(run).await?;
    may(&facts, &request)?;
    let slots = Slots::read(run).await?;
    fits(run, &slots)?;
    let done = install(run, &request, &slots).await;
    look_after(run, done).await?;
    Ok(Some(json!({ "version": request.target })))
}

/// Whether this version may be installed at all.
fn may(facts: &UpdateFacts, request: &InstallUpdateRequest) -> Result<(), Error> {
    let refused = |why| Err(Error::Version { version: request.target.clone(), why });
    if request.port < LOWEST_PORT {
        return Err(Error::Request("the port is one of root's".to_owned()));
    }
    match &facts.running {
        None => return refused("the version that runs cannot be told"),
        Some(running) if request.target <= *running => return refused("it is not newer than the one that runs"),
        Some(_) => {}
    }
    if !request.again && facts.returned.iter().any(|known| known.version == request.target) {
        return refused("it did not do its work when it was started");
    }
    Ok(())
}

/// Whether there is a slot for it.
fn fits(run: &Run, slots: &Slots) -> Result<(), Error> {
    let unfit = |why| Err(Error::Unfit { disk: slots.disk.to_string_lossy().into_owned(), why });
    if slots.read_only {
        return unfit("it can only be read");
    }
    if slots.roots.len() < 2 || slots.verities.len() < 2 {
        return unfit("it has no second slot; that is made together with the data partition");
    }
    if !run.places.updates.join("keyring.gpg").exists() {
        return Err(Error::NoKeys);
    }
    Ok(())
}

async fn install(run: &Run, request: &InstallUpdateRequest, slots: &Slots) -> Result<(), Error> {
    run.step("Making room in the other slot")?;
    forget(run, slots, &request.target).await?;
    let definitions = definitions(run, request.port)?;
    run.step(&format!("Installing version {}", request.target))?;
    pull(run, &definitions, &request.target).await?;
    run.step("Looking at what was installed")?;
    let kernel = kernels::list(&run.places).map_err(Error::io(WHAT))?;
    let there = kernel.iter().any(|kernel| kernel.version == request.target);
    if !there || Slots::read(run).await?.of(&request.target).is_none() {
        return Err(Error::Version { version: request.target.clone(), why: "it is not whole after it was installed" });
    }
    if request.again {
        marks::lift(&run.places, &request.target)?;
    }
    // Whoever installs a version wants it started.
    set_default(run, "").await
}

/// What an earlier run left of that version, half or whole: the kernel first, so that nothing starts from the rest.
async fn forget(run: &Run, slots: &Slots, version: &ImageVersion) -> Result<(), Error> {
    for kernel in kernels::list(&run.places).map_err(Error::io(WHAT))? {
        if kernel.version == *version {
            files::remove(&kernel.path).map_err(Error::io(WHAT))?;
        }
    }
    slots.forget(version, run).await
}

/// sysupdate.d(5), with the address in its place.
fn definitions(run: &Run, port: u16) -> Result<PathBuf, Error> {
    let folder = run.places.work.join("sysupdate.d");
    files::remove(&folder).and_then(|()| files::make_dir(&folder, 0o700)).map_err(Error::io(WHAT))?;
    let address = format!("http://127.0.0.1:{port}/");
    for entry in fs::read_dir(run.places.updates.join("transfers")).map_err(Error::io(WHAT))? {
        let entry = entry.map_err(Error::io(WHAT))?;
        let text = fs::read_to_string(entry.path()).map_err(Error::io(WHAT))?;
        fs::write(folder.join(entry.file_name()), text.replace(SOURCE, &address)).map_err(Error::io(WHAT))?;
    }
    Ok(folder)
}

async fn pull(run: &Run, definitions: &std::path::Path, version: &ImageVersion) -> Result<(), Error> {
    let command = Command::new(&run.places.sysupdate)
        .arg(format!("--definitions={}", definitions.display()))
        .args(["--verify=yes", "update", version.as_str()])
        .limit(LIMIT);
    let (mut invalid, mut stopped) = (false, false);
    let ended = command
        .stream(&run.cancel, |source, line| {
            invalid |= line.contains("DOWNLOAD INVALID") || line.contains("ignature verification failed");
            if let Some(done) = Some(line).filter(|_| source == Source::Stderr).and_then(fraction) {
                stopped |= run.fraction(done).is_err();
            }
        })
        .await;
    match ended.and_then(exec::Output::success) {
        Ok(_) if stopped => Err(Error::Stopped),
        Ok(_) => Ok(()),
        Err(_) if invalid => Err(Error::Untrusted(version.clone())),
        Err(error) => Err(Error::program("Installing the update")(error)),
    }
}

/// How much is done, from a line such as «Got 93% of http://127.0.0.1:43211/orbitr_2.root.….raw.xz. 2s left at 3M/s.»
fn fraction(line: &str) -> Option<f64> {
    let (_, rest) = line.split_once("Got ")?;
    let (percent, what) = rest.split_once("% of ")?;
    let percent: f64 = percent.trim().parse().ok()?;
    let (_, from, to) = PARTS.iter().find(|(part, ..)| what.contains(part))?;
    Some(from + (to - from) * (percent / 100.0).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_systemd_pull_says_becomes_a_fraction_of_the_whole() {
        let of = |percent: &str, file: &str| {
            fraction(&format!("Got {percent}% of http://127.0.0.1:1/{file}. 3s left at 3M/s."))
        };
        assert_eq!(of("0", "orbitr_2.verity.0f41.raw.xz"), Some(0.0));
        assert_eq!(of("50", "orbitr_2.root.0f41.raw.xz"), Some(0.45));
        assert_eq!(of("100", "orbitr_2.efi"), Some(1.0));
        for other in
            ["", "Got ready", "Got x% of orbitr_2.efi", "Got 5% of SHA256SUMS", "Signature verification succeeded."]
        {
            assert_eq!(fraction(other), None, "{other}");
        }
    }
}
