//! What helps where an app cannot come up or has told a secret: free ports, images got again, a secret made anew.

use std::collections::{BTreeMap, BTreeSet};

use orbitr_access::{
    Permit,
    action::{ChangeApp, OperateApp},
};
use orbitr_jobs::{Failed, Kind as _};
use orbitr_model::{Actor, FieldError, deed};
use orbitr_sdk::{PortWish, Rotate};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    Apps, Error,
    extension::{Answers, Extension},
    kinds::{
        change::Way,
        heal::Heal,
        lifecycle::Lifecycle,
        repair::{self, Repair},
    },
    model::{App, HostPort, Phase, Release, Wanted},
    ops::{event, new_job},
    plan::{is_free, pick_port, release},
    policy::Cause,
    releases::Draft,
    rows, safe_mode, secret_values,
    view::Started,
    work::{Hands, blocking},
};

/// The code of what is wrong where images are damaged.
const DAMAGED: &str = "docker-store-damaged";
/// The kinds of jobs that start an app as it is.
pub const START_JOBS: &[&str] = &[Lifecycle::NAME, Heal::NAME, Repair::NAME];

/// What an app runs, and what the next release of it needs to know.
struct Before {
    active: Release,
    held: BTreeSet<HostPort>,
    next_number: u32,
    secrets: BTreeMap<String, String>,
}

impl Apps {
    /// Gives an app a free port in the place of each that another program holds: a new release, and the job that switches
    /// to it.
    ///
    /// # Errors
    /// No other program holds a port of the app, or none may be used in its place; the app is not installed, or a job is at
    /// it.
    pub async fn move_ports(&self, permit: &Permit<ChangeApp>) -> Result<Started, Error> {
        let app = self.idle_app(permit.resource(), Phase::Installed).await?;
        let before = self.before_remedy(&app).await?;
        let lost = self.lost_ports(&app, &before.active).await?;
        if lost.is_empty() {
            return Err(Error::WrongState { app: app.id, why: "has no port that another program holds".to_owned() });
        }
        let mut given = before.active.inputs.clone();
        given.retain(|name, _| !lost.contains_key(&format!("INPUT_{}", name.to_ascii_uppercase())));
        let answers = self.answer_again(&before, given, before.secrets.clone(), lost.clone()).await?;
        let to: BTreeMap<&String, u16> =
            lost.keys().filter_map(|name| Some((name, answers.ports.get(name)?.port))).collect();
        let event = event(permit, deed::APP_MOVE_PORTS, &app, json!({ "ports": to }));
        let mut draft = redraft(&app, &before, answers, "Moved to a free port", permit.actor())?;
        if self.failed_start(&app).await?.is_some() {
            draft.cause = Cause::Wake;
        }
        let title = format!("Move {} to a free port", app.name);
        self.switch(permit.actor(), app, draft, &title, event).await
    }

    /// Makes a secret of an app anew, where its extension says that a restart is enough for that.
    ///
    /// # Errors
    /// The extension has no such secret, or it cannot be made anew; the app is not installed, or a job is at it.
    pub async fn rotate_secret(&self, permit: &Permit<ChangeApp>, name: &str) -> Result<Started, Error> {
        let app = self.idle_app(permit.resource(), Phase::Installed).await?;
        let before = self.before_remedy(&app).await?;
        let extension = Extension::read(&before.active)?;
        if extension.manifest().secrets().get(name).map(|spec| spec.rotate) != Some(Rotate::Restart) {
            let message = format!("this app has no secret «{name}» that can be made anew");
            return Err(Error::Inputs(vec![FieldError { field: "secret".to_owned(), message }]));
        }
        let mut kept = before.secrets.clone();
        kept.remove(&format!("secret/{name}"));
        let answers = self.answer_again(&before, before.active.inputs.clone(), kept, BTreeMap::new()).await?;
        let event = event(permit, deed::APP_ROTATE_SECRET, &app, json!({ "secret": name }));
        let draft = redraft(&app, &before, answers, "A secret made anew", permit.actor())?;
        let title = format!("Make a secret of {} anew", app.name);
        self.switch(permit.actor(), app, draft, &title, event).await
    }

    /// Gets the images of an app that are gone, or all of them where they are damaged, and brings it up.
    ///
    /// # Errors
    /// The app is not installed, or a job is at it; [`Error::SafeMode`].
    pub async fn repair(&self, permit: &Permit<OperateApp>) -> Result<Started, Error> {
        let app = self.idle_app(permit.resource(), Phase::Installed).await?;
        let last = self.failed_start(&app).await?;
        let damaged = last.and_then(|job| job.problem).is_some_and(|problem| problem.code == DAMAGED);
        let args = repair::Args { app: app.id.clone(), damaged, before: app.wanted };
        let title = format!("Get the images of {} again", app.name);
        let job = new_job::<Repair>(&args, &app, &title, permit.actor())?;
        let event = event(permit, deed::APP_REPAIR, &app, json!({ "damaged": damaged }));
        self.start(app, event, job, |tx, app| {
            if safe_mode::is_on(tx)? {
                return Err(Error::SafeMode);
            }
            Ok(rows::set_wanted(tx, &app.id, Wanted::Running)?)
        })
        .await
    }

    /// The start of an app that has failed, where it was the last one.
    async fn failed_start(&self, app: &App) -> Result<Option<Failed>, Error> {
        let read = |conn: &Connection| orbitr_jobs::failed_last(conn, START_JOBS).map_err(Error::from);
        Ok(self.hands.store.read(read).await?.into_iter().find(|job| job.app.as_ref() == Some(&app.id)))
    }

    async fn before_remedy(&self, app: &App) -> Result<Before, Error> {
        let shown = app.clone();
        let read = move |conn: &Connection| {
            let Some(active) = rows::latest(conn, &shown)? else {
                return Err(Error::WrongState { app: shown.id, why: "has no release".to_owned() });
            };
            let held = rows::held_ports(conn)?.into_iter().map(|(port, _)| port).collect();
            Ok((active, held, rows::next_number(conn, &shown.id)?))
        };
        let (active, held, next_number) = self.hands.store.read(read).await?;
        let secrets = secret_values(&self.hands.store, &active).await?;
        Ok(Before { active, held, next_number, secrets })
    }

    /// The ports of an app that somebody else holds.
    async fn lost_ports(&self, app: &App, active: &Release) -> Result<BTreeMap<String, HostPort>, Error> {
        let own: BTreeSet<u16> = self
            .docker()
            .containers_of(&app.id)?
            .iter()
            .flat_map(|container| container.ports.iter().map(|port| port.host))
            .collect();
        let mut ports = active.ports.clone();
        ports.retain(|_, port| !own.contains(&port.port));
        blocking(move || {
            ports.retain(|_, port| !is_free(*port));
            Ok(ports)
        })
        .await
    }

    /// The answers of a release once more, with another port for each that is lost.
    async fn answer_again(
        &self,
        before: &Before,
        given: BTreeMap<String, Value>,
        kept: BTreeMap<String, String>,
        lost: BTreeMap<String, HostPort>,
    ) -> Result<Answers, Error> {
        let (extension, facts) = (Extension::read(&before.active)?, self.facts());
        let (ports, mut taken) = (before.active.ports.clone(), before.held.clone());
        let bindings = crate::bindings::words(&before.active.bindings);
        blocking(move || {
            let mut pick = |wish: &PortWish<'_>| {
                if !lost.contains_key(&wish.variable) {
                    return ports.get(&wish.variable).map(|port| port.port);
                }
                let port = pick_port(wish, &taken)?;
                taken.insert(port);
                Some(port.port)
            };
            extension.resolve(&given, &kept, &bindings, &facts, &mut pick)
        })
        .await
    }
}

/// The same version with other answers, as the next release.
fn redraft(app: &App, before: &Before, answers: Answers, reason: &str, actor: &Actor) -> Result<Draft, Error> {
    let now = orbitr_store::time::now();
    let extension = Extension::read(&before.active)?;
    let mut release = release(&extension, &app.id, &app.extension, before.next_number, &answers, now)?;
    reason.clone_into(&mut release.reason);
    release.made_by = actor.clone();
    release.bindings.clone_from(&before.active.bindings);
    Ok(Draft {
        release,
        previous: before.active.id,
        secrets: answers.secrets,
        data: None,
        way: Way::default(),
        cause: Cause::Change,
        consent: BTreeSet::new(),
    })
}

impl Hands {
    /// What is told of a port that is taken: who holds it, where that can be known.
    pub(crate) async fn port_held(&self, port: u16, by_docker: bool) -> Error {
        let container = self.docker.holder_of_port(port).await;
        let answered = container.is_ok();
        let by = match container.ok().flatten() {
            Some((name, true)) => format!("The container «{name}» of another app holds it."),
            Some((name, false)) => format!("The container «{name}» holds it, which this box did not make."),
            None if by_docker && answered => return Error::PortNotFreed { port },
            None => match blocking(move || Ok(orbitr_host::ports::holder(port))).await.ok().flatten() {
                Some(program) => format!("The program «{program}» on this machine listens there."),
                None => "Another program on this machine listens there.".to_owned(),
            },
        };
        Error::PortHeld { port, by }
    }
}
