//! Compose projects on this engine that this box did not make: looked at, and touched only when their owner hands one over.
//!
//! The name of a project is all that holds one together, so each act looks at the labels anew: containers of that project
//! that carry no box's label.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use bollard::{
    models::{ContainerInspectResponse, ContainerSummary},
    query_parameters::{
        InspectContainerOptions, ListContainersOptionsBuilder, ListNetworksOptionsBuilder,
        RemoveContainerOptionsBuilder, StartContainerOptions, StopContainerOptionsBuilder,
    },
};

use crate::{ContainerId, Docker, Error, LABEL_BOX, engine::seconds, owned::gone_is_fine};

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const FOLDER: &str = "com.docker.compose.project.working_dir";
const FILES: &str = "com.docker.compose.project.config_files";
const ONE_OFF: &str = "com.docker.compose.oneoff";
/// An engine needs some seconds more than the container to say that it has ended.
const MARGIN: Duration = Duration::from_secs(15);

/// A Compose project that somebody else made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignProject {
    /// Its name.
    pub name: String,
    /// The folder that relative paths in its files begin at, as it was when the project came up.
    pub folder: Option<PathBuf>,
    /// Its files, as they were called then.
    pub files: Vec<PathBuf>,
    /// Its containers, by service.
    pub containers: Vec<ForeignContainer>,
}

/// A container of one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignContainer {
    /// Its id.
    pub id: ContainerId,
    /// The service that it is.
    pub service: String,
    /// The image, as it was asked for.
    pub image: String,
    /// The ports of this machine that lead to it, while it runs.
    pub ports: Vec<u16>,
    /// Whether it runs.
    pub running: bool,
}

/// Something that is mounted into a container.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignMount {
    /// The service whose container has it.
    pub service: String,
    /// The volume; none for a file or folder of the machine.
    pub volume: Option<String>,
    /// Where it is on this machine.
    pub source: PathBuf,
    /// Where it is in the container.
    pub target: String,
}

impl ForeignMount {
    /// One, as an engine would tell it.
    #[must_use]
    pub fn new(service: &str, volume: Option<&str>, source: &str, target: &str) -> Self {
        let (service, target) = (service.to_owned(), target.to_owned());
        Self { service, volume: volume.map(str::to_owned), source: source.into(), target }
    }
}

impl Docker {
    /// The Compose projects that this box did not make, by name.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn foreign_projects(&self) -> Result<Vec<ForeignProject>, Error> {
        let mut found: Vec<ForeignProject> = Vec::new();
        for one in self.foreign(None).await? {
            let labels = one.labels.clone().unwrap_or_default();
            let Some(name) = labels.get(PROJECT).cloned() else { continue };
            let Some(container) = container(one, &labels) else { continue };
            match found.iter_mut().find(|project| project.name == name) {
                Some(project) => project.containers.push(container),
                None => found.push(ForeignProject {
                    name,
                    folder: labels.get(FOLDER).map(PathBuf::from),
                    files: labels.get(FILES).iter().flat_map(|files| files.split(',')).map(PathBuf::from).collect(),
                    containers: vec![container],
                }),
            }
        }
        for project in &mut found {
            project.containers.sort_by(|one, other| (&one.service, &one.id).cmp(&(&other.service, &other.id)));
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// What is mounted into the containers of one.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn foreign_mounts(&self, project: &ForeignProject) -> Result<Vec<ForeignMount>, Error> {
        let client = self.client()?;
        let mut found = Vec::new();
        for container in &project.containers {
            let what = format!("container {}", container.id);
            let inspected = client.inspect_container(container.id.as_str(), None::<InspectContainerOptions>);
            let inspected: ContainerInspectResponse = self.call(&what, inspected).await?;
            for mount in inspected.mounts.unwrap_or_default() {
                let is_volume = mount.typ.as_deref() == Some("volume");
                if !is_volume && mount.typ.as_deref() != Some("bind") {
                    continue;
                }
                let (Some(source), Some(target)) = (mount.source, mount.destination) else { continue };
                let volume = mount.name.filter(|_| is_volume);
                found.push(ForeignMount { service: container.service.clone(), volume, source: source.into(), target });
            }
        }
        Ok(found)
    }

    /// Ends the containers of a project that was handed over, each with `grace` to end by itself, and keeps them.
    ///
    /// # Errors
    /// The engine does not answer or cannot.
    pub async fn stop_foreign(&self, project: &str, grace: Duration) -> Result<(), Error> {
        let client = self.client()?;
        for one in self.foreign(Some(project)).await? {
            let id = one.id.unwrap_or_default();
            let options = StopContainerOptionsBuilder::default().t(seconds(grace)).build();
            let stopped = client.stop_container(&id, Some(options));
            gone_is_fine(self.call_within(&format!("container {id}"), grace + MARGIN, stopped).await)?;
        }
        Ok(())
    }

    /// Whether a container of it runs.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn foreign_runs(&self, project: &str) -> Result<bool, Error> {
        let found = self.foreign(Some(project)).await?;
        Ok(found.into_iter().any(|one| is_running(&one)))
    }

    /// Starts the containers of a project again that ran when it was handed over; one that is gone stays gone.
    ///
    /// # Errors
    /// The engine does not answer or cannot.
    pub async fn start_foreign(&self, project: &str, ran: &[ContainerId]) -> Result<(), Error> {
        let client = self.client()?;
        let there = self.foreign(Some(project)).await?;
        for id in ran.iter().filter(|id| there.iter().any(|one| one.id.as_deref() == Some(id.as_str()))) {
            let started = client.start_container(id.as_str(), None::<StartContainerOptions>);
            gone_is_fine(self.call(&format!("container {id}"), started).await)?;
        }
        Ok(())
    }

    /// Removes the containers and networks of a project that was handed over. Volumes stay, named or not.
    ///
    /// # Errors
    /// The engine does not answer or cannot.
    pub async fn remove_foreign(&self, project: &str) -> Result<(), Error> {
        let client = self.client()?;
        for one in self.foreign(Some(project)).await? {
            let id = one.id.unwrap_or_default();
            let options = RemoveContainerOptionsBuilder::default().force(true).v(false).build();
            gone_is_fine(self.call(&format!("container {id}"), client.remove_container(&id, Some(options))).await)?;
        }
        let filters = HashMap::from([("label".to_owned(), vec![format!("{PROJECT}={project}")])]);
        let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
        let networks = self.call("list of networks", client.list_networks(Some(options))).await?;
        for network in networks.into_iter().filter(|one| is_nobodys(one.labels.as_ref())) {
            let (name, id) = (network.name.unwrap_or_default(), network.id.unwrap_or_default());
            let removed = self.call(&format!("network {name}"), client.remove_network(&id)).await;
            match gone_is_fine(removed) {
                // Something else is in it: it is not for us to take it away.
                Err(Error::InUse { .. } | Error::Other { .. }) => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Containers of Compose projects, of one or of all, that no box made.
    async fn foreign(&self, project: Option<&str>) -> Result<Vec<ContainerSummary>, Error> {
        let label = project.map_or_else(|| PROJECT.to_owned(), |name| format!("{PROJECT}={name}"));
        let filters = HashMap::from([("label".to_owned(), vec![label])]);
        let client = self.client()?;
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let mut found = self.call("list of containers", client.list_containers(Some(options))).await?;
        // What `docker compose run` made for a moment is no part of the project.
        let one_off = |labels: &HashMap<String, String>| labels.get(ONE_OFF).is_some_and(|word| word == "True");
        found.retain(|one| is_nobodys(one.labels.as_ref()) && !one.labels.as_ref().is_some_and(one_off));
        Ok(found)
    }
}

/// Whether no box made it: neither this one nor one that was here before.
fn is_nobodys(labels: Option<&HashMap<String, String>>) -> bool {
    labels.is_none_or(|labels| !labels.contains_key(LABEL_BOX))
}

fn is_running(one: &ContainerSummary) -> bool {
    one.state.as_ref().is_some_and(|state| matches!(state.to_string().as_str(), "running" | "restarting" | "paused"))
}

fn container(one: ContainerSummary, labels: &HashMap<String, String>) -> Option<ForeignContainer> {
    let running = is_running(&one);
    let mut ports: Vec<u16> = one.ports.iter().flatten().filter_map(|port| port.public_port).collect();
    ports.sort_unstable();
    ports.dedup();
    Some(ForeignContainer {
        id: one.id?.try_into().ok()?,
        service: labels.get(SERVICE).cloned().unwrap_or_default(),
        image: one.image.unwrap_or_default(),
        ports,
        running,
    })
}
