//! The store: what can be installed, as pages and the API show it.

use orbitr_access::{
    Permit,
    action::{ViewApp, ViewCatalog},
};
use orbitr_catalog::Entry;
use orbitr_model::{ByteSize, ExtensionId};
use orbitr_sdk::{Field, Manifest};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Apps, Error, bindings::RequirementView, consent, extension::Extension, rows};

/// One extension in the store.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExtensionView {
    /// Its id.
    pub id: ExtensionId,
    /// Its name.
    pub name: String,
    /// What it is, in a line.
    pub summary: String,
    /// Its category.
    pub category: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The upstream version.
    pub version: String,
}

/// One extension with everything that somebody wants to know before installing it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExtensionDetail {
    /// What the store shows.
    #[serde(flatten)]
    pub extension: ExtensionView,
    /// The package's revision of that version.
    pub revision: u32,
    /// Its licence, an SPDX expression.
    pub license: String,
    /// Where to read more, by kind: website, source, documentation …
    pub links: Vec<Link>,
    /// What it asks, in order.
    pub inputs: Vec<Field>,
    /// What it needs from elsewhere, in order.
    pub requires: Vec<RequirementView>,
    /// What it gives to other apps, as manifests call it.
    pub provides: Vec<String>,
    /// What it may do beyond an ordinary container.
    pub permissions: Vec<PermissionView>,
    /// The memory that it needs at least.
    pub memory: ByteSize,
    /// Why it cannot run on this box; empty when it can.
    pub obstacles: Vec<String>,
    /// What to know before installing it, as Markdown; may be empty.
    pub notes: String,
}

/// Where to read more.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Link {
    /// What is there.
    pub kind: String,
    /// Where it is.
    pub url: String,
}

/// A permission with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PermissionView {
    /// What it may do.
    pub grant: String,
    /// Why it needs to.
    pub reason: String,
    /// How safe that is: 1 is as good as root on the box, 6 is harmless.
    pub score: u8,
    /// Whether consent to it is typed, not only pressed.
    pub typed: bool,
}

impl Apps {
    /// The whole store, by name.
    #[must_use]
    pub fn extensions(&self, _: &Permit<ViewCatalog>) -> Vec<ExtensionView> {
        let mut views: Vec<_> = self.catalog.list().map(|entry| view(&entry.id, &entry.manifest)).collect();
        views.sort_by(|a, b| a.name.cmp(&b.name));
        views
    }

    /// One extension.
    ///
    /// # Errors
    /// There is no such extension.
    pub fn extension(&self, _: &Permit<ViewCatalog>, id: &ExtensionId) -> Result<ExtensionDetail, Error> {
        let entry = self.entry(id)?;
        let notes = entry.pre_install().unwrap_or_default().to_owned();
        detail(id, &Extension::parse(entry.manifest.text())?, notes)
    }

    /// The extension of an app: as the store has it, or else as the app brought it.
    ///
    /// # Errors
    /// There is no such app, or its extension cannot be read.
    pub async fn extension_of(&self, permit: &Permit<ViewApp>) -> Result<ExtensionDetail, Error> {
        let id = permit.resource().clone();
        let read = move |conn: &rusqlite::Connection| {
            let app = rows::get(conn, &id)?;
            let release = rows::latest(conn, &app)?;
            Ok::<_, Error>((app, release))
        };
        let (app, release) = self.hands.store.read(read).await?;
        if let Ok(entry) = self.entry(&app.extension) {
            return detail(&app.extension, &Extension::parse(entry.manifest.text())?, String::new());
        }
        let Some(release) = release else { return Err(Error::NoExtension(app.extension)) };
        detail(&app.extension, &Extension::read(&release)?, String::new())
    }

    /// An extension's icon, as SVG.
    #[must_use]
    pub fn icon(&self, _: &Permit<ViewCatalog>, id: &ExtensionId) -> Option<Vec<u8>> {
        self.catalog.get(id).map(|entry| entry.icon().to_vec())
    }

    pub(crate) fn entry(&self, id: &ExtensionId) -> Result<&Entry, Error> {
        self.catalog.get(id).ok_or_else(|| Error::NoExtension(id.clone()))
    }
}

fn detail(id: &ExtensionId, extension: &Extension, notes: String) -> Result<ExtensionDetail, Error> {
    let manifest = extension.manifest();
    let obstacles = match extension.check_runs_here(id) {
        Ok(()) => Vec::new(),
        Err(Error::Unsupported { reasons, .. }) => reasons,
        Err(error) => return Err(error),
    };
    Ok(ExtensionDetail {
        extension: view(id, manifest),
        revision: manifest.x().revision,
        license: manifest.meta().license.clone(),
        links: links(manifest),
        inputs: manifest.form().fields,
        requires: RequirementView::all(extension),
        provides: manifest.provides().values().map(|provide| provide.capability.to_string()).collect(),
        permissions: consent::all(manifest.x().permissions.iter()),
        memory: manifest.x().resources.memory.min,
        obstacles,
        notes,
    })
}

fn view(id: &ExtensionId, manifest: &Manifest) -> ExtensionView {
    let meta = manifest.meta();
    ExtensionView {
        id: id.clone(),
        name: meta.name.clone(),
        summary: meta.summary.clone(),
        category: serde_json::to_value(meta.category)
            .ok()
            .and_then(|word| word.as_str().map(str::to_owned))
            .unwrap_or_default(),
        tags: meta.tags.clone(),
        version: manifest.version().to_owned(),
    }
}

fn links(manifest: &Manifest) -> Vec<Link> {
    let links = serde_json::to_value(&manifest.meta().links).unwrap_or_default();
    let named = links.as_object().into_iter().flatten();
    named.filter_map(|(kind, url)| Some(Link { kind: kind.clone(), url: url.as_str()?.to_owned() })).collect()
}
