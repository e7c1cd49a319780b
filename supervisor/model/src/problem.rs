//! What went wrong, in the form that people and programs are shown (RFC 9457, problem details).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One wrong field of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldError {
    /// Its path in the input, for example `inputs.port`.
    pub field: String,
    /// What is wrong and what would be right, as a sentence.
    pub message: String,
}

/// An error at a border of the product: what happened, to which thing, why, and what to do next.
///
/// Every room turns its own typed errors into this; the API prints it as `application/problem+json`,
/// a page as a banner or beside the field, the command line as text. `code` never changes its meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The HTTP status that fits.
    pub status: u16,
    /// The stable code, for example `app-not-found`: words of a-z joined by dashes.
    pub code: String,
    /// What happened, to which thing, in a short sentence.
    pub title: String,
    /// Why, as far as it is known; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What to do next; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub next: String,
    /// The wrong fields, when an input was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
    /// How many seconds to wait before the next try, where waiting helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem with a status, a stable code and a title.
    #[must_use]
    pub fn new(status: u16, code: &str, title: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            title: title.into(),
            detail: String::new(),
            next: String::new(),
            fields: Vec::new(),
            retry_after: None,
        }
    }

    /// 422 `invalid-input`: the named field is wrong.
    #[must_use]
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field: field.into(), message: message.into() }])
    }

    /// 422 `invalid-input`: the named fields are wrong.
    #[must_use]
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let mut problem = Self::new(422, "invalid-input", "Some of the input is not right");
        problem.fields = fields;
        problem
    }

    /// 404 `<what>-not-found`.
    #[must_use]
    pub fn not_found(what: &str, id: impl fmt::Display) -> Self {
        Self::new(404, &format!("{}-not-found", what.replace(' ', "-")), format!("There is no {what} «{id}»"))
    }

    /// 500 `internal`: a defect of ours or of the machine. The chain goes to the log, not to the reader.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(500, "internal", "Something in Orbitr failed")
            .why("The reason is in the supervisor's log.")
            .then("Try again; if it stays, send the support bundle with the time of this message.")
    }

    /// Adds why it happened.
    #[must_use]
    pub fn why(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn then(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// Adds after how many seconds a new try makes sense.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The message for one field, if that field is wrong.
    #[must_use]
    pub fn message_for(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|f| f.field == field).map(|f| f.message.as_str())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        for part in [&self.detail, &self.next] {
            if !part.is_empty() {
                write!(f, ". {}", part.trim_end_matches('.'))?;
            }
        }
        for field in &self.fields {
            write!(f, "; {}: {}", field.field, field.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
