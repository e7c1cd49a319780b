//! Who does a thing, and how much they may.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{TokenId, UserId, Username};

/// What a person is on this box. Each role includes the ones below it only where a grant says so:
/// an admin may do everything, a user what their grants say, a viewer may look at what their grants name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything on the box.
    Admin,
    /// Up to `manage` on the apps and projects granted to them.
    User,
    /// Up to `view` on the apps and projects granted to them.
    Viewer,
}

impl Role {
    /// Every role, the strongest first.
    pub const ALL: [Self; 3] = [Self::Admin, Self::User, Self::Viewer];

    /// The role's one word, as the API and the database write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Viewer => "viewer",
        }
    }
}

/// How deep an action reaches. A grant, a role and a token's scope are each a highest level; an action
/// is allowed when it is within all three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Look, change nothing.
    View,
    /// Start, stop, restart: what changes no configuration and no data.
    Operate,
    /// Install, change, remove.
    Manage,
    /// The box itself: people, settings, the audit log.
    Administer,
}

impl Level {
    /// The level's one word, as the API and the database write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Operate => "operate",
            Self::Manage => "manage",
            Self::Administer => "administer",
        }
    }
}

/// Who did a thing, as history keeps it: names stay readable after an account is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Actor {
    /// The supervisor itself: a timer, a reconciler, a resumed job.
    Box,
    /// A person in a browser.
    User {
        /// The account.
        id: UserId,
        /// Its name at that moment.
        name: Username,
    },
    /// A program with an API token.
    Token {
        /// The token.
        id: TokenId,
        /// What its owner calls it.
        label: String,
        /// The account it acts for.
        user: UserId,
        /// That account's name at that moment.
        name: Username,
    },
    /// Somebody on the box itself, over the Unix socket.
    Local {
        /// The Unix user that the kernel says it is.
        uid: u32,
    },
    /// Somebody who has not said who they are, for example at a failed sign-in.
    Anonymous,
}

impl Actor {
    /// The account behind it, where there is one.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::User { id, .. } | Self::Token { user: id, .. } => Some(*id),
            Self::Box | Self::Local { .. } | Self::Anonymous => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Box => f.write_str("the box"),
            Self::User { name, .. } => name.fmt(f),
            Self::Token { label, name, .. } => write!(f, "{name} (token {label})"),
            Self::Local { uid } => write!(f, "local user {uid}"),
            Self::Anonymous => f.write_str("somebody"),
        }
    }
}
