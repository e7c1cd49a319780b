//! Looking into a snapshot of an app's data, and taking single files out of it.

use std::{
    fs::{File, Metadata},
    io,
    path::{Path, PathBuf},
};

use orbitr_access::{Permit, action::ChangeApp};
use orbitr_host::files;
use orbitr_model::{AppId, ByteSize, Timestamp};
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Apps, Error, rows, work::blocking};

/// So many entries of a folder are listed.
const MOST: usize = 1000;

/// A folder in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Listing {
    /// Its path below the data; empty for all of it, where each volume is a folder.
    pub path: String,
    /// What is in it, folders first, by name.
    pub entries: Vec<Entry>,
    /// Whether there is more than is listed.
    pub more: bool,
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// Its name; what is no UTF-8 in it is replaced, and cannot be opened.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// How long a file is; 0 for everything else.
    pub size: ByteSize,
    /// When it was last written to.
    pub modified: Option<Timestamp>,
}

/// What something in a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A file.
    File,
    /// A link; it is not followed.
    Link,
    /// A socket, a pipe or a device.
    Other,
}

/// A file of a snapshot.
#[derive(Debug)]
pub struct SnapshotFile {
    /// Its name.
    pub name: String,
    /// Its length, in bytes.
    pub size: u64,
    file: File,
}

impl SnapshotFile {
    /// What a header says so that a browser saves it under its name (RFC 6266, RFC 8187).
    #[must_use]
    pub fn disposition(&self) -> String {
        let name = percent_encoding::utf8_percent_encode(&self.name, percent_encoding::NON_ALPHANUMERIC);
        format!("attachment; filename*=UTF-8''{name}")
    }

    /// It, piece by piece.
    #[must_use]
    pub fn pieces(self) -> tokio_util::io::ReaderStream<tokio::fs::File> {
        tokio_util::io::ReaderStream::with_capacity(tokio::fs::File::from_std(self.file), 64 * 1024)
    }
}

impl Apps {
    /// What is in a folder of a snapshot.
    ///
    /// # Errors
    /// There is no such app, snapshot or folder.
    pub async fn browse(&self, permit: &Permit<ChangeApp>, number: u32, path: &str) -> Result<Listing, Error> {
        let root = self.snapshot_folder(permit.resource(), number).await?;
        let (path, app) = (path.trim_matches('/').to_owned(), permit.resource().clone());
        blocking(move || {
            let gone = || Error::NoFile { app: app.clone(), path: path.clone() };
            let folder = files::open_beneath(&root, Path::new(&path)).map_err(|_| gone())?;
            if !folder.metadata().map_err(Error::file("looking into a snapshot"))?.is_dir() {
                return Err(gone());
            }
            let (entries, more) = entries(&folder).map_err(Error::file("looking into a snapshot"))?;
            Ok(Listing { path, entries, more })
        })
        .await
    }

    /// A file of a snapshot.
    ///
    /// # Errors
    /// There is no such app, snapshot or file.
    pub async fn snapshot_file(
        &self,
        permit: &Permit<ChangeApp>,
        number: u32,
        path: &str,
    ) -> Result<SnapshotFile, Error> {
        let root = self.snapshot_folder(permit.resource(), number).await?;
        let (path, app) = (PathBuf::from(path.trim_matches('/')), permit.resource().clone());
        blocking(move || {
            let gone = || Error::NoFile { app: app.clone(), path: path.to_string_lossy().into_owned() };
            let file = files::open_beneath(&root, &path).map_err(|_| gone())?;
            let meta = file.metadata().map_err(Error::file("reading a file of a snapshot"))?;
            let name = path.file_name().and_then(|name| name.to_str()).filter(|_| meta.is_file()).ok_or_else(gone)?;
            Ok(SnapshotFile { name: name.to_owned(), size: meta.len(), file })
        })
        .await
    }

    async fn snapshot_folder(&self, app: &AppId, number: u32) -> Result<PathBuf, Error> {
        let id = app.clone();
        let read = move |conn: &Connection| rows::get(conn, &id).and_then(|app| rows::snapshots(conn, &app.id));
        if !self.hands.store.read(read).await?.iter().any(|snapshot| snapshot.number == number) {
            return Err(Error::SnapshotGone { app: app.clone(), number });
        }
        let folder = self.hands.folder(app);
        folder.check().await?;
        Ok(folder.snapshot(number))
    }
}

fn entries(folder: &File) -> io::Result<(Vec<Entry>, bool)> {
    let mut found = Vec::new();
    for entry in files::entries(folder)? {
        let entry = entry?;
        // What is gone by now is not listed.
        let Ok(meta) = entry.metadata() else { continue };
        found.push(about(&entry.file_name().to_string_lossy(), &meta));
    }
    found.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    let more = found.len() > MOST;
    found.truncate(MOST);
    Ok((found, more))
}

fn about(name: &str, meta: &Metadata) -> Entry {
    let kind = match meta.file_type() {
        it if it.is_dir() => EntryKind::Folder,
        it if it.is_file() => EntryKind::File,
        it if it.is_symlink() => EntryKind::Link,
        _ => EntryKind::Other,
    };
    let size = ByteSize(if kind == EntryKind::File { meta.len() } else { 0 });
    let modified = meta.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
    Entry { name: name.to_owned(), kind, size, modified }
}
