//! What is known of the box at one moment: gathered once for each look, so that finding is pure.

use jiff::SignedDuration;
use orbitr_apps::{AppView, CHANGE_JOB, Leak, OUT_OF_MEMORY, OtherDisk, Phase, START_JOBS};
use orbitr_jobs::{Failed, Overdue};
use orbitr_machine::{CertificateState, CopyState, DockerStore, Issue, Proving, Used};
use orbitr_model::{AppId, AppState, ReturnedVersion, Timestamp, deed};
use orbitr_store::events;
use rusqlite::Connection;

use crate::{Error, Watch, disk, issues::PORT_NOT_FREED, rows};

/// So far back ends of containers are looked at.
const LATELY: SignedDuration = SignedDuration::from_hours(24);

/// The box at one moment.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) now: Timestamp,
    pub(crate) apps: Vec<AppView>,
    pub(crate) safe_mode: bool,
    /// Why Docker does not answer; none when it does.
    pub(crate) docker_down: Option<String>,
    /// The units that can be restarted from here; looked up only while Docker is down or in a knot.
    pub(crate) restartable: Vec<String>,
    /// What is wrong with the machine; none when it cannot be asked.
    pub(crate) machine: Option<Vec<Issue>>,
    pub(crate) disk: Option<Used>,
    /// How full the disk was, the oldest first.
    pub(crate) samples: Vec<disk::Sample>,
    /// The newest change of each app whose newest change failed.
    pub(crate) failed_changes: Vec<Failed>,
    pub(crate) not_undone: Vec<Failed>,
    /// The newest start of each app whose newest start failed.
    pub(crate) failed_starts: Vec<Failed>,
    /// The jobs that take far longer than they should.
    pub(crate) overdue: Vec<Overdue>,
    /// The secrets that logs of apps tell.
    pub(crate) leaks: Vec<Leak>,
    /// Other disks than the box's own, for each app that has its data on one.
    pub(crate) other_disks: Vec<OtherDisk>,
    /// How the box's certificates are; none where nobody serves them.
    pub(crate) certificates: Option<CertificateState>,
    /// How the copies of the database are.
    pub(crate) copies: CopyState,
    /// How Docker's store is; none when it cannot be told.
    pub(crate) docker_store: Option<DockerStore>,
    /// The versions of the system that came back and are in quarantine, the newest first.
    pub(crate) returned: Vec<ReturnedVersion>,
    /// The update of the system whose apps are compared with how they were before it; none when there is none.
    pub(crate) proving: Option<Proving>,
    /// The ends of containers in the last 24 hours, the oldest first.
    pub(crate) ends: Vec<End>,
    /// How much of the last five minutes was lost by waiting for memory, 0 to 100 per cent; none where nobody counts.
    pub(crate) memory_pressure: Option<f64>,
}

/// A container of an app ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) app: AppId,
    pub(crate) at: Timestamp,
    /// The service that it is.
    pub(crate) service: String,
    /// How it ended: «ended with status 1».
    pub(crate) what: String,
}

impl End {
    pub(crate) fn was_out_of_memory(&self) -> bool {
        self.what == OUT_OF_MEMORY
    }

    fn of(event: events::Event) -> Option<Self> {
        let text =
            |name: &str| event.detail.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let (service, what) = (text("service"), text("what"));
        Some(Self { app: event.subject.id.parse().ok()?, at: event.at, service, what })
    }
}

impl Facts {
    /// Apps that are installed, and not on their way in or out.
    pub(crate) fn installed(&self) -> impl Iterator<Item = &AppView> {
        self.apps.iter().filter(|app| app.phase == Phase::Installed)
    }

    pub(crate) fn app(&self, id: &AppId) -> Option<&AppView> {
        self.apps.iter().find(|app| app.id == *id)
    }

    /// The start of an app that failed with one of these codes, where that is why it is not up.
    pub(crate) fn failed_start(&self, app: &AppView, codes: &[&str]) -> Option<&Failed> {
        let is_down = matches!(app.status.state, AppState::Down | AppState::Stopped) && !self.safe_mode;
        let failed = self.failed_starts.iter().find(|job| job.app.as_ref() == Some(&app.id) && job.kind != CHANGE_JOB);
        failed.filter(|job| is_down && job.problem.as_ref().is_some_and(|why| codes.contains(&why.code.as_str())))
    }

    pub(crate) fn ends_of<'a>(&'a self, app: &'a AppId) -> impl DoubleEndedIterator<Item = &'a End> {
        self.ends.iter().filter(move |end| end.app == *app)
    }
}

/// The part of it that the database knows.
struct Kept {
    failed_changes: Vec<Failed>,
    not_undone: Vec<Failed>,
    failed_starts: Vec<Failed>,
    overdue: Vec<Overdue>,
    ends: Vec<End>,
    samples: Vec<disk::Sample>,
}

impl Kept {
    fn read(conn: &Connection, now: Timestamp) -> Result<Self, Error> {
        let from = now.saturating_sub(LATELY).unwrap_or(now);
        let ends = events::since(conn, deed::APP_CONTAINER_ENDED, from)?;
        // A change that went well gives an app what it needs to start, too.
        let starts = [START_JOBS, &[CHANGE_JOB]].concat();
        Ok(Self {
            failed_changes: orbitr_jobs::failed_last(conn, &[CHANGE_JOB])?,
            not_undone: orbitr_jobs::failed_not_undone(conn)?,
            failed_starts: orbitr_jobs::failed_last(conn, &starts)?,
            overdue: orbitr_jobs::overdue(conn, now)?,
            ends: ends.into_iter().filter_map(End::of).collect(),
            samples: rows::samples(conn, now)?,
        })
    }
}

impl Watch {
    /// Looks at everything once.
    pub(crate) async fn gather(&self, now: Timestamp) -> Result<Facts, Error> {
        let inner = &self.inner;
        let disk = inner.machine.disk();
        if let Some(disk) = disk {
            self.keep_sample(now, disk).await?;
        }
        let kept = inner.store.read(move |conn| Kept::read(conn, now)).await?;
        let docker_down = inner.apps.docker_answers().err();
        let is_stuck = |job: &Failed| job.problem.as_ref().is_some_and(|why| why.code == PORT_NOT_FREED);
        let restartable = match docker_down.is_some() || kept.failed_starts.iter().any(is_stuck) {
            true => inner.machine.restartable_units().await.unwrap_or_default(),
            false => Vec::new(),
        };
        let machine = inner.machine.find_issues().await;
        if let Err(error) = &machine {
            tracing::debug!(%error, "the machine cannot be asked what is wrong with it");
        }
        let apps = inner.apps.all().await?;
        let other_disks = inner.apps.other_disks(apps.iter().map(|app| app.id.clone())).await;
        Ok(Facts {
            now,
            apps,
            safe_mode: inner.apps.in_safe_mode().await?,
            docker_down,
            restartable,
            machine: machine.ok(),
            disk,
            samples: kept.samples,
            failed_changes: kept.failed_changes,
            not_undone: kept.not_undone,
            failed_starts: kept.failed_starts,
            overdue: kept.overdue,
            leaks: inner.apps.leaks().await?,
            other_disks,
            certificates: inner.machine.certificates(),
            copies: inner.machine.copies().await,
            docker_store: inner.machine.find_docker_store().await.ok(),
            returned: inner.machine.returned_versions().await,
            proving: inner.machine.proving().await,
            ends: kept.ends,
            memory_pressure: orbitr_host::pressure::memory().map(|pressure| pressure.over_5_min),
        })
    }

    /// Writes down how full the disk is, once every quarter of an hour.
    async fn keep_sample(&self, now: Timestamp, disk: Used) -> Result<(), Error> {
        let last = self.inner.store.read(rows::last_sample).await?;
        if last.is_some_and(|last| now >= last && now.duration_since(last) < disk::EVERY) {
            return Ok(());
        }
        let sample = disk::Sample { at: now, used: disk.used.0, total: disk.total.0 };
        self.inner.store.write(move |tx| rows::keep_sample(tx, sample)).await
    }
}
