//! The apps, for whoever waits until they are up again after Docker's store was rebuilt: the machine room cannot see them.

use std::{fmt, pin::Pin};

use orbitr_apps::{AppView, Apps, Phase, START_JOBS, Wanted};
use orbitr_jobs::Failed;
use orbitr_machine::{AppBack, AppsBack};
use orbitr_model::{AppState, Problem};
use orbitr_store::Store;

/// After so many tries in vain it takes minutes until the box tries again.
const TRIES: u32 = 2;

/// Knows the apps.
pub(super) struct Comeback {
    apps: Apps,
    store: Store,
}

impl Comeback {
    pub(super) const fn new(apps: Apps, store: Store) -> Self {
        Self { apps, store }
    }

    async fn find(&self) -> Result<Vec<AppBack>, Problem> {
        // Then none of them is to be up.
        if self.apps.in_safe_mode().await? {
            return Ok(Vec::new());
        }
        let apps = self.apps.all().await?;
        let failed = self.store.read(|conn| orbitr_jobs::failed_last(conn, START_JOBS)).await?;
        let wanted = apps.into_iter().filter(|app| app.phase == Phase::Installed && app.wanted == Wanted::Running);
        Ok(wanted.map(|app| back(app, &failed)).collect())
    }
}

fn back(app: AppView, failed: &[Failed]) -> AppBack {
    let tried = app.care.as_ref().is_some_and(|care| care.gave_up || care.tries >= TRIES);
    let problem = failed.iter().find(|job| job.app.as_ref() == Some(&app.id)).and_then(|job| job.problem.as_ref());
    let parts = problem.map(|problem| [problem.title.trim_end_matches('.'), problem.detail.trim_end_matches('.')]);
    let told = parts.map(|parts| parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": "));
    AppBack {
        back: app.status.state == AppState::Running && app.job.is_none(),
        settled: tried && app.job.is_none(),
        why: told.unwrap_or(app.status.reason),
        id: app.id,
    }
}

impl AppsBack for Comeback {
    fn look(&self) -> Pin<Box<dyn Future<Output = Result<Vec<AppBack>, Problem>> + Send + '_>> {
        Box::pin(self.find())
    }
}

impl fmt::Debug for Comeback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comeback").finish_non_exhaustive()
    }
}
