//! What this room asks of the apps: how they are before a restart into another version, and after it. It knows no app
//! itself; who puts the box together hands it somebody to ask.

use std::{fmt, time::Duration};

use futures_util::future::BoxFuture;
use orbitr_model::{AppId, DisplayName, ReleaseId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The apps of the box, as the room that looks after them knows them.
pub trait AppsHealth: fmt::Debug + Send + Sync {
    /// How every app is; else why nobody can say.
    fn look(&self) -> BoxFuture<'_, Result<Vec<AppHealth>, String>>;

    /// The last lines that an app wrote, at most so many, without the box's secrets and without control characters. Nothing
    /// where they cannot be read.
    fn last_lines<'a>(&'a self, app: &'a AppId, most: u32) -> BoxFuture<'a, Vec<String>>;
}

/// How an app is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppHealth {
    /// Which.
    pub id: AppId,
    /// What people call it.
    pub name: DisplayName,
    /// The release that it runs; none on its way in or out.
    pub release: Option<ReleaseId>,
    /// Whether its owner wants it up.
    pub wanted: bool,
    /// Whether a job works on it, other than bringing it back, or safe mode keeps it stopped: then nobody can say how it is.
    pub busy: bool,
    /// Why it is not healthy, in a sentence; none when it is.
    pub trouble: Option<String>,
    /// How long its extension gives it to come up.
    pub grace: Duration,
}

/// An app that was healthy before an update and is not after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppTrouble {
    /// Which.
    pub id: AppId,
    /// What people call it.
    pub name: DisplayName,
    /// Why it is not healthy, in a sentence.
    pub said: String,
}
