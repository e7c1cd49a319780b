//! What users ask for. Each takes its permit; each that changes something is one transaction that also
//! writes history and puts the job into the queue.

use std::collections::{BTreeMap, HashMap};

use orbitr_access::{
    Permit, Visible,
    action::{ChangeApp, InstallApp, ListApps, OperateApp, RemoveApp, RevealAppSecrets, ViewApp},
    scope,
};
use orbitr_jobs::{Kind, NewJob, enqueue};
use orbitr_model::{AppId, deed};
use orbitr_store::{NewEvent, Outcome, Subject, Tx};
use rusqlite::Connection;
use serde_json::json;

use crate::{
    Apps, Error,
    extension::Extension,
    kinds::{
        install,
        lifecycle::{self, Verb},
        remove,
    },
    model::{App, ChangeRequest, DataChoice, InstallRequest, Phase, Release, RemoveRequest, Wanted},
    plan, rows, safe_mode, secret_prefix,
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

    /// One app with everything about it but its secrets.
    ///
    /// # Errors
    /// There is no such app, or the database does not answer.
    pub async fn get(&self, permit: &Permit<ViewApp>) -> Result<AppDetail, Error> {
        let id = permit.resource().clone();
        let read = move |conn: &Connection| {
            let (app, brief) = rows::app_in_brief(conn, &id)?;
            let release = rows::latest(conn, &app)?;
            let job = orbitr_jobs::unfinished(conn, Some(&app.id))?.into_iter().next();
            let safe = safe_mode::is_on(conn)?;
            Ok::<_, Error>((row(conn, app, brief, job, safe), release))
        };
        let (row, found) = self.hands.store.read(read).await?;
        let release = found.as_ref().map(|release| ReleaseView::of(release, row.app.active));
        let notes = found.as_ref().and_then(|release| self.notes(release)).unwrap_or_default();
        let containers = self.hands.docker.containers_of(&row.app.id).unwrap_or_default();
        let containers = containers.iter().map(|container| ContainerView::of(container)).collect();
        Ok(AppDetail { app: self.view(row), release, containers, notes })
    }

    /// An app's releases, the newest first.
    ///
    /// # Errors
    /// There is no such app, or the database does not answer.
    pub async fn releases(&self, permit: &Permit<ViewApp>) -> Result<Vec<ReleaseView>, Error> {
        let id = permit.resource().clone();
        let read = move |conn: &Connection| Ok::<_, Error>((rows::get(conn, &id)?, rows::releases(conn, &id)?));
        let (app, releases) = self.hands.store.read(read).await?;
        Ok(releases.iter().map(|release| ReleaseView::of(release, app.active)).collect())
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
        let mut draft = self.draft(&request, &extension).await?;
        draft.release.made_by = permit.actor().clone();
        let job = self.install_job(permit, &draft)?;
        let (event, project) = (event(permit, deed::APP_INSTALL, &draft.app, draft.history()), *permit.resource());
        let secrets = self.hands.store.secrets().clone();
        let app = draft.app.id.clone();
        let job = self
            .hands
            .store
            .write(move |tx| {
                if safe_mode::is_on(tx)? {
                    return Err(Error::SafeMode);
                }
                plan::still_free(tx, &draft)?;
                if draft.onto_kept_data {
                    rows::reinstall(tx, &draft.app)?;
                } else {
                    rows::insert_app(tx, &App { project, ..draft.app.clone() })?;
                    scope::add_app(tx, &draft.app.id, &project)?;
                }
                write_release(tx, &secrets, &draft.release, &draft.answers.secrets)?;
                tx.event(event)?;
                Ok::<_, Error>(enqueue(tx, job)?)
            })
            .await?;
        self.jobs.wake();
        Ok(Started { app, job })
    }

    fn install_job(&self, permit: &Permit<InstallApp>, draft: &plan::Draft) -> Result<NewJob, Error> {
        let args = install::Args {
            app: draft.app.id.clone(),
            release: draft.release.id,
            onto_kept_data: draft.onto_kept_data,
        };
        new_job::<install::Install>(&args, &draft.app, &format!("Install {}", draft.app.name), permit.actor())
    }

    /// Starts, stops or restarts an app.
    ///
    /// # Errors
    /// The app is not installed, or a job is at it; [`Error::SafeMode`] when it would be started in safe mode. Stopping one
    /// then says that it is not to start when safe mode is left.
    pub async fn operate(&self, permit: &Permit<OperateApp>, verb: Verb) -> Result<Started, Error> {
        let app = self.idle_app(permit.resource(), Phase::Installed).await?;
        let (title, action, wanted) = match verb {
            Verb::Start => ("Start", deed::APP_START, Wanted::Running),
            Verb::Stop => ("Stop", deed::APP_STOP, Wanted::Stopped),
            Verb::Restart => ("Restart", deed::APP_RESTART, Wanted::Running),
        };
        let args = lifecycle::Args { app: app.id.clone(), verb, before: app.wanted };
        let title = format!("{title} {}", app.name);
        let job = new_job::<lifecycle::Lifecycle>(&args, &app, &title, permit.actor())?;
        let event = event(permit, action, &app, json!({}));
        self.start(app, event, job, move |tx, app| {
            if verb != Verb::Stop && safe_mode::is_on(tx)? {
                return Err(Error::SafeMode);
            }
            rows::set_wanted(tx, &app.id, wanted)?;
            Ok(())
        })
        .await
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

    /// Removes an app, with or without its data.
    ///
    /// # Errors
    /// The data is to go and the app's id was not typed in; the app is being removed already; a job is
    /// at it.
    pub async fn remove(&self, permit: &Permit<RemoveApp>, request: RemoveRequest) -> Result<Started, Error> {
        let id = permit.resource().clone();
        let app = self.hands.store.read(move |conn| rows::get(conn, &id)).await?;
        remove::check(&app, request.data)?;
        if request.data == DataChoice::Delete && request.confirm.as_deref() != Some(app.id.as_str()) {
            return Err(Error::Unconfirmed(app.id));
        }
        let args = remove::Args { app: app.id.clone(), data: request.data, before: app.phase };
        let title = match app.phase {
            Phase::Kept => format!("Delete the data of {}", app.name),
            _ => format!("Remove {}", app.name),
        };
        let job = new_job::<remove::Remove>(&args, &app, &title, permit.actor())?;
        let event = event(permit, deed::APP_REMOVE, &app, json!({ "data": request.data }));
        self.start(app, event, job, |tx, app| Ok(rows::set_phase(tx, &app.id, Phase::Removing)?)).await
    }

    /// One transaction: nobody else is at the app, what is wanted changes, history, the job.
    pub(crate) async fn start(
        &self,
        app: App,
        event: NewEvent,
        job: NewJob,
        change: impl FnOnce(&mut Tx<'_>, &App) -> Result<(), Error> + Send + 'static,
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
                change(tx, &app)?;
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

    fn view(&self, row: AppRow) -> AppView {
        let AppRow { app, release, job, safe_mode } = row;
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
        let probe = self.watch.probe(&app.id);
        let seen = Seen {
            docker_down: down.as_deref(),
            job: job.as_ref().map(Held::by),
            containers: &containers,
            probe: probe.as_ref(),
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
            has_passwords: app.phase == Phase::Installed && extension.as_ref().is_some_and(Extension::has_passwords),
            verbs: offered(status.state, &app, job.is_some(), safe_mode).to_vec(),
            update: release.as_ref().and_then(|it| self.newer(&app, &it.brief.version, it.brief.revision)),
            version: release.map(|release| release.brief.version).unwrap_or_default(),
            job: job.map(|job| JobBrief { id: job.id, title: job.title, state: job.state }),
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

/// An app as the database knows it.
struct AppRow {
    app: App,
    release: Option<ShownRelease>,
    job: Option<orbitr_jobs::Unfinished>,
    safe_mode: bool,
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
    safe_mode: bool,
) -> AppRow {
    let release = brief.map(|brief| {
        let extension = Extension::of(brief.id, || rows::manifest(conn, brief.id)).ok();
        ShownRelease { brief, extension }
    });
    AppRow { app, release, job, safe_mode }
}

fn visible_rows(conn: &Connection, visible: &Visible) -> Result<Vec<AppRow>, Error> {
    // Few jobs run, if any, and many apps are listed: they are asked for once.
    let mut jobs: HashMap<_, _> = HashMap::new();
    for job in orbitr_jobs::unfinished(conn, None)? {
        if let Some(app) = job.app.clone() {
            jobs.entry(app).or_insert(job);
        }
    }
    let safe = safe_mode::is_on(conn)?;
    let apps = rows::apps_in_brief(conn)?.into_iter().filter(|(app, _)| visible.has_app(&app.id));
    let rows = apps.map(|(app, brief)| {
        let job = jobs.remove(&app.id);
        row(conn, app, brief, job, safe)
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
