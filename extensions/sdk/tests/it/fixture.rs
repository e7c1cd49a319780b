//! A small manifest and ways to bend it.

use std::collections::BTreeMap;

use orbitr_model::FieldError;
use orbitr_sdk::{Arch, Diagnostic, Manifest, PortWish, ResolveContext, Resolved, lint, system_random};
use serde_json::Value;

pub(crate) const SMALL: &str = include_str!("samples/small.yaml");

/// The small manifest with one piece of its text replaced.
pub(crate) fn with(from: &str, to: &str) -> String {
    assert_eq!(SMALL.matches(from).count(), 1, "«{from}» does not stand there once");
    SMALL.replace(from, to)
}

pub(crate) fn parse(text: &str) -> Manifest {
    Manifest::parse(text, "extension.yaml").unwrap_or_else(|found| panic!("{}", shown(&found)))
}

/// What is wrong with a text, one line each.
pub(crate) fn errors(text: &str) -> String {
    match Manifest::parse(text, "extension.yaml") {
        Ok(_) => "nothing is wrong".to_owned(),
        Err(found) => shown(&found),
    }
}

/// What the lints say of a text, but for the missing digest of the fixture's own image.
pub(crate) fn lints(text: &str) -> String {
    let found: Vec<_> = lint(&parse(text)).into_iter().filter(|found| !found.message.ends_with("no digest")).collect();
    shown(&found)
}

pub(crate) fn shown(found: &[Diagnostic]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The small manifest with these inputs, each used by a variable of its own.
pub(crate) fn with_inputs(inputs: &str) -> Manifest {
    let names = inputs.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(':').next());
    let mut environment = String::new();
    let mut indented = String::new();
    for name in names {
        environment.push_str(&format!("\n      V_{name}: ${{INPUT_{}}}", name.to_ascii_uppercase()));
    }
    for line in inputs.lines() {
        indented.push_str(&format!("    {line}\n"));
    }
    let text = with("    greeting: {type: string, label: Greeting, default: hello}\n", &indented);
    parse(&text.replace("\n      GREETING: ${INPUT_GREETING}", &environment))
}

/// Answers on a box where every preferred port is free.
pub(crate) fn answer(manifest: &Manifest, given: &[(&str, Value)]) -> Result<Resolved, Vec<FieldError>> {
    let given: BTreeMap<String, Value> =
        given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let mut cx = ResolveContext {
        arch: Arch::Amd64,
        timezone: "Europe/Berlin",
        locale: "de",
        bindings: &orbitr_sdk::Bindings::new(),
        is_timezone: &|zone| zone != "Europe/Nowhere",
        pick_port: &mut |wish: &PortWish<'_>| wish.preferred,
        random: &mut system_random,
    };
    manifest.resolve_inputs(&given, &mut cx)
}

/// The reason why one answer to the only input, `x`, is refused; or what is kept of it.
pub(crate) fn said(manifest: &Manifest, value: Value) -> String {
    match answer(manifest, &[("x", value)]) {
        Ok(resolved) => {
            let plain = resolved.answer("x").and_then(orbitr_sdk::Answer::plain);
            plain.map_or_else(|| "kept, not shown".to_owned(), |value| format!("kept {value}"))
        }
        Err(errors) => errors.iter().map(|error| error.message.clone()).collect::<Vec<_>>().join("; "),
    }
}
