//! What is ours: only what carries this box's label.

use std::collections::HashMap;

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveVolumeOptionsBuilder,
};
use orbitr_model::AppId;

use crate::{Docker, Error, container::ContainerId};

/// The label whose value is the id of the box that made a thing.
pub const LABEL_BOX: &str = "io.orbitr.box";
/// The label whose value is the app that a thing belongs to.
pub const LABEL_APP: &str = "io.orbitr.app";
/// The label whose value is the release that a thing was made for.
pub const LABEL_RELEASE: &str = "io.orbitr.release";

/// A thing in Docker that carries this box's label. There is no other way to make one than to look at
/// the label, so whoever holds it may stop and remove the thing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owned<T>(T);

impl<T> Owned<T> {
    /// For a thing whose label was looked at.
    pub(crate) const fn checked(thing: T) -> Self {
        Self(thing)
    }

    /// The thing.
    #[must_use]
    pub const fn get(&self) -> &T {
        &self.0
    }
}

/// A network of the engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct NetworkId {
    /// Its id; never reused.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// The name of a volume of the engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct VolumeName(pub String);

/// Of which things.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// All that this box made.
    Box,
    /// What this box made for one app.
    App(&'a AppId),
}

/// Everything in Docker that is ours within a [`Scope`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedThings {
    /// Containers, running or not.
    pub containers: Vec<Owned<ContainerId>>,
    /// Networks.
    pub networks: Vec<Owned<NetworkId>>,
    /// Volumes.
    pub volumes: Vec<Owned<VolumeName>>,
}

impl OwnedThings {
    /// Whether there is nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty() && self.volumes.is_empty()
    }
}

impl Docker {
    /// The running container that publishes a port of the machine, by name, and whether it is ours; none where none does.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn holder_of_port(&self, port: u16) -> Result<Option<(String, bool)>, Error> {
        let client = self.client()?;
        let options = ListContainersOptionsBuilder::default().build();
        let all = self.call("list of containers", client.list_containers(Some(options))).await?;
        let holds = |one: &bollard::models::ContainerSummary| {
            one.ports.iter().flatten().any(|published| published.public_port == Some(port))
        };
        let Some(found) = all.into_iter().find(holds) else { return Ok(None) };
        let ours = self.is_ours(found.labels.as_ref());
        let name = found.names.unwrap_or_default().into_iter().next().unwrap_or_default();
        Ok(Some((name.trim_start_matches('/').to_owned(), ours)))
    }

    /// What is ours, asked of the engine itself.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn owned(&self, scope: Scope<'_>) -> Result<OwnedThings, Error> {
        let (containers, networks, volumes) =
            tokio::try_join!(self.owned_containers(scope), self.owned_networks(scope), self.owned_volumes(scope))?;
        Ok(OwnedThings { containers, networks, volumes })
    }

    /// Our containers, running or not.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn owned_containers(&self, scope: Scope<'_>) -> Result<Vec<Owned<ContainerId>>, Error> {
        let options = ListContainersOptionsBuilder::default().all(true).filters(&self.filters(scope)).build();
        let client = self.client()?;
        let found = self.call("list of containers", client.list_containers(Some(options))).await?;
        let ours = found.into_iter().filter(|one| self.is_ours(one.labels.as_ref()));
        Ok(ours.filter_map(|one| ContainerId::try_from(one.id?).ok().map(Owned::checked)).collect())
    }

    /// Our networks.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn owned_networks(&self, scope: Scope<'_>) -> Result<Vec<Owned<NetworkId>>, Error> {
        let options = ListNetworksOptionsBuilder::default().filters(&self.filters(scope)).build();
        let client = self.client()?;
        let found = self.call("list of networks", client.list_networks(Some(options))).await?;
        let ours = found.into_iter().filter(|one| self.is_ours(one.labels.as_ref()));
        Ok(ours.filter_map(|one| Some(Owned::checked(NetworkId { id: one.id?, name: one.name? }))).collect())
    }

    /// Our volumes.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn owned_volumes(&self, scope: Scope<'_>) -> Result<Vec<Owned<VolumeName>>, Error> {
        let options = ListVolumesOptionsBuilder::default().filters(&self.filters(scope)).build();
        let client = self.client()?;
        let found = self.call("list of volumes", client.list_volumes(Some(options))).await?;
        let ours = found.volumes.unwrap_or_default().into_iter().filter(|one| self.is_ours(Some(&one.labels)));
        Ok(ours.map(|one| Owned::checked(VolumeName(one.name))).collect())
    }

    /// Removes a container, ending its process first, with the unnamed volumes that only it used. One
    /// that is gone already is removed.
    ///
    /// # Errors
    /// The engine does not answer or cannot.
    pub async fn remove_container(&self, container: &Owned<ContainerId>) -> Result<(), Error> {
        let id = container.get();
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let client = self.client()?;
        let removed = self.call(&format!("container {id}"), client.remove_container(id.as_str(), Some(options))).await;
        match removed {
            // Somebody else removes it at this moment.
            Err(Error::Other { detail, .. }) if detail.contains("already in progress") => Ok(()),
            other => gone_is_fine(other),
        }
    }

    /// Removes a network. One that is gone already is removed.
    ///
    /// # Errors
    /// Containers use it, or the engine does not answer.
    pub async fn remove_network(&self, network: &Owned<NetworkId>) -> Result<(), Error> {
        let NetworkId { id, name } = network.get();
        let client = self.client()?;
        gone_is_fine(self.call(&format!("network {name}"), client.remove_network(id)).await)
    }

    /// Removes a volume with all data in it. One that is gone already is removed.
    ///
    /// # Errors
    /// A container uses it, the name now belongs to somebody else's volume, or the engine does not
    /// answer.
    pub async fn remove_volume(&self, volume: &Owned<VolumeName>) -> Result<(), Error> {
        let VolumeName(name) = volume.get();
        let what = format!("volume {name}");
        let client = self.client()?;
        // A volume's name can be given anew, unlike an id: the label is looked at again.
        let now = match self.call(&what, client.inspect_volume(name)).await {
            Err(Error::Gone { .. }) => return Ok(()),
            other => other?,
        };
        if !self.is_ours(Some(&now.labels)) {
            return Err(Error::NotOurs { what });
        }
        let options = RemoveVolumeOptionsBuilder::default().force(false).build();
        gone_is_fine(self.call(&what, client.remove_volume(name, Some(options))).await)
    }

    /// Whether these labels say that this box made the thing.
    pub(crate) fn is_ours(&self, labels: Option<&HashMap<String, String>>) -> bool {
        labels.and_then(|labels| labels.get(LABEL_BOX)).is_some_and(|id| *id == self.config().box_id)
    }

    pub(crate) fn filters(&self, scope: Scope<'_>) -> HashMap<String, Vec<String>> {
        let mut labels = vec![format!("{LABEL_BOX}={}", self.config().box_id)];
        if let Scope::App(app) = scope {
            labels.push(format!("{LABEL_APP}={app}"));
        }
        HashMap::from([("label".to_owned(), labels)])
    }
}

pub(crate) fn gone_is_fine(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::Gone { .. }) => Ok(()),
        other => other,
    }
}
