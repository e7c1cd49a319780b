//! Reading what somebody chose for an extension's requirements. Pure.

use std::collections::BTreeMap;

use orbitr_model::FieldError;
use orbitr_sdk::{BindingChoice, Bindings, Contract, Require, contract};
use schemars::JsonSchema;
use serde::Serialize;

use super::{BindingRequest, BindingSource};
use crate::extension::Extension;

/// The longest value of a field, in bytes.
const VALUE_MAX: usize = 1024;

/// One requirement of an extension, as a form asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RequirementView {
    /// Its name.
    pub name: String,
    /// What people read.
    pub label: String,
    /// What is needed, as manifests call it.
    pub capability: String,
    /// What is needed, as people call it.
    pub title: String,
    /// Which versions will do; none when all will.
    pub version: Option<String>,
    /// From where it can come, the usual choice first. `none` is among them when the app works without.
    pub choices: Vec<BindingSource>,
    /// What is asked for something outside the box.
    pub fields: Vec<RequirementField>,
}

/// A field of something outside the box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RequirementField {
    /// Its name.
    pub name: String,
    /// What people read.
    pub label: String,
    /// Whether it is a password or key.
    pub secret: bool,
    /// Whether it is needed.
    pub required: bool,
    /// What it is if nothing is said.
    pub usual: Option<String>,
}

impl RequirementView {
    /// All of an extension's, in its order.
    pub(crate) fn all(extension: &Extension) -> Vec<Self> {
        let requires = extension.manifest().requires().iter();
        requires
            .filter_map(|(name, require)| {
                let contract = contract(require.capability.as_str())?;
                Some(Self {
                    name: name.to_string(),
                    label: extension.manifest().requirement_label(name.as_str()).unwrap_or(contract.title).to_owned(),
                    capability: require.capability.to_string(),
                    title: contract.title.to_owned(),
                    version: require.version.as_ref().map(|range| range.as_str().to_owned()),
                    choices: choices(require),
                    fields: contract.fields.iter().map(RequirementField::of).collect(),
                })
            })
            .collect()
    }
}

impl RequirementField {
    fn of(field: &orbitr_sdk::ContractField) -> Self {
        Self {
            name: field.name.to_owned(),
            label: field.label.to_owned(),
            secret: field.secret,
            required: field.required && field.usual.is_none(),
            usual: field.usual.map(str::to_owned),
        }
    }
}

/// From where a requirement can come, the usual choice first.
fn choices(require: &Require) -> Vec<BindingSource> {
    let source = |choice: BindingChoice| match choice {
        BindingChoice::Managed => BindingSource::Managed,
        BindingChoice::Existing => BindingSource::Existing,
        BindingChoice::External => BindingSource::External,
        BindingChoice::Bundled => BindingSource::Bundled,
    };
    let choices = require.choices().into_iter().map(source);
    // Without a word from the extension, an app that works without it begins without it.
    match (require.optional, require.default) {
        (false, _) => choices.collect(),
        (true, None) => std::iter::once(BindingSource::None).chain(choices).collect(),
        (true, Some(_)) => choices.chain([BindingSource::None]).collect(),
    }
}

/// What somebody chose, read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chosen {
    /// From where each requirement comes.
    pub(crate) words: Bindings,
    /// The app that was chosen for those that come from one.
    pub(crate) apps: BTreeMap<String, orbitr_model::AppId>,
    /// The open fields of what is outside the box, by requirement.
    pub(crate) outside: BTreeMap<String, BTreeMap<String, String>>,
    /// Its passwords, as a release keeps them: `bind/<requirement>/<field>`.
    pub(crate) secrets: BTreeMap<String, String>,
}

/// Reads a choice for each of an extension's requirements; what is not given has the usual one.
pub(crate) fn choose(
    extension: &Extension,
    given: &BTreeMap<String, BindingRequest>,
) -> Result<Chosen, Vec<FieldError>> {
    let requires = extension.manifest().requires();
    let mut chosen = Chosen::default();
    let mut errors = Vec::new();
    for name in given.keys().filter(|name| !requires.contains_key(name.as_str())) {
        errors.push(wrong(name, "", "there is no such requirement"));
    }
    for (name, require) in requires {
        let name = name.as_str();
        let open = choices(require);
        let asked = given.get(name);
        let Some(source) = asked.map(|asked| asked.from).or_else(|| open.first().copied()) else { continue };
        if !open.contains(&source) {
            errors.push(wrong(name, ".from", "it cannot come from there"));
            continue;
        }
        let Some(choice) = source.choice() else { continue };
        chosen.words.insert(name.to_owned(), choice);
        match (choice, asked) {
            (BindingChoice::Existing, Some(BindingRequest { app: Some(app), .. })) => {
                chosen.apps.insert(name.to_owned(), app.clone());
            }
            (BindingChoice::Existing, _) => errors.push(wrong(name, ".app", "choose the app")),
            (BindingChoice::External, asked) => {
                let values = asked.map(|asked| asked.values.clone()).unwrap_or_default();
                if let Some(contract) = contract(require.capability.as_str()) {
                    outside(name, contract, &values, &mut chosen, &mut errors);
                }
            }
            (BindingChoice::Managed | BindingChoice::Bundled, _) => {}
        }
    }
    if errors.is_empty() { Ok(chosen) } else { Err(errors) }
}

/// Reads the fields of something outside the box.
fn outside(
    name: &str,
    contract: &Contract,
    values: &BTreeMap<String, String>,
    chosen: &mut Chosen,
    errors: &mut Vec<FieldError>,
) {
    let mut open = BTreeMap::new();
    for unknown in values.keys().filter(|field| !contract.fields.iter().any(|known| known.name == *field)) {
        errors.push(wrong(name, &format!(".{unknown}"), "there is no such field"));
    }
    for field in contract.fields {
        let value = values.get(field.name).map(|value| value.trim()).filter(|value| !value.is_empty());
        let Some(value) = value.or(field.usual) else {
            if field.required {
                errors.push(wrong(name, &format!(".{}", field.name), "an answer is needed"));
            }
            continue;
        };
        if let Err(message) = check(field.name, value) {
            errors.push(wrong(name, &format!(".{}", field.name), message));
        } else if field.secret {
            chosen.secrets.insert(format!("bind/{name}/{}", field.name), value.to_owned());
        } else {
            open.insert(field.name.to_owned(), value.to_owned());
        }
    }
    chosen.outside.insert(name.to_owned(), open);
}

fn check(field: &str, value: &str) -> Result<(), &'static str> {
    match field {
        _ if value.len() > VALUE_MAX => Err("at most 1024 bytes"),
        _ if value.chars().any(char::is_control) => Err("no line breaks or other control characters"),
        "port" if !value.parse::<u16>().is_ok_and(|port| port > 0) => Err("a port is a number from 1 to 65535"),
        "host" if value.contains(['/', ' ', '@', '\'', '"']) => Err("a host name or an address, nothing around it"),
        _ => Ok(()),
    }
}

pub(super) fn wrong(name: &str, field: &str, message: &str) -> FieldError {
    FieldError { field: format!("bindings.{name}{field}"), message: message.to_owned() }
}
