//! The rules that look at more than one section. A manifest that breaks one of them means nothing, so reading it fails;
//! what is only bad manners is in `lint`.

mod bindings;
mod inputs;
mod references;
mod values;
mod variables;

use crate::{
    compose::Compose,
    diagnostic::{Finding, Place},
    sections::XOrbitr,
    yaml::Node,
};

/// What the rules look at.
pub(crate) struct Checker<'a> {
    pub(crate) x: &'a XOrbitr,
    pub(crate) compose: &'a Compose,
    /// The whole file.
    pub(crate) root: &'a Node,
    /// The `x-orbitr` block.
    pub(crate) block: &'a Node,
    pub(crate) source: &'a str,
    pub(crate) findings: Vec<Finding>,
}

impl Checker<'_> {
    /// Notes an error at a path of the block.
    pub(crate) fn error(&mut self, path: &str, message: impl AsRef<str>) {
        self.error_with(path, message, None);
    }

    /// Notes an error at a path of the block, with what to write instead.
    pub(crate) fn error_with(&mut self, path: &str, message: impl AsRef<str>, hint: Option<String>) {
        let finding = Finding::error(self.block.place(path), path, format!("{path}: {}", message.as_ref()));
        self.findings.push(Finding { hint, ..finding });
    }

    /// Notes an error at a place of the Compose part.
    pub(crate) fn error_at(&mut self, at: Place, path: &str, message: impl AsRef<str>, hint: &str) {
        self.findings.push(Finding::error(at, path, format!("{path}: {}", message.as_ref())).hint(hint));
    }
}

/// All rules over one manifest.
pub(crate) fn check(checker: &mut Checker<'_>) {
    values::check(checker);
    references::check(checker);
    inputs::check(checker);
    bindings::check(checker);
    variables::check(checker);
}
