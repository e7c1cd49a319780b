//! The extension manifest, `extension.yaml`: its types, its schema, and every rule it must keep.
//!
//! What lives here: reading a manifest with exact places for every mistake, the checks and lints, the forms of its
//! inputs, and the values of the variables its Compose part uses. Everything here is pure: text and values in, text and
//! values out; randomness comes in as a parameter. What may not live here: files, Docker, the database, and any state
//! of an installed app.

mod action;
mod answers;
mod binding;
mod check;
mod compose;
mod contract;
mod cron;
mod diagnostic;
mod env;
mod form;
mod lint;
mod manifest;
mod nearest;
mod notices;
mod schema;
mod secret;
mod sections;
mod supported;
mod vars;
mod way;
mod when;
mod yaml;

pub use action::Command;
pub use answers::{Answer, PortWish, ResolveContext, Resolved};
pub use binding::{Bindings, fill};
pub use contract::{Contract, ContractField, contract};
pub use cron::{Cron, InvalidCron};
pub use diagnostic::{Diagnostic, Severity};
pub use env::{Env, EnvContext};
pub use form::{Field, FieldOption, Form};
pub use lint::{lint, lint_update};
pub use manifest::{Manifest, PortSource, PublishedPort, VolumeUse};
pub use notices::Told;
pub use schema::schema;
pub use secret::{Fill, GenerateError, NoRandomness, SecretText, new_password, system_random};
pub use sections::*;
pub use supported::STEPS_MAX;
pub use when::{Fact, InvalidWhen, When};
