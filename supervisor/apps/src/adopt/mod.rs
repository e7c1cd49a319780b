//! Taking over a Compose project that runs on this engine already: its text becomes an extension of its own, its volumes and
//! folders the app's data, its containers go when the app answers. The project's own volumes and files stay untouched.

mod read;
#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use orbitr_access::{
    Permit,
    action::{InstallApp, InstallUnknown},
};
use orbitr_docker::{Digest, ForeignProject, ImageRef};
use orbitr_jobs::{Kind, NewJob, enqueue};
use orbitr_model::{AppId, DisplayName, ExtensionId, FieldError, deed};
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use self::{read::tidy, text::Move};
use crate::{
    Apps, Error,
    copies::{Original, Wish, write_copy},
    extension::{ADOPTED, Extension},
    kinds::adopt::{self, Adopt},
    model::{HostPort, Protocol},
    ops::event,
    view::Started,
};

/// A Compose project that somebody runs on this engine without the box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ComposeProject {
    /// Its name.
    pub name: String,
    /// The folder that it was started from.
    pub folder: Option<String>,
    /// Its files, as they were called then.
    pub files: Vec<String>,
    /// Its services.
    pub services: Vec<ComposeService>,
}

/// A service of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ComposeService {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Whether a container of it runs.
    pub running: bool,
    /// The ports of this machine that lead to it.
    pub ports: Vec<u16>,
}

/// A request to take a Compose project over.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdoptRequest {
    /// The project's name.
    pub compose_project: String,
    /// The new app's id; made from the project's name when left out.
    #[serde(default)]
    pub app: Option<AppId>,
    /// What people call it; the project's name when left out.
    #[serde(default)]
    pub name: Option<DisplayName>,
    /// The text of its Compose file; read from where the project was started when left out.
    #[serde(default)]
    pub compose: Option<String>,
    /// The text of its `.env`; read from the project's folder when left out.
    #[serde(default)]
    pub env: Option<String>,
}

impl std::fmt::Debug for AdoptRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Both texts may hold passwords.
        f.debug_struct("AdoptRequest").field("compose_project", &self.compose_project).finish_non_exhaustive()
    }
}

/// What taking a project over would do.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AdoptPlan {
    /// The id that the app would get.
    pub app: String,
    /// The extension that is made of it, without passwords.
    pub extension: String,
    /// What is copied into the app's data: the volume, and where it comes from.
    pub data: BTreeMap<String, String>,
    /// What it may do that an ordinary app may not.
    pub permissions: Vec<String>,
    /// What becomes different, in sentences.
    pub notes: Vec<String>,
    /// Why it cannot be taken over, in sentences; empty when it can.
    pub obstacles: Vec<String>,
}

/// A project that is ready to become an app.
struct Draft {
    project: ForeignProject,
    made: text::Made,
    text: String,
    extension: Option<Extension>,
}

impl Apps {
    /// The Compose projects on this engine that no box made.
    ///
    /// # Errors
    /// Docker does not answer.
    pub async fn compose_projects(&self, _: &Permit<InstallUnknown>) -> Result<Vec<ComposeProject>, Error> {
        let found = self.docker().foreign_projects().await?;
        Ok(found.into_iter().map(ComposeProject::of).collect())
    }

    /// What taking one over would do; nothing changes.
    ///
    /// # Errors
    /// There is no such project, its files cannot be read or are wrong, or Docker does not answer.
    pub async fn plan_adoption(&self, _: &Permit<InstallUnknown>, request: &AdoptRequest) -> Result<AdoptPlan, Error> {
        let draft = self.draft_adoption(request).await?;
        let permissions = draft.extension.iter().flat_map(|it| it.manifest().computed_permissions());
        Ok(AdoptPlan {
            app: request.app.as_ref().map_or_else(|| text::slug(&request.compose_project), ToString::to_string),
            permissions: permissions.map(|grant| grant.to_string()).collect(),
            extension: draft.text,
            data: draft.made.moves.into_iter().map(|it| (it.volume, it.from.display().to_string())).collect(),
            notes: draft.made.notes,
            obstacles: draft.made.obstacles,
        })
    }

    /// Takes one over: rows, and the job that copies its data, starts the app in its place and removes its containers. Until
    /// the app answers, everything of the project is there and comes back if that fails.
    ///
    /// # Errors
    /// As [`Self::plan_adoption`]; something stands in the way, the id or a port is taken, or the box is in safe mode.
    pub async fn adopt(
        &self,
        permit: &Permit<InstallUnknown>,
        into: &Permit<InstallApp>,
        request: AdoptRequest,
    ) -> Result<Started, Error> {
        let draft = self.draft_adoption(&request).await?;
        let Draft { project, made, extension: Some(extension), .. } = draft else {
            return Err(Error::NotAdoptable(draft.made.obstacles));
        };
        if !made.obstacles.is_empty() {
            return Err(Error::NotAdoptable(made.obstacles));
        }
        let id: ExtensionId = format!("{ADOPTED}/{}", text::slug(&project.name)).parse().map_err(|_| odd_name())?;
        let original = Original {
            id,
            extension,
            inputs: made.ports.iter().map(|(name, port)| (name.clone(), json!(port))).collect(),
            secrets: made.secrets,
            images: BTreeMap::new(),
            bindings: BTreeMap::new(),
            base: text::slug(&project.name),
            freed: freed(&project),
        };
        let wish = Wish {
            app: request.app,
            name: match request.name {
                Some(name) => name,
                None => project.name.parse().map_err(|_| odd_name())?,
            },
            inputs: BTreeMap::new(),
            reason: format!("Taken over from the Compose project {}", project.name),
            made_by: permit.actor().clone(),
        };
        let copy = self.draft_copy(original, wish, *into.resource()).await?;
        let ran = project.containers.iter().filter(|one| one.running).map(|one| one.id.clone()).collect();
        let args = adopt::Args {
            app: copy.app.id.clone(),
            release: copy.release.id,
            project: project.name.clone(),
            ran,
            moves: made.moves,
        };
        let title = format!("Take over {}", copy.app.name);
        let job = NewJob::of::<Adopt>(&args, title, permit.actor().clone())?.on(copy.app.id.clone());
        let event = event(permit, deed::APP_ADOPT, &copy.app, json!({ "compose_project": project.name }));
        let (secrets, app) = (self.hands.store.secrets().clone(), copy.app.id.clone());
        let write = move |tx: &mut orbitr_store::Tx<'_>| {
            not_twice(tx, &project.name)?;
            write_copy(tx, &secrets, &copy)?;
            tx.event(event)?;
            Ok::<_, Error>(enqueue(tx, job)?)
        };
        let job = self.hands.store.write(write).await?;
        self.jobs.wake();
        Ok(Started { app, job })
    }

    /// The project as an extension, without anything changed.
    async fn draft_adoption(&self, request: &AdoptRequest) -> Result<Draft, Error> {
        let all = self.docker().foreign_projects().await?;
        let Some(project) = all.into_iter().find(|project| project.name == request.compose_project) else {
            let message = "there is no Compose project of this name that the box did not make".to_owned();
            return Err(Error::Inputs(vec![FieldError { field: "compose_project".to_owned(), message }]));
        };
        let mounts = self.docker().foreign_mounts(&project).await?;
        let config = self.hands.read_foreign(&project, request).await?;
        let bound = read::bound(&config, project.folder.as_deref()).await?;
        let running: BTreeSet<_> =
            project.containers.iter().filter(|one| one.running).map(|one| &one.service).collect();
        let ended = project.containers.iter().map(|one| one.service.clone()).filter(|one| !running.contains(one));
        let (digests, built) = self.digests_of(&config).await?;
        let facts = text::Facts {
            digests: &digests,
            name: &project.name,
            arch: crate::extension::own_arch_word(),
            mounts: &mounts,
            bound: &bound,
            ended: &ended.collect(),
        };
        let mut made = text::make(&config, &facts);
        made.obstacles.extend(built);
        let (text, extension) = finished(&mut made);
        Ok(Draft { project, made, text, extension })
    }

    /// The digests of the images that run, since the app is to run the very same; and why not, for those that have none.
    async fn digests_of(&self, config: &Value) -> Result<(BTreeMap<String, Digest>, Vec<String>), Error> {
        let (mut digests, mut built) = (BTreeMap::new(), Vec::new());
        for (name, service) in config.get("services").and_then(Value::as_object).into_iter().flatten() {
            let image = service.get("image").and_then(Value::as_str).and_then(|image| image.parse::<ImageRef>().ok());
            let Some(image) = image else { continue };
            let Some(found) = self.docker().image(&image).await? else { continue };
            match found.digest {
                Some(digest) => {
                    digests.insert(name.clone(), digest);
                }
                None => built.push(format!(
                    "The image {image} of {name} was built on this machine. Push it to a registry, so that the box can get \
                     it again."
                )),
            }
        }
        Ok((digests, built))
    }
}

impl ComposeProject {
    fn of(project: ForeignProject) -> Self {
        let services = project.containers.into_iter().map(|one| ComposeService {
            name: one.service,
            image: one.image,
            running: one.running,
            ports: one.ports,
        });
        Self {
            name: project.name,
            folder: project.folder.map(|folder| folder.display().to_string()),
            files: project.files.iter().map(|file| file.display().to_string()).collect(),
            services: services.collect(),
        }
    }
}

/// The text with the permissions that it takes; none where it is no extension.
fn finished(made: &mut text::Made) -> (String, Option<Extension>) {
    let written = |manifest: &Value| serde_saphyr::to_string(manifest).unwrap_or_default();
    let first = written(&made.manifest);
    let grants = match Extension::parse(&first) {
        Ok(extension) => extension.manifest().computed_permissions(),
        Err(error) => {
            made.obstacles.push(format!("{error}."));
            return (first, None);
        }
    };
    let reason = "The Compose project has it.";
    let permissions: Vec<Value> =
        grants.iter().map(|grant| json!({ "grant": grant.to_string(), "reason": reason })).collect();
    if let Some(place) = made.manifest.pointer_mut("/x-orbitr/permissions") {
        *place = Value::Array(permissions);
    }
    let text = written(&made.manifest);
    let extension = Extension::parse(&text);
    match extension.as_ref().map(|extension| extension.manifest().adoptable()) {
        Ok(Ok(())) => {}
        Ok(Err(found)) => made.obstacles.extend(found.iter().map(|one| format!("{one}."))),
        Err(error) => made.obstacles.push(format!("{error}.")),
    }
    (text, extension.ok())
}

/// The ports that are free when the project is stopped.
fn freed(project: &ForeignProject) -> BTreeSet<HostPort> {
    let ports = project.containers.iter().flat_map(|one| one.ports.iter().copied());
    ports.flat_map(|port| [Protocol::Tcp, Protocol::Udp].map(|protocol| HostPort { port, protocol })).collect()
}

fn odd_name() -> Error {
    let message = "the project's name cannot be an app's; choose one".to_owned();
    Error::Inputs(vec![FieldError { field: "name".to_owned(), message }])
}

/// Refuses a project that a job takes over already.
fn not_twice(conn: &Connection, project: &str) -> Result<(), Error> {
    for job in orbitr_jobs::unfinished(conn, None)?.into_iter().filter(|job| job.kind == Adopt::NAME) {
        let args: Option<adopt::Args> = serde_json::from_str(&job.args).ok();
        if let Some(args) = args.filter(|args| args.project == project) {
            return Err(Error::Busy(args.app));
        }
    }
    Ok(())
}
