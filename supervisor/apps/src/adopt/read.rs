//! Reading a foreign project: its text as Compose understands it, and what its mounts are on this machine.

use std::{
    collections::BTreeMap,
    io::Read as _,
    path::{Path, PathBuf},
};

use orbitr_docker::{ForeignProject, Project};
use orbitr_model::FieldError;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{AdoptRequest, text::Bound};
use crate::{
    Error,
    work::{Hands, blocking},
};

/// A longer file is no configuration.
const TEXT_MAX: u64 = 256 * 1024;
/// The most that a Compose file may have.
const COMPOSE_MAX: usize = 1 << 20;

impl Hands {
    /// The project's files as Compose reads them, or the text that somebody gave for them.
    pub(crate) async fn read_foreign(&self, project: &ForeignProject, request: &AdoptRequest) -> Result<Value, Error> {
        let unreadable = |message: String| Error::Inputs(vec![FieldError { field: "compose".to_owned(), message }]);
        let given = Given::new(&self.root)?;
        let mut files = project.files.clone();
        if let Some(text) = request.compose.as_deref().filter(|text| !text.trim().is_empty()) {
            if text.len() > COMPOSE_MAX {
                return Err(unreadable("this is longer than 1 MiB".to_owned()));
            }
            let file = given.path().join("compose.yaml");
            write(&file, text)?;
            files = vec![file];
        } else if let Some(odd) = files.iter().find(|file| std::fs::File::open(file).is_err()) {
            return Err(unreadable(format!("{} cannot be read; give its text", odd.display())));
        } else if files.is_empty() {
            return Err(unreadable("nobody knows where the project's file is; give its text".to_owned()));
        }
        let env = match request.env.as_deref() {
            Some(text) => {
                let file = given.path().join("env");
                write(&file, text)?;
                Some(file)
            }
            None => None,
        };
        let folder = project.folder.clone().filter(|folder| folder.is_dir());
        let compose = self.docker.compose(Project {
            name: project.name.clone(),
            dir: folder.unwrap_or_else(|| given.path().to_owned()),
            files,
            env_file: env,
            lock: given.path().to_owned(),
        });
        match compose.config(&CancellationToken::new()).await {
            Err(orbitr_docker::Error::ComposeInvalid { detail }) => Err(unreadable(detail)),
            other => Ok(other?),
        }
    }
}

/// A folder for what somebody gave, which may hold passwords; gone when this is dropped.
struct Given(PathBuf);

impl Given {
    fn new(root: &Path) -> Result<Self, Error> {
        let path = given(root).join(uuid::Uuid::now_v7().to_string());
        orbitr_host::files::make_dir(&given(root), 0o700)
            .and_then(|()| orbitr_host::files::make_dir(&path, 0o700))
            .map_err(Error::file(format!("making the folder {}", path.display())))?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if let Err(error) = orbitr_host::files::remove(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "what was given to take a project over stays on the disk");
        }
    }
}

fn given(root: &Path) -> PathBuf {
    root.join(".adopt")
}

/// Removes what a supervisor that was killed has left.
pub(crate) fn tidy(root: &Path) {
    if let Err(error) = orbitr_host::files::remove(&given(root)) {
        tracing::debug!(%error, "nothing was left of taking projects over");
    }
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let failed = Error::file(format!("writing {}", path.display()));
    orbitr_host::files::write(path, text.as_bytes(), 0o600).map_err(failed)
}

/// What each file and folder is that the project mounts or reads.
pub(super) async fn bound(config: &Value, folder: Option<&Path>) -> Result<BTreeMap<PathBuf, Bound>, Error> {
    let services = config.get("services").and_then(Value::as_object).into_iter().flatten();
    let mounts = services.filter_map(|(_, service)| service.get("volumes")?.as_array()).flatten();
    let binds = mounts.filter(|mount| mount.get("type").and_then(Value::as_str) == Some("bind"));
    let sources = binds.filter_map(|mount| mount.get("source")?.as_str());
    let configs = config.get("configs").and_then(Value::as_object).into_iter().flatten();
    let files = configs.filter_map(|(_, config)| config.get("file")?.as_str());
    let all: Vec<PathBuf> = sources.chain(files).map(PathBuf::from).collect();
    let folder = folder.map(Path::to_owned);
    blocking(move || {
        let look = |path: PathBuf| {
            let what = look_at(&path, folder.as_deref());
            (path, what)
        };
        Ok(all.into_iter().map(look).collect())
    })
    .await
}

fn look_at(path: &Path, folder: Option<&Path>) -> Bound {
    let is_own = folder.is_some_and(|folder| path.starts_with(folder) && path != folder);
    match std::fs::metadata(path) {
        Ok(found) if is_own && found.is_dir() => Bound::Folder,
        Ok(found) if is_own && found.is_file() && found.len() <= TEXT_MAX => {
            let mut text = String::new();
            match std::fs::File::open(path).and_then(|file| file.take(TEXT_MAX).read_to_string(&mut text)) {
                Ok(_) => Bound::Text(text),
                Err(_) => Bound::Outside,
            }
        }
        _ => Bound::Outside,
    }
}
