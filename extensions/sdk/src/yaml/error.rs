//! The error of the typed reader: what was expected where.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use crate::{diagnostic::Place, nearest::suggest};

/// What did not fit, at which path. The path and place are filled in by the innermost value that knows them.
#[derive(Debug)]
pub(crate) struct Misfit {
    pub(crate) what: What,
    pub(crate) path: Option<Vec<String>>,
    pub(crate) at: Option<Place>,
}

#[derive(Debug)]
pub(crate) enum What {
    /// A required key is not there.
    Missing(&'static str),
    /// Anything else, said in words.
    Wrong { message: String, hint: Option<String> },
}

impl Misfit {
    pub(crate) fn wrong(message: impl Into<String>, hint: Option<String>) -> Self {
        Self { what: What::Wrong { message: message.into(), hint }, path: None, at: None }
    }

    pub(crate) fn missing(key: &'static str) -> Self {
        Self { what: What::Missing(key), path: None, at: None }
    }
}

impl Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Missing(key) => write!(f, "the key «{key}» is missing"),
            What::Wrong { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: Display>(message: T) -> Self {
        let message = message.to_string();
        // serde names the type of an untagged enum here; its rule says more.
        if message.contains("SizeText") {
            return Self::wrong(orbitr_model::InvalidSize.to_string(), None);
        }
        Self::wrong(message, None)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let hint = match found {
            Unexpected::Bool(_) | Unexpected::Signed(_) | Unexpected::Unsigned(_) | Unexpected::Float(_)
                if expected == "a string" =>
            {
                Some("put it in quotes".to_owned())
            }
            _ => None,
        };
        Self::wrong(format!("expected {}, found {}", in_words(&expected), described(found)), hint)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wrong(format!("expected {}, found {}", in_words(&expected.to_string()), described(found)), None)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::wrong(format!("expected {expected}, found {length} of them"), None)
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self::wrong(format!("«{variant}» is not one of the choices"), suggest(variant, known, "choice"))
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::wrong(format!("unknown key «{field}»"), suggest(field, known, "key"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::missing(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::wrong(format!("the key «{field}» stands here a second time"), Some("keep one of them".to_owned()))
    }
}

fn in_words(expected: &str) -> &str {
    match expected {
        "a string" => "a text",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, not negative",
        "i64" => "a whole number",
        "f64" => "a number",
        other if other.starts_with("struct ") || other.starts_with("a map") => "a map of keys",
        other => other,
    }
}

fn described(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Str(value) => format!("the text «{value}»"),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a map of keys".to_owned(),
        other => other.to_string(),
    }
}
