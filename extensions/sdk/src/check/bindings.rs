//! What is required and what is provided keeps to the contract of its capability.

use super::Checker;
use crate::{
    contract::{Contract, capabilities, contract},
    nearest::suggest,
    sections::{BindingChoice, Exec, Provide, Require},
    vars::{self, Dollar},
};

pub(super) fn check(checker: &mut Checker<'_>) {
    let x = checker.x;
    for (name, require) in &x.requires {
        requirement(checker, &format!("requires.{name}"), require);
    }
    for (name, provide) in &x.provides {
        provided(checker, &format!("provides.{name}"), provide);
    }
}

fn requirement(checker: &mut Checker<'_>, path: &str, require: &Require) {
    if require.default.is_some_and(|usual| !require.choices.is_empty() && !require.choices.contains(&usual)) {
        checker.error(&format!("{path}.default"), "it is not one of the choices");
    }
    let may_be_bundled = require.choices().contains(&BindingChoice::Bundled);
    match (&require.bundled, may_be_bundled) {
        (None, true) => checker.error(&format!("{path}.choices"), "nothing is bundled; write it under bundled"),
        (Some(_), false) => checker.error(&format!("{path}.bundled"), "it is not one of the choices"),
        _ => {}
    }
    let Some(contract) = known(checker, path, require.capability.as_str()) else { return };
    if let Some(bundled) = &require.bundled {
        let written: Vec<&str> = bundled.values.keys().map(String::as_str).collect();
        fields(checker, &format!("{path}.bundled.values"), contract, &written, &[]);
    }
}

fn provided(checker: &mut Checker<'_>, path: &str, provide: &Provide) {
    let commands = provide.provision.iter().flat_map(|provision| {
        let maybe = [("rotate", &provision.rotate), ("dump", &provision.dump), ("restore", &provision.restore)];
        [("create", &provision.create), ("drop", &provision.drop)]
            .into_iter()
            .chain(maybe.into_iter().filter_map(|(key, exec)| Some((key, exec.as_ref()?))))
    });
    for (key, exec) in commands.collect::<Vec<_>>() {
        command(checker, &format!("{path}.provision.{key}"), exec);
    }
    match (&provide.service, &provide.provision) {
        (Some(service), _) => super::references::service(checker, &format!("{path}.service"), service),
        (None, None) => checker.error(path, "nothing says which service other apps reach; add service"),
        (None, Some(_)) => {}
    }
    let Some(contract) = known(checker, path, provide.capability.as_str()) else { return };
    let written: Vec<&str> = provide.values.keys().map(String::as_str).collect();
    fields(checker, &format!("{path}.values"), contract, &written, &["host"]);
}

/// A command's words are open to every process beside it; passwords go into its variables.
fn command(checker: &mut Checker<'_>, path: &str, exec: &Exec) {
    super::references::service(checker, &format!("{path}.service"), &exec.service);
    for (index, word) in exec.run.iter().enumerate() {
        let secret = vars::scan(word).into_iter().any(|found| match found.what {
            Dollar::Variable(name) => name == "GRANT_PASSWORD" || name.starts_with("SECRET_"),
            _ => false,
        });
        if secret {
            let hint = Some("hand it over under env; other processes can read a command's words".to_owned());
            checker.error_with(&format!("{path}.run.{index}"), "a secret is no word of a command", hint);
        }
    }
}

fn known(checker: &mut Checker<'_>, path: &str, capability: &str) -> Option<&'static Contract> {
    let found = contract(capability);
    if found.is_none() {
        let all: Vec<&str> = capabilities().collect();
        let hint = suggest(capability, &all, "capability");
        checker.error_with(&format!("{path}.capability"), "nobody knows what this hands over", hint);
    }
    found
}

/// The fields that are written are the contract's, and none that is needed is missing.
fn fields(checker: &mut Checker<'_>, path: &str, contract: &Contract, written: &[&str], known: &[&str]) {
    let names: Vec<&str> = contract.names().filter(|name| !known.contains(name)).collect();
    for name in written.iter().filter(|name| !names.contains(name)) {
        let hint = suggest(name, &names, "field");
        checker.error_with(&format!("{path}.{name}"), "the contract has no such field", hint);
    }
    let missing = contract.fields.iter().filter(|field| field.required && field.usual.is_none());
    for field in missing.filter(|field| !written.contains(&field.name) && !known.contains(&field.name)) {
        checker.error(path, format!("{} is missing", field.name));
    }
}
