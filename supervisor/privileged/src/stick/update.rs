//! `read-update`: hands an update that lies on the one USB stick over to the supervisor, which judges it. Nothing on the stick
//! is changed, and nothing of it is believed here: the act that writes a slot checks the signature once more.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use orbitr_host::{disks::mount, files};
use orbitr_model::{ImageVersion, ReadUpdateRequest};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    PIECE,
    find::{self, Stick},
};
use crate::{Error, Run};

/// How long the supervisor may take for a piece: it looks a list through, and writes to its own disk.
const PATIENCE: Duration = Duration::from_secs(120);
const READING: &str = "Reading the update on the stick";

pub(crate) async fn read_update(run: &Run) -> Result<Option<Value>, Error> {
    let _: ReadUpdateRequest = run.request()?.ok_or_else(|| Error::Request("nobody asked".to_owned()))?;
    run.step("Looking for a USB stick")?;
    let stick = find::the_only(run).await?;
    run.step("Opening the stick")?;
    let top = run.places.stick();
    files::make_dir(&top, 0o700).map_err(Error::io("Making a folder to mount on"))?;
    mount::mount(&stick.device, &top, &stick.kind, "ro", &run.cancel).await?;
    let read = read(run, &top, &stick).await;
    // Also when it was asked to stop.
    mount::unmount(&top, &CancellationToken::new()).await?;
    let (version, bytes) = read?;
    Ok(Some(json!({ "version": version, "stick": stick.called, "bytes": bytes })))
}

async fn read(run: &Run, top: &Path, stick: &Stick) -> Result<(ImageVersion, u64), Error> {
    let failed = |source| Error::StickUnread { stick: stick.called.clone(), source };
    let found = newest(top).map_err(failed)?;
    let (version, name) = found.ok_or_else(|| Error::NoUpdateOnStick(stick.called.clone()))?;
    run.step(&format!("Reading {version} from {}", stick.called))?;
    let file = files::open_beneath(top, &name).map_err(failed)?;
    let bytes = file.metadata().map_err(Error::io(READING))?.len();
    let to = supervisor(run).await?;
    tokio::select! {
        done = hand_over(run, file.into(), to, bytes, stick) => done?,
        () = run.cancel.cancelled() => return Err(Error::Stopped),
    }
    Ok((version, bytes))
}

/// The newest update beside whatever else is on it, by its name.
fn newest(top: &Path) -> io::Result<Option<(ImageVersion, PathBuf)>> {
    let mut found: Vec<(ImageVersion, PathBuf)> = Vec::new();
    for entry in fs::read_dir(top)? {
        let entry = entry?;
        let name = entry.file_name();
        let version = name.to_str().and_then(|name| name.strip_prefix("orbitr-")?.strip_suffix(".update"));
        if let Some(version) = version.and_then(|version| version.parse().ok())
            && entry.file_type()?.is_file()
        {
            found.push((version, name.into()));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found.pop())
}

/// The way to the supervisor. Whoever listens there must be the supervisor's user: its folder is its own, and so is what a
/// name there leads to.
async fn supervisor(run: &Run) -> Result<UnixStream, Error> {
    let refused = |why: String| Error::Request(format!("the supervisor does not take it: {why}"));
    let path = run.places.requests.join(ReadUpdateRequest::SOCKET);
    let connected = timeout(PATIENCE, UnixStream::connect(path)).await;
    let stream = connected.map_err(|_| refused("no answer".to_owned()))?.map_err(|error| refused(error.to_string()))?;
    let listener = stream.peer_cred().map_err(|error| refused(error.to_string()))?;
    if listener.uid() == run.places.asker { Ok(stream) } else { Err(refused("somebody else listens".to_owned())) }
}

async fn hand_over(
    run: &Run,
    mut file: tokio::fs::File,
    mut to: UnixStream,
    bytes: u64,
    stick: &Stick,
) -> Result<(), Error> {
    let (mut piece, mut done) = (vec![0; PIECE], 0_u64);
    loop {
        let read = file.read(&mut piece).await;
        let read = read.map_err(|source| Error::StickUnread { stick: stick.called.clone(), source })?;
        if read == 0 {
            break;
        }
        let wrote = timeout(PATIENCE, to.write_all(piece.get(..read).unwrap_or_default())).await;
        // Why it does not want more is for itself to say.
        let refused = |why: &str| Error::Request(format!("the supervisor does not take it: {why}"));
        wrote.map_err(|_| refused("no answer"))?.map_err(|error| refused(&error.to_string()))?;
        done += read as u64;
        #[expect(clippy::cast_precision_loss, reason = "a fraction for people")]
        run.fraction((done as f64 / bytes.max(1) as f64).min(1.0))?;
    }
    to.shutdown().await.map_err(Error::io(READING))
}
