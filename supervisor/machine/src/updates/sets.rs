//! Update sets on this box: at most one, in the folder `updates` of the state. What is downloaded or uploaded is looked
//! through here before anybody believes it.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use orbitr_host::{exec::Command, files};
use orbitr_model::{ByteSize, ImageVersion};
use tokio_util::sync::CancellationToken;

use super::{
    error::Refused,
    manifest::{self, Manifest, Piece, SIGNATURE, SUMS, Sums},
};

/// The folder.
const FOLDER: &str = "updates";
/// The mark of a set whose every file was looked through.
const READY: &str = "ready";
/// The mark of a set that somebody brought.
const UPLOADED: &str = "uploaded";
/// Folders in which a signature is checked; what a crash left of one goes after a while.
const LOOK: &str = ".look-";
const STALE: Duration = Duration::from_secs(60 * 60);
/// Two signatures over a small file.
const GPGV: Duration = Duration::from_secs(20);
/// What has to stay free for the box itself.
const RESERVE: u64 = 256 << 20;
const PIECE: usize = 1 << 20;

/// The folder of all sets.
pub(super) fn root(state: &Path) -> PathBuf {
    state.join(FOLDER)
}

/// A set of one version, or a part of one.
#[derive(Clone, Debug)]
pub(super) struct Set {
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
}

impl Set {
    pub(super) fn file(&self, piece: &Piece) -> PathBuf {
        self.folder.join(&piece.name)
    }

    /// Whether every file is there and was looked through.
    pub(super) fn is_ready(&self) -> bool {
        self.folder.join(READY).exists()
    }

    /// Whether somebody brought it as a file.
    pub(super) fn is_uploaded(&self) -> bool {
        self.folder.join(UPLOADED).exists()
    }

    /// Marks it as whole.
    pub(super) fn make_ready(&self) -> io::Result<()> {
        files::write(&self.folder.join(READY), b"", 0o600)
    }

    pub(super) fn make_uploaded(&self) -> io::Result<()> {
        files::write(&self.folder.join(UPLOADED), b"", 0o600)
    }

    /// How much of it is not there yet.
    pub(super) fn missing(&self) -> u64 {
        let left = |piece: &Piece| {
            let there = fs::symlink_metadata(self.file(piece)).map_or(0, |found| found.len());
            piece.bytes.saturating_sub(there)
        };
        self.manifest.files.iter().map(left).fold(0, u64::saturating_add)
    }

    /// Refuses when there is no room for the rest of it.
    pub(super) fn fits(&self, state: &Path) -> Result<(), Refused> {
        room(state, self.missing())
    }

    /// Reads a file through: whether it is what was signed. One that is not is removed.
    pub(super) fn look_through(&self, piece: &Piece, cancel: &CancellationToken) -> Result<(), Refused> {
        let path = self.file(piece);
        let Some(found) = hash(&path, cancel)? else { return Ok(()) };
        if found == piece.sha256 {
            return Ok(());
        }
        files::remove(&path)?;
        files::remove(&self.folder.join(READY))?;
        Err(Refused::Damaged(piece.name.clone()))
    }
}

/// Refuses when so many bytes more would leave the box too little.
pub(super) fn room(state: &Path, bytes: u64) -> Result<(), Refused> {
    let free = orbitr_host::figures::disk(state).map_err(|error| Refused::Folder(error.to_string()))?.available;
    let needed = bytes.saturating_add(RESERVE);
    if bytes == 0 || needed <= free {
        return Ok(());
    }
    Err(Refused::NoRoom { needed: ByteSize(needed), free: ByteSize(free) })
}

/// The hash of a file; none when it was cancelled meanwhile.
fn hash(path: &Path, cancel: &CancellationToken) -> io::Result<Option<String>> {
    let (mut file, mut sum) = (File::open(path)?, Context::new(&SHA256));
    let mut buffer = vec![0; PIECE];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(Some(HEXLOWER.encode(sum.finish().as_ref())));
        }
        if cancel.is_cancelled() {
            return Ok(None);
        }
        sum.update(buffer.get(..read).unwrap_or_default());
    }
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(aws_lc_rs::digest::digest(&SHA256, bytes).as_ref())
}

/// The set of this version that is here, whole or in part.
pub(super) fn of(state: &Path, version: &ImageVersion) -> Option<Set> {
    let folder = root(state).join(version.as_str());
    let list = manifest::sums(&fs::read(folder.join(SUMS)).ok()?).ok()?;
    let bytes = fs::read(folder.join(manifest::manifest_name(version))).ok()?;
    Some(Set { manifest: Manifest::read(&bytes, version, &list).ok()?, folder })
}

/// Every set that is whole, the newest first.
pub(super) fn ready(state: &Path) -> Vec<Set> {
    let entries = fs::read_dir(root(state)).into_iter().flatten().flatten();
    let versions = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut sets: Vec<Set> = versions.filter_map(|version| of(state, &version)).filter(Set::is_ready).collect();
    sets.sort_by(|a, b| b.manifest.version.cmp(&a.manifest.version));
    sets
}

/// Begins the folder of a version with what says what is in it. Every other set goes; of the same one, files that were
/// downloaded stay when it is still the same.
pub(super) fn begin(state: &Path, version: &ImageVersion, papers: &Papers) -> Result<Set, Refused> {
    let same = of(state, version).is_some_and(|set| set.manifest == papers.manifest);
    clear(state, same.then_some(version))?;
    let folder = root(state).join(version.as_str());
    files::make_dir(&folder, 0o700)?;
    files::write(&folder.join(SIGNATURE), &papers.signature, 0o600)?;
    files::write(&folder.join(manifest::manifest_name(version)), &papers.bytes, 0o600)?;
    files::write(&folder.join(SUMS), &papers.sums, 0o600)?;
    Ok(Set { folder, manifest: papers.manifest.clone() })
}

/// Removes every set but this one.
pub(super) fn clear(state: &Path, but: Option<&ImageVersion>) -> io::Result<()> {
    let entries = match fs::read_dir(root(state)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let is_look = entry.file_name().to_string_lossy().starts_with(LOOK);
        if is_look && entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age < STALE) {
            continue;
        }
        if but.is_none_or(|version| entry.file_name() != version.as_str()) {
            files::remove(&entry.path())?;
        }
    }
    Ok(())
}

/// What says what is in a set: signed, and of one version.
#[derive(Clone, Debug)]
pub(super) struct Papers {
    pub(super) sums: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// The manifest as it is written.
    pub(super) bytes: Vec<u8>,
    pub(super) manifest: Manifest,
}

/// Whether a list of hashes is signed by who makes the image; gives what it lists.
pub(super) async fn verify(
    state: &Path,
    keyring: &Path,
    sums: &[u8],
    signature: &[u8],
    cancel: &CancellationToken,
) -> Result<Sums, Refused> {
    let folder = root(state).join(format!("{LOOK}{}", uuid::Uuid::now_v7()));
    let looked = look(&folder, keyring, sums, signature, cancel).await;
    files::remove(&folder)?;
    looked?;
    manifest::sums(sums).map_err(Refused::Odd)
}

async fn look(
    folder: &Path,
    keyring: &Path,
    sums: &[u8],
    signature: &[u8],
    cancel: &CancellationToken,
) -> Result<(), Refused> {
    if !keyring.exists() {
        return Err(Refused::NotSigned("this system has no keys to check it with".to_owned()));
    }
    files::make_dir(folder, 0o700)?;
    let (list, beside) = (folder.join(SUMS), folder.join(SIGNATURE));
    files::write(&list, sums, 0o600)?;
    files::write(&beside, signature, 0o600)?;
    let command = Command::new("gpgv")
        .args([std::ffi::OsStr::new("--homedir"), folder.as_os_str()])
        .args([std::ffi::OsStr::new("--keyring"), keyring.as_os_str(), beside.as_os_str(), list.as_os_str()])
        .limit(GPGV);
    let ran = command.run(cancel).await.and_then(orbitr_host::exec::Output::success);
    ran.map(drop).map_err(|error| match error {
        orbitr_host::exec::Error::Failed { stderr, .. } => Refused::NotSigned(stderr),
        other => Refused::NotSigned(format!("gpgv, which checks it, did not run: {other}")),
    })
}
