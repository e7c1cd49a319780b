//! Answers to inputs: from what a form or a program sent to typed values, with the reason where that fails.

mod net;
mod read;
mod resolve;

use orbitr_model::ByteSize;
use serde_json::{Value, json};

use crate::{
    secret::SecretText,
    sections::{PathSource, TimeSpan},
};

pub(crate) use read::{pattern, read};
pub use resolve::{PortWish, ResolveContext, Resolved};
pub(crate) use resolve::{arch_word, holds, resolve, written_default};

/// A typed answer to an input.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// No answer: the input is optional, or its condition does not hold.
    Unset,
    /// Text of any kind that has been checked.
    Text(String),
    /// A password or key.
    Secret(SecretText),
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A size.
    Size(ByteSize),
    /// A length of time.
    Duration(TimeSpan),
    /// Several choices, in the order of the options.
    Choices(Vec<String>),
    /// A port on the box.
    Port(u16),
    /// Where a folder lies.
    Path(PathSource),
}

impl Answer {
    /// What the input's variable holds; paths are placed by whoever knows the folders. Sizes are in bytes and lengths
    /// of time in seconds, because every program understands a plain number.
    #[must_use]
    pub(crate) fn variable(&self) -> String {
        match self {
            Self::Unset | Self::Path(_) => String::new(),
            Self::Text(text) => text.clone(),
            Self::Secret(secret) => secret.expose().to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Size(size) => size.0.to_string(),
            Self::Duration(span) => span.duration().as_secs().to_string(),
            Self::Choices(choices) => choices.join(","),
            Self::Port(port) => port.to_string(),
        }
    }

    /// What conditions compare: the variable's text, and for paths where they lie.
    pub(crate) fn compared(&self) -> String {
        match self {
            Self::Path(PathSource::Managed) => "managed".to_owned(),
            Self::Path(PathSource::Share) => "share".to_owned(),
            Self::Path(PathSource::Host) => "host".to_owned(),
            // A password says nothing to a condition but whether it is there.
            Self::Secret(_) => "true".to_owned(),
            other => other.variable(),
        }
    }

    /// The answer as it is kept and given again, `None` for secrets (which are kept elsewhere) and for no answer.
    #[must_use]
    pub fn plain(&self) -> Option<Value> {
        match self {
            Self::Unset | Self::Secret(_) => None,
            Self::Text(text) => Some(json!(text)),
            Self::Bool(value) => Some(json!(value)),
            Self::Int(value) => Some(json!(value)),
            Self::Float(value) => Some(json!(value)),
            Self::Size(size) => Some(json!(size_text(*size))),
            Self::Duration(span) => Some(json!(span.to_string())),
            Self::Choices(choices) => Some(json!(choices)),
            Self::Port(port) => Some(json!(port)),
            Self::Path(_) => Some(json!(self.compared())),
        }
    }
}

/// A size as people would type it again: `16Gi`, `1500Mi`, `17`.
#[must_use]
pub(crate) fn size_text(size: ByteSize) -> String {
    [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)]
        .into_iter()
        .find(|(_, shift)| size.0 != 0 && size.0.trailing_zeros() >= *shift)
        .map_or_else(|| size.0.to_string(), |(unit, shift)| format!("{}{unit}", size.0 >> shift))
}
