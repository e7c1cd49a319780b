//! What an extension lets people press, or the clock: commands inside its containers, each a job. Some give a password or
//! key, which is kept sealed until somebody has looked at it, once.

use std::collections::BTreeMap;

use orbitr_access::{
    Caller, Permit,
    action::{ChangeApp, RevealAppSecrets},
};
use orbitr_model::{AppId, FieldError, JobId, Role, deed};
use orbitr_sdk::{Action, Field, InputKind, ResultKind, RoleName};
use orbitr_store::{Secrets, Tx};
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Apps, Error,
    extension::Extension,
    kinds::act::{self, Act},
    model::{Phase, Wanted},
    ops::{event, new_job},
    rows, safe_mode,
    schedule::{self, AllKept, ScheduleView},
    secret_prefix_of_app,
    view::{JobBrief, Started},
};

/// Something to press.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ActionView {
    /// The extension's name for it.
    pub name: String,
    /// What the button says.
    pub label: String,
    /// What is asked before it runs.
    pub confirm: Option<String>,
    /// What has to be answered before it runs, in order.
    pub inputs: Vec<Field>,
    /// Who may press it, of those who may change the app; empty means all of them.
    pub roles: Vec<Role>,
    /// Whether it gives a password or key, which can be looked at once.
    pub credential: bool,
}

/// A request to run an action.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActRequest {
    /// The answers to what it asks; those left out get their defaults.
    #[serde(default)]
    pub inputs: BTreeMap<String, Value>,
}

/// What an action gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActionResult {
    /// What it printed, if that is a password or key.
    pub output: Option<String>,
    /// What the box made up for it, by the label of what was asked.
    pub made: BTreeMap<String, String>,
}

/// As it is kept, sealed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct KeptResult {
    pub(crate) result: ActionResult,
    /// Who may look at it: those who may press.
    pub(crate) roles: Vec<RoleName>,
}

impl ActionView {
    /// All of an extension's, in its order.
    pub(crate) fn all(extension: &Extension) -> Vec<Self> {
        let actions = extension.manifest().x().actions.iter();
        actions
            .map(|(name, action)| Self {
                name: name.to_string(),
                label: action.label.clone(),
                confirm: action.confirm.clone(),
                inputs: action.form().fields,
                roles: action.roles.iter().copied().map(role).collect(),
                credential: action.result == ResultKind::Credential,
            })
            .collect()
    }

    /// Whether somebody who may change the app may press it.
    #[must_use]
    pub fn is_for(&self, caller: &Caller) -> bool {
        self.roles.is_empty() || self.roles.contains(&caller.role())
    }
}

const fn role(name: RoleName) -> Role {
    match name {
        RoleName::Admin => Role::Admin,
        RoleName::User => Role::User,
        RoleName::Viewer => Role::Viewer,
    }
}

fn is_for(roles: &[RoleName], caller: &Caller) -> Result<(), Error> {
    let fits = roles.is_empty() || roles.iter().any(|name| role(*name) == caller.role());
    if fits { Ok(()) } else { Err(Error::NotForRole(caller.role())) }
}

/// Where the secret answers to an action are kept until its job has ended.
pub(crate) fn answers_prefix(app: &AppId, key: &str) -> String {
    format!("{}action/{key}/", secret_prefix_of_app(app))
}

fn results_prefix(app: &AppId) -> String {
    format!("{}result/", secret_prefix_of_app(app))
}

/// The jobs of actions that gave something which nobody has looked at.
pub(crate) fn results(conn: &Connection, secrets: &Secrets, app: &AppId) -> Result<Vec<JobId>, Error> {
    let prefix = results_prefix(app);
    let names = secrets.names(conn, &prefix)?;
    Ok(names.iter().filter_map(|name| name.strip_prefix(&prefix)?.parse().ok()).collect())
}

/// Keeps what an action gave, and forgets what jobs gave that nobody knows any more.
pub(crate) fn keep_result(
    tx: &mut Tx<'_>,
    secrets: &Secrets,
    app: &AppId,
    job: JobId,
    kept: &KeptResult,
) -> Result<(), Error> {
    let prefix = results_prefix(app);
    for name in secrets.names(tx, &prefix)? {
        let known = name.strip_prefix(&prefix).and_then(|id| id.parse().ok());
        let known = known.map(|id: JobId| orbitr_jobs::belongs(tx, id)).transpose()?.flatten();
        if known.is_none() {
            secrets.remove(tx, &name)?;
        }
    }
    let text = serde_json::to_string(kept).map_err(|error| Error::Manifest(error.to_string()))?;
    Ok(secrets.set(tx, &format!("{prefix}{job}"), &text)?)
}

impl Apps {
    /// Runs one of the actions of an app's extension; its output is in the job's log, unless it is a password or key.
    ///
    /// # Errors
    /// The extension has no such action, an answer is wrong or missing, it is for other roles, the app does not run or is
    /// not installed, or a job is at it.
    pub async fn act(&self, permit: &Permit<ChangeApp>, name: &str, request: ActRequest) -> Result<Started, Error> {
        let app = self.idle_app(permit.resource(), Phase::Installed).await?;
        let shown = app.clone();
        let release = self.hands.store.read(move |conn: &Connection| rows::latest(conn, &shown)).await?;
        let Some(release) = release else {
            return Err(Error::WrongState { app: app.id, why: "has no release".to_owned() });
        };
        let extension = Extension::read(&release)?;
        let Some(action) = extension.manifest().action(name) else {
            let message = format!("this app has no action «{name}»");
            return Err(Error::Inputs(vec![FieldError { field: "action".to_owned(), message }]));
        };
        is_for(&action.roles, permit.caller())?;
        if !action.fits(app.wanted == Wanted::Running) {
            return Err(Error::WrongState { app: app.id, why: "is stopped; start it first".to_owned() });
        }
        let answers = extension.answers_to(action, &request.inputs, &self.facts()).map_err(Error::Inputs)?;
        let secret = answers.secret();
        let args = act::Args {
            answers: answers.plain(),
            sealed: (!secret.is_empty()).then(|| uuid::Uuid::now_v7().simple().to_string()),
            made: made(action, &request.inputs, secret.keys()),
            ..act::Args::by_the_clock(app.id.clone(), release.id, name.to_owned())
        };
        let prefix = answers_prefix(&app.id, args.sealed.as_deref().unwrap_or_default());
        let job = new_job::<Act>(&args, &app, &format!("{}: {}", app.name, action.label), permit.actor())?;
        let event = event(permit, deed::APP_ACTION, &app, json!({ "action": name }));
        let secrets = self.hands.store.secrets().clone();
        self.start(app, event, job, move |tx, _| {
            if safe_mode::is_on(tx)? {
                return Err(Error::SafeMode);
            }
            for (name, value) in &secret {
                secrets.set(tx, &format!("{prefix}{name}"), value.expose())?;
            }
            Ok(())
        })
        .await
    }

    /// Looks at what an action gave, and forgets it with that. Written to history.
    ///
    /// # Errors
    /// It gave nothing, or nothing yet; somebody has looked at it; it is for other roles; there is no such app.
    pub async fn take_result(&self, permit: &Permit<RevealAppSecrets>, job: JobId) -> Result<ActionResult, Error> {
        let (id, secrets, caller) =
            (permit.resource().clone(), self.hands.store.secrets().clone(), permit.caller().clone());
        let app = self.hands.store.read(move |conn| rows::get(conn, &id)).await?;
        let event = event(permit, deed::APP_TAKE_RESULT, &app, json!({}));
        let name = format!("{}{job}", results_prefix(&app.id));
        self.hands
            .store
            .write(move |tx| {
                let Some(kept) = secrets.get(tx, &name)? else { return Err(Error::ResultGone) };
                let kept: KeptResult =
                    serde_json::from_str(kept.reveal()).map_err(|error| Error::Manifest(error.to_string()))?;
                is_for(&kept.roles, &caller)?;
                secrets.remove(tx, &name)?;
                tx.event(event)?;
                Ok(kept.result)
            })
            .await
    }

    /// These jobs in brief, as far as they are known.
    pub(crate) async fn jobs_in_brief(&self, ids: Vec<JobId>) -> Result<Vec<JobBrief>, Error> {
        let mut all = Vec::new();
        for id in ids {
            let found = self.jobs.get(id).await?;
            all.extend(found.map(|job| JobBrief { id: job.id, title: job.title, state: job.state }));
        }
        Ok(all)
    }

    /// What the clock does to an app, with the last job of each.
    pub(crate) async fn schedules(
        &self,
        app: &AppId,
        extension: &Extension,
        kept: &AllKept,
    ) -> Result<Vec<ScheduleView>, Error> {
        let mut all = Vec::new();
        for (mut view, begun) in schedule::views(app, extension, kept, &self.wall_clock()) {
            view.job = self.jobs_in_brief(begun.into_iter().collect()).await?.pop();
            all.push(view);
        }
        Ok(all)
    }
}

/// The passwords that nobody gave and the box made up: whoever pressed has to be told.
fn made<'a>(action: &Action, given: &BTreeMap<String, Value>, secret: impl Iterator<Item = &'a String>) -> Vec<String> {
    let nobody = |name: &&String| given.get(*name).is_none_or(|value| value.is_null() || value.as_str() == Some(""));
    let is_password =
        |name: &&String| action.inputs.get(name.as_str()).is_some_and(|it| matches!(it.kind, InputKind::Password(_)));
    secret.filter(nobody).filter(is_password).cloned().collect()
}
