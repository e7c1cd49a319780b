//! The steps that the jobs of this room share: files, images, containers, the probe.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use orbitr_docker::{Compose, Container, Docker, Health, Image as DockerImage, Project, Removed, State};
use orbitr_host::files;
use orbitr_jobs::{StepContext, StepError};
use orbitr_model::{AppId, Problem, ReleaseId};
use orbitr_store::Store;
use serde_json::Value;

use crate::{
    Error, Facts, Restraint,
    bindings::Password,
    ends::Ends,
    extension::Extension,
    folder::{AppFolder, COMPOSE_FILE, ENV_FILE, OVERRIDE_FILE},
    model::{App, Image, Release},
    probe::Target,
    render::Render,
    rows, safe_mode, secret_values,
    seen::Seen,
    status,
};

/// What Compose project names begin with, so that they do not meet those of other people on this engine.
const PROJECT_PREFIX: &str = "orbitr-";
/// How long Compose may take for one call; every container may use up its own grace.
pub(crate) const CONTAINERS: Duration = Duration::from_secs(9 * 60);
/// Between two tries of the probe.
const PROBE_PAUSE: Duration = Duration::from_millis(250);
/// How long a container that is being removed may keep its port.
const LET_GO: Duration = Duration::from_secs(2);
/// Lines of a failed container's log that go into the job's log.
const LAST_LINES: u32 = 30;

/// What the jobs work with.
#[derive(Clone)]
pub(crate) struct Hands {
    pub(crate) store: Store,
    pub(crate) docker: Docker,
    /// The folder of all apps.
    pub(crate) root: PathBuf,
    /// What apps are told about the box.
    pub(crate) facts: Facts,
    /// Why no app is updated without a person.
    pub(crate) restraint: Restraint,
    /// What the probe saw last.
    pub(crate) seen: Seen,
}

/// One release with everything that its steps need.
pub(crate) struct Loaded {
    pub(crate) app: App,
    pub(crate) release: Release,
    pub(crate) extension: Extension,
    pub(crate) folder: AppFolder,
}

impl Loaded {
    /// The same for keeping, without what there is of it once for every app: the extension's text.
    pub(crate) fn lean(mut self) -> Self {
        self.release.manifest = String::new();
        self
    }

    /// Its services of which a container is meant to stay up.
    pub(crate) fn services_that_stay_up(&self) -> impl Iterator<Item = &str> {
        self.release.images.keys().map(String::as_str).filter(|service| self.extension.stays_up(service))
    }
}

impl Hands {
    pub(crate) fn folder(&self, app: &AppId) -> AppFolder {
        AppFolder::new(&self.root, app)
    }

    pub(crate) async fn load(&self, app: &AppId, release: ReleaseId) -> Result<Loaded, Error> {
        let id = app.clone();
        let (app, release) = self
            .store
            .read(move |conn| Ok::<_, Error>((rows::get(conn, &id)?, rows::get_release(conn, release)?)))
            .await?;
        self.loaded(app, release)
    }

    /// The same of what was read already.
    pub(crate) fn loaded(&self, app: App, release: Release) -> Result<Loaded, Error> {
        let extension = Extension::read(&release)?;
        let folder = self.folder(&app.id);
        Ok(Loaded { app, release, extension, folder })
    }

    pub(crate) fn compose(&self, loaded: &Loaded) -> Compose {
        self.compose_with(loaded, None)
    }

    /// With one more file over the release's own.
    fn compose_with(&self, loaded: &Loaded, over: Option<PathBuf>) -> Compose {
        let dir = loaded.folder.release(loaded.release.number);
        self.docker.compose(Project {
            name: format!("{PROJECT_PREFIX}{}", loaded.app.id),
            files: [dir.join(COMPOSE_FILE), dir.join(OVERRIDE_FILE)].into_iter().chain(over).collect(),
            env_file: Some(dir.join(ENV_FILE)),
            lock: loaded.folder.releases(),
            dir,
        })
    }

    /// Writes the release's files and has Compose interpret them; makes the data folders.
    pub(crate) async fn prepare(&self, cx: &StepContext, loaded: &Loaded) -> Result<(), Error> {
        self.prepare_with(cx, loaded, Password::Current).await
    }

    /// The same with the passwords at its providers that hold, or are to hold.
    pub(crate) async fn prepare_with(&self, cx: &StepContext, loaded: &Loaded, which: Password) -> Result<(), Error> {
        loaded.folder.check().await?;
        let dir = loaded.folder.release(loaded.release.number);
        let secrets = secret_values(&self.store, &loaded.release).await?;
        let text = loaded.release.manifest.clone();
        let data = loaded.folder.data();
        let (facts, name) = ((self.facts)(), loaded.app.name.as_str());
        let fields = self.fields(loaded, which).await?;
        let written = loaded.extension.files(&loaded.release, name, &secrets, &facts, (&dir, &data), &fields)?;
        let at = dir.clone();
        blocking(move || {
            files::make_dir(&at, 0o700).map_err(Error::file(format!("making the folder {}", at.display())))?;
            write(&at.join(COMPOSE_FILE), text.as_bytes(), 0o600)?;
            // Compose reads both files; nothing of ours is known before it has interpreted the first.
            write(&at.join(OVERRIDE_FILE), b"{}\n", 0o600)?;
            for file in &written {
                if let Some(above) = file.path.parent() {
                    files::make_dir(above, 0o700)
                        .map_err(Error::file(format!("making the folder {}", above.display())))?;
                }
                write(&file.path, file.text.as_bytes(), file.mode)?;
            }
            Ok(())
        })
        .await?;
        let config = self.compose(loaded).config(cx.token()).await?;
        self.write_override(cx, loaded, &config).await?;
        cx.log("Compose takes the app's files");
        Ok(())
    }

    async fn write_override(&self, cx: &StepContext, loaded: &Loaded, config: &Value) -> Result<(), Error> {
        let joins = self.joins(loaded).await?;
        let render = Render {
            box_id: &self.docker.config().box_id,
            app: &loaded.app.id,
            release: loaded.release.id,
            data: &loaded.folder.data(),
            elsewhere: loaded.folder.elsewhere().is_some(),
            images: &loaded.release.images,
            memory: loaded.extension.memory_limit(),
            joins: &joins,
        };
        let rendered = render.over(config)?;
        let data = loaded.folder.data();
        orbitr_host::tree::make(&data, cx.token())
            .await
            .map_err(Error::file(format!("making the folder {}", data.display())))?;
        let path = loaded.folder.release(loaded.release.number).join(OVERRIDE_FILE);
        let mut folders = rendered.volumes;
        folders.extend(loaded.extension.input_folders());
        let owners: Vec<_> =
            folders.iter().map(|volume| (data.join(volume), loaded.extension.volume_owner(volume))).collect();
        blocking(move || {
            write(&path, rendered.text.as_bytes(), 0o600)?;
            for (folder, owner) in owners {
                let is_new = !folder.is_dir();
                files::make_dir(&folder, 0o755)
                    .map_err(Error::file(format!("making the folder {}", folder.display())))?;
                // Only a new folder: what an app did to its data since is its own business.
                if let (true, Some((uid, gid))) = (is_new, owner) {
                    std::os::unix::fs::chown(&folder, Some(uid), Some(gid))
                        .map_err(Error::file(format!("giving the folder {} to {uid}:{gid}", folder.display())))?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Gets the images that are not on this machine, and notes every digest in the release.
    pub(crate) async fn pull(&self, cx: &StepContext, loaded: &Loaded) -> Result<(), Error> {
        let mut images = loaded.release.images.clone();
        let mut done: BTreeMap<String, (DockerImage, Option<_>)> = BTreeMap::new();
        let count = images.len().max(1);
        for (index, image) in images.values_mut().enumerate() {
            // An older release again: its tag may mean something else by now.
            let wanted = image.pinned();
            let name = wanted.to_string();
            if !done.contains_key(&name) {
                let got = self.pull_one(cx, &Image::new(wanted), index, count).await?;
                done.insert(name.clone(), got);
            }
            if let Some((found, receipt)) = done.get(&name) {
                if image.digest.is_none() {
                    image.digest.clone_from(&found.digest);
                }
                if image.receipt.is_none() {
                    image.receipt.clone_from(receipt);
                }
            }
        }
        let release = loaded.release.id;
        self.store.write(move |tx| rows::set_images(tx, release, &images)).await
    }

    pub(crate) async fn pull_one(
        &self,
        cx: &StepContext,
        image: &Image,
        index: usize,
        count: usize,
    ) -> Result<(DockerImage, Option<orbitr_docker::ImageReceipt>), Error> {
        let name = &image.reference;
        if let Some(found) = self.docker.image(name).await? {
            cx.log(&format!("{name} is on this machine already"));
            return Ok((found, None));
        }
        cx.log(&format!("Pulling {name}"));
        let told = |progress: orbitr_docker::PullProgress| {
            #[expect(clippy::cast_precision_loss, reason = "a handful of images")]
            let fraction = (index as f64 + progress.fraction) / count as f64;
            let size = |bytes| orbitr_model::ByteSize(bytes);
            cx.progress(Some(fraction), format!("{name}: {} of {}", size(progress.bytes), size(progress.total)));
        };
        let pulled = self.docker.pull(name, cx.token(), told).await?;
        cx.log(&format!("Pulled {name}"));
        Ok((pulled.image, pulled.receipt))
    }

    /// Removes the images that these releases brought, where no other release needs them and nothing runs
    /// them. Images are only a cache, so one that cannot be removed is no failure.
    pub(crate) async fn drop_images(&self, cx: &StepContext, releases: Vec<Release>) -> Result<(), Error> {
        let ids = releases.iter().map(|release| release.id).collect();
        let images = releases.into_iter().flat_map(|release| release.images.into_values());
        self.drop_image_list(cx, images, ids).await
    }

    /// The same for images that are no release's own; what these releases need does not count.
    pub(crate) async fn drop_image_list(
        &self,
        cx: &StepContext,
        images: impl Iterator<Item = Image>,
        of: Vec<ReleaseId>,
    ) -> Result<(), Error> {
        let needed = self.store.read(move |conn| rows::images_of_others(conn, &of)).await?;
        for receipt in images.filter_map(|image| image.receipt) {
            if needed.contains(receipt.image()) {
                continue;
            }
            match self.docker.remove_image(&receipt).await {
                Ok(Removed::Yes) => cx.log(&format!("Removed the image {}", receipt.image())),
                Ok(Removed::InUse | Removed::Changed) => {}
                Err(error) => cx.log(&format!("The image {} stays: {}", receipt.image(), Problem::from(error))),
            }
        }
        Ok(())
    }

    /// Brings the containers up as the release says; those that are so already stay untouched.
    pub(crate) async fn up(&self, cx: &StepContext, loaded: &Loaded) -> Result<(), Error> {
        self.up_with(cx, loaded, None).await
    }

    /// The same with one more Compose file over the release's own.
    pub(crate) async fn up_with(&self, cx: &StepContext, loaded: &Loaded, over: Option<PathBuf>) -> Result<(), Error> {
        loaded.folder.check().await?;
        self.pin(loaded).await?;
        self.make_networks(loaded).await?;
        let compose = self.compose_with(loaded, over);
        let up = || compose.up(CONTAINERS, cx.token(), |line| cx.log(line));
        match up().await {
            // Somebody's clean-up took an image since the pull.
            Err(orbitr_docker::Error::ImageMissing { .. }) => {
                self.pull_again(cx, loaded).await?;
                up().await?;
            }
            Err(orbitr_docker::Error::PortTaken { port, by_docker }) => {
                let held = self.port_held(port, by_docker).await;
                if !matches!(held, Error::PortNotFreed { .. }) {
                    return Err(held);
                }
                cx.log(&format!("Port {port} was taken, and nobody holds it now: trying again"));
                tokio::time::sleep(LET_GO).await;
                match up().await {
                    Err(orbitr_docker::Error::PortTaken { port, by_docker }) => {
                        return Err(self.port_held(port, by_docker).await);
                    }
                    other => other?,
                }
            }
            // A Compose of ours that outlived a killed supervisor worked at the same app beside this one, or the engine
            // was killed in a start. Containers and networks are made anew; data folders are not Docker's.
            Err(knot @ (orbitr_docker::Error::NetworkDoubled { .. } | orbitr_docker::Error::RemnantLeft)) => {
                cx.log(&format!("{knot}: making the app's containers and networks anew"));
                self.clear(cx, &loaded.app.id).await?;
                up().await?;
            }
            other => other?,
        }
        cx.log("The containers are up");
        Ok(())
    }

    /// Brings up once more what an earlier step has started, where the job goes on after the machine may have been off.
    pub(crate) async fn up_again(&self, cx: &StepContext, loaded: &Loaded) -> Result<(), Error> {
        if !cx.resumed() || self.store.read(safe_mode::is_on).await? {
            return Ok(());
        }
        self.up(cx, loaded).await
    }

    /// Gets the release's images that are gone by now: just these, by digest.
    pub(crate) async fn pull_again(&self, cx: &StepContext, loaded: &Loaded) -> Result<(), Error> {
        let (mut images, release) = (loaded.release.images.clone(), loaded.release.id);
        let count = images.len().max(1);
        for (index, image) in images.values_mut().enumerate() {
            let reference = image.pinned();
            let (_, receipt) = self.pull_one(cx, &Image::new(reference), index, count).await?;
            // What is brought now has another name than what was brought then, and goes by that.
            image.receipt = receipt.or_else(|| image.receipt.take());
        }
        self.store.write(move |tx| rows::set_images(tx, release, &images)).await
    }

    /// Writes the digests that the pull got into the override file.
    pub(crate) async fn pin(&self, loaded: &Loaded) -> Result<(), Error> {
        let path = loaded.folder.release(loaded.release.number).join(OVERRIDE_FILE);
        let images = loaded.release.images.clone();
        blocking(move || {
            let text = std::fs::read(&path).map_err(Error::file(format!("reading {}", path.display())))?;
            let mut over: Value = serde_json::from_slice(&text).map_err(|error| Error::Compose(error.to_string()))?;
            for (service, image) in images {
                let Some(entry) = over.pointer_mut("/services").and_then(|all| all.get_mut(&service)) else { continue };
                if let (Some(digest), Some(entry)) = (&image.digest, entry.as_object_mut()) {
                    entry.insert("image".to_owned(), Value::from(image.reference.pinned(digest).as_str()));
                }
            }
            let pinned = serde_json::to_string_pretty(&over).map_err(|error| Error::Compose(error.to_string()))?;
            if pinned.as_bytes() == text {
                return Ok(());
            }
            write(&path, pinned.as_bytes(), 0o600)
        })
        .await
    }

    /// Points the app's folder at this release.
    pub(crate) async fn point_at(&self, loaded: &Loaded) -> Result<(), Error> {
        let (folder, number) = (loaded.folder.clone(), loaded.release.number);
        blocking(move || folder.activate(number)).await
    }

    /// Tries to reach the app from outside until it answers, its containers give up, or its grace is
    /// over.
    pub(crate) async fn knock(&self, cx: &StepContext, loaded: &Loaded) -> Result<(), StepError> {
        let grace = loaded.extension.grace();
        let begun = Instant::now();
        let mut said = String::new();
        let ends = Ends::until_now(&self.docker, &self.up_containers(loaded)?).await?;
        loop {
            let containers = self.up_containers(loaded)?;
            if let Some(failed) = ends.given_up(&self.docker, &containers).await? {
                self.last_lines(cx, &failed).await;
                return Err(StepError::lasting(gave_up_problem(loaded, &failed)));
            }
            let seen = reached(&containers, loaded).await;
            let Err(why) = seen else {
                cx.log("It answers");
                self.seen.reached(&loaded.app.id);
                return Ok(());
            };
            if why != said {
                cx.log(&format!("Not yet: {why}"));
                said.clone_from(&why);
            }
            if begun.elapsed() > grace {
                if let Some(container) = containers.first() {
                    self.last_lines(cx, container).await;
                }
                return Err(StepError::lasting(no_answer_problem(loaded, &why, grace)));
            }
            cx.progress(None, &why);
            tokio::select! {
                () = tokio::time::sleep(PROBE_PAUSE) => {}
                () = cx.cancelled() => return Err(orbitr_docker::Error::Cancelled.into()),
            }
        }
    }

    /// The app's containers that are meant to stay up.
    pub(crate) fn up_containers(&self, loaded: &Loaded) -> Result<Vec<Arc<Container>>, Error> {
        let mut containers = self.docker.containers_of(&loaded.app.id)?;
        containers.retain(|c| c.service.as_deref().is_none_or(|service| loaded.extension.stays_up(service)));
        Ok(containers)
    }

    /// Puts the end of a container's log into the job's, so that the reason of a failure outlives it.
    async fn last_lines(&self, cx: &StepContext, container: &Container) {
        let name = container.service.as_deref().unwrap_or(&container.name);
        match self.docker.logs_window(container.id(), LAST_LINES).await {
            Ok(lines) => {
                cx.log(&format!("The last lines of {name}:"));
                for line in lines {
                    cx.log(&format!("  {}", line.text));
                }
            }
            Err(error) => cx.log(&format!("The log of {name} cannot be read: {}", Problem::from(error))),
        }
    }
}

/// One try of the probe over everything that must answer.
pub(crate) async fn reached(containers: &[Arc<Container>], loaded: &Loaded) -> Result<(), String> {
    if containers.is_empty() {
        return Err("its containers are not there yet".to_owned());
    }
    if let Some(container) = containers.iter().find(|container| container.state != State::Running) {
        return Err(status::why_down(container));
    }
    // A check inside that fails counts; one that has not run yet does not where somebody can knock from outside,
    // because its interval says nothing about when the app is ready.
    let target: Option<Target> = loaded.extension.target(&loaded.release, containers)?;
    let waits = |health| health == Health::Unhealthy || (health == Health::Starting && target.is_none());
    if let Some(container) = containers.iter().find(|container| waits(container.health)) {
        let name = container.service.as_deref().unwrap_or(&container.name);
        return Err(format!("the health check of {name} has not succeeded yet"));
    }
    match target {
        Some(target) => target.reach().await,
        None => Ok(()),
    }
}

fn gave_up_problem(loaded: &Loaded, container: &Container) -> Problem {
    Problem::new(502, "app-ended", format!("{} does not stay up", loaded.app.name))
        .why(format!("{}.", status::why_down(container)))
        .then("Its last lines are in the job's log.")
}

fn no_answer_problem(loaded: &Loaded, why: &str, grace: Duration) -> Problem {
    Problem::new(504, "app-not-reached", format!("{} did not answer within {} s", loaded.app.name, grace.as_secs()))
        .why(format!("{why}."))
        .then("Its last lines are in the job's log.")
}

pub(crate) fn write(path: &std::path::Path, text: &[u8], mode: u32) -> Result<(), Error> {
    files::write(path, text, mode).map_err(Error::file(format!("writing {}", path.display())))
}

/// Runs file work on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Error::File { what: "file work was cut off".to_owned(), source: std::io::Error::other(error) })
    })
}
