//! An app's folder: the readable files that leaving Orbitr needs, and the data.
//!
//! `apps/<id>/releases/<number>/` holds what Compose reads, `apps/<id>/current` points at the active
//! release, `apps/<id>/data/<volume>/` is what the containers write, `apps/<id>/snapshots/<number>/` is what they had
//! written when a release took over. Where the data was moved to another disk, both are in the folder that the link
//! `apps/<id>/elsewhere` names.

use std::{
    io,
    path::{Path, PathBuf},
};

use orbitr_host::files;
use orbitr_model::AppId;

use crate::{Error, reach};

/// The extension's text, kept as it was published.
pub(crate) const COMPOSE_FILE: &str = "compose.yaml";
/// What the box adds: labels, limits, digests, data folders.
pub(crate) const OVERRIDE_FILE: &str = "orbitr.override.json";
/// The variables; holds secrets, so only the supervisor may read it.
pub(crate) const ENV_FILE: &str = ".env";

/// The link to the folder with the data, where that is on another disk.
const ELSEWHERE: &str = "elsewhere";

/// The link to the active release.
const CURRENT: &str = "current";

/// Where one app lives.
#[derive(Clone, Debug)]
pub(crate) struct AppFolder {
    root: PathBuf,
    /// The folder with its data: the same one, or one on another disk.
    holds: PathBuf,
}

impl AppFolder {
    /// The folder of one app. An `AppId` holds no separator, so the path stays below `apps`.
    pub(crate) fn new(apps: &Path, id: &AppId) -> Self {
        let root = apps.join(id.as_str());
        let holds = std::fs::read_link(root.join(ELSEWHERE)).unwrap_or_else(|_| root.clone());
        Self { root, holds }
    }

    /// The same app with its data in a folder on another disk; none is the box's own disk.
    pub(crate) fn with_data_in(&self, elsewhere: Option<&Path>) -> Self {
        let root = self.root.clone();
        let holds = elsewhere.map_or_else(|| root.clone(), Path::to_owned);
        Self { root, holds }
    }

    /// The folder on another disk that holds the data; none where that is on the box's own.
    pub(crate) fn elsewhere(&self) -> Option<&Path> {
        (self.holds != self.root).then_some(&*self.holds)
    }

    /// Whether the disk with the data is there. Without it nothing may be made in its place: it would lie under the disk
    /// when that comes back.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        let Some(at) = self.elsewhere() else { return Ok(()) };
        match reach::ask(at, Path::is_dir).await {
            Some(true) => Ok(()),
            Some(false) => Err(Error::DiskMissing { at: at.to_owned() }),
            None => Err(Error::DiskSilent { at: at.to_owned() }),
        }
    }

    /// From now on the data is where this says.
    pub(crate) fn point_to_data(&self) -> Result<(), Error> {
        let link = self.root.join(ELSEWHERE);
        let Some(at) = self.elsewhere() else { return remove(&link) };
        self.point(ELSEWHERE, at).map_err(Error::file(format!("pointing {} at {}", link.display(), at.display())))
    }

    /// Removes the data and its snapshots; on another disk also the folders above that are the box's and empty.
    pub(crate) fn remove_data(&self) -> Result<(), Error> {
        for path in [self.outgoing(), self.incoming(), self.half(), self.exported(), self.snapshots(), self.data()] {
            remove(&path)?;
        }
        match self.elsewhere() {
            None => Ok(()),
            // `<disk>/orbitr/<box>/<app>`
            Some(at) => at.ancestors().take(3).try_for_each(remove_if_empty),
        }
    }

    pub(crate) fn releases(&self) -> PathBuf {
        self.root.join("releases")
    }

    pub(crate) fn release(&self, number: u32) -> PathBuf {
        self.releases().join(number.to_string())
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.holds.join("data")
    }

    /// Where the snapshots of its data are, each named by the release that took the data over.
    pub(crate) fn snapshots(&self) -> PathBuf {
        self.holds.join("snapshots")
    }

    pub(crate) fn snapshot(&self, number: u32) -> PathBuf {
        self.snapshots().join(number.to_string())
    }

    /// Where the last dumps of places are that it made for other apps.
    pub(crate) fn dumps(&self) -> PathBuf {
        self.root.join("dumps")
    }

    /// A copy that is being made.
    pub(crate) fn half(&self) -> PathBuf {
        self.holds.join(".data.half")
    }

    /// Data that is about to take its place.
    pub(crate) fn incoming(&self) -> PathBuf {
        self.holds.join(".data.incoming")
    }

    /// Data that has given up its place.
    pub(crate) fn outgoing(&self) -> PathBuf {
        self.holds.join(".data.outgoing")
    }

    /// A copy of the data that is being exported.
    pub(crate) fn exported(&self) -> PathBuf {
        self.holds.join(".data.exported")
    }

    /// Takes that copy away.
    pub(crate) fn remove_exported(&self) -> Result<(), Error> {
        remove(&self.half())?;
        remove(&self.exported())
    }

    fn current(&self) -> PathBuf {
        self.root.join(CURRENT)
    }

    /// Points `current` at a release; replaces an older pointer in one step.
    pub(crate) fn activate(&self, number: u32) -> Result<(), Error> {
        self.point(CURRENT, format!("releases/{number}"))
            .map_err(Error::file(format!("pointing {} at release {number}", self.current().display())))
    }

    /// Makes a link in the folder, or points it elsewhere, in one step.
    fn point(&self, name: &str, at: impl AsRef<Path>) -> io::Result<()> {
        let next = self.root.join(format!(".{name}.next"));
        files::remove(&next)?;
        std::os::unix::fs::symlink(at, &next)?;
        std::fs::rename(&next, self.root.join(name))?;
        files::sync_dir(&self.root)
    }

    /// Takes the pointer away.
    pub(crate) fn deactivate(&self) -> Result<(), Error> {
        remove(&self.current())
    }

    /// Removes one release's files; the folders above too, when nothing else is left in them.
    pub(crate) fn remove_release(&self, number: u32) -> Result<(), Error> {
        remove(&self.release(number))?;
        remove_if_empty(&self.releases())?;
        remove_if_empty(&self.root)
    }

    /// Removes the files of every release, and keeps the data.
    pub(crate) fn remove_releases(&self) -> Result<(), Error> {
        self.deactivate()?;
        remove(&self.releases())
    }

    /// Removes everything, data included. The folder first gets another name, so that a half deleted
    /// one is never mistaken for an app's data; a deletion that was cut off is finished by calling
    /// this again.
    pub(crate) fn remove_all(&self) -> Result<(), Error> {
        if self.elsewhere().is_some() {
            // The link goes with the rest, so that a deletion that was cut off finds what is left.
            self.remove_data()?;
        }
        let name = self.root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let doomed = self.root.with_file_name(format!(".removing-{name}"));
        remove(&doomed)?;
        match std::fs::rename(&self.root, &doomed) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::file(format!("removing {}", self.root.display()))(error)),
            Ok(()) => remove(&doomed),
        }
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    match files::remove(path) {
        // Its folder is gone too.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(Error::file(format!("removing {}", path.display()))),
    }
}

fn remove_if_empty(folder: &Path) -> Result<(), Error> {
    match std::fs::remove_dir(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => Ok(()),
        other => other.map_err(Error::file(format!("removing {}", folder.display()))),
    }
}
