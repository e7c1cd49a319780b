//! The proof that somebody may: made by this crate alone, taken by every operation.

use std::{fmt, net::IpAddr};

use orbitr_model::{Actor, Level, Problem, SessionId, UserId};

use crate::{
    action::Action,
    caller::{Caller, Refused},
    error::Error,
    reach::Visible,
    resource::Resource,
};

/// The proof that somebody may do `A` to one resource. There is no way to make one but to ask
/// [`crate::Access::permit`] or to come through the gate, so an operation that takes it cannot be
/// reached without the check.
#[derive(Clone)]
pub struct Permit<A: Action> {
    caller: Caller,
    resource: A::Resource,
}

impl<A: Action> Permit<A> {
    pub(crate) fn new(caller: Caller, resource: A::Resource) -> Self {
        Self { caller, resource }
    }

    /// Who does it, as history keeps it.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        self.caller.actor()
    }

    /// Where the request came from; none for the Unix socket.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.caller.address()
    }

    /// What it is done to.
    #[must_use]
    pub fn resource(&self) -> &A::Resource {
        &self.resource
    }

    /// Who asks, with all they may do.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What a list may show.
    #[must_use]
    pub fn visible(&self) -> Visible {
        self.caller.visible()
    }

    /// The account that acts, for operations about oneself.
    pub(crate) fn account(&self) -> Result<UserId, Error> {
        self.caller.user().ok_or(Error::NoAccount)
    }

    pub(crate) fn session(&self) -> Option<SessionId> {
        self.caller.session()
    }
}

impl<A: Action> fmt::Debug for Permit<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("action", &A::NAME)
            .field("resource", &self.resource)
            .field("actor", self.caller.actor())
            .finish_non_exhaustive()
    }
}

/// The refusal of a permit.
#[derive(Debug, thiserror::Error)]
#[error("{action} on {kind} {id} is refused")]
pub struct Denied {
    pub(crate) action: &'static str,
    /// The action in people's words.
    words: &'static str,
    /// How deep it reaches.
    level: Level,
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) why: DeniedWhy,
}

#[derive(Debug)]
pub(crate) enum DeniedWhy {
    Refused(Refused),
    /// Nobody can say, because the database does not answer.
    Store(orbitr_store::Error),
}

impl Denied {
    pub(crate) fn new<A: Action>(resource: &A::Resource, why: Refused) -> Self {
        Self {
            action: A::NAME,
            words: A::WORDS,
            level: A::LEVEL,
            kind: A::Resource::KIND,
            id: resource.id(),
            why: DeniedWhy::Refused(why),
        }
    }

    pub(crate) fn unanswered<A: Action>(resource: &A::Resource, why: orbitr_store::Error) -> Self {
        Self {
            action: A::NAME,
            words: A::WORDS,
            level: A::LEVEL,
            kind: A::Resource::KIND,
            id: resource.id(),
            why: DeniedWhy::Store(why),
        }
    }

    /// A path parameter that cannot be the name of anything.
    pub(crate) fn unreadable<A: Action>(text: &str) -> Self {
        let id = text.chars().filter(|c| !c.is_control()).take(64).collect();
        Self {
            action: A::NAME,
            words: A::WORDS,
            level: A::LEVEL,
            kind: A::Resource::KIND,
            id,
            why: DeniedWhy::Refused(Refused::Invisible),
        }
    }

    /// Why, where it was decided; none when the database did not answer.
    #[must_use]
    pub fn refused(&self) -> Option<Refused> {
        match self.why {
            DeniedWhy::Refused(why) => Some(why),
            DeniedWhy::Store(_) => None,
        }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied.why {
            DeniedWhy::Store(error) => error.into(),
            // The same answer as for a thing that is not there, so that nobody can ask what exists.
            DeniedWhy::Refused(Refused::Invisible) => Self::not_found(denied.kind, denied.id),
            DeniedWhy::Refused(Refused::TooLittle) => {
                let title = format!("You may not {}", denied.words.replace("{}", this(denied.kind)));
                let (why, then) = too_little(denied.level);
                Self::new(403, "not-allowed", title).why(why).then(then)
            }
            DeniedWhy::Refused(Refused::PersonOnly) => {
                Self::new(403, "person-only", "Only a person who has signed in can do this")
                    .why("What changes an account is closed to API tokens and to the box's own root.")
                    .then("Sign in with a browser.")
            }
            DeniedWhy::Refused(Refused::OneTimePassword) => {
                Self::new(403, "password-change-needed", "Choose a password of your own first")
                    .why("You signed in with a one-time password.")
                    .then("Change your password; then everything else opens.")
            }
        }
    }
}

/// A thing of this kind, as one speaks of what lies on the table.
fn this(kind: &str) -> &'static str {
    match kind {
        "app" => "this app",
        "project" => "this project",
        "job" => "this job",
        _ => "this box",
    }
}

/// Why an action of this level is refused to somebody who sees the thing, and who can change that.
fn too_little(level: Level) -> (&'static str, &'static str) {
    match level {
        Level::Administer => (
            "Only admins of this box may.",
            "Ask an admin to do it for you. An admin can also make you one, under People.",
        ),
        Level::Manage => (
            "It takes the level «Manage» on it, and what you were granted is less. Viewers never have it.",
            "An admin of this box can change your role and what you are granted, under People.",
        ),
        Level::Operate => (
            "It takes the level «Operate» on it, and what you were granted is less. Viewers never have it.",
            "An admin of this box can change your role and what you are granted, under People.",
        ),
        Level::View => (
            "It takes the level «View», and what you were granted is less.",
            "An admin of this box can change what you are granted, under People.",
        ),
    }
}
