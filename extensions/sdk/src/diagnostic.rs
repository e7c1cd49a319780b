//! What is wrong in a manifest, where, and what to write instead.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The manifest is refused.
    Error,
    /// The manifest works; a publisher should mend it.
    Warning,
}

/// One thing that is wrong, with its place.
///
/// Printed the way compilers do: `extension.yaml:12:3: unknown key «lable» in inputs.name; did you mean «label»?`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file's name, as it was given to the parser.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The character in the line, counted from 1.
    pub column: u32,
    /// The dotted path of the key, for example `inputs.name`; empty for the whole file. Paths inside `x-orbitr`
    /// leave that word out.
    pub path: String,
    /// What is wrong, as a sentence fragment.
    pub message: String,
    /// What to write instead, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Whether the manifest is refused because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

/// A finding before it is tied to a file: what the readers and rules of this crate produce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) at: Place,
    pub(crate) path: String,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Finding {
    pub(crate) fn error(at: Place, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, at, path: path.into(), message: message.into(), hint: None }
    }

    pub(crate) fn warning(at: Place, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(at, path, message) }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn in_file(self, file: &str) -> Diagnostic {
        Diagnostic {
            severity: self.severity,
            file: file.to_owned(),
            line: self.at.line,
            column: self.at.column,
            path: self.path,
            message: self.message,
            hint: self.hint,
        }
    }
}

/// A place in the source text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Counted from 1.
    pub(crate) line: u32,
    /// Characters, counted from 1.
    pub(crate) column: u32,
    /// Bytes from the start of the text, where the reader knows it.
    pub(crate) offset: Option<usize>,
}

impl Place {
    pub(crate) const START: Self = Self { line: 1, column: 1, offset: Some(0) };
}

/// How many findings of one file are told; whoever has more mends these first.
const MOST_FINDINGS: usize = 100;

/// The findings of one file, in the order of the text, each once.
pub(crate) fn in_order(mut findings: Vec<Finding>, file: &str) -> Vec<Diagnostic> {
    let key = |finding: &Finding| (finding.at.line, finding.at.column, finding.severity);
    findings.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message)));
    findings.dedup();
    findings.truncate(MOST_FINDINGS);
    findings.into_iter().map(|finding| finding.in_file(file)).collect()
}
