//! How the apps are, for the room that looks after the machine: the rooms do not know each other.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use futures_util::{FutureExt, future::BoxFuture};
use orbitr_apps::{Apps, Standing};
use orbitr_machine::{AppHealth, AppsHealth};
use orbitr_model::{AppId, AppState};

/// The apps, from when their room is open.
#[derive(Clone, Default)]
pub(super) struct OwnApps(Arc<OnceLock<Apps>>);

impl OwnApps {
    /// Their room is open now.
    pub(super) fn are(&self, apps: &Apps) {
        // It is opened once for each start.
        let _ = self.0.set(apps.clone());
    }
}

impl fmt::Debug for OwnApps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnApps").finish_non_exhaustive()
    }
}

impl AppsHealth for OwnApps {
    fn look(&self) -> BoxFuture<'_, Result<Vec<AppHealth>, String>> {
        async {
            let apps = self.0.get().ok_or("the apps are not looked after yet")?;
            let standings = apps.standings().await.map_err(|error| error.to_string())?;
            Ok(standings.into_iter().map(health).collect())
        }
        .boxed()
    }

    fn last_lines<'a>(&'a self, app: &'a AppId, most: u32) -> BoxFuture<'a, Vec<String>> {
        async move {
            match self.0.get() {
                Some(apps) => apps.last_lines(app, most).await,
                None => Vec::new(),
            }
        }
        .boxed()
    }
}

fn health(app: Standing) -> AppHealth {
    let said = match app.status.reason.as_str() {
        "" => format!("it is {}", app.status.state.as_str()),
        reason => reason.to_owned(),
    };
    AppHealth {
        id: app.id,
        name: app.name,
        release: app.release,
        wanted: app.wanted,
        busy: app.busy,
        trouble: (app.status.state != AppState::Running).then_some(said),
        grace: app.grace,
    }
}
