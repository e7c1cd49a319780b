//! Inputs that can be answered: patterns that compile, defaults that pass their own rules, conditions that ask about
//! earlier answers.

use std::collections::BTreeSet;

use super::Checker;
use crate::{
    answers::{pattern, read, written_default},
    diagnostic::Finding,
    nearest::suggest,
    secret::length_rule,
    sections::{Choice, Input, InputKind, SecretKind},
    when::{Fact, When},
};

pub(super) fn check(checker: &mut Checker<'_>) {
    let x = checker.x;
    let names: Vec<&str> = x.inputs.keys().map(|name| name.as_str()).collect();
    let mut earlier: Vec<&str> = Vec::new();
    for (name, input) in &x.inputs {
        let path = format!("inputs.{name}");
        if input.common.label.is_none() {
            let message = format!("the key «label» is missing in {path}");
            checker.findings.push(Finding::error(checker.block.place(&path), format!("{path}.label"), message));
        }
        one(checker, &path, input);
        let of_choices = choices(&input.kind).iter().enumerate().filter_map(|(index, choice)| {
            choice.when.as_ref().map(|when| (format!("{path}.options.{index}.when"), when))
        });
        let of_input = input.common.when.as_ref().map(|when| (format!("{path}.when"), when));
        for (path, when) in of_input.into_iter().chain(of_choices) {
            condition(checker, &path, when, &names, &earlier);
        }
        earlier.push(name.as_str());
    }
    for (action, name, input) in
        x.actions.iter().flat_map(|(id, action)| action.inputs.iter().map(move |(name, input)| (id, name, input)))
    {
        one(checker, &format!("actions.{action}.inputs.{name}"), input);
    }
    let of_secrets = x.secrets.iter().filter_map(|(name, s)| Some((format!("secrets.{name}.when"), s.when.as_ref()?)));
    let of_requires =
        x.requires.iter().filter_map(|(name, r)| Some((format!("requires.{name}.when"), r.when.as_ref()?)));
    let of_variants = x.variants.iter().map(|(name, variant)| (format!("variants.{name}.when"), &variant.when));
    for (path, when) in of_secrets.chain(of_requires).chain(of_variants) {
        condition(checker, &path, when, &names, &names);
    }
}

fn choices(kind: &InputKind) -> &[Choice] {
    match kind {
        InputKind::Enum(input) => &input.options,
        InputKind::Multi(input) => &input.options,
        _ => &[],
    }
}

fn condition(checker: &mut Checker<'_>, path: &str, when: &When, all: &[&str], earlier: &[&str]) {
    for fact in when.facts() {
        match fact {
            Fact::Input(name) if !all.contains(&name.as_str()) => {
                checker.error_with(path, format!("there is no input «{name}»"), suggest(name, all, "input"));
            }
            Fact::Input(name) if !earlier.contains(&name.as_str()) => {
                let hint = Some(format!("move «{name}» before it"));
                checker.error_with(path, format!("«{name}» is asked later"), hint);
            }
            Fact::Binding(name) if !checker.x.requires.contains_key(name.as_str()) => {
                let known: Vec<&str> = checker.x.requires.keys().map(|name| name.as_str()).collect();
                checker.error_with(path, format!("requires has no «{name}»"), suggest(name, &known, "requirement"));
            }
            Fact::Input(_) | Fact::Binding(_) | Fact::Arch => {}
        }
    }
}

fn one(checker: &mut Checker<'_>, path: &str, input: &Input) {
    if input.common.label.as_ref().is_some_and(|label| label.trim().is_empty()) {
        checker.error(&format!("{path}.label"), "it is empty");
    }
    let written = match &input.kind {
        InputKind::String(input) => input.pattern.as_deref(),
        InputKind::Password(input) => input.pattern.as_deref(),
        _ => None,
    };
    if let Some(Err(problem)) = written.map(pattern) {
        checker.error(&format!("{path}.pattern"), problem);
        return;
    }
    options(checker, path, choices(&input.kind));
    bounds(checker, path, &input.kind);
    // A cron table and other types without machinery have no rules for their answers yet.
    let has_rules = !matches!(input.kind, InputKind::Cron(_) | InputKind::List(_));
    if let Some(default) = written_default(&input.kind).filter(|_| has_rules)
        && let Err(problem) = read(&input.kind, &default)
    {
        checker.error(&format!("{path}.default"), problem);
    }
}

fn options(checker: &mut Checker<'_>, path: &str, options: &[Choice]) {
    let mut seen = BTreeSet::new();
    for (index, option) in options.iter().enumerate() {
        let path = format!("{path}.options.{index}.value");
        if option.value.is_empty() || option.value.contains(',') || option.value.chars().any(char::is_control) {
            checker.error(&path, "a value is a word without commas");
        }
        if !seen.insert(&option.value) {
            checker.error(&path, format!("«{}» stands here a second time", option.value));
        }
    }
}

fn bounds(checker: &mut Checker<'_>, path: &str, kind: &InputKind) {
    let crossed = match kind {
        InputKind::String(input) => input.min_length.zip(input.max_length).is_some_and(|(min, max)| min > max),
        InputKind::Text(input) => input.min_length.zip(input.max_length).is_some_and(|(min, max)| min > max),
        InputKind::Password(input) => input.min_length.zip(input.max_length).is_some_and(|(min, max)| min > max),
        InputKind::Secret(input) => input.min_length.zip(input.max_length).is_some_and(|(min, max)| min > max),
        InputKind::Int(input) => input.min.zip(input.max).is_some_and(|(min, max)| min > max),
        InputKind::Float(input) => input.min.zip(input.max).is_some_and(|(min, max)| min > max),
        InputKind::Size(input) => input.min.zip(input.max).is_some_and(|(min, max)| min > max),
        InputKind::Duration(input) => input.min.zip(input.max).is_some_and(|(min, max)| min > max),
        _ => false,
    };
    if crossed {
        checker.error(path, "its least is more than its most");
    }
    match kind {
        InputKind::Port(input) if input.preferred == Some(0) => {
            checker.error(&format!("{path}.preferred"), "ports count from 1");
        }
        InputKind::Password(input) => {
            let Some(generate) = &input.generate else { return };
            if let Err(rule) = length_rule(generate.kind, generate.length) {
                checker.error(&format!("{path}.generate.length"), rule);
            }
            let too_short =
                generate.kind == SecretKind::Alnum && generate.length.unwrap_or(32) < input.min_length.unwrap_or(0);
            if too_short {
                checker.error(&format!("{path}.generate.length"), "what is generated is shorter than min_length");
            }
        }
        InputKind::Path(input) => {
            let allowed = if input.allow.is_empty() { &[crate::PathSource::Managed][..] } else { &input.allow };
            if !allowed.contains(&input.default) {
                checker.error(&format!("{path}.default"), "it is not one of allow");
            }
        }
        _ => {}
    }
}
