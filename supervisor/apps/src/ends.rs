//! Whether a container has given up while somebody waits for it to come up.

use std::{collections::HashMap, sync::Arc};

use orbitr_docker::{Container, ContainerId, Docker, State};

use crate::Error;

/// How often a container may end while it should come up before that counts as a failure.
const ALLOWED: u32 = 2;

/// How often each container had ended when the waiting began. Those ends are what somebody mended; they say nothing
/// about what comes now.
pub(crate) struct Ends(HashMap<ContainerId, u32>);

impl Ends {
    /// As the engine counts them now.
    pub(crate) async fn until_now(docker: &Docker, containers: &[Arc<Container>]) -> Result<Self, Error> {
        let mut counted = HashMap::new();
        for container in containers {
            match docker.inspect(container.id()).await {
                Ok(now) => {
                    counted.insert(container.id().clone(), now.restarts);
                }
                Err(orbitr_docker::Error::Gone { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self(counted))
    }

    /// The first container that has given up. What is in memory follows the engine's events and may be behind: it may
    /// still show how the container ended before this job started it. So the engine itself has the last word.
    pub(crate) async fn given_up(
        &self,
        docker: &Docker,
        containers: &[Arc<Container>],
    ) -> Result<Option<Container>, Error> {
        for container in containers.iter().filter(|container| self.gave_up(container)) {
            match docker.inspect(container.id()).await {
                Ok(now) if self.gave_up(&now) => return Ok(Some(now)),
                Ok(_) | Err(orbitr_docker::Error::Gone { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    fn gave_up(&self, container: &Container) -> bool {
        let before = self.0.get(container.id()).copied().unwrap_or_default();
        container.oom_killed
            || !container.error.is_empty()
            || container.restarts.saturating_sub(before) >= ALLOWED
            || matches!(container.state, State::Exited | State::Dead)
    }
}
