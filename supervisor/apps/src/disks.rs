//! The disks that an app's data can be on, and moving it from one to another.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::future::join_all;
use orbitr_access::{Permit, action::ChangeApp};
use orbitr_host::{
    figures::{self, Used},
    mounts::{self, Mount},
    tree,
};
use orbitr_jobs::{StepContext, StepError};
use orbitr_model::{AppId, ByteSize, FieldError, Problem, ReleaseId, deed};
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Apps, Error,
    folder::AppFolder,
    kinds::move_data,
    model::{App, Phase, Release, Wanted},
    ops::{event, new_job, write_release},
    reach, rows, safe_mode, secret_values,
    snapshot::{COPY, make, remove, rename},
    view::Started,
    work::{Hands, blocking},
};

/// The folder on another disk in which boxes keep what is theirs, each in a folder of its own.
const OURS: &str = "orbitr";
/// What stays free on a disk to which data is moved.
const RESERVE: u64 = 256 << 20;
/// How long the disks of this machine may take to say what is free on them.
const LOOK: Duration = Duration::from_secs(10);
/// How long counting what is to be moved may take: a disk that turns has to be walked through, file by file.
const WALK: Duration = Duration::from_secs(10 * 60);
/// Between two looks at how far copying is.
const TELL: Duration = Duration::from_secs(2);

/// A disk that data can be on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DataDisk {
    /// Where it is mounted.
    pub at: String,
    /// What is mounted there, as the kernel names it.
    pub device: String,
    /// Its file system.
    pub file_system: String,
    /// All of it.
    pub total: ByteSize,
    /// What is free on it.
    pub free: ByteSize,
    /// Why the data cannot be moved there; none when it can.
    pub obstacle: Option<String>,
}

/// What moving an app's data would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DataPlan {
    /// The folder on another disk that has the data; none when it is on the box's own disk.
    pub now: Option<String>,
    /// What the data takes, with its snapshots.
    pub size: ByteSize,
    /// Whether the app stands still until it is copied.
    pub stops: bool,
    /// How many snapshots are copied too, each in its full size.
    pub snapshots: usize,
    /// Where it can go.
    pub disks: Vec<DataDisk>,
    /// Why it cannot go back to the box's own disk, or that it is there.
    pub obstacle_home: Option<String>,
}

/// A request to move an app's data.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveDataRequest {
    /// Where the disk is mounted to which it goes; null for the box's own disk.
    pub to: Option<String>,
}

/// Another disk than the box's own that has an app's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherDisk {
    /// The app.
    pub app: AppId,
    /// The folder that has its data.
    pub at: PathBuf,
    /// How it is.
    pub state: DiskState,
}

/// Whether a disk can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskState {
    /// It is there, and so full.
    There(Used),
    /// It is not connected, or not mounted where it was.
    Away,
    /// It does not answer.
    Silent,
}

impl Apps {
    /// The other disks that have data of these apps, for the box's own eyes.
    pub async fn other_disks(&self, apps: impl IntoIterator<Item = AppId>) -> Vec<OtherDisk> {
        let look = async |app: AppId| {
            let at = self.hands.folder(&app).elsewhere()?.to_owned();
            let used = reach::ask(&at, |at| at.is_dir().then(|| figures::disk(at).ok()).flatten()).await;
            let state = used.map_or(DiskState::Silent, |used| used.map_or(DiskState::Away, DiskState::There));
            Some(OtherDisk { app, at, state })
        };
        join_all(apps.into_iter().map(look)).await.into_iter().flatten().collect()
    }

    /// What moving an app's data would do, and where it could go. Walks through all of the data; changes nothing.
    ///
    /// # Errors
    /// The app is not installed, the disk with its data is not there, or the disks do not answer.
    pub async fn plan_data_move(&self, permit: &Permit<ChangeApp>) -> Result<DataPlan, Error> {
        let id = permit.resource().clone();
        let app = self.hands.store.read(move |conn| rows::get(conn, &id)).await?;
        if app.phase != Phase::Installed {
            return Err(Error::WrongState { app: app.id, why: "is not installed".to_owned() });
        }
        self.hands.data_plan(&app).await
    }

    /// Moves an app's data with its snapshots to another disk: a new release that finds it there, and the job that copies it.
    /// The app stands still meanwhile, and goes on where it was when it does not come up.
    ///
    /// # Errors
    /// There is no such disk, it has no room or has something of this app already, the app is not installed, or a job is
    /// at it.
    pub async fn move_data(&self, permit: &Permit<ChangeApp>, request: MoveDataRequest) -> Result<Started, Error> {
        let app = self.idle_app(permit.resource(), Phase::Installed).await?;
        let plan = self.hands.data_plan(&app).await?;
        let wrong = |message: String| Error::Inputs(vec![FieldError { field: "to".to_owned(), message }]);
        let (to, obstacle, word) = match &request.to {
            None => (None, plan.obstacle_home, "the box's own disk".to_owned()),
            Some(at) => {
                let disk = plan.disks.into_iter().find(|disk| disk.at == *at);
                let disk = disk.ok_or_else(|| wrong(format!("there is no disk to use at {at}")))?;
                (Some(self.hands.place_on(Path::new(&disk.at), &app)), disk.obstacle, disk.at)
            }
        };
        if let Some(obstacle) = obstacle {
            return Err(wrong(obstacle));
        }
        let safe = self.in_safe_mode().await?;
        let (previous, release, secrets) = self.same_again(&app, format!("Data moved to {word}"), permit).await?;
        let args = move_data::Args {
            app: app.id.clone(),
            release: release.id,
            previous,
            from: plan.now.map(PathBuf::from),
            to,
            running: app.wanted == Wanted::Running && !safe,
        };
        let title = format!("Move the data of {} to {word}", app.name);
        let job = new_job::<move_data::MoveData>(&args, &app, &title, permit.actor())?;
        let event = event(permit, deed::APP_MOVE_DATA, &app, json!({ "to": request.to }));
        let keys = self.hands.store.secrets().clone();
        self.start(app, event, job, move |tx, app| {
            if safe_mode::is_on(tx)? != safe {
                return Err(Error::Busy(app.id.clone()));
            }
            write_release(tx, &keys, &release, &secrets)
        })
        .await
    }

    /// What runs, as a release of its own, with the id of the one that it follows.
    async fn same_again(
        &self,
        app: &App,
        reason: String,
        permit: &Permit<ChangeApp>,
    ) -> Result<(ReleaseId, Release, BTreeMap<String, String>), Error> {
        let known = app.clone();
        let read =
            move |conn: &Connection| Ok::<_, Error>((rows::latest(conn, &known)?, rows::next_number(conn, &known.id)?));
        let (Some(active), number) = self.hands.store.read(read).await? else {
            return Err(Error::WrongState { app: app.id.clone(), why: "has no release".to_owned() });
        };
        let secrets = secret_values(&self.hands.store, &active).await?;
        Ok((active.id, active.again(number, reason, permit.actor()), secrets))
    }
}

impl Hands {
    /// Where an app's data is on a disk that is mounted there.
    fn place_on(&self, at: &Path, app: &App) -> PathBuf {
        at.join(OURS).join(&self.docker.config().box_id).join(app.id.as_str())
    }

    async fn data_plan(&self, app: &App) -> Result<DataPlan, Error> {
        let folder = self.folder(&app.id);
        folder.check().await?;
        let data = folder.clone();
        let walk = move || Ok(tree::taken(&data.data()) + tree::taken(&data.snapshots()));
        let size = in_time(WALK, blocking(walk)).await?;
        let (hands, app) = (self.clone(), app.clone());
        in_time(LOOK, blocking(move || hands.look_at_disks(&folder, &app, size))).await
    }

    fn look_at_disks(&self, folder: &AppFolder, app: &App, size: u64) -> Result<DataPlan, Error> {
        let mounts = mounts::mounts().map_err(Error::file("looking at the disks of this machine"))?;
        let root = std::fs::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone());
        let disk = |mount: Mount| {
            let place = folder.with_data_in(Some(&self.place_on(&mount.at, app)));
            let is_here = folder.elsewhere() == place.elsewhere();
            let obstacle =
                if is_here { Some("the data is on this disk".to_owned()) } else { obstacle(&place, &mount, size) };
            DataDisk {
                at: mount.at.to_string_lossy().into_owned(),
                device: mount.source,
                file_system: mount.kind,
                total: ByteSize(mount.total),
                free: ByteSize(mount.available),
                obstacle,
            }
        };
        let home = mounts::holding(&mounts, &root);
        let obstacle_home = match (folder.elsewhere(), home) {
            (None, _) => Some("the data is on the box's own disk".to_owned()),
            (Some(_), Some(mount)) => obstacle(&folder.with_data_in(None), mount, size),
            (Some(_), None) => None,
        };
        let snapshots = std::fs::read_dir(folder.snapshots()).map_or(0, |entries| entries.flatten().count());
        Ok(DataPlan {
            now: folder.elsewhere().map(|at| at.to_string_lossy().into_owned()),
            size: ByteSize(size),
            stops: app.wanted == Wanted::Running,
            snapshots,
            disks: mounts::others(&mounts, &root).into_iter().map(disk).collect(),
            obstacle_home,
        })
    }

    /// Makes a folder on a disk to which the data goes.
    pub(crate) async fn make_place(&self, place: &AppFolder) -> Result<(), Error> {
        let Some(at) = place.elsewhere().map(Path::to_owned) else { return Ok(()) };
        blocking(move || make(&at)).await
    }

    /// Copies the data and its snapshots from one place to another. Each has its name only when it is whole, and one that
    /// has its name is done.
    pub(crate) async fn copy_data_to(
        &self,
        cx: &StepContext,
        from: &AppFolder,
        to: &AppFolder,
    ) -> Result<(), StepError> {
        from.check().await?;
        to.check().await?;
        let told = Told::new(from, to).await?;
        let mut pairs = vec![(from.data(), to.data())];
        let old = from.clone();
        let names =
            move || Ok(std::fs::read_dir(old.snapshots()).map_or_else(|_| Vec::new(), |all| all.flatten().collect()));
        let snapshots: Vec<std::fs::DirEntry> = blocking(names).await?;
        pairs.extend(snapshots.iter().map(|entry| (entry.path(), to.snapshots().join(entry.file_name()))));
        for (source, target) in pairs {
            if target.is_dir() || !source.is_dir() {
                continue;
            }
            cx.log(&format!("Copying {} to {}", source.display(), target.display()));
            let (half, above) = (to.half(), target.parent().map(Path::to_owned));
            let at = half.clone();
            blocking(move || {
                remove(&at)?;
                above.as_deref().map_or(Ok(()), make)
            })
            .await?;
            let copied = tokio::select! {
                copied = tree::copy_across(&source, &half, COPY, cx.token()) => copied,
                never = told.tell(cx) => match never {},
            };
            copied.map_err(|error| StepError::from(Error::from(error)))?;
            blocking(move || rename(&half, &target)).await?;
        }
        cx.log("The data is copied");
        Ok(())
    }

    /// Removes the data where it was. It is in its new place for good, so nothing of this is a failure.
    pub(crate) async fn leave(&self, cx: &StepContext, left: AppFolder) {
        let at = left.data();
        match blocking(move || left.remove_data()).await {
            Ok(()) => cx.log("The data is removed where it was"),
            Err(error) => cx.log(&format!("Something is left of {}: {}", at.display(), Problem::from(error))),
        }
    }
}

/// How far copying is, by what fills the disk: to look at every file again would take as long as the copy.
struct Told {
    /// A folder on the disk.
    at: PathBuf,
    /// What was taken of it before.
    before: u64,
    size: u64,
}

impl Told {
    async fn new(from: &AppFolder, to: &AppFolder) -> Result<Self, Error> {
        let (from, at) = (from.clone(), to.elsewhere().map_or_else(|| to.releases(), Path::to_owned));
        blocking(move || {
            let size = tree::taken(&from.data()) + tree::taken(&from.snapshots());
            let before = figures::disk(&at).map_or(0, |disk| disk.used());
            Ok(Self { at, before, size })
        })
        .await
    }

    async fn tell(&self, cx: &StepContext) -> Infallible {
        loop {
            tokio::time::sleep(TELL).await;
            let Ok(disk) = figures::disk(&self.at) else { continue };
            // Whatever else is written there meanwhile counts as well, so it is never told as done.
            let done = disk.used().saturating_sub(self.before).min(self.size / 100 * 99);
            #[expect(clippy::cast_precision_loss, reason = "a bar has a few hundred places")]
            let fraction = done as f64 / self.size.max(1) as f64;
            cx.progress(Some(fraction), format!("{} of {}", ByteSize(done), ByteSize(self.size)));
        }
    }
}

async fn in_time<T>(limit: Duration, look: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let slow = || std::io::Error::new(std::io::ErrorKind::TimedOut, "a disk does not answer");
    let found = tokio::time::timeout(limit, look).await;
    found.unwrap_or_else(|_| Err(Error::file("looking at the disks of this machine")(slow())))
}

/// Why data of this size cannot go there.
fn obstacle(place: &AppFolder, mount: &Mount, size: u64) -> Option<String> {
    if place.data().exists() || place.snapshots().exists() {
        return Some(format!("there is data of this app in {} already; take it away first", place.data().display()));
    }
    let (needed, free) = (size.saturating_add(RESERVE), mount.available);
    (needed > free).then(|| format!("it needs {}, and {} are free there", ByteSize(needed), ByteSize(free)))
}
