//! What the tests share: the engine, a small image, and a box of their own on it that is cleared away.

use std::{collections::HashMap, future::Future, path::PathBuf, time::Duration};

use bollard::{
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{CreateContainerOptionsBuilder, CreateImageOptionsBuilder, InspectContainerOptions},
};
use futures_util::TryStreamExt;
use orbitr_docker::{Change, Config, Container, ContainerId, Docker, Event, LABEL_APP, LABEL_BOX, Scope};
use orbitr_host::exec::Command;
use orbitr_model::Timestamp;
use tokio::{sync::broadcast, time::timeout};
use tokio_util::sync::CancellationToken;

/// An image with nothing but busybox, made by [`Bench::new`] where it is not there yet.
pub(crate) const IMAGE: &str = "orbitr-test/docker-it:1";
/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn socket() -> PathBuf {
    let Some(socket) = std::env::var_os("ORBITR_TEST_DOCKER") else {
        panic!("ORBITR_TEST_DOCKER must name the socket of a Docker engine to test against");
    };
    socket.into()
}

/// A box of its own on the engine.
pub(crate) struct Bench {
    pub(crate) docker: Docker,
    pub(crate) config: Config,
    /// The engine without any of our rules.
    pub(crate) raw: bollard::Docker,
    pub(crate) dir: tempfile::TempDir,
}

/// Runs a test with a box of its own, and clears away what that box made, however the test ends.
pub(crate) async fn bench<F: Future<Output = ()> + Send + 'static>(body: impl FnOnce(Bench) -> F) {
    let config = config(socket());
    let bench = Bench::new(config.clone()).await;
    let ended = tokio::spawn(body(bench)).await;
    let docker = Docker::new(config);
    let mut left = docker.owned(Scope::Box).await.unwrap();
    for container in left.containers.drain(..) {
        docker.remove_container(&container).await.unwrap();
    }
    for network in left.networks.drain(..) {
        docker.remove_network(&network).await.unwrap();
    }
    for volume in left.volumes.drain(..) {
        docker.remove_volume(&volume).await.unwrap();
    }
    if let Err(failed) = ended {
        std::panic::resume_unwind(failed.into_panic());
    }
}

pub(crate) fn config(socket: PathBuf) -> Config {
    let box_id = format!("it-{}-{}", std::process::id(), Timestamp::now().as_nanosecond());
    let compose_bin = std::env::var_os("ORBITR_TEST_COMPOSE").map(PathBuf::from);
    Config { compose_bin, ..Config::new(socket, box_id) }
}

impl Bench {
    pub(crate) async fn new(config: Config) -> Self {
        let docker = Docker::new(config.clone());
        let mut connection = docker.connection();
        timeout(PATIENCE, connection.wait_for(orbitr_docker::Connection::is_up)).await.expect("up").unwrap();
        let socket = config.socket.to_str().unwrap();
        let raw = bollard::Docker::connect_with_unix(socket, 60, bollard::API_DEFAULT_VERSION).unwrap();
        let bench = Self { docker, config, raw, dir: tempfile::tempdir().unwrap() };
        bench.image(IMAGE).await;
        bench
    }

    /// Loads busybox under a name, if the engine has no such image.
    pub(crate) async fn image(&self, name: &str) {
        if self.raw.inspect_image(name).await.is_ok() {
            return;
        }
        let root = self.dir.path().join("root/bin");
        std::fs::create_dir_all(&root).unwrap();
        // so that no two of them share a layer
        std::fs::write(self.dir.path().join("root/name"), name).unwrap();
        let busybox = ["/usr/bin/busybox", "/bin/busybox"].iter().find(|path| std::fs::exists(path).unwrap());
        std::fs::copy(busybox.expect("the package busybox-static must be installed"), root.join("busybox")).unwrap();
        for applet in ["sh", "sleep", "echo", "cat", "head", "tail", "tr", "true", "false", "seq", "httpd", "usleep"] {
            // there already when this is the test's second image
            let _ = std::os::unix::fs::symlink("busybox", root.join(applet));
        }
        let tar = Command::new("tar").args(["-C".as_ref(), self.dir.path().join("root").as_os_str()]);
        let tar = tar.args(["-c", "."]).capture(64 << 20).run(&CancellationToken::new()).await.unwrap();
        let (repository, tag) = name.rsplit_once(':').unwrap();
        let options = CreateImageOptionsBuilder::default().from_src("-").repo(repository).tag(tag).build();
        let tar = bollard::body_full(tar.success().unwrap().stdout.into());
        self.raw.create_image(Some(options), Some(tar), None).try_collect::<Vec<_>>().await.unwrap();
    }

    /// Makes a container of this box and of `app` that runs a shell script.
    pub(crate) async fn make(&self, app: &str, script: &str) -> ContainerId {
        self.make_with(app, script, |_| {}).await
    }

    pub(crate) async fn make_with(
        &self,
        app: &str,
        script: &str,
        change: impl FnOnce(&mut ContainerCreateBody),
    ) -> ContainerId {
        let labels =
            [(LABEL_BOX, self.config.box_id.as_str()), (LABEL_APP, app), ("com.docker.compose.service", "web")];
        let mut body = ContainerCreateBody {
            image: Some(IMAGE.to_owned()),
            cmd: Some(["sh", "-c", script].map(str::to_owned).to_vec()),
            labels: Some(labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
            stop_signal: Some("SIGKILL".to_owned()),
            host_config: Some(HostConfig { network_mode: Some("none".to_owned()), ..HostConfig::default() }),
            ..ContainerCreateBody::default()
        };
        change(&mut body);
        self.make_raw(body).await
    }

    /// Makes a container that is nobody's but the test's, which must remove it.
    pub(crate) async fn make_foreign(&self, labels: &[(&str, &str)]) -> ContainerId {
        let labels: HashMap<_, _> = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        self.make_raw(ContainerCreateBody {
            image: Some(IMAGE.to_owned()),
            cmd: Some(["sleep", "600"].map(str::to_owned).to_vec()),
            labels: Some(labels),
            ..ContainerCreateBody::default()
        })
        .await
    }

    async fn make_raw(&self, body: ContainerCreateBody) -> ContainerId {
        let options = CreateContainerOptionsBuilder::default().build();
        self.raw.create_container(Some(options), body).await.unwrap().id.try_into().unwrap()
    }

    /// Makes a container and starts it.
    pub(crate) async fn run(&self, app: &str, script: &str) -> ContainerId {
        let id = self.make(app, script).await;
        self.raw.start_container(id.as_str(), None).await.unwrap();
        id
    }

    pub(crate) async fn exists(&self, id: &ContainerId) -> bool {
        self.raw.inspect_container(id.as_str(), None::<InspectContainerOptions>).await.is_ok()
    }

    /// Waits until the table says something about a container.
    pub(crate) async fn until(&self, id: &ContainerId, what: impl Fn(&Container) -> bool) -> Container {
        let mut generation = self.docker.generation();
        let found = timeout(PATIENCE, async {
            loop {
                if let Ok(Some(container)) = self.docker.container(id)
                    && what(&container)
                {
                    return (*container).clone();
                }
                generation.changed().await.unwrap();
            }
        });
        match found.await {
            Ok(container) => container,
            Err(_) => panic!("it did not happen; the table has {:#?}", self.docker.container(id)),
        }
    }
}

/// Waits until an event tells this change of this container.
pub(crate) async fn heard(events: &mut broadcast::Receiver<Event>, wanted: &ContainerId, what: Change) -> Event {
    timeout(PATIENCE, async {
        loop {
            let event = events.recv().await.unwrap();
            if matches!(&event, Event::Container { id, change, .. } if id == wanted && *change == what) {
                return event;
            }
        }
    })
    .await
    .unwrap_or_else(|_| panic!("no event told {what:?}"))
}
