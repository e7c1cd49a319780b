//! What users ask for: who gives what to whom, another password; and what an installation is bound to.

use std::collections::{BTreeMap, BTreeSet};

use orbitr_access::{Permit, action::ChangeApp};
use orbitr_model::{AppId, DisplayName, FieldError, ProjectId, deed};
use orbitr_sdk::{BindingChoice, Require, new_password, system_random};
use orbitr_store::Tx;
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{Binding, choose::wrong, next_password_name, password_name, rows, rows::BindingRow};
use crate::{
    Apps, Error,
    extension::Extension,
    kinds::rotate::{self, Rotate},
    model::{InstallRequest, Phase, Release, Wanted},
    ops::{event, new_job},
    plan, rows as app_rows, safe_mode,
    view::Started,
};

/// Where a requirement of an app comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BindingView {
    /// The requirement's name.
    pub name: String,
    /// What people read.
    pub label: String,
    /// From where.
    #[serde(flatten)]
    pub binding: Binding,
    /// The database and the user that the other app made for it.
    pub login: Option<String>,
    /// Whether its password can be changed by a press.
    pub rotates: bool,
}

/// An app that needs another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Dependant {
    /// The app.
    pub app: AppId,
    /// What people call it.
    pub name: DisplayName,
    /// The requirement's name in its extension.
    pub requirement: String,
    /// Whether it is meant to be up: then it breaks when the other one stops.
    pub runs: bool,
}

/// What an installation is bound to, ready to be written.
#[derive(Default)]
pub(crate) struct Bound {
    pub(crate) bindings: BTreeMap<String, Binding>,
    pub(crate) rows: Vec<BindingRow>,
    /// Apps to be installed for it, each before it.
    pub(crate) providers: Vec<plan::Draft>,
}

impl BindingView {
    /// What an app gets from elsewhere, by the names of its requirements.
    pub(crate) fn all(extension: &Extension, bindings: &BTreeMap<String, Binding>, rows: &[BindingRow]) -> Vec<Self> {
        let label = |name: &str| {
            let of_contract = || {
                let require = extension.manifest().requires().get(name)?;
                Some(orbitr_sdk::contract(require.capability.as_str())?.title)
            };
            extension.manifest().requirement_label(name).or_else(of_contract).unwrap_or(name).to_owned()
        };
        let view = |(name, binding): (&String, &Binding)| {
            let row = rows.iter().find(|row| row.name == *name);
            Self {
                name: name.clone(),
                label: label(name),
                binding: binding.clone(),
                login: row.map(|row| row.login.clone()).filter(|login| !login.is_empty()),
                rotates: row.is_some_and(|row| !row.login.is_empty() && row.made.is_some()),
            }
        };
        bindings.iter().map(view).collect()
    }
}

impl Apps {
    /// Gives an app another password at the app that it is bound to. Both hear of it; where it does not come up with the new
    /// one, the old one holds again.
    ///
    /// # Errors
    /// The app has no such binding, is stopped, not installed, or a job is at it.
    pub async fn rotate_password(&self, permit: &Permit<ChangeApp>, requirement: &str) -> Result<Started, Error> {
        let app = self.idle_app(permit.resource(), Phase::Installed).await?;
        let id = app.id.clone();
        let rows = self.hands.store.read(move |conn: &Connection| rows::of_app(conn, &id)).await?;
        let Some(row) = rows.into_iter().find(|row| row.name == requirement && !row.login.is_empty()) else {
            let message = format!("this app has no password of its own for «{requirement}» at another app");
            return Err(Error::Inputs(vec![FieldError { field: "binding".to_owned(), message }]));
        };
        if app.wanted == Wanted::Stopped {
            return Err(Error::WrongState { app: app.id, why: "is stopped; start it first".to_owned() });
        }
        let args = rotate::Args { app: app.id.clone(), requirement: row.name.clone() };
        let title = format!("Change the password of {} at {}", app.name, row.provider);
        let job = new_job::<Rotate>(&args, &app, &title, permit.actor())?;
        let event = event(permit, deed::APP_ROTATE, &app, json!({ "binding": row.name, "provider": row.provider }));
        let secrets = self.hands.store.secrets().clone();
        let password = fresh()?;
        self.start(app, event, job, move |tx, app| {
            if safe_mode::is_on(tx)? {
                return Err(Error::SafeMode);
            }
            Ok(secrets.set(tx, &next_password_name(&app.id, &row.name), &password)?)
        })
        .await
    }

    /// Finds who fulfils what was chosen for a new app. What an earlier installation had is had again.
    pub(crate) async fn bind(
        &self,
        project: ProjectId,
        draft: &plan::Draft,
        extension: &Extension,
    ) -> Result<Bound, Error> {
        let (mut bound, chosen) = (Bound::default(), &draft.chosen);
        let needed = extension.needed(&draft.answers.resolved);
        if needed.is_empty() {
            return Ok(bound);
        }
        let app = draft.app.id.clone();
        let read = move |conn: &Connection| Ok::<_, Error>((providers(conn, project)?, rows::of_app(conn, &app)?));
        let (there, had) = self.hands.store.read(read).await?;
        for (name, require) in needed {
            let Some(choice) = chosen.words.get(&name) else { continue };
            let binding = match choice {
                BindingChoice::Bundled => Binding::Bundled,
                BindingChoice::External => {
                    Binding::External { values: chosen.outside.get(&name).cloned().unwrap_or_default() }
                }
                BindingChoice::Existing | BindingChoice::Managed => {
                    if let Some(row) = had.iter().find(|row| row.name == name) {
                        Binding::Existing { app: row.provider.clone() }
                    } else if *choice == BindingChoice::Existing {
                        let app = chosen.apps.get(&name);
                        let found = there.iter().find(|provider| Some(&provider.app) == app);
                        let no_app =
                            || Error::Inputs(vec![wrong(&name, ".app", "there is no such app in this project")]);
                        let provider = found.ok_or_else(no_app)?;
                        let unfit = || Error::Inputs(vec![wrong(&name, ".app", "it does not provide what is needed")]);
                        let place = provider.place(&require).ok_or_else(unfit)?;
                        bound.add(draft, &name, place);
                        Binding::Existing { app: provider.app.clone() }
                    } else {
                        let place = match there.iter().find_map(|provider| provider.place(&require)) {
                            Some(place) => place,
                            None => self.new_provider(&name, &require, &mut bound).await?,
                        };
                        let app = place.provider.clone();
                        bound.add(draft, &name, place);
                        Binding::Managed { app }
                    }
                }
            };
            bound.bindings.insert(name, binding);
        }
        Ok(bound)
    }

    /// An app that is to be installed because nobody provides this yet.
    async fn new_provider(&self, name: &str, require: &Require, bound: &mut Bound) -> Result<Place, Error> {
        let planned = bound.providers.iter().find_map(|draft| {
            let extension = Extension::read(&draft.release).ok()?;
            Provider::new(&draft.app.id, extension, &draft.release).place(require)
        });
        if let Some(place) = planned {
            return Ok(place);
        }
        for entry in self.catalog.list().filter(|entry| entry.manifest.requires().is_empty()) {
            if entry.manifest.provides_for(require).is_none() {
                continue;
            }
            let extension = Extension::parse(entry.manifest.text())?;
            if extension.check_runs_here(&entry.id).is_err() {
                continue;
            }
            let request = InstallRequest::of(entry.id.clone());
            let draft = self.draft(&request, &extension).await?;
            let provider = Provider::new(&draft.app.id, extension, &draft.release);
            bound.providers.push(draft);
            if let Some(place) = provider.place(require) {
                return Ok(place);
            }
        }
        let message = "no app of this project provides it, and the store has none that could be installed for it";
        Err(Error::Inputs(vec![wrong(name, ".from", message)]))
    }
}

/// What the servers of this world call their own databases and users: nobody else may be called so at any of them.
const RESERVED: [&str; 12] = [
    "admin",
    "default",
    "healthcheck",
    "information_schema",
    "mariadb",
    "mysql",
    "performance_schema",
    "postgres",
    "probe",
    "public",
    "root",
    "sys",
];

/// An app that gives something to others.
struct Provider {
    app: AppId,
    extension: Extension,
    /// The names that no place there can have: those of its own answers, and of the places that it has made.
    taken: BTreeSet<String>,
}

impl Provider {
    fn new(app: &AppId, extension: Extension, release: &Release) -> Self {
        let answers = release.inputs.values().filter_map(|answer| Some(answer.as_str()?.to_owned()));
        Self { app: app.clone(), extension, taken: answers.collect() }
    }

    /// Where it would fulfil a requirement; none where it cannot.
    fn place(&self, require: &Require) -> Option<Place> {
        let (key, provide) = self.extension.manifest().provides_for(require)?;
        Some(Place {
            provider: self.app.clone(),
            provides: key.to_string(),
            own: provide.provision.is_some(),
            taken: self.taken.clone(),
        })
    }
}

struct Place {
    provider: AppId,
    provides: String,
    /// Whether each app has a place of its own there.
    own: bool,
    /// The names that it cannot have.
    taken: BTreeSet<String>,
}

/// What an app's place is called: as the app is, unless somebody there is called so.
fn login(app: &AppId, requirement: &str, taken: &dyn Fn(&str) -> bool) -> String {
    let base = app.as_str().replace('-', "_");
    let longer = format!("{base}_{requirement}");
    let numbered = (2..).map(|number| format!("{longer}_{number}"));
    let mut names = [base, longer.clone()].into_iter().chain(numbered);
    names.find(|name| !RESERVED.contains(&name.as_str()) && !taken(name)).unwrap_or(longer)
}

impl Bound {
    fn add(&mut self, draft: &plan::Draft, name: &str, place: Place) {
        let beside = |name: &str| self.rows.iter().any(|row| row.provider == place.provider && row.login == name);
        let taken = |name: &str| place.taken.contains(name) || beside(name);
        let login = if place.own { login(&draft.app.id, name, &taken) } else { String::new() };
        self.rows.push(BindingRow {
            app: draft.app.id.clone(),
            name: name.to_owned(),
            provider: place.provider,
            provides: place.provides,
            login,
            made: None,
        });
    }

    /// Writes down what the new app gets, with a password for each place.
    pub(crate) fn write(&self, tx: &mut Tx<'_>, secrets: &orbitr_store::Secrets) -> Result<(), Error> {
        for row in &self.rows {
            let provider = app_rows::get(tx, &row.provider)?;
            if !matches!(provider.phase, Phase::Installed | Phase::Installing) {
                return Err(Error::WrongState { app: provider.id, why: "is being removed".to_owned() });
            }
            rows::insert(tx, row)?;
            if !row.login.is_empty() {
                secrets.set(tx, &password_name(&row.app, &row.name), &fresh()?)?;
            }
        }
        Ok(())
    }
}

fn fresh() -> Result<String, Error> {
    let made = new_password(&mut system_random).map_err(|error| Error::Manifest(error.to_string()))?;
    Ok(made.expose().to_owned())
}

/// The apps of a project that give something, the oldest first.
fn providers(conn: &Connection, project: ProjectId) -> Result<Vec<Provider>, Error> {
    let mut apps = app_rows::apps(conn)?;
    apps.retain(|app| app.project == project && matches!(app.phase, Phase::Installed | Phase::Installing));
    apps.sort_by_key(|app| app.created);
    let mut found = Vec::new();
    for app in apps {
        let Some(release) = app_rows::latest(conn, &app)? else { continue };
        let Ok(extension) = Extension::read(&release) else { continue };
        if !extension.manifest().provides().is_empty() {
            let mut provider = Provider::new(&app.id, extension, &release);
            provider.taken.extend(rows::of_provider(conn, &app.id)?.into_iter().map(|row| row.login));
            found.push(provider);
        }
    }
    Ok(found)
}

/// The apps that need an app.
pub(crate) fn dependants(conn: &Connection, provider: &AppId) -> Result<Vec<Dependant>, Error> {
    let rows = rows::of_provider(conn, provider)?;
    rows.into_iter()
        .map(|row| {
            let app = app_rows::get(conn, &row.app)?;
            let runs = app.wanted == Wanted::Running && app.phase != Phase::Kept;
            Ok(Dependant { app: app.id, name: app.name, requirement: row.name, runs })
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_called_as_its_app_is_unless_somebody_there_is_called_so() {
        let called = |app: &str, taken: &[&str]| login(&app.parse().unwrap(), "db", &|name| taken.contains(&name));
        assert_eq!(called("my-shop", &[]), "my_shop");
        assert_eq!(called("my-shop", &["my_shop"]), "my_shop_db");
        assert_eq!(called("my-shop", &["my_shop", "my_shop_db"]), "my_shop_db_2");
        // the server's own
        assert_eq!(called("mysql", &[]), "mysql_db");
        assert_eq!(called("default", &[]), "default_db");
    }
}
