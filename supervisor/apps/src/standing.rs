//! How every app is, as those want it who compare the box before and after something: for the box's own eyes.

use std::time::Duration;

use orbitr_jobs::Kind;
use orbitr_model::{AppId, AppStatus, DisplayName, ReleaseId};

use crate::{Apps, Error, Phase, Wanted, kinds::heal::Heal};

/// The longest line of a log that is given, in characters.
const LINE_MAX: usize = 200;
/// Reading a few lines that Docker has on its disk.
const LIMIT: Duration = Duration::from_secs(5);

/// How an app is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub id: AppId,
    /// What people call it.
    pub name: DisplayName,
    /// The release that it runs; none while it has none, on its way in or out.
    pub release: Option<ReleaseId>,
    /// Whether its owner wants it up.
    pub wanted: bool,
    /// Whether a job is at it, but for one that only brings it back; or safe mode keeps it stopped.
    pub busy: bool,
    /// What it does now.
    pub status: AppStatus,
    /// How long its extension gives it to come up.
    pub grace: Duration,
}

impl Apps {
    /// How every app is.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn standings(&self) -> Result<Vec<Standing>, Error> {
        let rows = self.rows().await?;
        Ok(rows.into_iter().map(|row| self.standing(row)).collect())
    }

    fn standing(&self, row: crate::ops::AppRow) -> Standing {
        let release = row.app.active.filter(|_| row.app.phase == Phase::Installed);
        let wanted = row.app.phase == Phase::Installed && row.app.wanted == Wanted::Running;
        let busy = row.safe_mode || row.job.as_ref().is_some_and(|job| job.kind != Heal::NAME);
        let grace = row.grace();
        let view = self.view(row);
        Standing { id: view.id, name: view.name, release, wanted, busy, status: view.status, grace }
    }

    /// The last lines that an app's containers wrote, at most so many of each, without the box's secrets. What cannot be read
    /// is left out: this is evidence, and nobody waits long for it.
    pub async fn last_lines(&self, app: &AppId, most: u32) -> Vec<String> {
        let mut lines = Vec::new();
        for container in self.docker().containers_of(app).unwrap_or_default() {
            let read = tokio::time::timeout(LIMIT, self.docker().logs_window(container.id(), most)).await;
            let found = read.ok().and_then(Result::ok).unwrap_or_default();
            lines.extend(found.into_iter().map(|line| (line.time, line.text)));
        }
        lines.sort();
        let surplus = lines.len().saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
        let redactor = self.hands.store.redactor();
        let clean = |text: &str| {
            let safe = redactor.redact(text);
            safe.chars().filter(|c| !c.is_control()).take(LINE_MAX).collect::<String>()
        };
        lines.split_off(surplus).iter().map(|(_, text)| clean(text)).collect()
    }
}
