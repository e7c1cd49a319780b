//! What a new version of an extension must not do to the apps that run an older one.

use crate::{
    diagnostic::{Diagnostic, Finding, in_order},
    manifest::Manifest,
    sections::{InputKind, Role},
};

use super::image::ImageRef;

/// Lints `new` as the successor of `old`: a database's major version needs `upgrade.database_major`, a new input needs
/// a default or a migration, and a choice that is gone needs to be mapped.
#[must_use]
pub fn lint_update(old: &Manifest, new: &Manifest) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    databases(old, new, &mut findings);
    inputs(old, new, &mut findings);
    in_order(findings, &new.file)
}

fn databases(old: &Manifest, new: &Manifest, findings: &mut Vec<Finding>) {
    let has_method = new.x.upgrade.as_ref().is_some_and(|upgrade| upgrade.database_major.is_some());
    for (name, service) in &new.compose.services {
        let is_database = matches!(new.services().get(name), Some(Role::Database | Role::Sidecar));
        let before = old.compose.services.get(name).and_then(|service| service.image.as_ref());
        let (Some(before), Some(after), true) = (before, &service.image, is_database) else { continue };
        let majors = (ImageRef::parse(&before.value).major(), ImageRef::parse(&after.value).major());
        if majors.0 != majors.1 && !has_method {
            let path = format!("services.{name}.image");
            let message = format!("{path}: its major version changes and nothing says how the data gets across");
            findings.push(Finding::error(after.at, path, message).hint("add upgrade.database_major"));
        }
    }
}

fn inputs(old: &Manifest, new: &Manifest, findings: &mut Vec<Finding>) {
    let migrations = || new.x.upgrade.iter().flat_map(|upgrade| &upgrade.inputs_migrate);
    for (name, input) in new.inputs() {
        let path = format!("inputs.{name}");
        let at = new.block().place(&path);
        match old.inputs().get(name) {
            None => {
                let named = migrations().any(|m| m.rename.values().any(|to| to == name) || m.map.contains_key(name));
                if input.must_be_answered() && !named {
                    let message = format!("{path}: it is new and must be answered, so older apps could not be updated");
                    let finding = Finding::error(at, path, message);
                    findings.push(finding.hint("give it a default, or add upgrade.inputs_migrate"));
                }
            }
            Some(before) => {
                let mapped = input.common.deprecated.as_ref().map(|deprecated| &deprecated.map);
                for gone in gone_choices(&before.kind, &input.kind) {
                    let by_migration = migrations().any(|m| m.map.get(name).is_some_and(|map| map.contains_key(gone)));
                    if !by_migration && !mapped.is_some_and(|map| map.contains_key(gone)) {
                        let message =
                            format!("{path}: the choice «{gone}» is gone, so apps that use it could not be updated");
                        let finding = Finding::error(at, path.clone(), message);
                        findings.push(finding.hint("map it under deprecated.map or upgrade.inputs_migrate"));
                    }
                }
            }
        }
    }
}

fn gone_choices<'a>(before: &'a InputKind, after: &InputKind) -> Vec<&'a str> {
    let (before, after) = match (before, after) {
        (InputKind::Enum(before), InputKind::Enum(after)) => (&before.options, &after.options),
        (InputKind::Multi(before), InputKind::Multi(after)) => (&before.options, &after.options),
        _ => return Vec::new(),
    };
    let stays = |value: &str| after.iter().any(|option| option.value == value);
    before.iter().map(|option| option.value.as_str()).filter(|value| !stays(value)).collect()
}
