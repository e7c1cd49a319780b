//! The form of an extension's inputs, made from its manifest, and what comes back from it.

use std::collections::BTreeMap;

use maud::{Markup, html};
use orbitr_model::Problem;
use orbitr_sdk::{Field as Input, OnChange};
use serde_json::Value;

use crate::ui::{Choice, Field};

/// The prefix of an input's field, so that errors find it: `inputs.port`.
const PREFIX: &str = "inputs.";

/// What the form is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A new app.
    Install,
    /// An installed one: what counts only at the first installation is shown and closed.
    Change,
}

/// The fields; those that are rarely needed stand folded at the end.
pub(super) fn fields(
    inputs: &[Input],
    values: &BTreeMap<String, Value>,
    purpose: Purpose,
    problem: Option<&Problem>,
) -> Markup {
    let (advanced, plain): (Vec<_>, Vec<_>) = inputs.iter().partition(|input| input.advanced);
    let wrong = |input: &&Input| problem.is_some_and(|p| p.message_for(&format!("{PREFIX}{}", input.name)).is_some());
    html! {
        @for input in &plain { (field(input, values, purpose, problem)) }
        @if !advanced.is_empty() {
            details class="advanced" open[advanced.iter().any(wrong)] {
                summary { "More settings" }
                @for input in &advanced { (field(input, values, purpose, problem)) }
            }
        }
    }
}

fn field(input: &Input, values: &BTreeMap<String, Value>, purpose: Purpose, problem: Option<&Problem>) -> Field {
    let name = format!("{PREFIX}{}", input.name);
    let value = values.get(&input.name).or(input.default.as_ref());
    let text = value.map(as_text).unwrap_or_default();
    let choices = || input.options.iter().map(|option| Choice::new(&option.value, &option.label)).collect();
    let mut field = match input.kind {
        "text" => Field::area(&name, &input.label, 4),
        "password" | "secret" => Field::password(&name, &input.label).autocomplete("new-password"),
        "bool" => Field::switch(&name, &input.label).on(text == "true"),
        "int" | "float" => Field::number(&name, &input.label),
        "enum" => Field::select(&name, &input.label, choices()),
        "multi" => Field::multi(&name, &input.label, choices()).values(text.split(',').map(str::to_owned)),
        "port" => Field::port(&name, &input.label),
        "email" => Field::email(&name, &input.label),
        "url" => Field::url(&name, &input.label),
        _ => Field::text(&name, &input.label),
    };
    if !matches!(input.kind, "bool" | "multi" | "password" | "secret") {
        field = field.value(text);
    }
    if let Some(help) = help(input, purpose) {
        field = field.help(help);
    }
    if let Some(unit) = &input.unit {
        field = field.unit(unit);
    }
    if let Some(example) = &input.example {
        field = field.placeholder(example);
    }
    if let Some(most) = input.max_length {
        field = field.max_length(most);
    }
    let settled = purpose == Purpose::Change && input.on_change == OnChange::FirstInstallOnly;
    let kept = purpose == Purpose::Change && input.secret;
    if input.required && !settled && !kept {
        field = field.required();
    }
    if input.generated && purpose == Purpose::Install {
        field = field.generates();
    }
    field.disabled(settled).problem(problem)
}

fn help(input: &Input, purpose: Purpose) -> Option<String> {
    let more = match purpose {
        Purpose::Change if input.on_change == OnChange::FirstInstallOnly => {
            Some("Settled by the first installation; change it in the app itself.")
        }
        Purpose::Change if input.secret => Some("Empty: it stays as it is."),
        Purpose::Install if input.generated && input.help.is_none() => Some("Empty: the box makes a strong one."),
        _ => None,
    };
    match (&input.help, more) {
        (Some(help), Some(more)) => Some(format!("{help} {more}")),
        (Some(help), None) => Some(help.clone()),
        (None, more) => more.map(str::to_owned),
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(as_text).collect::<Vec<_>>().join(","),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// What came back: a switch that is off sends nothing, several choices send several values.
pub(super) fn answers(inputs: &[Input], pairs: &[(String, String)], purpose: Purpose) -> BTreeMap<String, Value> {
    let mut answers = BTreeMap::new();
    for input in inputs {
        if purpose == Purpose::Change && input.on_change == OnChange::FirstInstallOnly {
            continue;
        }
        let name = format!("{PREFIX}{}", input.name);
        let sent: Vec<&str> = pairs.iter().filter(|(key, _)| *key == name).map(|(_, value)| value.as_str()).collect();
        let value = match (input.kind, sent.last()) {
            ("bool", last) => Value::from(last.is_some_and(|text| matches!(*text, "on" | "true" | "1"))),
            ("multi", _) => Value::from(sent.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>()),
            (_, Some(text)) => Value::from(text.trim()),
            (_, None) => continue,
        };
        answers.insert(input.name.clone(), value);
    }
    answers
}

/// One text field of the form.
pub(super) fn one<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
}
