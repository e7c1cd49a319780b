//! What a version on trial means for everything else: what cannot be taken back waits until it is decided which version stays,
//! and whoever goes back to an older one is told from when its database is.

use orbitr_model::{ImageVersion, Timestamp, Topic};
use orbitr_store::{Tx, schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{error::Refused, settings};
use crate::{Error, Machine};

/// A version on the disk that does not open the database of now: it goes on with its own, as it was when the newer schema came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OlderState {
    /// Which.
    pub version: ImageVersion,
    /// Until when its database knows what happened.
    pub until: Timestamp,
}

/// Which schema of the database a version opens. Written down by that version itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Opens {
    pub(super) version: ImageVersion,
    pub(super) schema: u32,
}

impl Machine {
    /// The version that runs, while it is not decided whether it stays; none in hosted mode, and where nobody can say.
    pub async fn on_trial(&self) -> Option<ImageVersion> {
        self.look_at_updates().await.ok()?.on_trial
    }

    /// Refuses what must not come between two versions: the one before would not know of it.
    pub(crate) async fn refuse_between_versions(&self) -> Result<(), Error> {
        let updates = self.look_at_updates().await?;
        let between = updates.waiting.or(updates.on_trial);
        match (updates.job, between) {
            (Some(job), _) => Err(Refused::AtWork(Some(job)).into()),
            (None, Some(version)) => Err(Refused::OnTrial(version).into()),
            (None, None) => Ok(()),
        }
    }

    /// Writes down which schema the version that runs opens.
    pub(super) async fn note_schema(&self) -> Result<(), Error> {
        let running = self.outside().acts.as_ref().and_then(|acts| acts.updates().ok()).and_then(|facts| facts.running);
        let Some(version) = running else { return Ok(()) };
        let write = move |tx: &mut Tx<'_>| {
            let opens = Opens { version, schema: schema::version_of(tx)? };
            if settings::opens(tx)?.contains(&opens) {
                return Ok(());
            }
            tx.changed(Topic::Box);
            settings::note_opens(tx, opens)
        };
        self.inner.store.write(write).await
    }

    /// The installed versions whose database is an older one.
    pub(super) async fn older_states(&self, installed: Vec<ImageVersion>) -> Result<Vec<OlderState>, Error> {
        let read = move |conn: &rusqlite::Connection| {
            let now = schema::version_of(conn)?;
            let mut found = Vec::new();
            for Opens { version, schema } in settings::opens(conn)? {
                if schema < now
                    && installed.contains(&version)
                    && let Some(until) = schema::since(conn, schema.saturating_add(1))?
                {
                    found.push(OlderState { version, until });
                }
            }
            Ok::<_, Error>(found)
        };
        self.inner.store.read(read).await
    }
}
