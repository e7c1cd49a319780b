//! An action as it is pressed: what it asks, and the command that the answers make of it.

use std::collections::BTreeMap;

use orbitr_model::FieldError;
use serde_json::Value;

use crate::{
    answers::{Answer, ResolveContext, Resolved, resolve},
    form::{Form, field},
    manifest::Manifest,
    sections::{Action, ActionWhen},
    vars,
};

/// An action's command with every variable replaced. Its variables may hold secrets: printing this shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments.
    pub run: Vec<String>,
    /// Its variables.
    pub env: BTreeMap<String, String>,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Command").field("program", &self.run.first()).finish_non_exhaustive()
    }
}

impl Action {
    /// What it asks, in order.
    #[must_use]
    pub fn form(&self) -> Form {
        Form { fields: self.inputs.iter().map(|(name, input)| field(name, input)).collect() }
    }

    /// Reads answers to what it asks, as [`Manifest::resolve_inputs`] does.
    ///
    /// # Errors
    /// Every wrong field, named `inputs.<name>`. No message holds a password or key.
    pub fn resolve(
        &self,
        given: &BTreeMap<String, Value>,
        cx: &mut ResolveContext<'_>,
    ) -> Result<Resolved, Vec<FieldError>> {
        let (resolved, errors) = resolve(&self.inputs, given, cx);
        if errors.is_empty() { Ok(resolved) } else { Err(errors) }
    }

    /// The command with every `${NAME}` replaced and every `$$` as one `$`: `app` holds the variables of the app.
    #[must_use]
    pub fn command(&self, answers: &Resolved, app: &BTreeMap<String, String>) -> Command {
        let mut values = app.clone();
        for name in self.inputs.keys() {
            let answer = answers.answer(name.as_str()).unwrap_or(&Answer::Unset);
            values.insert(format!("ACTION_{}", name.in_capitals()), answer.variable());
        }
        let fill = |text: &String| vars::fill(text, &|name| values.get(name).map(String::as_str));
        Command {
            run: self.run.iter().map(fill).collect(),
            env: self.env.iter().map(|(name, text)| (name.clone(), fill(text))).collect(),
        }
    }

    /// Whether it can be pressed while the app runs, or while it is stopped.
    #[must_use]
    pub const fn fits(&self, running: bool) -> bool {
        match self.when {
            ActionWhen::Running => running,
            ActionWhen::Stopped => !running,
            ActionWhen::Any => true,
        }
    }
}

impl Manifest {
    /// The action of this name.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.x().actions.get(name)
    }
}
