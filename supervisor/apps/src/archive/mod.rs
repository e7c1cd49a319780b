//! Archives: one file that holds an app with its data, made here or brought from elsewhere. `docs/archives.md` says what is
//! in it.

mod age;
mod check;
mod install;
mod ops;
mod pack;
mod rows;
mod sums;
mod tar;
mod unpack;
mod upload;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use orbitr_docker::{Digest, ImageRef};
use orbitr_model::{Actor, AppId, ByteSize, DisplayName, ExtensionId, ProjectId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    install::ImportRequest,
    ops::{Download, ExportRequest, Exporting},
    upload::Upload,
};
pub(crate) use self::{
    install::progress,
    ops::{drop_passphrase, keep_passphrase, passphrase_of},
    pack::Packing,
    rows::insert,
};
use crate::{bindings::Binding, model::HostPort};

/// What the archive's folder is called, so that it unpacks into one place.
const TOP: &str = "orbitr-app";
const MANIFEST: &str = "manifest.json";
const EXTENSION: &str = "extension.yaml";
const SECRETS: &str = "secrets.json.age";
const DATA: &str = "data";
const SUMS: &str = "SHA256SUMS";
/// What `manifest.json` says it is.
const FORMAT: &str = "orbitr-app";
/// The form that this release writes, and the newest that it reads.
const VERSION: u32 = 1;
/// A longer text than this in front of the data is none of ours.
const TEXT_MAX: u64 = 2 << 20;
/// Nothing is written that would leave less room than this.
const RESERVE: u64 = 64 << 20;

/// What is in an archive: its `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Contents {
    /// Always `orbitr-app`.
    pub format: String,
    /// Of this form; 1.
    pub version: u32,
    /// When the data was taken.
    pub made: Timestamp,
    /// The app as it was.
    pub app: Named,
    /// Its extension.
    pub extension: Packaged,
    /// Its inputs, without secret ones.
    pub inputs: BTreeMap<String, serde_json::Value>,
    /// The ports of the box that it held.
    pub ports: BTreeMap<String, HostPort>,
    /// Its images by service.
    pub images: BTreeMap<String, Pinned>,
    /// Where its requirements come from: never another app of that box.
    #[serde(default)]
    pub bindings: BTreeMap<String, Binding>,
    /// Its passwords and keys.
    pub secrets: Sealing,
    /// Its data.
    pub data: Amount,
}

impl Contents {
    /// What is to be packed; how much data there is, and what becomes of the passwords, is known then.
    pub(crate) fn new(
        app: Named,
        extension: Packaged,
        (inputs, ports): (BTreeMap<String, serde_json::Value>, BTreeMap<String, HostPort>),
        images: BTreeMap<String, Pinned>,
        bindings: BTreeMap<String, Binding>,
    ) -> Self {
        let format = FORMAT.to_owned();
        let made = orbitr_store::time::now();
        let (secrets, data) = (Sealing::None, Amount::default());
        Self { format, version: VERSION, made, app, extension, inputs, ports, images, bindings, secrets, data }
    }
}

/// An app in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Named {
    /// Its id.
    pub id: AppId,
    /// What people called it.
    pub name: DisplayName,
}

/// The extension of an app in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Packaged {
    /// Its id.
    pub id: ExtensionId,
    /// The upstream version.
    pub version: String,
    /// The package's revision of that version.
    pub revision: u32,
}

/// An image of an app in an archive; the image itself is not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pinned {
    /// As the extension calls it.
    #[schemars(with = "String")]
    pub reference: ImageRef,
    /// Exactly which one; none where it was made on that box.
    #[schemars(with = "Option<String>")]
    pub digest: Option<Digest>,
}

/// What became of an app's passwords and keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sealing {
    /// They are in `secrets.json.age`, under a passphrase.
    Age,
    /// Nobody gave a passphrase, so they are not in it.
    LeftOut,
    /// It has none.
    None,
}

/// How much data an archive holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Amount {
    /// Files, folders and links.
    pub entries: u64,
    /// How long its files are together.
    pub bytes: ByteSize,
}

/// Where an archive comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It was made of an app of this box.
    Exported,
    /// Somebody brought it.
    Uploaded,
}

impl Origin {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::Uploaded => "uploaded",
        }
    }
}

/// A file that holds an app.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Archive {
    /// Its id.
    pub id: uuid::Uuid,
    /// The project whose managers may use it.
    pub project: ProjectId,
    /// Where it comes from.
    pub origin: Origin,
    /// What is in it.
    pub contents: Contents,
    /// How long the file is.
    pub size: ByteSize,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Who made or brought it.
    pub made_by: Actor,
    /// When.
    pub created: Timestamp,
    /// When it is deleted by itself; never where this is null.
    pub expires: Option<Timestamp>,
}

impl Archive {
    /// What the file is called where somebody keeps it.
    #[must_use]
    pub fn file_name(&self) -> String {
        let made = self.contents.made.to_string();
        let day = made.split('T').next().unwrap_or_default();
        format!("{}-{}-{day}.orbitr.tar.gz", self.contents.app.id, self.contents.extension.version.replace(is_odd, "-"))
    }
}

fn is_odd(c: char) -> bool {
    !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

/// The folder that holds them: beside the folder of all apps, on the same disk.
pub(crate) fn folder(apps: &Path) -> PathBuf {
    apps.with_file_name("archives")
}

/// A whole archive.
pub(crate) fn file(apps: &Path, id: uuid::Uuid) -> PathBuf {
    folder(apps).join(format!("{id}.tar.gz"))
}

/// One that is being written.
pub(crate) fn part(apps: &Path, id: uuid::Uuid) -> PathBuf {
    folder(apps).join(format!("{id}.part"))
}
