use std::{
    ffi::OsString,
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bollard::query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder};
use orbitr_host::exec::{self, Command, Output};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    Docker, Error, answer,
    engine::{DOCKER, seconds},
    error::chain,
};

/// Brings up just what is there: nothing is built or fetched, and what is no service any more goes.
const AS_IT_IS: [&str; 5] = ["--no-build", "--pull", "never", "--remove-orphans", "--quiet-pull"];
/// How long Compose may take to read files.
const READ: Duration = Duration::from_secs(60);
/// The longest interpreted file that is taken: 8 MiB.
const CONFIG: usize = 8 * 1024 * 1024;
/// Where packages put the plugin, as Docker's command line program looks for it.
const PLUGIN_FOLDERS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];
/// How long Compose may take to stop what it does after it was cancelled.
const GRACE: Duration = Duration::from_secs(5);
/// How long somebody else may work at a project before we give up.
const OTHERS: Duration = Duration::from_secs(10 * 60);
/// How often the lock is tried.
const LOOK: Duration = Duration::from_millis(50);

/// The files and the name of a Compose project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its name: lower-case letters, digits, dashes and underscores.
    pub name: String,
    /// The folder that relative paths in the files begin at.
    pub dir: PathBuf,
    /// The files, each later one over the ones before.
    pub files: Vec<PathBuf>,
    /// The file with the variables that the files use. Without it Compose reads `.env` in the folder, if
    /// there is one.
    pub env_file: Option<PathBuf>,
    /// The folder that stands for the project: who works at it holds a lock on it (flock(2)), and so does a Compose that
    /// outlives a killed supervisor. Where there is no such folder, nobody is waited for.
    pub lock: PathBuf,
}

/// Whether a project's volumes go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volumes {
    /// They stay.
    Keep,
    /// They are removed with all data in them.
    Remove,
}

/// A Compose project under Docker's Compose plugin. Each call runs one process, whose lines go to
/// `on_line` as they come; they may show what is in the variables.
#[derive(Clone, Debug)]
pub struct Compose {
    docker: Docker,
    project: Project,
}

impl Compose {
    pub(crate) const fn new(docker: Docker, project: Project) -> Self {
        Self { docker, project }
    }

    /// The project's files as Compose reads them: put together, with variables filled in, checked. May
    /// hold secrets.
    ///
    /// # Errors
    /// [`Error::ComposeInvalid`] when they are wrong; or the plugin cannot be run.
    pub async fn config(&self, cancel: &CancellationToken) -> Result<serde_json::Value, Error> {
        let command = self.command(["config", "--format", "json"]).limit(READ).capture(CONFIG);
        let output = command.run(cancel).await.map_err(|error| failed_run("compose config", error))?;
        if output.stdout_dropped > 0 {
            return Err(Error::ComposeInvalid { detail: "it is longer than 8 MiB".to_owned() });
        }
        match output.success() {
            Ok(output) => serde_json::from_slice(&output.stdout)
                .map_err(|error| Error::other("compose config", &error.to_string())),
            Err(error) => Err(match failed_run("compose config", error) {
                Error::Other { detail, .. } => Error::ComposeInvalid { detail },
                other => other,
            }),
        }
    }

    /// Makes and starts everything, from images that are here; removes containers of services that the
    /// files no longer have. Returns when the containers are started, not when they are ready.
    ///
    /// # Errors
    /// A typed failure of the engine; [`Error::NameTaken`] when a project of this name is not ours. What
    /// was made until then stays: [`down`](Self::down) takes it away.
    pub async fn up(
        &self,
        limit: Duration,
        cancel: &CancellationToken,
        on_line: impl FnMut(&str) + Send,
    ) -> Result<(), Error> {
        Docker::unless(cancel, self.only_ours()).await?;
        self.run(
            "compose up",
            self.command(["up", "--detach"].into_iter().chain(AS_IT_IS)).limit(limit),
            cancel,
            on_line,
        )
        .await
    }

    /// Has everything there as [`Compose::up`] would, but not started: a container that takes another one's place is made
    /// before that is stopped, with `grace` to end by itself, and removed.
    ///
    /// # Errors
    /// As [`Compose::up`].
    pub async fn replace(
        &self,
        grace: Duration,
        limit: Duration,
        cancel: &CancellationToken,
        on_line: impl FnMut(&str) + Send,
    ) -> Result<(), Error> {
        Docker::unless(cancel, self.only_ours()).await?;
        let timeout = seconds(grace).to_string();
        let args = ["up", "--no-start", "--timeout", &timeout].into_iter().chain(AS_IT_IS);
        self.run("compose up --no-start", self.command(args).limit(limit), cancel, on_line).await
    }

    /// Starts the containers that are there.
    ///
    /// # Errors
    /// A typed failure of the engine.
    pub async fn start(
        &self,
        limit: Duration,
        cancel: &CancellationToken,
        on_line: impl FnMut(&str) + Send,
    ) -> Result<(), Error> {
        Docker::unless(cancel, self.only_ours()).await?;
        self.run("compose start", self.command(["start"]).limit(limit), cancel, on_line).await
    }

    /// Stops the containers, each with `grace` to end by itself, and keeps them.
    ///
    /// # Errors
    /// A typed failure of the engine.
    pub async fn stop(
        &self,
        grace: Duration,
        limit: Duration,
        cancel: &CancellationToken,
        on_line: impl FnMut(&str) + Send,
    ) -> Result<(), Error> {
        Docker::unless(cancel, self.only_ours()).await?;
        let timeout = seconds(grace).to_string();
        self.run("compose stop", self.command(["stop", "--timeout", &timeout]).limit(limit), cancel, on_line).await
    }

    /// Stops and removes the containers and networks, and the volumes only if asked to.
    ///
    /// # Errors
    /// A typed failure of the engine; [`Error::NameTaken`] when something of this project is not ours.
    pub async fn down(
        &self,
        grace: Duration,
        volumes: Volumes,
        limit: Duration,
        cancel: &CancellationToken,
        on_line: impl FnMut(&str) + Send,
    ) -> Result<(), Error> {
        Docker::unless(cancel, self.only_ours()).await?;
        let timeout = seconds(grace).to_string();
        let mut args = vec!["down", "--remove-orphans", "--timeout", &timeout];
        if volumes == Volumes::Remove {
            args.push("--volumes");
        }
        self.run("compose down", self.command(args).limit(limit), cancel, on_line).await
    }

    async fn run(
        &self,
        what: &str,
        command: Command,
        cancel: &CancellationToken,
        mut on_line: impl FnMut(&str) + Send,
    ) -> Result<(), Error> {
        let command = match alone_at(&self.project.lock, cancel).await? {
            Some(lock) => command.holding(lock),
            None => command,
        };
        let output = command.stream(cancel, |_, line| on_line(line)).await;
        output.and_then(Output::success).map(drop).map_err(|error| failed_run(what, error))
    }

    fn command<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let Project { name, dir, files, env_file, lock: _ } = &self.project;
        let mut all: Vec<OsString> =
            ["--ansi", "never", "--progress", "plain", "--project-name", name].iter().map(OsString::from).collect();
        all.extend(["--project-directory".into(), dir.into()]);
        all.extend(files.iter().flat_map(|file| ["--file".into(), file.into()]));
        all.extend(env_file.iter().flat_map(|file| ["--env-file".into(), file.into()]));
        program(&self.docker).args(all).args(args).dir(dir).grace(GRACE)
    }

    /// Compose acts on everything that carries the project's name. A project that somebody else made
    /// under the same name must not be touched.
    async fn only_ours(&self) -> Result<(), Error> {
        let docker = &self.docker;
        let label = format!("com.docker.compose.project={}", self.project.name);
        let filters = std::collections::HashMap::from([("label".to_owned(), vec![label])]);
        let client = docker.client()?;
        let containers = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let networks = ListNetworksOptionsBuilder::default().filters(&filters).build();
        let volumes = ListVolumesOptionsBuilder::default().filters(&filters).build();
        let (containers, networks, volumes) = tokio::try_join!(
            docker.call("list of containers", client.list_containers(Some(containers))),
            docker.call("list of networks", client.list_networks(Some(networks))),
            docker.call("list of volumes", client.list_volumes(Some(volumes))),
        )?;
        let ours = containers.iter().all(|one| docker.is_ours(one.labels.as_ref()))
            && networks.iter().all(|one| docker.is_ours(one.labels.as_ref()))
            && volumes.volumes.iter().flatten().all(|one| docker.is_ours(Some(&one.labels)));
        if ours { Ok(()) } else { Err(Error::NameTaken { name: self.project.name.clone() }) }
    }
}

/// Waits until nobody else works at the project that this folder stands for; nobody does for as long as the answer lives.
///
/// # Errors
/// [`Error::Timeout`] after ten minutes, [`Error::Cancelled`].
pub async fn alone_at(folder: &Path, cancel: &CancellationToken) -> Result<Option<File>, Error> {
    let Ok(file) = File::open(folder) else { return Ok(None) };
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => {}
            // A file system without locks.
            Err(TryLockError::Error(_)) => return Ok(None),
        }
        if begun.elapsed() > OTHERS {
            return Err(Error::Timeout { what: "an earlier Compose".to_owned(), after: OTHERS });
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            () = cancel.cancelled() => return Err(Error::Cancelled),
        }
    }
}

impl Docker {
    /// The version of the Compose plugin, for example `2.40.3`.
    ///
    /// # Errors
    /// [`Error::NoCompose`] when there is none.
    pub async fn compose_version(&self, cancel: &CancellationToken) -> Result<String, Error> {
        let command = program(self).args(["version", "--short"]).limit(READ);
        let output = command.run(cancel).await.and_then(Output::success);
        let output = output.map_err(|error| failed_run("compose version", error))?;
        Ok(output.stdout_text().trim().trim_start_matches('v').to_owned())
    }
}

/// The plugin, by itself where it can be found: Docker's command line program puts it into a process group
/// of its own, where the end of ours does not reach it. Nothing of our own environment gets in: a Compose
/// file could print it.
fn program(docker: &Docker) -> Command {
    let config = docker.config();
    let usual = config.docker_bin.as_os_str() == DOCKER;
    let mut found = PLUGIN_FOLDERS.iter().map(|dir| Path::new(dir).join("docker-compose"));
    let installed = || found.find(|path| usual && path.is_file());
    let command = match config.compose_bin.clone().or_else(installed) {
        Some(compose) => Command::new(compose),
        None => Command::new(&config.docker_bin).arg("compose"),
    };
    let mut host = OsString::from("unix://");
    host.push(&config.socket);
    command.env("DOCKER_HOST", host).env("HOME", "/nonexistent")
}

fn failed_run(what: &str, error: exec::Error) -> Error {
    match error {
        exec::Error::NotFound { .. } => Error::NoCompose,
        exec::Error::Cancelled { .. } => Error::Cancelled,
        exec::Error::TimedOut { limit, .. } => Error::Timeout { what: what.to_owned(), after: limit },
        exec::Error::Failed { stderr, .. } => {
            let no_plugin = ["is not a docker command", "unknown command: docker compose", "unknown shorthand flag"];
            if no_plugin.iter().any(|words| stderr.contains(words)) {
                return Error::NoCompose;
            }
            answer::recognise(&stderr).unwrap_or_else(|| Error::other(what, &stderr))
        }
        error @ (exec::Error::Start { .. } | exec::Error::Pipe { .. }) => Error::other(what, &chain(&error)),
    }
}
