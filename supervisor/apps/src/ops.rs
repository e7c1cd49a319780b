//! What users ask for. Each takes its permit; each that changes something is one transaction that also
//! writes history and puts the job into the queue.

use std::collections::{BTreeMap, HashMap, HashSet};

use orbitr_access::{
    Permit, Visible,
    action::{ChangeApp, InstallApp, ListApps, RevealAppSecrets, ViewApp},
    scope,
};
use orbitr_jobs::{Kind, NewJob, enqueue};
use orbitr_model::{AppId, JobId, deed};
use orbitr_store::{NewEvent, Outcome, Subject, Tx};
use rusqlite::Connection;
use serde_json::json;

use crate::{
    Apps, Error,
    actions::{self, ActionView},
    bindings::{BindingView, dependants, rows as binding_rows},
    consent,
    extension::Extension,
    kinds::{install, lifecycle::Lifecycle},
    model::{App, ChangeRequest, InstallRequest, Phase, Release},
    plan, policy, rows, safe_mode, schedule, secret_prefix,
    status::{Held, Seen, offered, status},
    view::{AppDetail, AppView, ContainerView, DataSize, JobBrief, ReleaseView, Started},
    work::blocking,
};

impl Apps {
    /// The apps that the caller may see, by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, permit: &Permit<ListApps>) -> Result<Vec<AppView>, Error> {
        let visible = permit.visible();
        let rows = self.hands.store.read(move |conn| visible_rows(conn, &visible)).await?;
        Ok(rows.into_iter().map(|row| self.view(row)).collect())
    }

    /// Every app, for the box's own eyes: nobody's question is answered with it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn all(&self) -> Result<Vec<AppView>, Error> {
        Ok(self.rows().await?.into_iter().map(|row| self.view(row)).collect())
    }

    pub(crate) async fn rows(&self) -> Result<Vec<AppRow>, Error> {
        self.hands.store.read(|conn| visible_rows(conn, &Visible::All)).await
    }

    /// One app with everything about it but its secrets.
    ///
    /// # Errors
    /// There is no such app, or the database does not answer.
    pub async fn get(&self, permit: &Permit<ViewApp>) -> Result<AppDetail, Error> {
        let (id, secrets) = (permit.resource().clone(), self.hands.store.secrets().clone());
        let read = move |conn: &Connection| {
            let (app, brief) = rows::app_in_brief(conn, &id)?;
            let release = rows::latest(conn, &app)?;
            let job = orbitr_jobs::unfinished(conn, Some(&app.id))?.into_iter().next();
            let all = All { safe: safe_mode::is_on(conn)?, held: policy::held(conn)? };
            let bound = (binding_rows::of_app(conn, &app.id)?, dependants(conn, &app.id)?);
            let results = actions::results(conn, &secrets, &app.id)?;
            let also = (consent::kept(conn, &app.id)?, schedule::all(conn)?, results);
            Ok::<_, Error>((row(conn, app, brief, job, &all), release, bound, also))
        };
        let (row, found, (bound, dependants), (consent, kept, results)) = self.hands.store.read(read).await?;
        let release = found.as_ref().map(|release| ReleaseView::of(release, row.app.active, &consent));
        let notes = found.as_ref().and_then(|release| self.notes(release)).unwrap_or_default();
        let containers = self.hands.docker.containers_of(&row.app.id).unwrap_or_default();
        let containers = containers.iter().map(|container| ContainerView::of(container)).collect();
        let extension = row.release.as_ref().and_then(|it| it.extension.as_ref());
        let actions = extension.map(ActionView::all).unwrap_or_default();
        let bindings = match (extension, &found) {
            (Some(extension), Some(release)) => BindingView::all(extension, &release.bindings, &bound),
            _ => Vec::new(),
        };
        let schedules = match extension {
            Some(extension) => self.schedules(&row.app.id, extension, &kept).await?,
            None => Vec::new(),
        };
        let updates = self.updates(&row.app, found.as_ref()).await?;
        let (app, results) = (self.view(row), self.jobs_in_brief(results).await?);
        let folder = self.hands.folder(&app.id);
        Ok(AppDetail {
            app,
            release,
            containers,
            bindings,
            dependants,
            actions,
            results,
            schedules,
            updates,
            data_at: folder.data().to_string_lossy().into_owned(),
            data_elsewhere: folder.elsewhere().is_some(),
            notes,
        })
    }

    /// An app's releases, the newest first.
    ///
    /// # Errors
    /// There is no such app, or the database does not answer.
    pub async fn releases(&self, permit: &Permit<ViewApp>) -> Result<Vec<ReleaseView>, Error> {
        let id = permit.resource().clone();
        let read = move |conn: &Connection| {
            Ok::<_, Error>((rows::get(conn, &id)?, rows::releases(conn, &id)?, consent::kept(conn, &id)?))
        };
        let (app, releases, consent) = self.hands.store.read(read).await?;
        Ok(releases.iter().map(|release| ReleaseView::of(release, app.active, &consent)).collect())
    }

    /// How much an app's data folder holds. Walks through all of it.
    ///
    /// # Errors
    /// There is no such app, or the database does not answer.
    pub async fn data_size(&self, permit: &Permit<ViewApp>) -> Result<DataSize, Error> {
        self.exists(permit.resource()).await?;
        let data = self.hands.folder(permit.resource()).data();
        let bytes = blocking(move || Ok(orbitr_host::tree::length(&data))).await?;
        Ok(DataSize { size: orbitr_model::ByteSize(bytes) })
    }

    /// The passwords and keys that an app's extension lets its owner look at, by name. Written to history.
    ///
    /// # Errors
    /// There is no such app, or the database does not answer.
    pub async fn reveal(&self, permit: &Permit<RevealAppSecrets>) -> Result<BTreeMap<String, String>, Error> {
        let id = permit.resource().clone();
        let read = move |conn: &Connection| {
            let app = rows::get(conn, &id)?;
            let release = rows::latest(conn, &app)?;
            Ok::<_, Error>((app, release))
        };
        let (app, release) = self.hands.store.read(read).await?;
        let Some(release) = release else { return Ok(BTreeMap::new()) };
        let extension = Extension::read(&release)?;
        let mut values = crate::secret_values(&self.hands.store, &release).await?;
        values.retain(|name, _| extension.may_reveal(name));
        let event = event(permit, deed::APP_REVEAL, &app, json!({ "names": values.keys().collect::<Vec<_>>() }));
        self.hands.store.write(move |tx| tx.event(event).map_err(Error::from)).await?;
        Ok(values)
    }

    /// Installs an extension: an app and its first release as rows, and the job that makes them real.
    ///
    /// # Errors
    /// The inputs are not right, a port or the id is taken, the extension cannot run here, or the box is in safe mode.
    pub async fn install(&self, permit: &Permit<InstallApp>, request: InstallRequest) -> Result<Started, Error> {
        let entry = self.entry(&request.extension)?;
        let extension = Extension::parse(entry.manifest.text())?;
        extension.check_runs_here(&request.extension)?;
        let asked = consent::all(extension.manifest().x().permissions.iter());
        let consent = consent::check(permit, &asked, &request.consent);
        let mut draft = consent::together(self.draft(&request, &extension).await, [consent])?;
        draft.release.made_by = permit.actor().clone();
        let mut bound = self.bind(*permit.resource(), &draft, &extension).await?;
        draft.release.bindings = std::mem::take(&mut bound.bindings);
        consent::none_needed(bound.providers.iter().map(|draft| &draft.release))?;
        let providers = bound.providers.iter().map(|draft| self.installs(permit, draft, 0));
        let providers: Vec<_> = providers.collect::<Result<_, _>>()?;
        let binds = draft.release.bindings.values().filter(|binding| binding.provider().is_some()).count();
        let install = self.installs(permit, &draft, binds)?;
        let secrets = self.hands.store.secrets().clone();
        let (app, release) = (draft.app.id.clone(), draft.release.id);
        let job = self
            .hands
            .store
            .write(move |tx| {
                if safe_mode::is_on(tx)? {
                    return Err(Error::SafeMode);
                }
                for provider in providers {
                    provider.write(tx, &secrets)?;
                }
                let job = install.write(tx, &secrets)?;
                consent::keep(tx, release, &request.consent)?;
                bound.write(tx, &secrets)?;
                Ok::<_, Error>(job)
            })
            .await?;
        self.jobs.wake();
        Ok(Started { app, job })
    }

    /// An installation with its job and its line of history.
    fn installs(&self, permit: &Permit<InstallApp>, draft: &plan::Draft, binds: usize) -> Result<Installs, Error> {
        let mut draft = draft.clone();
        draft.app.project = *permit.resource();
        let args = install::Args {
            app: draft.app.id.clone(),
            release: draft.release.id,
            onto_kept_data: draft.onto_kept_data,
            binds,
        };
        let title = format!("Install {}", draft.app.name);
        let job = new_job::<install::Install>(&args, &draft.app, &title, permit.actor())?;
        let event = event(permit, deed::APP_INSTALL, &draft.app, draft.history());
        Ok(Installs { draft, job, event })
    }

    /// Changes an app's inputs: a new release beside the active one, and the job that switches to it.
    ///
    /// # Errors
    /// The inputs are not right or cannot be changed, a port is taken, the app is not installed, or a job
    /// is at it.
    pub async fn change(&self, permit: &Permit<ChangeApp>, request: ChangeRequest) -> Result<Started, Error> {
        let app = self.idle_app(permit.resource(), Phase::Installed).await?;
        let draft = self.draft_change(&app, &request, permit.actor()).await?;
        let title = format!("Change {}", app.name);
        let event =
            event(permit, deed::APP_CHANGE, &app, json!({ "inputs": request.inputs.keys().collect::<Vec<_>>() }));
        self.switch(permit.actor(), app, draft, &title, event).await
    }

    /// One transaction: nobody else is at the app, what is wanted changes, history, the job.
    pub(crate) async fn start(
        &self,
        app: App,
        event: NewEvent,
        job: NewJob,
        change: impl FnOnce(&mut Tx<'_>, &App) -> Result<(), Error> + Send + 'static,
    ) -> Result<Started, Error> {
        self.start_with(app, event, job, |tx, app, job| change(tx, app).map(|()| job)).await
    }

    /// The same for a job that only the transaction knows to the end.
    pub(crate) async fn start_with(
        &self,
        app: App,
        event: NewEvent,
        job: NewJob,
        change: impl FnOnce(&mut Tx<'_>, &App, NewJob) -> Result<NewJob, Error> + Send + 'static,
    ) -> Result<Started, Error> {
        let id = app.id.clone();
        let job = self
            .hands
            .store
            .write(move |tx| {
                let now = rows::get(tx, &app.id)?;
                if now.changed != app.changed || rows::has_active_job(tx, &app.id)? {
                    return Err(Error::Busy(app.id));
                }
                let job = change(tx, &app, job)?;
                tx.event(event)?;
                Ok(enqueue(tx, job)?)
            })
            .await?;
        self.jobs.wake();
        Ok(Started { app: id, job })
    }

    /// The app, if it is in this phase and no job is at it.
    pub(crate) async fn idle_app(&self, id: &AppId, phase: Phase) -> Result<App, Error> {
        let id = id.clone();
        self.hands
            .store
            .read(move |conn| {
                let app = rows::get(conn, &id)?;
                if rows::has_active_job(conn, &id)? {
                    return Err(Error::Busy(id));
                }
                if app.phase != phase {
                    return Err(Error::WrongState { app: id, why: "is not installed".to_owned() });
                }
                Ok(app)
            })
            .await
    }

    pub(crate) async fn exists(&self, id: &AppId) -> Result<(), Error> {
        let id = id.clone();
        self.hands.store.read(move |conn| rows::get(conn, &id).map(|_| ())).await
    }

    pub(crate) fn view(&self, row: AppRow) -> AppView {
        let AppRow { app, release, job, safe_mode, held } = row;
        let connection = self.hands.docker.connection();
        let down = match &*connection.borrow() {
            orbitr_docker::Connection::Up { .. } => None,
            orbitr_docker::Connection::Down { reason, .. } => Some(reason.clone()),
        };
        let extension = release.as_ref().and_then(|release| release.extension.clone());
        let mut containers = self.hands.docker.containers_of(&app.id).unwrap_or_default();
        containers.retain(|c| match (&c.service, &extension) {
            (Some(service), Some(extension)) => extension.stays_up(service),
            _ => true,
        });
        let probe = self.hands.seen.probe(&app.id);
        let waits = self.hands.seen.waits(&app.id);
        // While another app starts or stops after this one, this one is held and is what it is.
        let at_it = job.as_ref().filter(|job| job.kind != Lifecycle::NAME || job.app.as_ref() == Some(&app.id));
        let seen = Seen {
            docker_down: down.as_deref(),
            job: at_it.map(Held::by),
            containers: &containers,
            probe: probe.as_ref(),
            waits: waits.as_deref(),
            safe_mode,
        };
        let status = status(&app, &seen);
        let endpoints = match (&release, &extension, app.phase) {
            (Some(release), Some(extension), Phase::Installed | Phase::Installing) => {
                extension.endpoints(&release.brief.ports)
            }
            _ => Vec::new(),
        };
        AppView {
            provides: extension.as_ref().map(Extension::provides).unwrap_or_default(),
            has_passwords: app.phase == Phase::Installed && extension.as_ref().is_some_and(Extension::has_passwords),
            verbs: offered(status.state, &app, job.is_some(), safe_mode).to_vec(),
            held,
            update: release.as_ref().and_then(|it| self.newer(&app, &it.brief.version, it.brief.revision)),
            version: release.map(|release| release.brief.version).unwrap_or_default(),
            job: job.map(|job| JobBrief { id: job.id, title: job.title, state: job.state }),
            care: self.hands.seen.care(&app.id),
            id: app.id,
            name: app.name,
            project: app.project,
            extension: app.extension,
            phase: app.phase,
            wanted: app.wanted,
            status,
            endpoints,
            created: app.created,
        }
    }

    fn notes(&self, release: &Release) -> Option<String> {
        self.entry(&release.extension).ok().and_then(|entry| entry.post_install().map(str::to_owned))
    }
}

/// An installation, ready to be written.
struct Installs {
    draft: plan::Draft,
    job: NewJob,
    event: NewEvent,
}

impl Installs {
    fn write(self, tx: &mut Tx<'_>, secrets: &orbitr_store::Secrets) -> Result<JobId, Error> {
        let Self { draft, job, event } = self;
        plan::still_free(tx, &draft)?;
        if draft.onto_kept_data {
            rows::reinstall(tx, &draft.app)?;
        } else {
            rows::insert_app(tx, &draft.app)?;
            scope::add_app(tx, &draft.app.id, &draft.app.project)?;
        }
        write_release(tx, secrets, &draft.release, &draft.answers.secrets)?;
        tx.event(event)?;
        Ok(enqueue(tx, job)?)
    }
}

/// An app as the database knows it.
pub(crate) struct AppRow {
    pub(crate) app: App,
    release: Option<ShownRelease>,
    pub(crate) job: Option<orbitr_jobs::Unfinished>,
    pub(crate) safe_mode: bool,
    held: bool,
}

impl AppRow {
    /// How long its extension gives it to come up; nothing where that cannot be read any more.
    pub(crate) fn grace(&self) -> std::time::Duration {
        let extension = self.release.as_ref().and_then(|release| release.extension.as_ref());
        extension.map(Extension::grace).unwrap_or_default()
    }
}

/// What is asked once for all apps.
struct All {
    safe: bool,
    held: HashSet<AppId>,
}

/// What it runs, or ran last.
struct ShownRelease {
    brief: rows::Brief,
    /// None where its text cannot be read any more.
    extension: Option<Extension>,
}

fn row(
    conn: &Connection,
    app: App,
    brief: Option<rows::Brief>,
    job: Option<orbitr_jobs::Unfinished>,
    all: &All,
) -> AppRow {
    let release = brief.map(|brief| {
        let extension = Extension::of(brief.id, || rows::manifest(conn, brief.id)).ok();
        ShownRelease { brief, extension }
    });
    let held = all.held.contains(&app.id);
    AppRow { app, release, job, safe_mode: all.safe, held }
}

fn visible_rows(conn: &Connection, visible: &Visible) -> Result<Vec<AppRow>, Error> {
    // Few jobs run, if any, and many apps are listed: they are asked for once.
    let mut jobs: HashMap<_, _> = HashMap::new();
    for job in orbitr_jobs::unfinished(conn, None)? {
        for app in job.app.iter().chain(&job.also) {
            jobs.entry(app.clone()).or_insert_with(|| job.clone());
        }
    }
    let all = All { safe: safe_mode::is_on(conn)?, held: policy::held(conn)? };
    let apps = rows::apps_in_brief(conn)?.into_iter().filter(|(app, _)| visible.has_app(&app.id));
    let rows = apps.map(|(app, brief)| {
        let job = jobs.remove(&app.id);
        row(conn, app, brief, job, &all)
    });
    Ok(rows.collect())
}

pub(crate) fn new_job<K: Kind>(
    args: &K::Args,
    app: &App,
    title: &str,
    actor: &orbitr_model::Actor,
) -> Result<NewJob, Error> {
    Ok(NewJob::of::<K>(args, title, actor.clone())?.on(app.id.clone()))
}

pub(crate) fn event<A: orbitr_access::Action>(
    permit: &Permit<A>,
    action: &'static str,
    app: &App,
    detail: serde_json::Value,
) -> NewEvent {
    NewEvent {
        actor: permit.actor().clone(),
        action,
        subject: Subject { kind: "app", id: app.id.to_string(), name: app.name.to_string() },
        outcome: Outcome::Ok,
        detail,
        address: permit.address(),
    }
}

/// Writes a release and seals its secrets under its own id, so that each release has all of its own.
pub(crate) fn write_release(
    tx: &mut Tx<'_>,
    secrets: &orbitr_store::Secrets,
    release: &Release,
    values: &BTreeMap<String, String>,
) -> Result<(), Error> {
    rows::insert_release(tx, release)?;
    for (name, value) in values {
        secrets.set(tx, &format!("{}{name}", secret_prefix(&release.app, release.id)), value)?;
    }
    Ok(())
}
