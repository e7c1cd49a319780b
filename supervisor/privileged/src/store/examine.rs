//! Whether the files that Docker cannot do without are what it wrote. A power cut may leave files that have their length and
//! nothing but zeros in it, or no length at all; a folder may be gone. Reads, and changes nothing.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Instant,
};

use orbitr_model::StoreDamage;
use serde::de::IgnoredAny;

use crate::Places;

/// Files are read up to here; configurations of images are far shorter.
const MOST: u64 = 8 * 1024 * 1024;
/// The beginning of a database: both pages that say where everything is (bbolt), whatever the page size.
const BEGINNING: u64 = 128 * 1024;

/// What a file has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A JSON document.
    Json,
    /// A word or more.
    Text,
    /// A database.
    Database,
    /// The name of a layer, whose folder has to be there.
    CacheId,
}

/// Something of the store to look at.
#[derive(Debug)]
struct Item {
    path: PathBuf,
    kind: Kind,
}

/// An item that is not as it should be.
#[derive(Debug)]
pub(super) struct Suspect {
    item: Item,
    what: String,
}

impl Suspect {
    pub(super) fn tell(self) -> StoreDamage {
        StoreDamage { file: self.item.path.to_string_lossy().into_owned(), what: self.what }
    }
}

/// Looks at everything until it is time to end; says whether that was all.
pub(super) fn all(places: &Places, until: Instant) -> (Vec<Suspect>, bool) {
    let mut found = Vec::new();
    for item in items(places) {
        if Instant::now() >= until {
            return (found, false);
        }
        found.extend(examine(item));
    }
    (found, true)
}

/// The same with what was suspected; what has become of it meanwhile counts.
pub(super) fn again(suspects: Vec<Suspect>) -> Vec<Suspect> {
    suspects.into_iter().filter_map(|suspect| examine(suspect.item)).collect()
}

/// Whether a database of Docker cannot be read. One that is not there is none.
pub(super) fn is_damaged_database(path: &Path) -> bool {
    examine(Item { path: path.to_owned(), kind: Kind::Database }).is_some()
}

fn items(places: &Places) -> impl Iterator<Item = Item> + use<> {
    let (docker, containerd) = (places.docker_store.clone(), places.containerd_store.clone());
    let item = |kind| move |path| Item { path, kind };
    const METADATA: &str = "io.containerd.metadata.v1.bolt/meta.db";
    let databases = [
        docker.join("network/files/local-kv.db"),
        docker.join("volumes/metadata.db"),
        // where Docker runs a containerd of its own
        docker.join("containerd/daemon").join(METADATA),
        containerd.join(METADATA),
    ];
    let containers = below(docker.join("containers"));
    let configs = containers.flat_map(|folder| ["config.v2.json", "hostconfig.json"].map(|file| folder.join(file)));
    let drivers = below(docker.join("image"));
    databases.into_iter().map(item(Kind::Database)).chain(configs.map(item(Kind::Json))).chain(drivers.flat_map(images))
}

/// What Docker knows of the images of one storage driver, and of their layers.
fn images(driver: PathBuf) -> impl Iterator<Item = Item> {
    let item = |kind| move |path| Item { path, kind };
    let layer = |folder: PathBuf| {
        let texts = ["diff", "size"].map(|file| Item { path: folder.join(file), kind: Kind::Text });
        texts.into_iter().chain([Item { path: folder.join("cache-id"), kind: Kind::CacheId }])
    };
    let mounted = |folder: PathBuf| Item { path: folder.join("mount-id"), kind: Kind::CacheId };
    [driver.join("repositories.json")]
        .map(item(Kind::Json))
        .into_iter()
        .chain(below(driver.join("imagedb/content/sha256")).map(item(Kind::Json)))
        .chain(below(driver.join("layerdb/sha256")).flat_map(layer))
        .chain(below(driver.join("layerdb/mounts")).map(mounted))
}

/// What is in a folder, but what Docker is only making or removing.
fn below(folder: PathBuf) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with('.') && !name.ends_with("-removing")
    })
}

/// None when it is as it should be, or not there.
fn examine(item: Item) -> Option<Suspect> {
    let what = match wrong(&item) {
        Ok(None) => return None,
        Ok(Some(what)) => what,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => format!("cannot be read: {error}"),
    };
    Some(Suspect { item, what })
}

fn wrong(item: &Item) -> io::Result<Option<String>> {
    let file = File::open(&item.path)?;
    if file.metadata()?.is_dir() {
        return Ok(Some("is a folder".to_owned()));
    }
    let most = if item.kind == Kind::Database { BEGINNING } else { MOST };
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Ok(Some("is empty".to_owned()));
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(Some("holds nothing but zeros".to_owned()));
    }
    Ok(match item.kind {
        Kind::Json if serde_json::from_slice::<IgnoredAny>(&bytes).is_err() => Some("is cut off or garbled".to_owned()),
        Kind::CacheId => missing_layer(&item.path, &String::from_utf8_lossy(&bytes)),
        Kind::Json | Kind::Text | Kind::Database => None,
    })
}

/// The folder of a layer: `overlay2/ID/diff` for `image/overlay2/layerdb/…`. Other storage drivers are not known here.
fn missing_layer(path: &Path, id: &str) -> Option<String> {
    let image = path.ancestors().find(|above| above.file_name().is_some_and(|name| name == "image"))?;
    let driver = path.strip_prefix(image).ok()?.components().next()?;
    if driver.as_os_str() != "overlay2" || !id.trim().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return None;
    }
    let folder = image.parent()?.join(driver).join(id.trim());
    (!folder.join("diff").is_dir()).then(|| format!("its layer {} is gone", folder.display()))
}
