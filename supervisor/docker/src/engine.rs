use std::{
    fmt,
    future::Future,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bollard::{
    API_DEFAULT_VERSION,
    query_parameters::{
        InspectContainerOptions, RestartContainerOptionsBuilder, StartContainerOptions, StopContainerOptionsBuilder,
    },
};
use orbitr_model::{AppId, Timestamp};
use tokio::{
    sync::{broadcast, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{Connection, Container, ContainerId, Error, Event, Owned, compose, follow, table::Table};

/// How long the engine may take to answer a question that needs no work.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
/// How long the engine may take to add up what it stores: it walks through every volume.
const DISK_LIMIT: Duration = Duration::from_secs(180);
/// Events kept for a reader that is slow; one that is slower still is told that it missed some.
const EVENTS: usize = 1024;

/// The usual name of Docker's command line program.
pub const DOCKER: &str = "docker";

/// Where the engine is and who we are to it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The engine's Unix socket.
    pub socket: PathBuf,
    /// This box's id: the value of the label [`LABEL_BOX`](crate::LABEL_BOX) on all that is ours.
    pub box_id: String,
    /// Docker's command line program; [`DOCKER`] is looked for in the system's usual folders.
    pub docker_bin: PathBuf,
    /// The Compose plugin's program. Without it, it is looked for where packages put it, and at last, or for
    /// another `docker_bin` than [`DOCKER`], the program's `compose` is run.
    pub compose_bin: Option<PathBuf>,
}

impl Config {
    /// The engine behind a socket, with the programs where a package puts them.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>, box_id: impl Into<String>) -> Self {
        Self { socket: socket.into(), box_id: box_id.into(), docker_bin: DOCKER.into(), compose_bin: None }
    }
}

/// The engine. Clones are the same one; when the last is dropped, nobody listens to it any more.
#[derive(Clone)]
pub struct Docker {
    shared: Arc<Shared>,
    /// None in the follower's own clone, which must not keep itself alive.
    _follower: Option<Arc<AbortOnDropHandle<()>>>,
}

struct Shared {
    config: Config,
    client: OnceLock<bollard::Docker>,
    table: Table,
    connection: watch::Sender<Connection>,
    events: broadcast::Sender<Event>,
}

impl fmt::Debug for Docker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Docker").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

impl Docker {
    /// Begins to listen to the engine, whether it answers or not: [`connection`](Self::connection) tells.
    /// Must be called within a tokio runtime.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let down = Connection::Down { reason: "not reached yet".to_owned(), since: Timestamp::now() };
        let shared = Arc::new(Shared {
            config,
            client: OnceLock::new(),
            table: Table::new(),
            connection: watch::Sender::new(down),
            events: broadcast::Sender::new(EVENTS),
        });
        let own = Self { shared: shared.clone(), _follower: None };
        let follower = AbortOnDropHandle::new(tokio::spawn(follow::follow(own)));
        Self { shared, _follower: Some(Arc::new(follower)) }
    }

    /// Where the engine is and who we are to it.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Whether the engine answers, and every change of it.
    #[must_use]
    pub fn connection(&self) -> watch::Receiver<Connection> {
        self.shared.connection.subscribe()
    }

    /// What happens to our containers, from now on. A reader that lags should look at everything again.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.shared.events.subscribe()
    }

    /// A number that grows with every change of the connection or of the table of containers: for readers
    /// who only want to look again.
    #[must_use]
    pub fn generation(&self) -> watch::Receiver<u64> {
        self.shared.table.generation()
    }

    /// Our containers, by name, from memory.
    ///
    /// # Errors
    /// The engine does not answer, so nobody knows.
    pub fn containers(&self) -> Result<Vec<Arc<Container>>, Error> {
        self.up()?;
        Ok(self.shared.table.having(|_| true))
    }

    /// The containers of one app, by name, from memory.
    ///
    /// # Errors
    /// The engine does not answer, so nobody knows.
    pub fn containers_of(&self, app: &AppId) -> Result<Vec<Arc<Container>>, Error> {
        self.up()?;
        Ok(self.shared.table.having(|container| container.app.as_ref() == Some(app)))
    }

    /// One of our containers, from memory.
    ///
    /// # Errors
    /// The engine does not answer, so nobody knows.
    pub fn container(&self, id: &ContainerId) -> Result<Option<Arc<Container>>, Error> {
        self.up()?;
        Ok(self.shared.table.get(id))
    }

    /// One of our containers, asked of the engine itself.
    ///
    /// # Errors
    /// It is gone, it is not ours, or the engine does not answer.
    pub async fn inspect(&self, id: &ContainerId) -> Result<Container, Error> {
        let what = format!("container {id}");
        let client = self.client()?;
        let answer = self.call(&what, client.inspect_container(id.as_str(), None::<InspectContainerOptions>)).await?;
        if !self.is_ours(answer.config.as_ref().and_then(|config| config.labels.as_ref())) {
            return Err(Error::NotOurs { what });
        }
        Container::read(id.clone(), answer).ok_or_else(|| Error::other(&what, "the answer has no state"))
    }

    /// Starts a container; one that runs goes on.
    ///
    /// # Errors
    /// It cannot be started, is gone, or the engine does not answer.
    pub async fn start(&self, container: &Owned<ContainerId>) -> Result<(), Error> {
        let id = container.get();
        let client = self.client()?;
        let start = client.start_container(id.as_str(), None::<StartContainerOptions>);
        // Starting mounts, makes networks and may run hooks of the engine.
        self.call_within(&format!("container {id}"), LIMIT * 4, start).await
    }

    /// Stops a container: its process is asked to end and ended after `grace`. One that is stopped stays
    /// so.
    ///
    /// # Errors
    /// It is gone, or the engine does not answer.
    pub async fn stop(&self, container: &Owned<ContainerId>, grace: Duration) -> Result<(), Error> {
        let id = container.get();
        let client = self.client()?;
        let options = StopContainerOptionsBuilder::default().t(seconds(grace)).build();
        let stop = client.stop_container(id.as_str(), Some(options));
        self.call_within(&format!("container {id}"), grace + LIMIT, stop).await
    }

    /// Lets a paused container go on.
    ///
    /// # Errors
    /// It is gone, is not paused, or the engine does not answer.
    pub async fn unpause(&self, container: &Owned<ContainerId>) -> Result<(), Error> {
        let id = container.get();
        let client = self.client()?;
        self.call(&format!("container {id}"), client.unpause_container(id.as_str())).await
    }

    /// Stops a container and starts it again.
    ///
    /// # Errors
    /// It is gone, cannot be started, or the engine does not answer.
    pub async fn restart(&self, container: &Owned<ContainerId>, grace: Duration) -> Result<(), Error> {
        let id = container.get();
        let client = self.client()?;
        let options = RestartContainerOptionsBuilder::default().t(seconds(grace)).build();
        let restart = client.restart_container(id.as_str(), Some(options));
        self.call_within(&format!("container {id}"), grace + LIMIT * 4, restart).await
    }

    /// How much disk the engine uses, in bytes. It adds up every volume for this, so ask rarely.
    ///
    /// # Errors
    /// The engine does not answer in time.
    pub async fn disk_use(&self) -> Result<DiskUse, Error> {
        let what = "disk use";
        let read = async {
            let answer = crate::wire::get(&self.config().socket, "/system/df", what, DISK_LIMIT).await?;
            let bytes = answer.collect(crate::wire::JSON).await?;
            serde_json::from_slice(&bytes).map_err(|error| Error::other(what, &error.to_string()))
        };
        let answer: serde_json::Value = timeout(DISK_LIMIT, read)
            .await
            .map_err(|_| Error::Timeout { what: what.to_owned(), after: DISK_LIMIT })??;
        Ok(DiskUse::read(&answer))
    }

    /// An app's Compose project under the Compose plugin.
    #[must_use]
    pub fn compose(&self, project: compose::Project) -> compose::Compose {
        compose::Compose::new(self.clone(), project)
    }

    /// Ends a wait for the engine as soon as its caller does not want it any more.
    pub(crate) async fn unless<T>(
        cancel: &CancellationToken,
        wait: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Error::Cancelled),
            done = wait => done,
        }
    }

    /// The error while the engine does not answer.
    pub(crate) fn up(&self) -> Result<(), Error> {
        match &*self.shared.connection.borrow() {
            Connection::Up(_) => Ok(()),
            Connection::Down { reason, .. } => Err(Error::DaemonDown { reason: reason.clone() }),
        }
    }

    pub(crate) fn table(&self) -> &Table {
        &self.shared.table
    }

    pub(crate) fn set_connection(&self, connection: Connection) {
        let changed = self.shared.connection.send_if_modified(|now| {
            let changed = *now != connection;
            *now = connection;
            changed
        });
        if changed {
            self.shared.table.changed();
        }
    }

    pub(crate) fn publish(&self, event: Event) {
        // Nobody listens: fine.
        let _ = self.shared.events.send(event);
    }

    /// bollard's client. It opens a connection for each request, so it survives the engine's restarts.
    pub(crate) fn client(&self) -> Result<&bollard::Docker, Error> {
        if let Some(client) = self.shared.client.get() {
            return Ok(client);
        }
        let socket = self.config().socket.to_string_lossy();
        // Its own limit covers only the head of an answer; `call` covers all of it.
        let client = bollard::Docker::connect_with_unix(&socket, 24 * 3600, API_DEFAULT_VERSION)
            .map_err(|error| Error::from_api("connection", &error))?;
        Ok(self.shared.client.get_or_init(|| client))
    }

    pub(crate) async fn call<T>(
        &self,
        what: &str,
        asked: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, Error> {
        self.call_within(what, LIMIT, asked).await
    }

    pub(crate) async fn call_within<T>(
        &self,
        what: &str,
        limit: Duration,
        asked: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, Error> {
        match timeout(limit, asked).await {
            Ok(answer) => answer.map_err(|error| Error::from_api(what, &error)),
            Err(_) => Err(Error::Timeout { what: what.to_owned(), after: limit }),
        }
    }
}

/// Whole seconds, rounded up, as the engine wants a grace.
pub(crate) fn seconds(grace: Duration) -> i32 {
    i32::try_from(grace.as_millis().div_ceil(1000)).unwrap_or(i32::MAX)
}

/// What the engine stores, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUse {
    /// Images, each layer once.
    pub images: u64,
    /// What containers wrote outside volumes.
    pub containers: u64,
    /// Volumes.
    pub volumes: u64,
    /// What builds left to be quicker the next time.
    pub build_cache: u64,
}

impl DiskUse {
    /// Engines from API 1.52 on give sums; older ones give lists.
    fn read(answer: &serde_json::Value) -> Self {
        let number =
            |path: &str| answer.pointer(path).and_then(serde_json::Value::as_i64).and_then(|n| u64::try_from(n).ok());
        let sum = |list: &str, size: &str| -> u64 {
            let rows = answer.pointer(list).and_then(serde_json::Value::as_array).into_iter().flatten();
            rows.filter_map(|row| u64::try_from(row.pointer(size)?.as_i64()?).ok()).sum()
        };
        Self {
            images: number("/ImageUsage/TotalSize").or_else(|| number("/LayersSize")).unwrap_or_default(),
            containers: number("/ContainerUsage/TotalSize").unwrap_or_else(|| sum("/Containers", "/SizeRw")),
            volumes: number("/VolumeUsage/TotalSize").unwrap_or_else(|| sum("/Volumes", "/UsageData/Size")),
            build_cache: number("/BuildCacheUsage/TotalSize").unwrap_or_else(|| sum("/BuildCache", "/Size")),
        }
    }
}
