//! From a proved credential to a caller, and from a caller to a permit: the one check.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use orbitr_model::{Actor, AppId, Level, ProjectId, SessionId, UserId};
use orbitr_store::{NewEvent, Outcome, Subject, row};
use rusqlite::Connection;
use serde_json::json;

use crate::{
    Access, Action, Caller, Permit, Refused, Secret,
    caller::{InReach, Inner},
    error::Error,
    permit::Denied,
    reach::{Given, Reach},
    resource::{
        Place, Resource,
        sealed::{Locate as _, Named},
    },
    scope, sessions,
    tokens::{self, TokenRow},
    users::{self, User},
};

impl Access {
    /// Whether somebody may: the only question of this kind in the product. The permit is what every
    /// operation wants to see; a refusal goes into history.
    ///
    /// # Errors
    /// [`Denied`], which says no more than the caller may know.
    pub async fn permit<A: Action>(&self, caller: &Caller, resource: A::Resource) -> Result<Permit<A>, Denied> {
        let place = self.locate(caller, resource.named()).await;
        let place = place.map_err(|error| Denied::unanswered::<A>(&resource, error))?;
        match caller.check::<A>(&place) {
            Ok(()) => Ok(Permit::new(caller.clone(), resource)),
            Err(why) => {
                self.note_denial::<A>(caller, &resource, why).await;
                Err(Denied::new::<A>(&resource, why))
            }
        }
    }

    /// The same for several at once: those on which they may. Nothing is refused, so nothing is noted.
    pub async fn permits<A: Action>(&self, caller: &Caller, resources: Vec<A::Resource>) -> Vec<Permit<A>>
    where
        A::Resource: InReach,
    {
        let mut permits = Vec::new();
        for resource in resources {
            if caller.may::<A>(&resource) {
                permits.extend(self.permit(caller, resource).await);
            }
        }
        permits
    }

    /// Where a resource is. What the caller was given names only what exists; somebody who reaches
    /// everything is told apart from what does not exist here.
    async fn locate(&self, caller: &Caller, resource: Named) -> Result<Place, orbitr_store::Error> {
        let named_only = !caller.reach().is_everything();
        match resource {
            Named::Box => Ok(Place::Box),
            Named::App(app) if named_only => Ok(Place::App(app)),
            Named::Project(project) if named_only => Ok(Place::Project(project)),
            Named::App(app) => {
                self.store()
                    .read(move |conn| Ok(if scope::has_app(conn, &app)? { Place::App(app) } else { Place::Nowhere }))
                    .await
            }
            Named::Project(project) => {
                self.store()
                    .read(move |conn| {
                        Ok(if scope::has_project(conn, &project)? { Place::Project(project) } else { Place::Nowhere })
                    })
                    .await
            }
            Named::Job(job) => {
                let user = caller.user();
                let belongs = self.store().read(move |conn| orbitr_jobs::belongs(conn, job)).await?;
                Ok(belongs.map_or(Place::Nowhere, |job| Place::Job {
                    app: job.app,
                    own: job.owner.is_some() && job.owner == user,
                }))
            }
        }
    }

    async fn note_denial<A: Action>(&self, caller: &Caller, resource: &A::Resource, why: Refused) {
        let id = resource.id();
        if !self.inner.denials.is_new(caller.actor().to_string(), A::NAME, &id, self.now()) {
            return;
        }
        let why = match why {
            Refused::Invisible => "not visible",
            Refused::TooLittle => "not granted",
            Refused::PersonOnly => "not a person",
            Refused::OneTimePassword => "one-time password",
        };
        let event = NewEvent {
            actor: caller.actor().clone(),
            action: A::NAME,
            subject: Subject::new(A::Resource::KIND, &id, &id),
            outcome: Outcome::Denied,
            detail: json!({ "why": why }),
            address: caller.address(),
        };
        let written = self.store().write(move |tx| tx.event(event).map(|_| ())).await;
        if let Err(error) = written {
            // The refusal stands, whether or not it can be written down.
            tracing::warn!(%error, "a refusal could not be written into history");
        }
    }

    /// From now on this Unix user is as good as root on the socket: the menu on the box's own screen runs as it, and whoever
    /// is in front of that is at the box itself. The first one counts.
    pub fn let_console_in(&self, uid: u32) {
        let _ = self.inner.console_uid.set(uid);
    }

    /// Root, the user that the supervisor runs as, or the console's; nobody else is known by a Unix user alone.
    pub(crate) fn local_caller(&self, uid: u32) -> Option<Caller> {
        let known = uid == 0 || uid == self.inner.own_uid || self.inner.console_uid.get() == Some(&uid);
        known.then(|| Caller::local(uid))
    }

    /// Whose session this secret is, if it is one that is not over.
    pub(crate) async fn caller_with_session(
        &self,
        secret: &Secret,
        address: Option<IpAddr>,
    ) -> Result<Option<Caller>, Error> {
        let (secret, now) = (secret.clone(), self.now());
        let found = self
            .store()
            .read(move |conn| {
                let Some(session) = sessions::find(conn, &secret, now)? else { return Ok(None) };
                let caller = person(conn, session.user, session.id, address)?;
                Ok::<_, Error>(caller.map(|caller| (caller, session)))
            })
            .await?;
        let Some((caller, session)) = found else { return Ok(None) };
        if session.to_note {
            let noted = self.store().write(move |tx| Ok::<_, Error>(sessions::note_use(tx, session.id, address, now)?));
            self.noted(noted.await);
        }
        Ok(Some(caller))
    }

    /// Whose API token this is, if it is one that has not expired.
    pub(crate) async fn caller_with_token(
        &self,
        secret: &Secret,
        address: Option<IpAddr>,
    ) -> Result<Option<Caller>, Error> {
        let (secret, now) = (secret.clone(), self.now());
        let found = self
            .store()
            .read(move |conn| {
                let Some(token) = tokens::find(conn, &secret, now)? else { return Ok(None) };
                let caller = program(conn, &token, address)?;
                Ok::<_, Error>(caller.map(|caller| (caller, token)))
            })
            .await?;
        let Some((caller, token)) = found else { return Ok(None) };
        if token.to_note {
            let noted = self.store().write(move |tx| Ok::<_, Error>(tokens::note_use(tx, token.id, address, now)?));
            self.noted(noted.await);
        }
        Ok(Some(caller))
    }

    /// A full disk keeps «last used» from being written, and nobody from coming in.
    fn noted(&self, outcome: Result<(), Error>) {
        if let Err(error) = outcome {
            tracing::warn!(%error, "the last use of a session or token could not be written");
        }
    }

    /// The same caller as the database knows them now; none when their session or token is gone. For what
    /// lives longer than a request: an event stream asks on every change of [`orbitr_model::Topic::People`]
    /// and at least once a minute.
    ///
    /// # Errors
    /// As the database.
    pub async fn refresh(&self, caller: &Caller) -> Result<Option<Caller>, Error> {
        let (address, now) = (caller.address(), self.now());
        match (caller.actor().clone(), caller.session()) {
            (Actor::Local { uid }, _) => Ok(self.local_caller(uid)),
            (Actor::Token { id, .. }, _) => {
                self.store()
                    .read(move |conn| match tokens::find_by_id(conn, id, now)? {
                        Some(token) => program(conn, &token, address),
                        None => Ok(None),
                    })
                    .await
            }
            (Actor::User { .. }, Some(session)) => {
                self.store()
                    .read(move |conn| match sessions::find_by_id(conn, session, now)? {
                        Some(session) => person(conn, session.user, session.id, address),
                        None => Ok(None),
                    })
                    .await
            }
            _ => Ok(None),
        }
    }
}

/// A person with a session, unless the account is disabled.
fn person(
    conn: &Connection,
    user: UserId,
    session: SessionId,
    address: Option<IpAddr>,
) -> Result<Option<Caller>, Error> {
    let Some(user) = enabled(conn, user)? else { return Ok(None) };
    Ok(Some(Caller::new(Inner {
        reach: reach(conn, &user, None)?,
        role: user.role,
        session: Some(session),
        address,
        one_time_password: user.one_time_password_until.is_some(),
        actor: Actor::User { id: user.id, name: user.username },
    })))
}

/// A program with a token, unless its owner's account is disabled or waits for a password of its own.
fn program(conn: &Connection, token: &TokenRow, address: Option<IpAddr>) -> Result<Option<Caller>, Error> {
    let Some(owner) = enabled(conn, token.user)? else { return Ok(None) };
    let scope = tokens::scope(conn, token)?;
    Ok(Some(Caller::new(Inner {
        reach: reach(conn, &owner, Some(&scope))?,
        role: owner.role,
        session: None,
        address,
        one_time_password: owner.one_time_password_until.is_some(),
        actor: Actor::Token { id: token.id, label: token.label.clone(), user: owner.id, name: owner.username },
    })))
}

fn enabled(conn: &Connection, user: UserId) -> Result<Option<User>, Error> {
    Ok(users::by_id(conn, user)?.map(|row| row.user).filter(|user| user.disabled_at.is_none()))
}

fn reach(conn: &Connection, user: &User, scope: Option<&crate::reach::Scope>) -> Result<Reach, Error> {
    if user.role == orbitr_model::Role::Admin && scope.is_none_or(|scope| scope.only.is_none()) {
        // Everything: no names are needed.
        return Ok(Reach::new(user.role, &Given::default(), scope, &BTreeMap::new(), &BTreeSet::new()));
    }
    let given = Given { apps: on_apps(conn, user.id)?, projects: on_projects(conn, user.id)? };
    Ok(Reach::new(user.role, &given, scope, &all_scopes(conn)?, &all_projects(conn)?))
}

fn on_apps(conn: &Connection, user: UserId) -> rusqlite::Result<BTreeMap<AppId, Level>> {
    conn.prepare_cached("SELECT app_id, level FROM grant_on_app WHERE user_id = ?1")?
        .query_map([user.to_string()], |found| Ok((row::parse(found, "app_id")?, row::word(found, "level")?)))?
        .collect()
}

fn on_projects(conn: &Connection, user: UserId) -> rusqlite::Result<BTreeMap<ProjectId, Level>> {
    conn.prepare_cached("SELECT project_id, level FROM grant_on_project WHERE user_id = ?1")?
        .query_map([user.to_string()], |found| Ok((row::parse(found, "project_id")?, row::word(found, "level")?)))?
        .collect()
}

fn all_scopes(conn: &Connection) -> rusqlite::Result<BTreeMap<AppId, ProjectId>> {
    conn.prepare_cached("SELECT app_id, project_id FROM app_scope")?
        .query_map([], |found| Ok((row::parse(found, "app_id")?, row::parse(found, "project_id")?)))?
        .collect()
}

fn all_projects(conn: &Connection) -> rusqlite::Result<BTreeSet<ProjectId>> {
    conn.prepare_cached("SELECT id FROM project")?.query_map([], |found| row::parse(found, "id"))?.collect()
}
