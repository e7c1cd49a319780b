//! Stopping an app's containers, and taking away what Docker has of it.

use std::time::Duration;

use futures_util::future::join_all;
use orbitr_docker::{OwnedThings, Scope, State};
use orbitr_jobs::StepContext;
use orbitr_model::{AppId, Problem};

use crate::{
    Error,
    work::{CONTAINERS, Hands, Loaded},
};

/// How long a container may take to end when it is asked to; then it is ended.
const STOP_GRACE: Duration = Duration::from_secs(30);
/// The same for one whose data is thrown away: nothing that it still writes is ever read, and somebody waits for the
/// version before.
const NO_GRACE: Duration = Duration::from_secs(1);

impl Hands {
    pub(crate) async fn stop(&self, cx: &StepContext, loaded: &Loaded) -> Result<(), Error> {
        self.compose(loaded).stop(STOP_GRACE, CONTAINERS, cx.token(), |line| cx.log(line)).await?;
        cx.log("The containers are stopped");
        Ok(())
    }

    /// Stops the release before. Where each of the two is one container, the new one is made first and takes the old one's
    /// place, not started yet: so nobody waits for its making while the app is down. Several are stopped by Compose, which
    /// stops before a service what depends on it.
    pub(crate) async fn make_way(&self, cx: &StepContext, previous: &Loaded, new: &Loaded) -> Result<(), Error> {
        if previous.release.images.len() == 1 && new.release.images.len() == 1 {
            match self.replace(cx, new).await {
                Ok(()) => {}
                Err(Error::Docker(error @ orbitr_docker::Error::Cancelled)) => return Err(error.into()),
                // Whatever it is, the start of the new release meets it again and knows what to do about it.
                Err(error) => cx.log(&format!("The new container is not made ahead: {}", Problem::from(error))),
            }
            // (the data is only still when nothing runs)
            if !self.is_anything_up(&new.app.id).await? {
                cx.log("The containers are stopped");
                return Ok(());
            }
        }
        self.stop(cx, previous).await
    }

    async fn replace(&self, cx: &StepContext, new: &Loaded) -> Result<(), Error> {
        self.pin(new).await?;
        self.make_networks(new).await?;
        Ok(self.compose(new).replace(STOP_GRACE, CONTAINERS, cx.token(), |line| cx.log(line)).await?)
    }

    /// Whether anything of the app runs, as the engine itself says.
    async fn is_anything_up(&self, app: &AppId) -> Result<bool, Error> {
        for container in self.docker.owned(Scope::App(app)).await?.containers {
            match self.docker.inspect(container.get()).await {
                Ok(now) if matches!(now.state, State::Created | State::Exited | State::Dead) => {}
                Ok(_) => return Ok(true),
                Err(orbitr_docker::Error::Gone { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    /// Lets what somebody paused go on: Compose can neither start nor stop it before.
    pub(crate) async fn unpause(&self, app: &AppId) -> Result<(), Error> {
        for container in self.docker.containers_of(app)?.iter().filter(|it| it.state == State::Paused) {
            gone_is_fine(self.docker.unpause(container.handle()).await)?;
        }
        Ok(())
    }

    /// Removes the app's containers and networks, whatever release they are of and whether its files
    /// are there or not. Data folders are not Docker's and stay.
    pub(crate) async fn clear(&self, cx: &StepContext, app: &AppId) -> Result<(), Error> {
        self.clear_within(cx, app, STOP_GRACE).await
    }

    /// The same where what the containers wrote is thrown away next.
    pub(crate) async fn clear_at_once(&self, cx: &StepContext, app: &AppId) -> Result<(), Error> {
        self.clear_within(cx, app, NO_GRACE).await
    }

    async fn clear_within(&self, cx: &StepContext, app: &AppId, grace: Duration) -> Result<(), Error> {
        let _alone = orbitr_docker::alone_at(&self.folder(app).releases(), cx.token()).await?;
        let things = self.docker.owned(Scope::App(app)).await?;
        self.remove_within(&things, grace).await?;
        if !things.is_empty() {
            cx.log("The containers and networks are removed");
        }
        Ok(())
    }

    pub(crate) async fn remove_things(&self, things: &OwnedThings) -> Result<(), Error> {
        self.remove_within(things, STOP_GRACE).await
    }

    async fn remove_within(&self, things: &OwnedThings, grace: Duration) -> Result<(), Error> {
        // All at once: one that uses up its grace keeps the others waiting only once.
        let ends = things.containers.iter().map(async |container| {
            gone_is_fine(self.docker.stop(container, grace).await)?;
            gone_is_fine(self.docker.remove_container(container).await)
        });
        join_all(ends).await.into_iter().collect::<Result<(), Error>>()?;
        for network in &things.networks {
            gone_is_fine(self.docker.remove_network(network).await)?;
        }
        for volume in &things.volumes {
            gone_is_fine(self.docker.remove_volume(volume).await)?;
        }
        Ok(())
    }
}

fn gone_is_fine(result: Result<(), orbitr_docker::Error>) -> Result<(), Error> {
    match result {
        Ok(()) | Err(orbitr_docker::Error::Gone { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
