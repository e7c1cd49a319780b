//! Apps that are made of other apps: what a copy takes over, and what it gets of its own.

use std::collections::{BTreeMap, BTreeSet};

use orbitr_access::{
    Permit,
    action::{CloneApp, InstallApp},
    scope,
};
use orbitr_model::{Actor, AppId, DisplayName, ExtensionId, FieldError, ProjectId, deed};
use orbitr_sdk::{InputKind, Instances};
use orbitr_store::Tx;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Apps, Error,
    bindings::{Binding, Chosen, words},
    extension::{Extension, protocol},
    kinds::clone,
    model::{App, HostPort, Image, InstallRequest, Phase, Release, Wanted},
    ops::{event, new_job, write_release},
    plan::{self, Before, Draft, free_id, is_free},
    rows, safe_mode,
    view::Started,
    work::blocking,
};

/// A request to make another app of an app.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloneRequest {
    /// The new app's id; made from the first one's when left out.
    #[serde(default)]
    pub app: Option<AppId>,
    /// What people call it; «Copy of …» when left out.
    #[serde(default)]
    pub name: Option<DisplayName>,
    /// Inputs that differ; all others are the same, except for ports, which get free numbers.
    #[serde(default)]
    pub inputs: BTreeMap<String, Value>,
}

/// What a copy is made of.
pub(crate) struct Original {
    pub(crate) id: ExtensionId,
    pub(crate) extension: Extension,
    pub(crate) inputs: BTreeMap<String, Value>,
    /// By `input/<name>` and `secret/<name>`.
    pub(crate) secrets: BTreeMap<String, String>,
    /// By service; what is not here is looked for anew.
    pub(crate) images: BTreeMap<String, Image>,
    /// Where its requirements come from; nothing of it is in another app.
    pub(crate) bindings: BTreeMap<String, Binding>,
    /// What the copy's id is made from when nobody chose one.
    pub(crate) base: String,
    /// Ports that are free by the time it starts.
    pub(crate) freed: BTreeSet<HostPort>,
}

/// What somebody wants to be different.
pub(crate) struct Wish {
    pub(crate) app: Option<AppId>,
    pub(crate) name: DisplayName,
    pub(crate) inputs: BTreeMap<String, Value>,
    /// Why there is such an app, as a sentence.
    pub(crate) reason: String,
    pub(crate) made_by: Actor,
}

impl Apps {
    /// Makes another app of an app, with a copy of its data and its passwords: rows, and the job that makes them real. The
    /// first one stands still only while its data is copied.
    ///
    /// # Errors
    /// The id or a port is taken, the extension allows one app only, the app is not installed, a job is at it, or the box is
    /// in safe mode.
    pub async fn clone_app(
        &self,
        permit: &Permit<CloneApp>,
        into: &Permit<InstallApp>,
        request: CloneRequest,
    ) -> Result<Started, Error> {
        let source = self.idle_app(permit.resource(), Phase::Installed).await?;
        self.hands.folder(&source.id).check().await?;
        let Some(active) = source.active else {
            return Err(Error::WrongState { app: source.id, why: "has no release".to_owned() });
        };
        let release = self.hands.store.read(move |conn| rows::get_release(conn, active)).await?;
        nothing_elsewhere(&source.id, &release)?;
        let original = Original {
            id: release.extension.clone(),
            extension: Extension::read(&release)?,
            inputs: release.inputs.clone(),
            secrets: crate::secret_values(&self.hands.store, &release).await?,
            images: release.images.clone(),
            bindings: release.bindings.clone(),
            base: source.id.to_string(),
            freed: BTreeSet::new(),
        };
        let name = match request.name {
            Some(name) => name,
            None => copy_of(&source.name),
        };
        let reason = format!("Cloned from {}", source.name);
        let wish = Wish { app: request.app, name, inputs: request.inputs, reason, made_by: permit.actor().clone() };
        let draft = self.draft_copy(original, wish, *into.resource()).await?;
        let args = clone::Args {
            source: source.id.clone(),
            source_release: active,
            app: draft.app.id.clone(),
            release: draft.release.id,
            running: source.wanted == Wanted::Running,
        };
        let title = format!("Clone {} as {}", source.name, draft.app.name);
        let job = new_job::<clone::Clone>(&args, &source, &title, permit.actor())?.also_on(draft.app.id.clone());
        let event = event(permit, deed::APP_CLONE, &source, json!({ "as": draft.app.id }));
        let secrets = self.hands.store.secrets().clone();
        let app = draft.app.id.clone();
        let started = self.start(source, event, job, move |tx, _| write_copy(tx, &secrets, &draft)).await?;
        Ok(Started { app, job: started.job })
    }

    /// The project that an app is in.
    ///
    /// # Errors
    /// There is no such app, or the database does not answer.
    pub async fn project_of(&self, id: &AppId) -> Result<ProjectId, Error> {
        let id = id.clone();
        self.hands.store.read(move |conn| rows::get(conn, &id).map(|app| app.project)).await
    }

    /// The rows of a copy.
    pub(crate) async fn draft_copy(&self, original: Original, wish: Wish, project: ProjectId) -> Result<Draft, Error> {
        let Original { id: extension_id, extension, mut inputs, secrets, images, bindings, base, freed } = original;
        extension.check_runs_here(&extension_id)?;
        let request = InstallRequest {
            app: wish.app.clone(),
            name: Some(wish.name.clone()),
            inputs: wish.inputs.clone(),
            ..InstallRequest::of(extension_id.clone())
        };
        let before = self.before(&request, &extension).await?;
        // Kept data belongs to the app that it was of, and is not written over.
        if let Some((kept, _)) = before.kept {
            return Err(Error::IdTaken(kept.id));
        }
        let id = match wish.app {
            Some(id) => id,
            None => free_id(&base, |id| before.apps.iter().any(|app| app.id == *id))?,
        };
        unknown_inputs(&wish.inputs, &extension)?;
        let ports = ports_of(&inputs, &extension);
        let taken = taken(ports, &before, &freed).await?;
        inputs.retain(|name, _| !taken.contains(name));
        inputs.extend(wish.inputs);
        let known = (inputs, secrets, words(&bindings));
        let answers = self.answers_to(known, &extension, (&before.held, &freed), &id).await?;
        let now = orbitr_store::time::now();
        let mut release = plan::release(&extension, &id, &extension_id, 1, &answers, now)?;
        for (service, image) in &mut release.images {
            if let Some(known) = images.get(service).filter(|known| known.reference == image.reference) {
                *image = known.clone();
            }
        }
        release.bindings = bindings;
        release.reason = wish.reason;
        release.made_by = wish.made_by;
        let app = App {
            id,
            name: wish.name,
            project,
            extension: extension_id,
            phase: Phase::Installing,
            wanted: Wanted::Running,
            active: None,
            created: now,
            changed: now,
        };
        let one_only = extension.manifest().x().instances == Instances::One;
        Ok(Draft { app, release, answers, onto_kept_data: false, chosen: Chosen::default(), one_only })
    }
}

/// Refuses an app that keeps data in other apps: a copy of its own data would be half of it.
pub(crate) fn nothing_elsewhere(app: &AppId, release: &Release) -> Result<(), Error> {
    let elsewhere = release.bindings.values().find_map(Binding::provider);
    elsewhere.map_or(Ok(()), |provider| {
        let why = format!("keeps data in «{provider}», which neither a clone nor an archive of it would hold");
        Err(Error::WrongState { app: app.clone(), why })
    })
}

/// Writes a copy down, in the transaction that also puts its job into the queue.
pub(crate) fn write_copy(tx: &mut Tx<'_>, secrets: &orbitr_store::Secrets, draft: &Draft) -> Result<(), Error> {
    if safe_mode::is_on(tx)? {
        return Err(Error::SafeMode);
    }
    plan::still_free(tx, draft)?;
    rows::insert_app(tx, &draft.app)?;
    scope::add_app(tx, &draft.app.id, &draft.app.project)?;
    write_release(tx, secrets, &draft.release, &draft.answers.secrets)
}

fn copy_of(name: &DisplayName) -> DisplayName {
    // A name that is as long as names may be is its own copy's.
    format!("Copy of {name}").parse().unwrap_or_else(|_| name.clone())
}

fn unknown_inputs(inputs: &BTreeMap<String, Value>, extension: &Extension) -> Result<(), Error> {
    let known = extension.manifest().inputs();
    let fields: Vec<_> = inputs
        .keys()
        .filter(|name| !known.contains_key(name.as_str()))
        .map(|name| FieldError { field: format!("inputs.{name}"), message: "there is no such input".to_owned() })
        .collect();
    if fields.is_empty() { Ok(()) } else { Err(Error::Inputs(fields)) }
}

/// The ports among the answers, by input.
fn ports_of(inputs: &BTreeMap<String, Value>, extension: &Extension) -> Vec<(String, HostPort)> {
    let port = |(name, value): (&String, &Value)| {
        let InputKind::Port(input) = &extension.manifest().inputs().get(name.as_str())?.kind else { return None };
        let port = u16::try_from(value.as_u64()?).ok()?;
        Some((name.clone(), HostPort { port, protocol: protocol(input.protocol) }))
    };
    inputs.iter().filter_map(port).collect()
}

/// Those that somebody has already: the copy gets another number there.
async fn taken(
    ports: Vec<(String, HostPort)>,
    before: &Before,
    freed: &BTreeSet<HostPort>,
) -> Result<Vec<String>, Error> {
    let held: Vec<HostPort> = before.held.iter().map(|(port, _)| *port).collect();
    let freed = freed.clone();
    blocking(move || {
        let is_taken = |port: &HostPort| held.contains(port) || (!freed.contains(port) && !is_free(*port));
        let taken = ports.into_iter().filter(|(_, port)| is_taken(port));
        Ok(taken.map(|(name, _)| name).collect())
    })
    .await
}
