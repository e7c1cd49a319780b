//! Going back to the version of the system before, where nothing is left that could do it as a job.

use std::time::Duration;

use orbitr_model::{Act, ChooseVersionRequest, ImageVersion, InstalledVersion, JobId, ReturnReason};

use super::{Acts, Problem};

/// As the act's unit says, and a little more.
const LIMIT: Duration = Duration::from_secs(5 * 60);

impl Acts {
    /// The versions on the disk, besides the one that runs, that ran well once and were not given up since.
    #[must_use]
    pub fn other_versions(&self) -> Vec<ImageVersion> {
        let Ok(facts) = self.updates() else { return Vec::new() };
        let is_good = |known: &&InstalledVersion| {
            known.blessed && !known.running && !facts.returned.iter().any(|gone| gone.version == known.version)
        };
        facts.installed.iter().filter(is_good).map(|known| known.version.clone()).collect()
    }

    /// Gives the version that runs up for another one on the disk, and restarts the machine with that. The reason stays with
    /// the version that is left: it is not installed again by itself.
    ///
    /// # Errors
    /// Root refuses it, or the machine does not let itself be restarted.
    pub async fn go_back_to(&self, target: &ImageVersion, reason: ReturnReason) -> Result<(), Problem> {
        let id = JobId::new().to_string();
        let request = ChooseVersionRequest { version: 1, id: id.clone(), target: target.clone(), reason: Some(reason) };
        self.perform(Act::ChooseVersion, &id, &request, LIMIT).await?;
        self.restart_machine().await
    }
}
