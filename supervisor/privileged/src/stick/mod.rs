//! `save-support`: writes the support bundle that waits beside the request onto the one USB stick that is plugged in.
//!
//! It adds one file and changes nothing else that is on the stick. The stick is mounted where nobody else sees it, and is let
//! go however it went, so that it may be pulled out as soon as the act has ended.

mod find;
mod update;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use orbitr_host::{disks::mount, facts, figures, files, inbox};
use orbitr_model::{ByteSize, SaveSupportRequest, Timestamp};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::find::Stick;
pub(crate) use self::update::read_update;
use crate::{Error, Places, Run};

const PIECE: usize = 256 * 1024;
/// What a file system may need besides the file itself.
const ROOM: u64 = 1024 * 1024;
/// The longest part of a file's name that is the box's own.
const LONGEST_HOST: usize = 40;
/// How many bundles of one second are told apart.
const OF_ONE_SECOND: u32 = 9;
const WAITING: &str = "Reading the support bundle";

pub(crate) async fn save_support(run: &Run) -> Result<Option<Value>, Error> {
    let _: SaveSupportRequest = run.request()?.ok_or_else(|| Error::Request("nobody asked".to_owned()))?;
    let (bundle, bytes) = bundle(&run.places)?;
    run.step("Looking for a USB stick")?;
    let stick = find::the_only(run).await?;
    if stick.read_only {
        return Err(Error::StickReadOnly(stick.called));
    }
    run.step("Opening the stick")?;
    let top = run.places.stick();
    files::make_dir(&top, 0o700).map_err(Error::io("Making a folder to mount on"))?;
    mount::mount(&stick.device, &top, &stick.kind, "rw", &run.cancel).await?;
    let written = write(run, &top, &stick, bundle, bytes).await;
    // Also when it was asked to stop.
    mount::unmount(&top, &CancellationToken::new()).await?;
    Ok(Some(json!({ "file": written?, "stick": stick.called, "device": stick.device, "bytes": bytes })))
}

/// The bundle that waits, and how long it is.
fn bundle(places: &Places) -> Result<(File, u64), Error> {
    let path = places.console_requests.join(SaveSupportRequest::BUNDLE);
    let taken = inbox::take_open(&path, places.console, SaveSupportRequest::MOST_BYTES);
    let file = taken.map_err(|error| Error::Request(format!("the bundle: {error}")))?;
    let file = file.ok_or_else(|| Error::Request("there is no bundle".to_owned()))?;
    let bytes = file.metadata().map_err(Error::io(WAITING))?.len();
    Ok((file, bytes))
}

async fn write(run: &Run, top: &Path, stick: &Stick, bundle: File, bytes: u64) -> Result<String, Error> {
    let free = figures::disk(top).map_or(u64::MAX, |disk| disk.available);
    if free < bytes.saturating_add(ROOM) {
        return Err(full(stick, free, bytes));
    }
    run.step(&format!("Writing onto {}", stick.called))?;
    let (run, top, stick) = (run.clone(), top.to_owned(), stick.clone());
    let done = tokio::task::spawn_blocking(move || write_blocking(&run, &top, &stick, bundle, bytes)).await;
    done.map_err(|_| Error::Stopped)?
}

fn write_blocking(run: &Run, top: &Path, stick: &Stick, bundle: File, bytes: u64) -> Result<String, Error> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem => Error::StickReadOnly(stick.called.clone()),
        io::ErrorKind::StorageFull => full(stick, 0, bytes),
        _ => Error::Stick { stick: stick.called.clone(), source },
    };
    let (name, mut file) = create(top).map_err(failed)?;
    let written = copy(run, bundle, &mut file, bytes, failed)
        .and_then(|()| run.step("Waiting until everything is on the stick"))
        .and_then(|()| file.sync_all().and_then(|()| files::sync_dir(top)).map_err(failed));
    if written.is_err() {
        // Half a bundle helps nobody.
        let _ = fs::remove_file(top.join(&name));
    }
    written.map(|()| name)
}

/// A new file, beside whatever is there.
fn create(top: &Path) -> io::Result<(String, File)> {
    let name = format!("orbitr-support-{}-{}", host(), Timestamp::now().strftime("%Y%m%d-%H%M%S"));
    let mut tried = 1;
    loop {
        let name = if tried == 1 { format!("{name}.tar.gz") } else { format!("{name}-{tried}.tar.gz") };
        match OpenOptions::new().write(true).create_new(true).mode(0o644).open(top.join(&name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tried < OF_ONE_SECOND => tried += 1,
            file => return file.map(|file| (name, file)),
        }
    }
}

/// The box's name, fit for every file system.
fn host() -> String {
    let fit = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    facts::hostname().to_ascii_lowercase().chars().take_while(|c| *c != '.').filter(fit).take(LONGEST_HOST).collect()
}

fn copy(run: &Run, from: File, to: &mut File, bytes: u64, failed: impl Fn(io::Error) -> Error) -> Result<(), Error> {
    // No more than what there was room for, whatever is still being written to it.
    let mut from = from.take(bytes);
    let (mut piece, mut done) = (vec![0; PIECE], 0_u64);
    loop {
        let read = from.read(&mut piece).map_err(Error::io(WAITING))?;
        if read == 0 {
            break;
        }
        to.write_all(piece.get(..read).unwrap_or_default()).map_err(&failed)?;
        done += read as u64;
        #[expect(clippy::cast_precision_loss, reason = "a fraction for people")]
        run.fraction(done as f64 / bytes as f64)?;
    }
    if done != bytes || bytes == 0 {
        return Err(Error::Request("the bundle is not whole".to_owned()));
    }
    Ok(())
}

fn full(stick: &Stick, free: u64, bytes: u64) -> Error {
    let needed = ByteSize(bytes.saturating_add(ROOM));
    Error::StickFull { stick: stick.called.clone(), free: ByteSize(free), needed }
}
