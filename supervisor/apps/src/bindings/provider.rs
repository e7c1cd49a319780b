//! At the provider: the place that it makes for another app, its password, its last dump, and the network between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use orbitr_docker::State;
use orbitr_host::files;
use orbitr_jobs::{StepContext, StepError};
use orbitr_model::{AppId, Problem};
use orbitr_sdk::{Exec, Provide, contract};
use orbitr_store::SecretText;
use rusqlite::Connection;

use super::{Binding, host, network, next_password_name, password_name, rows, rows::BindingRow};
use crate::{
    Error,
    model::{Phase, Wanted},
    rows::{get as get_app, latest},
    work::{Hands, Loaded, blocking},
};

/// How long a provider may take to be there: it may be being installed, with its images still to come.
pub(crate) const READY: Duration = Duration::from_secs(60 * 60);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(500);
/// How often a command is tried on a provider that has just come up.
const TRIES: u32 = 20;
/// How long a dump may take.
const DUMP: Duration = Duration::from_secs(6 * 60 * 60);

/// The fields of each requirement, by its name.
pub(crate) type Fields = BTreeMap<String, BTreeMap<String, String>>;

/// The network of a provider, and who of an app is in it.
pub(crate) struct Join {
    pub(crate) network: String,
    pub(crate) services: BTreeSet<String>,
    /// The name under which they are reached there.
    pub(crate) alias: Option<String>,
}

/// What a provider's commands are for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Password {
    /// The one that holds.
    Current,
    /// The one that is to hold.
    Next,
}

impl Hands {
    /// The fields behind a release's `${BIND_…}` variables, but for those of its own copies.
    pub(crate) async fn fields(&self, loaded: &Loaded, password: Password) -> Result<Fields, Error> {
        let mut all = Fields::new();
        for (name, binding) in &loaded.release.bindings {
            let Some(require) = loaded.extension.manifest().requires().get(name.as_str()) else { continue };
            let Some(contract) = contract(require.capability.as_str()) else { continue };
            let known = match binding {
                Binding::Managed { .. } | Binding::Existing { .. } => {
                    let Some(row) = self.binding(&loaded.app.id, name).await? else { continue };
                    self.provided(&row, password).await?
                }
                Binding::External { values } => {
                    let secrets = crate::secret_values(&self.store, &loaded.release).await?;
                    let beginning = format!("bind/{name}/");
                    let hidden = secrets
                        .into_iter()
                        .filter_map(|(key, value)| Some((key.strip_prefix(&beginning)?.to_owned(), value)));
                    values.clone().into_iter().chain(hidden).collect()
                }
                Binding::Bundled => continue,
            };
            all.insert(name.clone(), contract.complete(&known));
        }
        Ok(all)
    }

    /// What a provider hands over for one binding.
    async fn provided(&self, row: &BindingRow, password: Password) -> Result<BTreeMap<String, String>, Error> {
        let provider = self.load_latest(&row.provider).await?;
        let provide = provide(&provider, row)?.clone();
        let variables = self.grant_variables(&provider, row, password).await?;
        let text = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => orbitr_sdk::fill(text, &|name| variables.get(name).cloned()),
            other => other.to_string(),
        };
        let mut values: BTreeMap<String, String> =
            provide.values.iter().map(|(field, value)| (field.clone(), text(value))).collect();
        values.insert("host".to_owned(), host(&row.provider));
        Ok(values)
    }

    /// The provider's own variables, with those of one place.
    async fn grant_variables(
        &self,
        provider: &Loaded,
        row: &BindingRow,
        password: Password,
    ) -> Result<BTreeMap<String, String>, Error> {
        let secrets = crate::secret_values(&self.store, &provider.release).await?;
        let (name, data) = (provider.app.name.as_str(), provider.folder.data());
        let own = provider.extension.env(&provider.release, name, &secrets, &(self.facts)(), &data, &Fields::new())?;
        let mut variables = own.as_map().clone();
        let (app, name) = (row.app.clone(), row.name.clone());
        let keep = self.store.secrets().clone();
        let (secret, extensions): (Option<SecretText>, String) = self
            .store
            .read(move |conn: &Connection| {
                let next = match password {
                    Password::Next => keep.get(conn, &next_password_name(&app, &name))?,
                    Password::Current => None,
                };
                let secret = match next {
                    Some(next) => Some(next),
                    None => keep.get(conn, &password_name(&app, &name))?,
                };
                let asked = get_app(conn, &app).and_then(|app| latest(conn, &app))?;
                let asked = asked.and_then(|release| crate::extension::Extension::read(&release).ok());
                let grant = asked.and_then(|extension| {
                    extension.manifest().requires().get(name.as_str()).and_then(|require| require.grant.clone())
                });
                Ok::<_, Error>((secret, grant.map(|grant| grant.extensions.join(" ")).unwrap_or_default()))
            })
            .await?;
        let password = secret.map(|secret| secret.reveal().to_owned()).unwrap_or_default();
        let grant = [
            ("GRANT_HOST", host(&row.provider)),
            ("GRANT_NAME", row.login.clone()),
            ("GRANT_USER", row.login.clone()),
            ("GRANT_PASSWORD", password),
            ("GRANT_EXTENSIONS", extensions),
        ];
        variables.extend(grant.map(|(name, value)| (name.to_owned(), value)));
        Ok(variables)
    }

    async fn binding(&self, app: &AppId, name: &str) -> Result<Option<BindingRow>, Error> {
        let id = app.clone();
        let rows = self.store.read(move |conn| rows::of_app(conn, &id)).await?;
        Ok(rows.into_iter().find(|row| row.name == name))
    }

    /// The app with the release that it runs, or is about to.
    pub(crate) async fn load_latest(&self, app: &AppId) -> Result<Loaded, Error> {
        let id = app.clone();
        let release = self.store.read(move |conn| get_app(conn, &id).and_then(|app| latest(conn, &app))).await?;
        match release {
            Some(release) => self.load(app, release.id).await,
            None => Err(Error::WrongState { app: app.clone(), why: "has no release".to_owned() }),
        }
    }

    /// Has each provider of an app make its place there.
    pub(crate) async fn bind(&self, cx: &StepContext, app: &AppId, wanted: usize) -> Result<(), StepError> {
        let id = app.clone();
        let rows = self.store.read(move |conn| rows::of_app(conn, &id)).await?;
        if rows.len() < wanted {
            let problem = Problem::new(409, "provider-gone", "What the app needs is not there any more")
                .why("The app that was to be installed for it could not be installed, or was removed.")
                .then("Look at its job; then install this app again.");
            return Err(StepError::lasting(problem));
        }
        for row in rows {
            self.grant(cx, &row).await?;
        }
        Ok(())
    }

    /// Makes the places of all apps that a provider serves, where they are not there: its data may be older than they are.
    /// It runs this release, which is not the active one yet: its commands and its own passwords may be others.
    pub(crate) async fn grant_all(&self, cx: &StepContext, provider: &Loaded) -> Result<(), StepError> {
        let id = provider.app.id.clone();
        for row in self.store.read(move |conn| rows::of_provider(conn, &id)).await? {
            if row.made.is_some() {
                self.provision_at(cx, provider, &row, Password::Current, |it| Some(&it.create)).await?;
            }
        }
        Ok(())
    }

    /// Makes a place, or makes sure that it is there as it should be.
    async fn grant(&self, cx: &StepContext, row: &BindingRow) -> Result<(), StepError> {
        self.await_provider(cx, &row.provider).await?;
        cx.log(&format!("{} makes a place for {}", row.provider, row.app));
        self.provision(cx, row, Password::Current, |provision| Some(&provision.create)).await?;
        let (app, name, now) = (row.app.clone(), row.name.clone(), orbitr_store::time::now());
        Ok(self.store.write(move |tx| rows::set_made(tx, &app, &name, Some(now))).await.map_err(Error::from)?)
    }

    /// Gives the place another password.
    pub(crate) async fn rotate(&self, cx: &StepContext, row: &BindingRow, password: Password) -> Result<(), StepError> {
        self.await_provider(cx, &row.provider).await?;
        self.provision(cx, row, password, |provision| provision.rotate.as_ref().or(Some(&provision.create))).await
    }

    /// Takes the places of an app away; with a last dump of what was in them, where the provider can make one.
    pub(crate) async fn unbind(&self, cx: &StepContext, app: &AppId, dump: bool) -> Result<(), StepError> {
        let id = app.clone();
        for row in self.store.read(move |conn| rows::of_app(conn, &id)).await? {
            if row.made.is_none() && !dump {
                // Whether it came so far nobody knows; a place that is not there is dropped as well.
                let id = row.provider.clone();
                let state = self.store.read(move |conn| get_app(conn, &id)).await?;
                if state.phase != Phase::Installed {
                    continue;
                }
            }
            self.await_provider(cx, &row.provider).await?;
            if dump {
                self.last_dump(cx, &row).await?;
            }
            cx.log(&format!("{} takes the place of {} away", row.provider, row.app));
            self.provision(cx, &row, Password::Current, |provision| Some(&provision.drop)).await?;
            let (app, name) = (row.app.clone(), row.name.clone());
            self.store.write(move |tx| rows::set_made(tx, &app, &name, None)).await.map_err(Error::from)?;
        }
        Ok(())
    }

    /// Keeps what is in a place as a file in the provider's folder.
    async fn last_dump(&self, cx: &StepContext, row: &BindingRow) -> Result<(), StepError> {
        let provider = self.load_latest(&row.provider).await?;
        let Some(exec) = provide(&provider, row)?.provision.as_ref().and_then(|it| it.dump.clone()) else {
            return Ok(());
        };
        if row.made.is_none() {
            return Ok(());
        }
        let variables = self.grant_variables(&provider, row, Password::Current).await?;
        let exec = exec.filled(&|name| variables.get(name).cloned());
        let folder = provider.folder.dumps();
        let stamp = orbitr_store::time::now().strftime("%Y%m%d-%H%M%S").to_string();
        let (half, whole) = (folder.join(".half"), folder.join(format!("{}-{}-{stamp}.dump", row.app, row.name)));
        let (make, begin) = (folder.clone(), half.clone());
        blocking(move || {
            files::make_dir(&make, 0o700).map_err(Error::file(format!("making the folder {}", make.display())))?;
            crate::work::write(&begin, b"", 0o600)
        })
        .await?;
        let failed = |error| StepError::from(Error::file(format!("writing {}", half.display()))(error));
        let mut file = tokio::fs::File::create(&half).await.map_err(failed)?;
        let container = self.runs(cx, &provider, &exec.service).await?;
        let limit = exec.timeout.as_ref().map_or(DUMP, |limit| limit.duration().min(DUMP));
        let command = crate::hooks::command(&exec.run, exec.user.as_ref(), &exec.env);
        let told = |line: &str| cx.log(&format!("  {line}"));
        let ended = self.docker.exec_into(container.handle(), &command, limit, cx.token(), told, &mut file).await?;
        file.sync_all().await.map_err(failed)?;
        if ended.status != 0 {
            return Err(StepError::lasting(refused(&exec, row, ended.status)));
        }
        let to = whole.clone();
        blocking(move || {
            std::fs::rename(&half, &to).map_err(Error::file(format!("naming {}", to.display())))?;
            files::sync_dir(&folder).map_err(Error::file(format!("writing {}", folder.display())))
        })
        .await?;
        cx.log(&format!("What was in it is kept as {}", whole.display()));
        Ok(())
    }

    /// Runs one of the commands of what a provider gives.
    async fn provision(
        &self,
        cx: &StepContext,
        row: &BindingRow,
        password: Password,
        which: impl Fn(&orbitr_sdk::Provision) -> Option<&Exec>,
    ) -> Result<(), StepError> {
        let provider = self.load_latest(&row.provider).await?;
        self.provision_at(cx, &provider, row, password, which).await
    }

    /// The same at the release that it runs; a provider that has just come up is asked more than once.
    async fn provision_at(
        &self,
        cx: &StepContext,
        provider: &Loaded,
        row: &BindingRow,
        password: Password,
        which: impl Fn(&orbitr_sdk::Provision) -> Option<&Exec>,
    ) -> Result<(), StepError> {
        let Some(exec) = provide(provider, row)?.provision.as_ref().and_then(&which).cloned() else { return Ok(()) };
        let variables = self.grant_variables(provider, row, password).await?;
        let exec = exec.filled(&|name| variables.get(name).cloned());
        let command = crate::hooks::command(&exec.run, exec.user.as_ref(), &exec.env);
        let limit = exec.timeout.as_ref().map_or(Duration::from_secs(120), |limit| limit.duration());
        for attempt in 1..=TRIES {
            let container = self.runs(cx, provider, &exec.service).await?;
            let mut said = Vec::new();
            let told = |line: &str| said.push(line.to_owned());
            let ended = self.docker.exec(container.handle(), &command, limit, cx.token(), told).await;
            match ended {
                Ok(ended) if ended.status == 0 => return Ok(()),
                Err(orbitr_docker::Error::Cancelled) => return Err(orbitr_docker::Error::Cancelled.into()),
                Err(error) if attempt == TRIES => return Err(error.into()),
                Ok(ended) if attempt == TRIES => {
                    said.iter().for_each(|line| cx.log(&format!("  {line}")));
                    return Err(StepError::lasting(refused(&exec, row, ended.status)));
                }
                _ => pause(cx).await?,
            }
        }
        Ok(())
    }

    /// Waits until a provider runs and no job is at it.
    async fn await_provider(&self, cx: &StepContext, provider: &AppId) -> Result<(), StepError> {
        let begun = Instant::now();
        let mut said = false;
        loop {
            let id = provider.clone();
            let read =
                move |conn: &Connection| Ok::<_, Error>((get_app(conn, &id)?, crate::rows::has_active_job(conn, &id)?));
            let (app, busy) = self.store.read(read).await?;
            let not = |why: &str, then: &str| {
                let problem = Problem::new(409, "provider-down", format!("{} {why}", app.name)).then(then);
                Err(StepError::lasting(problem))
            };
            if !busy {
                match (app.phase, app.wanted) {
                    (Phase::Installed, Wanted::Running) => {
                        let all = self.docker.containers_of(provider).map_err(Error::from)?;
                        if all.iter().any(|container| container.state == State::Running) {
                            return Ok(());
                        }
                    }
                    (Phase::Installed, Wanted::Stopped) => return not("is stopped", "Start it, and try again."),
                    _ => return not("is not installed", "Install it, and try again."),
                }
            }
            if begun.elapsed() > READY {
                return not("is not there yet", "Look at its job and its logs; then try again.");
            }
            if !said {
                cx.log(&format!("Waiting for {}", app.name));
                said = true;
            }
            cx.progress(None, format!("waiting for {}", app.name));
            pause(cx).await?;
        }
    }

    /// The networks that a release is in besides its own: those of its providers, and the one in which it provides.
    pub(crate) async fn joins(&self, loaded: &Loaded) -> Result<Vec<Join>, Error> {
        let manifest = loaded.extension.manifest();
        let mut joins = Vec::new();
        let serving: BTreeSet<String> = manifest.provides().values().filter_map(serving).map(str::to_owned).collect();
        if !serving.is_empty() {
            let app = &loaded.app.id;
            joins.push(Join { network: network(app), services: serving, alias: Some(host(app)) });
        }
        let running = manifest.services_with(&manifest.profiles(&super::words(&loaded.release.bindings)));
        for (name, binding) in &loaded.release.bindings {
            let Some(provider) = binding.provider() else { continue };
            let uses = manifest.services_that_use(name).into_iter().filter(|service| running.contains(service));
            joins.push(Join { network: network(provider), services: uses.map(str::to_owned).collect(), alias: None });
        }
        Ok(joins)
    }

    /// Makes the networks that a release's containers are to be in, where they are not there.
    pub(crate) async fn make_networks(&self, loaded: &Loaded) -> Result<(), Error> {
        let own = loaded.extension.manifest().provides().values().any(|it| serving(it).is_some());
        let providers = loaded.release.bindings.values().filter_map(Binding::provider);
        for app in providers.chain(own.then_some(&loaded.app.id)) {
            self.docker.shared_network(app, &network(app)).await?;
        }
        Ok(())
    }
}

/// The service that others reach.
fn serving(provide: &Provide) -> Option<&str> {
    provide.service.as_deref().or_else(|| provide.provision.as_ref().map(|it| it.create.service.as_str()))
}

fn provide<'a>(provider: &'a Loaded, row: &BindingRow) -> Result<&'a Provide, Error> {
    provider.extension.manifest().provides().get(row.provides.as_str()).ok_or_else(|| Error::WrongState {
        app: row.provider.clone(),
        why: format!("does not provide «{}» any more", row.provides),
    })
}

fn refused(exec: &Exec, row: &BindingRow, status: i64) -> Problem {
    let program = exec.run.first().map_or("", String::as_str);
    Problem::new(502, "provider-refused", format!("{} could not do it for {}", row.provider, row.app))
        .why(format!("{program} in {} ended with status {status}.", exec.service))
        .then("What it said is in the job's log.")
}

async fn pause(cx: &StepContext) -> Result<(), StepError> {
    tokio::select! {
        () = tokio::time::sleep(PAUSE) => Ok(()),
        () = cx.cancelled() => Err(orbitr_docker::Error::Cancelled.into()),
    }
}
