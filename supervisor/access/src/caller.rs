//! Somebody whose identity is proved, for the length of one request.

use std::{fmt, net::IpAddr, sync::Arc};

use orbitr_model::{Actor, AppId, JobId, Level, ProjectId, Role, SessionId, UserId};

use crate::{
    action::Action,
    reach::{Reach, Visible},
    resource::{
        Place, Resource, TheBox,
        sealed::{Locate as _, Named},
    },
};

/// Who asks, and how far they reach. Made by the gate for each request from the database as it is at
/// that moment; what lives longer than a request asks [`crate::Access::refresh`] again.
#[derive(Clone)]
pub struct Caller(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) actor: Actor,
    pub(crate) role: Role,
    pub(crate) reach: Reach,
    pub(crate) session: Option<SessionId>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) one_time_password: bool,
}

impl Caller {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Root on the box itself, or the supervisor's own Unix user.
    pub(crate) fn local(uid: u32) -> Self {
        Self::new(Inner {
            actor: Actor::Local { uid },
            role: Role::Admin,
            reach: Reach::everything(),
            session: None,
            address: None,
            one_time_password: false,
        })
    }

    /// Who it is, as history keeps it.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.0.actor
    }

    /// The account behind it; none for somebody on the box itself.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        self.0.actor.user()
    }

    /// The role of the account; admin for somebody on the box itself.
    #[must_use]
    pub fn role(&self) -> Role {
        self.0.role
    }

    /// The session that this request came with; none for tokens and the Unix socket.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.0.session
    }

    /// Where the request came from; none for the Unix socket.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.0.address
    }

    /// Whether the password is a one-time one, so that nothing works until it is changed.
    #[must_use]
    pub fn must_change_password(&self) -> bool {
        self.0.one_time_password
    }

    /// The most they may do anywhere: the role's cap and the token's scope.
    #[must_use]
    pub fn cap(&self) -> Level {
        self.0.reach.cap()
    }

    /// How far they reach on an app; none when they may not even see it. For an admin it says nothing
    /// about whether the app exists.
    #[must_use]
    pub fn level_on_app(&self, app: &AppId) -> Option<Level> {
        self.0.reach.at(&Place::App(app.clone()))
    }

    /// How far they reach on a project; none when they may not even see it.
    #[must_use]
    pub fn level_on_project(&self, project: &ProjectId) -> Option<Level> {
        self.0.reach.at(&Place::Project(*project))
    }

    /// Whether an action on the box, an app or a project would be permitted: for pages, which show no
    /// button that cannot be pressed. It allows nothing; only a permit does.
    #[must_use]
    pub fn may<A: Action>(&self, resource: &A::Resource) -> bool
    where
        A::Resource: InReach,
    {
        let place = match resource.named() {
            Named::Box => Place::Box,
            Named::App(app) => Place::App(app),
            Named::Project(project) => Place::Project(project),
            Named::Job(_) => Place::Nowhere,
        };
        self.check::<A>(&place).is_ok()
    }

    /// The same for a job, whose place a list knows already: the app that it works on, and who started it.
    #[must_use]
    pub fn may_on_job<A: Action<Resource = JobId>>(&self, app: Option<&AppId>, started_by: &Actor) -> bool {
        let own = started_by.user().is_some() && started_by.user() == self.user();
        self.check::<A>(&Place::Job { app: app.cloned(), own }).is_ok()
    }

    /// What lists may show them.
    #[must_use]
    pub fn visible(&self) -> Visible {
        self.0.reach.visible()
    }

    /// Which jobs lists may show them: those on visible apps and their own; none when all are.
    #[must_use]
    pub fn visible_jobs(&self) -> Option<orbitr_jobs::Visible> {
        let apps = self.visible().apps()?;
        Some(orbitr_jobs::Visible { apps, owner: self.user().filter(|_| self.0.reach.knows_own_jobs()) })
    }

    pub(crate) fn reach(&self) -> &Reach {
        &self.0.reach
    }

    /// The whole rule, once the place of the resource is known.
    pub(crate) fn check<A: Action>(&self, place: &Place) -> Result<(), Refused> {
        // What is not visible does not exist for them, before anything else is said about it.
        let Some(has) = self.0.reach.at(place) else { return Err(Refused::Invisible) };
        if self.0.one_time_password && !A::WITH_ONE_TIME_PASSWORD {
            return Err(Refused::OneTimePassword);
        }
        if A::PERSON_ONLY && !matches!(self.0.actor, Actor::User { .. }) {
            return Err(Refused::PersonOnly);
        }
        if has < A::LEVEL {
            return Err(Refused::TooLittle);
        }
        Ok(())
    }
}

/// Why a permit is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such thing, or they may not know of it: both answer alike.
    Invisible,
    /// They may see it, but not do this.
    TooLittle,
    /// Only a person who has signed in may do this.
    PersonOnly,
    /// The one-time password must be changed first.
    OneTimePassword,
}

/// A resource whose place is known without the database.
pub trait InReach: Resource {}

impl InReach for TheBox {}
impl InReach for AppId {}
impl InReach for ProjectId {}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("actor", &self.0.actor)
            .field("role", &self.0.role)
            .field("cap", &self.0.reach.cap())
            .field("address", &self.0.address)
            .finish_non_exhaustive()
    }
}
