//! Every variable is declared, every declaration is used, and Compose understands every `$`.

use std::collections::BTreeSet;

use super::Checker;
use crate::{
    diagnostic::Finding,
    nearest::nearest,
    sections::{Deliver, InputKind, XOrbitr},
    vars::{self, Dollar},
    when::Fact,
};

pub(super) fn check(checker: &mut Checker<'_>) {
    let x = checker.x;
    let declared = vars::declared(x);
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut findings = Vec::new();
    for entry in checker.root.entries() {
        let is_block = entry.key == "x-orbitr";
        entry.node.texts(if is_block { "" } else { &entry.key }, &mut |path, node, text| {
            for occurrence in vars::scan(text) {
                let at = || vars::place_in_source(checker.source, node, text, occurrence.at);
                match occurrence.what {
                    Dollar::Variable(name) => {
                        used.insert(name.to_owned());
                        if !is_known(x, &declared, path, is_block, name) {
                            findings.push(undeclared(x, &declared, at(), path, name));
                        }
                    }
                    // Compose reads the block too, but nothing of it runs: a pattern may hold $x.
                    Dollar::Bare(_) if is_block => {}
                    Dollar::Bare(name) => findings.push(
                        Finding::error(at(), path, format!("{path}: Compose would replace «${name}»"))
                            .hint(format!("write a variable as ${{{name}}} and a plain dollar as $$")),
                    ),
                    Dollar::Malformed(shown) => {
                        findings.push(Finding::error(at(), path, format!("{path}: «{shown}» is not a variable")).hint(
                            "write a variable as ${NAME}, its default where it is declared, a plain dollar as $$",
                        ))
                    }
                }
            }
        });
    }
    findings.sort_by_key(|finding| (finding.at.line, finding.at.column));
    // An anchor's text is read wherever it is used; one finding is enough.
    findings.dedup_by(|a, b| a.at == b.at);
    checker.findings.append(&mut findings);
    unused(checker, &used);
}

fn is_known(x: &XOrbitr, declared: &[String], path: &str, is_block: bool, name: &str) -> bool {
    if let Some(input) = name.strip_prefix("ACTION_") {
        let action = path.strip_prefix("actions.").and_then(|rest| rest.split('.').next());
        let action = action.filter(|_| is_block).and_then(|action| x.actions.get(action));
        return action.is_some_and(|action| action.inputs.keys().any(|known| known.in_capitals() == input));
    }
    if is_block && path.starts_with("provides.") && vars::GRANT.contains(&name) {
        return true;
    }
    declared.iter().any(|known| known == name) || vars::is_binding(x, name)
}

fn undeclared(x: &XOrbitr, declared: &[String], at: crate::diagnostic::Place, path: &str, name: &str) -> Finding {
    let finding = Finding::error(at, path, format!("{path}: nothing declares ${{{name}}}"));
    if let Some(near) = nearest(name, declared.iter().map(String::as_str)) {
        return finding.hint(format!("did you mean ${{{near}}}?"));
    }
    let lower = name.to_ascii_lowercase();
    let section = match lower.split_once('_') {
        Some(("input", rest)) => match x.inputs.get(rest).map(|input| &input.kind) {
            Some(InputKind::Path(_) | InputKind::Share(_)) => {
                return finding.hint(format!("the folder of a path is in ${{PATH_{}}}", rest.to_ascii_uppercase()));
            }
            _ => format!("add «{rest}» to x-orbitr.inputs"),
        },
        Some(("path", rest)) => format!("add «{rest}» of type path to x-orbitr.inputs"),
        Some(("secret", rest)) => format!("add «{rest}» to x-orbitr.secrets"),
        Some(("port", rest)) => format!("add «{rest}» to x-orbitr.ports"),
        Some(("bind", _)) if declared.iter().any(|known| known.starts_with("BIND_")) => {
            let known: Vec<&str> = declared.iter().map(String::as_str).filter(|it| it.starts_with("BIND_")).collect();
            format!("known: {}", known.join(", "))
        }
        Some(("bind", _)) => "add it to x-orbitr.requires; the name is BIND_<NAME>_<FIELD>".to_owned(),
        Some(("route", _)) => "the names are ROUTE_<NAME>_URL, _HOST, _HOSTS and _SCHEME".to_owned(),
        Some(("sys", _)) => format!("known: {}", vars::SYS.join(", ")),
        Some(("app", _)) => format!("known: {}", vars::APP.join(", ")),
        Some(("action", _)) => "the answers to an action's inputs are known only in that action".to_owned(),
        _ => "names start with INPUT_, SECRET_, PATH_, PORT_, BIND_, ROUTE_, SYS_, APP_ or ACTION_".to_owned(),
    };
    finding.hint(section)
}

fn unused(checker: &mut Checker<'_>, used: &BTreeSet<String>) {
    let x = checker.x;
    let asked = asked_in_conditions(x);
    for (name, input) in &x.inputs {
        let variable = match &input.kind {
            InputKind::Binding(_) => continue,
            InputKind::Path(_) | InputKind::Share(_) => format!("PATH_{}", name.in_capitals()),
            _ => format!("INPUT_{}", name.in_capitals()),
        };
        if input.common.deprecated.is_none() && !used.contains(&variable) && !asked.contains(name.as_str()) {
            never_used(checker, &format!("inputs.{name}"), &variable);
        }
    }
    for (name, secret) in &x.secrets {
        let variable = format!("SECRET_{}", name.in_capitals());
        let derived_from = x.secrets.values().any(|other| other.derive.as_ref().is_some_and(|d| d.from == *name));
        if secret.deliver == Deliver::Env && !used.contains(&variable) && !derived_from {
            never_used(checker, &format!("secrets.{name}"), &variable);
        }
    }
    for name in x.ports.keys() {
        let variable = format!("PORT_{}", name.in_capitals());
        if !used.contains(&variable) {
            never_used(checker, &format!("ports.{name}"), &variable);
        }
    }
    for (action, name) in x.actions.iter().flat_map(|(id, action)| action.inputs.keys().map(move |name| (id, name))) {
        let variable = format!("ACTION_{}", name.in_capitals());
        if !used.contains(&variable) {
            never_used(checker, &format!("actions.{action}.inputs.{name}"), &variable);
        }
    }
}

fn never_used(checker: &mut Checker<'_>, path: &str, variable: &str) {
    let hint = Some(format!("write ${{{variable}}} where it belongs, or leave the entry out"));
    checker.error_with(path, "it is declared and never used", hint);
}

/// The inputs that conditions ask about.
fn asked_in_conditions(x: &XOrbitr) -> BTreeSet<String> {
    let of_inputs = x.inputs.values().filter_map(|input| input.common.when.as_ref());
    let of_others = x.secrets.values().filter_map(|secret| secret.when.as_ref());
    let of_requires = x.requires.values().filter_map(|require| require.when.as_ref());
    let of_variants = x.variants.values().map(|variant| &variant.when);
    of_inputs
        .chain(of_others)
        .chain(of_requires)
        .chain(of_variants)
        .flat_map(crate::when::When::facts)
        .filter_map(|fact| match fact {
            Fact::Input(name) => Some(name.clone()),
            Fact::Binding(_) | Fact::Arch => None,
        })
        .collect()
}
