//! Identifiers. Each is its own type, so that a job's id can never be passed for an app's.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::name::InvalidName;

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident, $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh one: UUID version 7 (RFC 9562), so that later ones sort after earlier ones.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "a default would hide that each call differs")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                // Only the hyphenated form: one identifier, one spelling.
                match Uuid::try_parse(text) {
                    Ok(id) if text.len() == 36 => Ok(Self(id)),
                    _ => Err(InvalidName::new($what, "is a UUID such as 0198c0de-0000-7000-8000-000000000000")),
                }
            }
        }
    )*};
}

uuid_id! {
    /// One account.
    UserId, "a user id";
    /// One sign-in of one browser.
    SessionId, "a session id";
    /// One API token.
    TokenId, "a token id";
    /// One invitation.
    InviteId, "an invite id";
    /// One job.
    JobId, "a job id";
    /// One release of one app.
    ReleaseId, "a release id";
    /// One project.
    ProjectId, "a project id";
}

/// The number of one line of history; counts up by one, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct EventId(pub i64);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

const SLUG_MAX_CHARS: usize = 40;

fn is_slug(text: &str) -> bool {
    let mut bytes = text.bytes();
    (2..=SLUG_MAX_CHARS).contains(&text.len())
        && bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// An installed app on this box: `^[a-z][a-z0-9-]{1,39}$`. It names the app's folder, its Compose
/// project and its addresses, so it never holds a character that any of them would read otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(!try_from, !into)]
pub struct AppId(#[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,39}$"))] String);

impl AppId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AppId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_slug(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName::new(
                "an app id",
                "has 2 to 40 characters, starts with a letter, and holds only a-z, 0-9 and -",
            ))
        }
    }
}

/// A published extension: `<registry>/<id>`, both slugs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(!try_from, !into)]
pub struct ExtensionId(#[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,39}/[a-z][a-z0-9-]{1,39}$"))] String);

impl ExtensionId {
    /// The whole id, `<registry>/<id>`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the slash.
    #[must_use]
    pub fn registry(&self) -> &str {
        self.0.split_once('/').map_or("", |(registry, _)| registry)
    }

    /// The part after the slash.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }
}

impl FromStr for ExtensionId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((registry, name)) if is_slug(registry) && is_slug(name) => Ok(Self(text.to_owned())),
            _ => Err(InvalidName::new("an extension id", "is written registry/name, for example official/postgresql")),
        }
    }
}

macro_rules! text_id {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}

text_id! { AppId ExtensionId }

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_app_id_is_never_a_path_or_an_option(text in ".{0,60}") {
            if let Ok(id) = text.parse::<AppId>() {
                prop_assert!(!id.as_str().contains(['/', '.', '\\', '\0', ' ', '$']));
                prop_assert!(!id.as_str().starts_with('-'));
                prop_assert_eq!(id.to_string(), text);
            }
        }

        #[test]
        fn every_slug_is_taken(text in "[a-z][a-z0-9-]{1,39}") {
            prop_assert!(text.parse::<AppId>().is_ok());
        }
    }

    #[test]
    fn a_uuid_has_one_spelling() {
        let id = JobId::new();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().replace('-', "").parse::<JobId>().is_err());
    }
}
