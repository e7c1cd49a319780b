//! No password in the text, and none in a process's arguments.

use super::Linter;
use crate::{
    manifest::Manifest,
    sections::{Input, InputKind},
    vars::{self, Dollar},
};

/// Words in a variable's name that mean a secret.
const SECRET_WORDS: &[&str] =
    &["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "API_KEY", "APIKEY", "PRIVATE_KEY"];

pub(super) fn lint(linter: &mut Linter<'_>) {
    actions(linter);
    let manifest = linter.manifest;
    for (name, service) in &manifest.compose.services {
        for (key, value, at) in &service.environment {
            let Some(value) = value else { continue };
            let path = format!("services.{name}.environment.{key}");
            if is_literal_secret(key, value) {
                let hint = "declare it under x-orbitr.secrets, or ask for it with an input of type password or secret";
                linter.error_at(*at, &path, "a secret stands in the text; every box would share it", hint);
            } else if has_password_in_address(value) {
                let hint = "write the password as ${SECRET_<NAME>}";
                linter.error_at(*at, &path, "a password stands in the address; every box would share it", hint);
            }
        }
        for key in ["command", "entrypoint", "healthcheck"] {
            let Some(node) = service.get(key) else { continue };
            let path = format!("services.{name}.{key}");
            let mut found = None;
            node.texts(&path, &mut |_, node, text| {
                let secret = vars::scan(text).into_iter().find(|occurrence| match occurrence.what {
                    Dollar::Variable(variable) => is_secret_variable(manifest, variable),
                    Dollar::Bare(_) | Dollar::Malformed(_) => false,
                });
                if let Some(occurrence) = secret {
                    found.get_or_insert(vars::place_in_source(manifest.text(), node, text, occurrence.at));
                }
            });
            if let Some(at) = found {
                let hint = "hand it over as a variable, a Compose secret or a Compose config";
                linter.warning_at(
                    at,
                    &path,
                    "a secret stands in a process's arguments, where every process sees it",
                    hint,
                );
            }
        }
    }
}

/// The engine tells everybody who may listen to it what is run; unlike a service's own command, an action's is filled in
/// by the box.
fn actions(linter: &mut Linter<'_>) {
    let manifest = linter.manifest;
    for (name, action) in &manifest.x.actions {
        let of_action = |variable: &str| {
            let asked = variable.strip_prefix("ACTION_").map(str::to_ascii_lowercase);
            asked.and_then(|asked| action.inputs.get(asked.as_str())).is_some_and(is_secret_input)
        };
        let is_secret = |found: &vars::Occurrence<'_>| match found.what {
            Dollar::Variable(variable) => is_secret_variable(manifest, variable) || of_action(variable),
            Dollar::Bare(_) | Dollar::Malformed(_) => false,
        };
        if action.run.iter().any(|text| vars::scan(text).iter().any(is_secret)) {
            linter.error_in_block(
                &format!("actions.{name}.run"),
                "a secret stands in a process's arguments, where every process sees it",
                "hand it over under env",
            );
        }
    }
}

fn is_literal_secret(key: &str, value: &str) -> bool {
    let key = key.to_ascii_uppercase();
    let named =
        SECRET_WORDS.iter().any(|word| key.contains(word)) && !key.ends_with("_FILE") && !key.ends_with("_PATH");
    let harmless = value.is_empty()
        || value.starts_with('/')
        || ["true", "false", "yes", "no", "none"].contains(&value.to_ascii_lowercase().as_str())
        || value.bytes().all(|b| b.is_ascii_digit()) && value.len() < 6;
    let made = vars::scan(value).iter().any(|occurrence| matches!(occurrence.what, Dollar::Variable(_)));
    named && !harmless && !made
}

/// `scheme://user:password@host` with the password written out.
fn has_password_in_address(value: &str) -> bool {
    value.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority
            .rsplit_once('@')
            .and_then(|(user, _)| user.split_once(':'))
            .is_some_and(|(_, password)| !password.is_empty() && !password.contains('$'))
    })
}

fn is_secret_variable(manifest: &Manifest, variable: &str) -> bool {
    if variable.starts_with("SECRET_") || (variable.starts_with("BIND_") && variable.ends_with("_PASSWORD")) {
        return true;
    }
    let name = variable.strip_prefix("INPUT_").map(str::to_ascii_lowercase);
    name.and_then(|name| manifest.inputs().get(name.as_str())).is_some_and(is_secret_input)
}

const fn is_secret_input(input: &Input) -> bool {
    input.common.secret || matches!(input.kind, InputKind::Password(_) | InputKind::Secret(_))
}
