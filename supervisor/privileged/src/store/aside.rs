//! Moving a store away, by renames that can be cut off at any of them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use orbitr_host::{files, tree};
use orbitr_model::{SetAside, Timestamp};
use serde::{Deserialize, Serialize};

use super::{examine, marker};
use crate::{Error, Places, Run, updates};

const WHAT: &str = "Setting Docker's store aside";
/// What a set-aside store says of itself.
const NOTE: &str = "orbitr.json";
/// Data of people in Docker's store, which stay where they are.
const VOLUMES: &str = "volumes";
/// What Docker knows of them: their names, drivers and labels.
const VOLUMES_DB: &str = "metadata.db";

/// A rebuild, as it is noted.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    version: u32,
    /// The folder that the store is moved into.
    name: String,
    /// Which rebuild it is, by whoever asked.
    key: String,
    at: Timestamp,
}

/// Docker's folders, each with its own file system or subvolume.
pub(super) fn stores(places: &Places) -> impl Iterator<Item = &Path> {
    [places.docker_store.as_path(), places.containerd_store.as_path()].into_iter().filter(|store| store.is_dir())
}

/// The rebuild that was begun and not ended: its folder, and which it is.
pub(super) fn begun(places: &Places) -> Option<(String, String)> {
    let note: Note = updates::read(marker(places))?;
    SetAside::is_name(&note.name).then_some((note.name, note.key))
}

/// The folder of a rebuild that has ended, but perhaps for Docker's start.
pub(super) fn done(places: &Places, key: &str) -> Option<String> {
    if marker(places).exists() {
        return None;
    }
    let notes = folders(&places.docker_store).filter_map(|name| {
        let note: Note = updates::read(places.docker_store.join(&name).join(NOTE))?;
        (note.key == key).then_some(name)
    });
    notes.last()
}

/// Notes that a rebuild begins, or finds the one that was begun. On the disk when this returns.
pub(super) fn begin(run: &Run, key: &str) -> Result<String, Error> {
    run.step("Noting that the store is being moved")?;
    let marker = marker(&run.places);
    if let Some((name, _)) = begun(&run.places) {
        return Ok(name);
    }
    let at = Timestamp::now();
    let stamp = at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let base = format!("{}{stamp}", SetAside::PREFIX);
    let is_free = |name: &String| stores(&run.places).all(|store| !store.join(name).exists());
    let name = (1..)
        .map(|nth: u32| if nth == 1 { base.clone() } else { format!("{base}-{nth}") })
        .find(is_free)
        .unwrap_or_else(|| base.clone());
    let note = Note { version: 1, name: name.clone(), key: key.to_owned(), at };
    let bytes = serde_json::to_vec(&note).map_err(|error| Error::Request(error.to_string()))?;
    files::write(&marker, &bytes, 0o600).map_err(Error::io(WHAT))?;
    Ok(name)
}

/// Moves what is still in its place. What is Docker's alone goes; the named volumes stay.
pub(super) fn carry_on(run: &Run, name: &str) -> Result<(), Error> {
    let places = run.places.clone();
    for store in stores(&places) {
        let aside = store.join(name);
        files::make_dir(&aside, 0o700).map_err(Error::io(WHAT))?;
        for entry in entries(store).map_err(Error::io(WHAT))? {
            run.step(&format!("Setting aside {}", entry.to_string_lossy()))?;
            move_into(&store.join(&entry), &aside).map_err(Error::io(WHAT))?;
        }
        files::sync_dir(&aside).and_then(|()| files::sync_dir(store)).map_err(Error::io(WHAT))?;
    }
    Ok(())
}

/// What Docker knows of the volumes goes too where it is damaged: it finds them by their folders then.
pub(super) fn spare_volumes(run: &Run, name: &str) -> Result<(), Error> {
    let database = run.places.docker_store.join(VOLUMES).join(VOLUMES_DB);
    if examine::is_damaged_database(&database) {
        let aside = run.places.docker_store.join(name).join(VOLUMES);
        files::make_dir(&aside, 0o701).and_then(|()| move_into(&database, &aside)).map_err(Error::io(WHAT))?;
    }
    Ok(())
}

/// From here on the new store is Docker's: the note is kept with the old one.
pub(super) fn end(run: &Run) -> Result<(), Error> {
    let marker = marker(&run.places);
    let Some((name, _)) = begun(&run.places) else { return Ok(()) };
    let aside = run.places.docker_store.join(name);
    fs::rename(&marker, aside.join(NOTE))
        .and_then(|()| files::sync_dir(&aside))
        .and_then(|()| files::sync_dir(&run.places.docker_store))
        .map_err(Error::io(WHAT))
}

/// What was set aside, the oldest first.
pub(super) fn list(places: &Places) -> Vec<SetAside> {
    let moving = begun(places).map(|(name, _)| name);
    let mut names: Vec<String> =
        stores(places).flat_map(folders).filter(|name| Some(name) != moving.as_ref()).collect();
    names.sort_unstable();
    names.dedup();
    let told = |name: String| {
        let path = places.docker_store.join(&name);
        let note: Option<Note> = updates::read(path.join(NOTE));
        let bytes = stores(places).map(|store| tree::taken(&store.join(&name))).sum();
        SetAside { path: path.to_string_lossy().into_owned(), name, at: note.map(|note| note.at), bytes }
    };
    names.into_iter().map(told).collect()
}

/// The folders in a store that were set aside.
fn folders(store: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(store).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| SetAside::is_name(name))
}

/// What is to be moved of a store, in an order that is always the same.
fn entries(store: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(store)? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        if text != VOLUMES && text != "lost+found" && !text.starts_with(".orbitr-") && !SetAside::is_name(&text) {
            found.push(name);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// By a rename; beside what has the same name there already, if anything wrote to the store in between.
fn move_into(from: &Path, folder: &Path) -> io::Result<()> {
    let name = from.file_name().unwrap_or_default();
    let mut to = folder.join(name);
    let mut nth = 2_u32;
    while to.symlink_metadata().is_ok() {
        let mut other = name.to_owned();
        other.push(format!(".{nth}"));
        to = PathBuf::from(folder).join(other);
        nth = nth.saturating_add(1);
    }
    fs::rename(from, to)
}
