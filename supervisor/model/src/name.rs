//! Names that people choose.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Text that is not the name it was given for; says what such a name looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {rule}")]
pub struct InvalidName {
    what: &'static str,
    rule: &'static str,
}

impl InvalidName {
    /// A refusal of a name: what it should have been the name of, and the rule for such names.
    #[must_use]
    pub const fn new(what: &'static str, rule: &'static str) -> Self {
        Self { what, rule }
    }
}

/// The name a person signs in with: `^[a-z][a-z0-9._-]{1,31}$`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(!try_from, !into)]
pub struct Username(#[schemars(regex(pattern = r"^[a-z][a-z0-9._-]{1,31}$"))] String);

impl Username {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Username {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (2..=32).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName::new(
                "a user name",
                "has 2 to 32 characters, starts with a letter, and holds only a-z, 0-9, dot, dash and underscore",
            ))
        }
    }
}

/// A name shown to people (of a box, a person, a token): 1 to 64 characters, no control characters, no
/// white space at its ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(!try_from, !into)]
pub struct DisplayName(#[schemars(length(min = 1, max = 64), regex(pattern = r"^\S(?:.*\S)?$"))] String);

impl DisplayName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DisplayName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=64).contains(&text.chars().count())
            && text.trim() == text
            && !text.chars().any(|c| c.is_control() || is_direction_mark(c));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName::new(
                "a name",
                "has 1 to 64 characters, without line breaks and without spaces at its ends",
            ))
        }
    }
}

/// Marks that turn the direction of text around can make one name look like another (Unicode TR 36).
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

macro_rules! text_name {
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
            fn from(name: $name) -> Self {
                name.0
            }
        }
    )*};
}

text_name! { Username DisplayName }
