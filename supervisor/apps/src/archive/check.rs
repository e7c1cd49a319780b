//! What an archive must be before anything of it is believed.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use flate2::read::GzDecoder;

use super::{
    Contents, EXTENSION, FORMAT, MANIFEST, SECRETS, Sealing, TEXT_MAX, TOP, VERSION,
    sums::{self, Counted},
    tar::{Entry, Kind, Reader},
};
use crate::Error;

/// A reader of an archive's entries.
pub(super) type Entries = Reader<GzDecoder<BufReader<File>>>;

/// What stands in front of the data.
pub(super) struct Head {
    pub(super) contents: Contents,
    pub(super) manifest: String,
    pub(super) sealed: Option<Vec<u8>>,
    /// The lines of the checksums of these.
    pub(super) sums: Vec<u8>,
    /// The first entry behind them.
    pub(super) next: Entry,
}

/// Opens an archive and reads what stands in front of the data. Blocks.
pub(super) fn open(path: &Path) -> Result<(Entries, Head), Error> {
    let file = File::open(path).map_err(Error::file(format!("opening {}", path.display())))?;
    let mut entries = Reader::new(GzDecoder::new(BufReader::new(file)));
    let head = head(&mut entries)?;
    Ok((entries, head))
}

fn head(entries: &mut Entries) -> Result<Head, Error> {
    let mut sums = Vec::new();
    let first = entries.next().map_err(damaged)?;
    let first = first.filter(|entry| entry.path == inside(MANIFEST));
    let Some(first) = first else { return Err(odd("it is no archive of an app: manifest.json is not its first file")) };
    let manifest = text(entries, &first, MANIFEST, &mut sums)?;
    let contents = read_contents(&manifest)?;
    let Some(second) = entries.next().map_err(damaged)?.filter(|entry| entry.path == inside(EXTENSION)) else {
        return Err(odd("extension.yaml is not its second file"));
    };
    let manifest = text(entries, &second, EXTENSION, &mut sums)?;
    let manifest = String::from_utf8(manifest).map_err(|_| odd("extension.yaml is no text"))?;
    let mut next = entries.next().map_err(damaged)?.ok_or_else(|| odd("it has no data folder"))?;
    let mut sealed = None;
    if next.path == inside(SECRETS) {
        sealed = Some(text(entries, &next, SECRETS, &mut sums)?);
        next = entries.next().map_err(damaged)?.ok_or_else(|| odd("it has no data folder"))?;
    }
    if sealed.is_some() != (contents.secrets == Sealing::Age) {
        return Err(odd("manifest.json says something else of its passwords than is there"));
    }
    Ok(Head { contents, manifest, sealed, sums, next })
}

fn read_contents(manifest: &[u8]) -> Result<Contents, Error> {
    let value: serde_json::Value = serde_json::from_slice(manifest).map_err(|_| odd("manifest.json cannot be read"))?;
    if value.get("format").and_then(serde_json::Value::as_str) != Some(FORMAT) {
        return Err(odd("it is no archive of an app"));
    }
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) if version > u64::from(VERSION) => {
            return Err(odd("a newer Orbitr made it; update this box first"));
        }
        _ => return Err(odd("manifest.json names no version")),
    }
    serde_json::from_value(value).map_err(|error| odd(format!("manifest.json is not right: {error}")))
}

fn text(entries: &mut Entries, entry: &Entry, name: &str, sums: &mut Vec<u8>) -> Result<Vec<u8>, Error> {
    if entry.kind != Kind::File || entry.size > TEXT_MAX {
        return Err(odd(format!("{name} is too long, or no file")));
    }
    let mut text = Vec::new();
    let mut counted = Counted::new(entries);
    counted.read_to_end(&mut text).map_err(damaged)?;
    sums.extend_from_slice(&sums::line(&counted.finish().2, name.as_bytes()));
    Ok(text)
}

pub(super) fn inside(name: &str) -> Vec<u8> {
    format!("{TOP}/{name}").into_bytes()
}

pub(super) fn odd(why: impl Into<String>) -> Error {
    Error::Archive(why.into())
}

/// What reading it said. A disk that fails is not told apart from a file that is not whole; both are not to be used.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn damaged(error: io::Error) -> Error {
    Error::Archive(format!("it is damaged or not whole: {error}"))
}

/// Whether there is room for so many bytes.
pub(super) fn room(folder: &Path, bytes: u64) -> io::Result<()> {
    let disk = orbitr_host::figures::disk(folder).map_err(io::Error::other)?;
    if disk.available < super::pack::with_reserve(bytes) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
}
