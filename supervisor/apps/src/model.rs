//! The room's own words: rows, requests and what a release is made of.

use std::collections::{BTreeMap, BTreeSet};

use orbitr_docker::{Digest, ImageReceipt, ImageRef};
use orbitr_model::{Actor, AppId, ByteSize, DisplayName, ExtensionId, ProjectId, ReleaseId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bindings::{Binding, BindingRequest};

/// Where an app is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Its first release is not active yet.
    Installing,
    /// It has an active release.
    Installed,
    /// A job takes it away; there is no way back.
    Removing,
    /// It is removed, but its data, inputs and secrets wait for a reinstall.
    Kept,
}

impl Phase {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Installing => "installing",
            Self::Installed => "installed",
            Self::Removing => "removing",
            Self::Kept => "kept",
        }
    }
}

/// What the owner wants an installed app to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// Be up.
    Running,
    /// Be down.
    Stopped,
}

impl Wanted {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
        }
    }
}

/// One app, as the database keeps it.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// Its id; also the name of its folder and, with a prefix, of its Compose project.
    pub id: AppId,
    /// What people call it.
    pub name: DisplayName,
    /// The project that it belongs to.
    pub project: ProjectId,
    /// The extension that installed it.
    pub extension: ExtensionId,
    /// Where it is in its life.
    pub phase: Phase,
    /// What it should do.
    pub wanted: Wanted,
    /// The release that it runs; none while its first one is being installed.
    pub active: Option<ReleaseId>,
    /// When it was first installed.
    pub created: Timestamp,
    /// When its row last changed; also its version for `If-Match`.
    pub changed: Timestamp,
}

/// What an app runs: made once, never changed, except that the pull fills in the digests.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    /// Its id, also a label on every container that it starts.
    pub id: ReleaseId,
    /// The app.
    pub app: AppId,
    /// Counts up by one within the app; names the release's folder.
    pub number: u32,
    /// The extension.
    pub extension: ExtensionId,
    /// The upstream version.
    pub version: String,
    /// The package's revision of that version.
    pub revision: u32,
    /// The extension's own text.
    pub manifest: String,
    /// Its inputs, without the values of secret ones.
    pub inputs: BTreeMap<String, serde_json::Value>,
    /// Host ports by the extension's name for them.
    pub ports: BTreeMap<String, HostPort>,
    /// Images by service.
    pub images: BTreeMap<String, Image>,
    /// Where each requirement comes from.
    pub bindings: BTreeMap<String, Binding>,
    /// Why it was made, as a sentence.
    pub reason: String,
    /// Who made it.
    pub made_by: Actor,
    /// When.
    pub created: Timestamp,
    /// Whether it stays however many come after it.
    pub pinned: bool,
}

impl Release {
    /// The same once more, as the next release.
    pub(crate) fn again(mut self, number: u32, reason: String, made_by: &Actor) -> Self {
        // Whoever brought an image may remove it: that is the release that pulled it.
        self.images.values_mut().for_each(|image| image.receipt = None);
        let (id, created) = (ReleaseId::new(), orbitr_store::time::now());
        Self { id, number, reason, made_by: made_by.clone(), created, pinned: false, ..self }
    }
}

/// What an app's data was when a release took it over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Snapshot {
    /// The number of the release that took the data over; names the folder `snapshots/<number>`.
    pub number: u32,
    /// The release that the data is of.
    pub release: ReleaseId,
    /// How long its files are together. On the disk they may take less: what has not changed since is shared.
    pub size: ByteSize,
    /// Why it was taken, as a sentence.
    pub reason: String,
    /// When.
    pub created: Timestamp,
}

/// A port of the box that leads to a service of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct HostPort {
    /// The port's number on every address of the box.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// The transport of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// An image that a release runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Image {
    /// The reference in the extension, for example `postgres:17.9`.
    pub reference: ImageRef,
    /// The digest that the registry handed out, `sha256:…`; none before the pull, and for an image that
    /// was built or loaded on this machine.
    pub digest: Option<Digest>,
    /// The right to remove it again, when this box brought it.
    pub receipt: Option<ImageReceipt>,
}

impl Image {
    /// An image that nobody has looked for yet.
    pub(crate) const fn new(reference: ImageRef) -> Self {
        Self { reference, digest: None, receipt: None }
    }

    /// What is to be run: by digest, where one is known, because a tag may mean something else by now.
    pub(crate) fn pinned(&self) -> ImageRef {
        self.digest.as_ref().map_or_else(|| self.reference.clone(), |digest| self.reference.pinned(digest))
    }
}

/// What to do with the data of an app that is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DataChoice {
    /// Keep data, inputs and secrets, so that a reinstall finds them.
    Keep,
    /// Put everything into an archive first, then delete it.
    Archive,
    /// Delete everything.
    Delete,
}

/// A request to install an extension.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstallRequest {
    /// The extension.
    pub extension: ExtensionId,
    /// The new app's id; made from the extension's name when left out. The id of an app whose data was
    /// kept installs it again onto that data.
    #[serde(default)]
    pub app: Option<AppId>,
    /// What people call it; the extension's name when left out.
    #[serde(default)]
    pub name: Option<DisplayName>,
    /// The extension's inputs; those left out get their defaults.
    #[serde(default)]
    pub inputs: BTreeMap<String, serde_json::Value>,
    /// Where the extension's requirements come from; those left out have the usual choice.
    #[serde(default)]
    pub bindings: BTreeMap<String, BindingRequest>,
    /// The permissions that are consented to, each by name: all that the extension asks for.
    #[serde(default)]
    pub consent: BTreeSet<String>,
}

impl InstallRequest {
    /// With nothing answered.
    #[must_use]
    pub const fn of(extension: ExtensionId) -> Self {
        Self {
            extension,
            app: None,
            name: None,
            inputs: BTreeMap::new(),
            bindings: BTreeMap::new(),
            consent: BTreeSet::new(),
        }
    }
}

/// A request to change an installed app's inputs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// The inputs that change; all others stay as they are.
    pub inputs: BTreeMap<String, serde_json::Value>,
}

/// A request to call an app something else.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameRequest {
    /// The name that people see; its id stays.
    pub name: String,
}

/// A request to update an app to the version that the store has.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateRequest {
    /// The version that it is meant for, as the plan showed it; refused when the store has another one by now.
    #[serde(default)]
    pub version: Option<String>,
    /// Inputs that are new or change; all others stay as they are.
    #[serde(default)]
    pub inputs: BTreeMap<String, serde_json::Value>,
    /// The new permissions that are consented to, each by name: all that the plan shows.
    #[serde(default)]
    pub consent: BTreeSet<String>,
    /// That its notices of level `breaking` were read; needed where there are such.
    #[serde(default)]
    pub breaking: bool,
}

/// A request to run an older release again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBackRequest {
    /// The number of the release.
    pub release: u32,
    /// What happens to the data.
    pub data: RollBackData,
}

/// What data an older release gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RollBackData {
    /// The data as it is now.
    Now,
    /// The data as it was when that release was replaced. What was written since is kept as a snapshot.
    Then,
}

/// A request to remove an app.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveRequest {
    /// What happens to its data.
    pub data: DataChoice,
    /// The app's id once more; needed when data is deleted.
    #[serde(default)]
    pub confirm: Option<String>,
    /// What the archive's passwords are put under; needed when an app that has some is archived.
    #[serde(default)]
    pub passphrase: Option<String>,
}
