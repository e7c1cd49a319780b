//! What the box makes up and keeps.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::when::When;

use super::Name;

/// A value that the box makes up, once, and keeps; it is in `${SECRET_<NAME>}`, or in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretSpec {
    /// What it is made of.
    #[serde(default)]
    pub kind: SecretKind,
    /// How long: characters for `alnum`, bytes before encoding for `hex` and the base64 kinds, words for `words`, bits
    /// for `rsa`. Without it: 32, for `words` 6, for `rsa` 3072.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
    /// The claims of a `jwt`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub claims: IndexMap<String, serde_json::Value>,
    /// Made from another value rather than from chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derive: Option<Derive>,
    /// How the app gets it.
    #[serde(default)]
    pub deliver: Deliver,
    /// How it can be changed.
    #[serde(default)]
    pub rotate: Rotate,
    /// When it is needed at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
}

/// How a password input gets a value of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Generate {
    /// What it is made of.
    #[serde(default)]
    pub kind: SecretKind,
    /// How long, as for secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
}

/// What a secret is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretKind {
    /// Letters and digits; survives addresses and shells.
    #[default]
    Alnum,
    /// Hexadecimal digits, small.
    Hex,
    /// Base64 with padding (RFC 4648, section 4).
    Base64,
    /// Base64 for addresses, without padding (RFC 4648, section 5).
    Base64url,
    /// A random UUID (RFC 9562, version 4).
    Uuid,
    /// Words that can be read out, joined by dashes.
    Words,
    /// An RSA key.
    Rsa,
    /// An Ed25519 key.
    Ed25519,
    /// A key pair for web push.
    Vapid,
    /// A signed token.
    Jwt,
}

/// Made from another value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Derive {
    /// The secret or input.
    pub from: Name,
    /// How.
    pub hash: DeriveHash,
}

/// How one value is made from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are what they are")]
pub enum DeriveHash {
    Bcrypt,
    Argon2,
    Sha256,
    Htpasswd,
    Urlencode,
}

/// How an app gets a secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Deliver {
    /// As a variable of the Compose part.
    #[default]
    Env,
    /// As the file `./secrets/<name>`, which a top-level Compose secret names.
    File,
}

/// How a secret can be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rotate {
    /// Not at all: the app keeps the first one.
    #[default]
    None,
    /// By a restart.
    Restart,
    /// By hand, in the app.
    Manual,
}
