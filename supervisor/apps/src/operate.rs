//! Starting, stopping and restarting an app, in order with the apps that it needs and those that need it.
//!
//! Each app gets a job of its own. A job also holds the app whose job comes before it, so that it begins when that one
//! has ended.

use orbitr_access::{Permit, action::OperateApp};
use orbitr_jobs::{NewJob, enqueue};
use orbitr_model::{AppId, DisplayName, deed};
use orbitr_store::{NewEvent, Tx};
use rusqlite::Connection;
use serde_json::json;

use crate::{
    Apps, Error,
    bindings::order,
    kinds::lifecycle::{self, Lifecycle, Verb},
    model::{App, Phase, Wanted},
    ops::{event, new_job},
    rows, safe_mode,
    view::Started,
};

impl Apps {
    /// The apps that are to be operated before this can be done to an app, in that order: to start it, what it needs and
    /// what is stopped; to stop it, what needs it and is to run.
    ///
    /// # Errors
    /// There is no such app, or the database does not answer.
    pub async fn along(&self, permit: &Permit<OperateApp>, verb: Verb) -> Result<Vec<AppId>, Error> {
        let id = permit.resource().clone();
        let found = self.hands.store.read(move |conn| along(conn, &id, verb)).await?;
        Ok(found.into_iter().map(|app| app.id).collect())
    }

    /// Starts, stops or restarts an app, and first those of [`Apps::along`] that there is a permit for. An app is not
    /// started without what it needs; it can be stopped without what needs it.
    ///
    /// # Errors
    /// The disk with its data is not there, the app is not installed, or a job is at it or at one of the others; [`Error::NeedsStopped`] where something that it
    /// needs is stopped and there is no permit for it; [`Error::SafeMode`] when it would be started in safe mode. Stopping
    /// one then says that it is not to start when safe mode is left.
    pub async fn operate(
        &self,
        permit: &Permit<OperateApp>,
        verb: Verb,
        also: &[Permit<OperateApp>],
    ) -> Result<Started, Error> {
        let app = self.idle_app(permit.resource(), Phase::Installed).await?;
        if verb != Verb::Stop {
            self.hands.folder(&app.id).check().await?;
        }
        let allowed: Vec<AppId> = also.iter().map(|permit| permit.resource().clone()).collect();
        let asked = Asked { verb, permit: permit.clone() };
        let job = asked.job(&app)?;
        let history = asked.event(&app, None);
        self.start_with(app, history, job, move |tx, app, job| {
            if verb != Verb::Stop && safe_mode::is_on(tx)? {
                return Err(Error::SafeMode);
            }
            let mut before = None;
            let (go, stay) =
                along(tx, &app.id, verb)?.into_iter().partition::<Vec<_>, _>(|it| allowed.contains(&it.id));
            if verb != Verb::Stop && !stay.is_empty() {
                return Err(Error::NeedsStopped {
                    app: app.id.clone(),
                    needs: stay.into_iter().map(|it| it.name.to_string()).collect(),
                });
            }
            for other in go {
                asked.put(tx, &other, app, before.replace(other.id.clone()))?;
            }
            rows::set_wanted(tx, &app.id, asked.wanted())?;
            Ok(match before {
                Some(last) => job.also_on(last),
                None => job,
            })
        })
        .await
    }
}

/// The apps that go before, in their order.
fn along(conn: &Connection, id: &AppId, verb: Verb) -> Result<Vec<App>, Error> {
    let (others, not_yet) = match verb {
        Verb::Start | Verb::Restart => (order::needs(conn, id)?, Wanted::Stopped),
        Verb::Stop => (order::needed_by(conn, id)?, Wanted::Running),
    };
    let mut found = Vec::new();
    for other in others {
        let app = rows::get(conn, &other)?;
        if app.phase == Phase::Installed && app.wanted == not_yet {
            found.push(app);
        }
    }
    Ok(found)
}

/// What somebody asks for.
struct Asked {
    verb: Verb,
    permit: Permit<OperateApp>,
}

impl Asked {
    const fn wanted(&self) -> Wanted {
        match self.verb {
            Verb::Start | Verb::Restart => Wanted::Running,
            Verb::Stop => Wanted::Stopped,
        }
    }

    fn job(&self, app: &App) -> Result<NewJob, Error> {
        self.job_to(self.verb, app)
    }

    fn job_to(&self, verb: Verb, app: &App) -> Result<NewJob, Error> {
        let word = match verb {
            Verb::Start => "Start",
            Verb::Stop => "Stop",
            Verb::Restart => "Restart",
        };
        let args = lifecycle::Args { app: app.id.clone(), verb, before: app.wanted };
        new_job::<Lifecycle>(&args, app, &format!("{word} {}", app.name), self.permit.actor())
    }

    fn event(&self, app: &App, because_of: Option<&DisplayName>) -> NewEvent {
        let deed = match self.verb {
            Verb::Start => deed::APP_START,
            Verb::Stop => deed::APP_STOP,
            Verb::Restart if because_of.is_some() => deed::APP_START,
            Verb::Restart => deed::APP_RESTART,
        };
        let detail = because_of.map_or_else(|| json!({}), |name| json!({ "because_of": name }));
        event(&self.permit, deed, app, detail)
    }

    /// One that goes before: nobody is at it, what is wanted of it changes, history, its job.
    fn put(&self, tx: &mut Tx<'_>, other: &App, because_of: &App, after: Option<AppId>) -> Result<(), Error> {
        if rows::has_active_job(tx, &other.id)? {
            return Err(Error::Busy(other.id.clone()));
        }
        let verb = if self.verb == Verb::Stop { Verb::Stop } else { Verb::Start };
        let job = self.job_to(verb, other)?;
        tx.event(self.event(other, Some(&because_of.name)))?;
        rows::set_wanted(tx, &other.id, self.wanted())?;
        enqueue(
            tx,
            match after {
                Some(before) => job.also_on(before),
                None => job,
            },
        )?;
        Ok(())
    }
}
