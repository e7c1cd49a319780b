//! The official extensions, built into the program, so that a box without internet still has its store.
//!
//! What lives here: one folder per extension and the way to it. What may not: any rule about manifests (that is the
//! sdk's) and anything about installed apps.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

use indexmap::IndexMap;
use orbitr_model::ExtensionId;
use orbitr_sdk::{Diagnostic, Manifest, Severity, SidePath, lint};
use rust_embed::RustEmbed;

/// The registry that these extensions belong to.
pub const REGISTRY: &str = "official";

/// The registry of extensions that lie in a folder of this machine.
pub const LOCAL: &str = "local";

/// The file that makes a folder an extension.
const MANIFEST: &str = "extension.yaml";

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR"]
#[include = "*/extension.yaml"]
#[include = "*/icon.svg"]
#[include = "*/docs/*.md"]
#[include = "*/notices/*.md"]
struct Files;

/// One extension with the files beside its manifest.
#[derive(Clone)]
pub struct Entry {
    /// `official/<id>`.
    pub id: ExtensionId,
    /// The manifest, read and checked.
    pub manifest: Manifest,
    icon: Cow<'static, [u8]>,
    files: BTreeMap<String, String>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entry").field(&self.manifest).finish()
    }
}

impl Entry {
    /// The picture: an SVG file for a square.
    #[must_use]
    pub fn icon(&self) -> &[u8] {
        &self.icon
    }

    /// A text beside the manifest, as Markdown.
    #[must_use]
    pub fn text(&self, path: &SidePath) -> Option<&str> {
        self.files.get(path.as_str()).map(String::as_str)
    }

    /// What people read before they install it.
    #[must_use]
    pub fn pre_install(&self) -> Option<&str> {
        self.manifest.x().docs.pre_install.as_ref().and_then(|path| self.text(path))
    }

    /// What people read once it runs.
    #[must_use]
    pub fn post_install(&self) -> Option<&str> {
        self.manifest.x().docs.post_install.as_ref().and_then(|path| self.text(path))
    }

    /// What is good to know for whoever looks after it.
    #[must_use]
    pub fn admin(&self) -> Option<&str> {
        self.manifest.x().docs.admin.as_ref().and_then(|path| self.text(path))
    }
}

/// A set of extensions by id.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    entries: IndexMap<ExtensionId, Entry>,
    problems: Vec<Diagnostic>,
}

impl Catalog {
    /// The official extensions, in the order of their ids. Reading them takes a few milliseconds; do it once.
    #[must_use]
    pub fn official() -> Self {
        let mut catalog = Self::default();
        let folders: BTreeSet<String> = Files::iter()
            .filter_map(|path| path.strip_suffix(MANIFEST)?.strip_suffix('/').map(str::to_owned))
            .collect();
        for folder in folders {
            catalog.add(read(REGISTRY, &folder, &|path| Files::get(path).map(|file| file.data)));
        }
        catalog
    }

    /// Adds the extensions of a folder on this machine, one folder each, as `local/<id>`: for whoever writes an
    /// extension and wants to try it. Read once, now; links out of the folder are not followed further than any file of
    /// the machine's owner.
    #[must_use]
    pub fn with_folder(mut self, dir: &Path) -> Self {
        let found = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let folders: BTreeSet<String> = found
            .filter(|entry| entry.path().join(MANIFEST).is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        for folder in folders {
            self.add(read(LOCAL, &folder, &|path| read_file(&dir.join(path)).map(Cow::Owned)));
        }
        self
    }

    fn add(&mut self, read: Result<Entry, Vec<Diagnostic>>) {
        match read {
            Ok(entry) => {
                self.entries.insert(entry.id.clone(), entry);
            }
            Err(problems) => self.problems.extend(problems),
        }
    }

    /// The extension with this id.
    #[must_use]
    pub fn get(&self, id: &ExtensionId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// All extensions, in the order of their ids.
    pub fn list(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.values()
    }

    /// What kept a folder from being an extension. Empty in every build that passed its tests; a folder with a problem
    /// takes no other one away.
    #[must_use]
    pub fn problems(&self) -> &[Diagnostic] {
        &self.problems
    }
}

/// Reads one extension from its folder and looks at it as the official registry does before it publishes one: all that
/// is wrong, in the order of the text; empty when there is nothing to say. Warnings keep no box from installing it.
///
/// # Errors
/// The folder's path has no name of its own, as `/` or `..`.
pub fn check(folder: &Path) -> Result<Vec<Diagnostic>, NoFolderName> {
    let name = folder.file_name().and_then(|name| name.to_str()).ok_or(NoFolderName)?;
    let dir = folder.parent().unwrap_or(Path::new(""));
    Ok(match read(LOCAL, name, &|path| read_file(&dir.join(path)).map(Cow::Owned)) {
        Ok(entry) => lint(&entry.manifest),
        Err(problems) => problems,
    })
}

/// The path of an extension's folder does not end in a name, and the id must be that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoFolderName;

/// A file that is too large to be part of an extension is none: 1 MiB.
const FILE_MAX_BYTES: u64 = 1 << 20;

fn read_file(path: &Path) -> Option<Vec<u8>> {
    let meta = std::fs::metadata(path).ok()?;
    (meta.is_file() && meta.len() <= FILE_MAX_BYTES).then(|| std::fs::read(path).ok())?
}

type Source<'a> = &'a dyn Fn(&str) -> Option<Cow<'static, [u8]>>;

fn read(registry: &str, folder: &str, file: Source<'_>) -> Result<Entry, Vec<Diagnostic>> {
    let text = |path: &str| file(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let name = format!("{folder}/{MANIFEST}");
    let Some(source) = text(&name) else {
        let message = format!("there is no {MANIFEST} in it, or it is larger than 1 MiB");
        let file = folder.to_owned();
        let nothing = Diagnostic {
            severity: Severity::Error,
            file,
            line: 1,
            column: 1,
            path: String::new(),
            message,
            hint: None,
        };
        return Err(vec![nothing]);
    };
    let manifest = Manifest::parse(&source, &name)?;
    let problem = |path: &str, message: String| vec![manifest.diagnostic(path, message)];
    let id = format!("{registry}/{}", manifest.id());
    let id = id.parse().map_err(|error| problem("id", format!("id: {error}")))?;
    if manifest.id() != folder {
        return Err(problem("id", format!("id: the folder is called {folder}")));
    }
    let icon_path = format!("{folder}/{}", manifest.meta().icon);
    let Some(icon) = file(&icon_path) else {
        return Err(problem("meta.icon", format!("meta.icon: there is no file {icon_path}")));
    };
    let mut files = BTreeMap::new();
    for (key, path) in beside(&manifest) {
        match text(&format!("{folder}/{path}")) {
            Some(text) => files.insert(path.to_string(), text),
            None => return Err(problem(&key, format!("{key}: there is no file {folder}/{path}"))),
        };
    }
    Ok(Entry { id, icon, files, manifest })
}

/// The texts that a manifest names, by the key that names them.
fn beside(manifest: &Manifest) -> Vec<(String, &SidePath)> {
    let docs = &manifest.x().docs;
    let docs = [("pre_install", &docs.pre_install), ("post_install", &docs.post_install), ("admin", &docs.admin)];
    let mut all: Vec<_> =
        docs.into_iter().filter_map(|(key, path)| Some((format!("docs.{key}"), path.as_ref()?))).collect();
    if let Some(upgrade) = &manifest.x().upgrade {
        let notices = upgrade.notices.iter().enumerate();
        all.extend(notices.map(|(index, notice)| (format!("upgrade.notices.{index}.text"), &notice.text)));
        let steps = upgrade.steps.iter().enumerate();
        all.extend(
            steps.filter_map(|(index, step)| Some((format!("upgrade.steps.{index}.notice"), step.notice.as_ref()?))),
        );
    }
    all
}
