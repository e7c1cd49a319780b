//! Who may: accounts, sign-in, sessions, tokens, roles, grants, and the one check behind every operation.
//!
//! What lives here: the table of actions, [`Permit`], the gate that every HTTP request passes, everything
//! that proves who somebody is, and the audit view of history. What may not: an operation of another room,
//! anything that a page or the API looks like, a second place that decides who may.
//!
//! The rule in one sentence: an action is permitted on a thing when its level is within the role's cap,
//! the grant on that thing, and the token's scope, all three; an admin needs no grant. What somebody may
//! not even see answers as if it were not there.

pub mod action;
mod backoff;
mod caller;
mod denials;
mod error;
pub mod gate;
mod grants;
mod history;
mod identity;
mod invites;
mod password;
mod people;
mod permit;
mod profile;
mod reach;
mod recovery_codes;
mod resource;
pub mod scope;
mod second_step;
mod secret;
mod sessions;
mod setup;
mod sign_in;
#[cfg(feature = "testing")]
pub mod testing;
mod tokens;
mod totp;
mod users;

pub mod audit;

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use orbitr_model::{ProjectId, Timestamp};
use orbitr_store::Store;

pub use self::{
    action::{Action, ActionInfo},
    backoff::{Door, FIRST_WAIT, FORGOTTEN_AFTER, FREE_TRIES, LONGEST_WAIT},
    caller::{Caller, InReach, Refused},
    error::Error,
    grants::{Grant, GrantOn, Project, SetGrant, UserGrant},
    invites::{Invite, NewInvite, NewInviteLink, OpenInvite},
    password::{MAX_BYTES as PASSWORD_MAX_BYTES, MIN_CHARS as PASSWORD_MIN_CHARS},
    people::OneTimePassword,
    permit::{Denied, Permit},
    profile::{ChangePassword, ChangeProfile, Me},
    reach::{Visible, role_cap},
    recovery_codes::RecoveryCodes,
    resource::{Resource, TheBox},
    second_step::{ConfirmSecondStep, SecondStepSetup, TurnOffSecondStep},
    secret::Secret,
    sessions::{ABSOLUTE_END, IDLE_END, NewSession, SessionView},
    setup::NewAccount,
    sign_in::{Challenge, SecondStep, SignIn, SignedIn},
    tokens::{NewToken, NewTokenSecret, TOKEN_LONGEST_DAYS, TokenLimits, TokenView},
    users::User,
};
use self::{denials::Denials, password::Hasher};

/// Tells the time. The product's clock is [`Timestamp::now`]; tests bring their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Who may: every operation on people, and [`Access::permit`] for all others. A handle: clones share
/// everything.
#[derive(Clone)]
pub struct Access {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    hasher: Hasher,
    clock: Clock,
    /// The Unix user that the supervisor runs as; on the socket it is as good as root.
    own_uid: u32,
    /// The Unix user of the menu on the box's own screen, where there is one.
    console_uid: OnceLock<u32>,
    /// Once true, true for ever: there is never an admin less than one.
    claimed: AtomicBool,
    home: OnceLock<ProjectId>,
    denials: Denials,
}

impl Access {
    /// Over an open store. `own_uid` is the Unix user that the supervisor runs as.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open(store: Store, own_uid: u32) -> Result<Self, Error> {
        Self::open_at(store, own_uid, Arc::new(orbitr_store::time::now)).await
    }

    /// As [`Access::open`], with another clock.
    ///
    /// # Errors
    /// As [`Access::open`].
    pub async fn open_at(store: Store, own_uid: u32, clock: Clock) -> Result<Self, Error> {
        let (claimed, home) = store.read(|conn| Ok::<_, Error>((setup::is_claimed(conn)?, scope::home(conn)?))).await?;
        let access = Self {
            inner: Arc::new(Inner {
                store,
                hasher: Hasher::new(),
                clock,
                own_uid,
                console_uid: OnceLock::new(),
                claimed: AtomicBool::new(claimed),
                home: home.map(OnceLock::from).unwrap_or_default(),
                denials: Denials::default(),
            }),
        };
        access.inner.hasher.warm_up().await?;
        Ok(access)
    }

    /// Whether somebody has claimed the box. Until then only setup is open.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        self.inner.claimed.load(Ordering::Acquire)
    }

    /// The built-in project «Home»; none until the box is claimed.
    #[must_use]
    pub fn home(&self) -> Option<ProjectId> {
        self.inner.home.get().copied()
    }

    fn now(&self) -> Timestamp {
        (self.inner.clock)()
    }

    fn store(&self) -> &Store {
        &self.inner.store
    }

    fn hasher(&self) -> &Hasher {
        &self.inner.hasher
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("claimed", &self.is_claimed()).finish_non_exhaustive()
    }
}
