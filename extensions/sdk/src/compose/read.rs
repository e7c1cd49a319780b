//! The whole Compose part.

use indexmap::IndexMap;

use super::{Compose, keys, service};
use crate::{
    diagnostic::{Finding, Place},
    nearest::suggest,
    yaml::{Node, Value},
};

/// Reads the Compose part of a file, noting what Compose would not understand.
pub(crate) fn read(root: &Node, findings: &mut Vec<Finding>) -> Compose {
    check_top(root, findings);
    let mut compose = Compose::default();
    for (name, at, node) in section(root, "services", findings) {
        if !matches!(node.value, Value::Map(_)) {
            let path = format!("services.{name}");
            findings.push(Finding::error(at, path.clone(), format!("{path}: expected a map of keys")));
            continue;
        }
        compose.services.insert(name.to_owned(), service::read(name, at, node, findings));
    }
    if root.get("services").is_none_or(|services| services.entries().is_empty()) {
        let message = "there is no service".to_owned();
        findings.push(
            Finding::error(root.place("services"), "services", message).hint("write at least one under services"),
        );
    }
    for (name, at, node) in section(root, "volumes", findings) {
        compose.volumes.insert(name.to_owned(), at);
        for entry in node.entries() {
            if !keys::VOLUME.contains(&entry.key.as_str()) && !entry.key.starts_with("x-") {
                let message = format!("unknown key «{}» in volumes.{name}", entry.key);
                findings.push(Finding::error(entry.key_at, format!("volumes.{name}.{}", entry.key), message));
            }
        }
    }
    let secrets = section(root, "secrets", findings);
    compose.secrets = secrets
        .into_iter()
        .map(|(name, _, node)| (name.to_owned(), node.get("file").and_then(Node::scalar)))
        .collect::<IndexMap<_, _>>();
    compose
}

fn check_top(root: &Node, findings: &mut Vec<Finding>) {
    let known: Vec<&str> = keys::TOP.iter().copied().chain(["x-orbitr"]).collect();
    for entry in root.entries() {
        if !known.contains(&entry.key.as_str()) && !entry.key.starts_with("x-") {
            let message = format!("unknown key «{}»", entry.key);
            let finding = Finding::error(entry.key_at, entry.key.clone(), message);
            let hint = suggest(&entry.key, &known, "key");
            findings.push(Finding { hint, ..finding });
        }
    }
}

/// The named things of a top-level section.
fn section<'a>(root: &'a Node, key: &str, findings: &mut Vec<Finding>) -> Vec<(&'a str, Place, &'a Node)> {
    let Some(node) = root.get(key) else { return Vec::new() };
    if !matches!(node.value, Value::Map(_) | Value::Null) {
        findings.push(Finding::error(node.at, key, format!("{key}: expected a map of keys")));
    }
    node.entries().iter().map(|entry| (entry.key.as_str(), entry.key_at, &entry.node)).collect()
}
