//! What carries our label but belongs to no app: left by an undo that Docker did not answer, or made
//! after its app was gone. Removed whenever the engine's answers can be had again.

use std::collections::BTreeSet;

use orbitr_docker::Scope;
use orbitr_model::AppId;

use crate::{Error, rows, work::Hands};

impl Hands {
    /// Removes containers that carry this box's label and an app's that this box does not know.
    pub(crate) async fn sweep(&self) -> Result<(), Error> {
        let containers = self.docker.containers()?;
        let found: BTreeSet<AppId> = containers.iter().filter_map(|container| container.app.clone()).collect();
        if found.is_empty() {
            return Ok(());
        }
        // Read after Docker was asked: an app that is installed meanwhile has its row before its containers.
        let known = self.store.read(rows::apps).await?;
        for app in found.into_iter().filter(|app| !known.iter().any(|known| known.id == *app)) {
            tracing::info!(%app, "removing what is left of an app that is gone");
            let things = self.docker.owned(Scope::App(&app)).await?;
            self.remove_things(&things).await?;
        }
        Ok(())
    }
}
