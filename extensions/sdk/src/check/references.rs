//! Names that one section uses and another declares.

use super::Checker;
use crate::{
    nearest::suggest,
    sections::{Deliver, HealthProtocol, InputKind},
};

pub(super) fn check(checker: &mut Checker<'_>) {
    services(checker);
    volumes(checker);
    health(checker);
    bindings(checker);
    routes(checker);
    secret_files(checker);
    inputs_elsewhere(checker);
}

/// Says so when `name` is not a Compose service.
pub(super) fn service(checker: &mut Checker<'_>, path: &str, name: &str) {
    if !checker.compose.services.contains_key(name) {
        let known: Vec<&str> = checker.compose.services.keys().map(String::as_str).collect();
        let hint = suggest(name, &known, "service");
        checker.error_with(path, format!("there is no Compose service «{name}»"), hint);
    }
}

fn services(checker: &mut Checker<'_>) {
    let x = checker.x;
    for name in x.services.keys() {
        service(checker, &format!("services.{name}"), name);
    }
    let without_role: Vec<_> = checker
        .compose
        .services
        .iter()
        .filter(|(name, _)| !x.services.contains_key(*name))
        .map(|(name, service)| (name.clone(), service.at))
        .collect();
    for (name, at) in without_role {
        let hint = format!("add «{name}: main» (or sidecar, worker, database, job, init) to x-orbitr.services");
        checker.error_at(at, &format!("services.{name}"), "nothing says what this service is for", &hint);
    }
    for (name, port) in &x.ports {
        service(checker, &format!("ports.{name}.service"), &port.service);
    }
    for (name, route) in &x.routes {
        service(checker, &format!("routes.{name}.service"), &route.service);
    }
    for (name, action) in &x.actions {
        service(checker, &format!("actions.{name}.service"), &action.service);
    }
    for (name, variant) in &x.variants {
        for changed in variant.services.keys() {
            service(checker, &format!("variants.{name}.services.{changed}"), changed);
        }
    }
    if let Some(logs) = &x.logs {
        service(checker, "logs.service", &logs.service);
    }
    commands(checker);
}

/// The services in which commands run.
fn commands(checker: &mut Checker<'_>) {
    let x = checker.x;
    let mut used: Vec<(String, &str)> = Vec::new();
    if let Some(backup) = &x.backup {
        for (key, list) in
            [("pre", &backup.pre), ("post", &backup.post), ("restore", &backup.restore), ("verify", &backup.verify)]
        {
            used.extend(
                list.iter().enumerate().map(|(i, exec)| (format!("backup.{key}.{i}.service"), exec.service.as_str())),
            );
        }
        for (index, dump) in backup.dump.iter().enumerate() {
            if dump.binding.is_some() == dump.service.is_some() {
                checker.error(&format!("backup.dump.{index}"), "write one of binding and service");
            }
            used.extend(dump.service.as_deref().map(|service| (format!("backup.dump.{index}.service"), service)));
        }
    }
    if let Some(upgrade) = &x.upgrade {
        for (key, list) in [("pre", &upgrade.pre), ("post", &upgrade.post)] {
            used.extend(
                list.iter().enumerate().map(|(i, exec)| (format!("upgrade.{key}.{i}.service"), exec.service.as_str())),
            );
        }
        used.extend(upgrade.settled.as_ref().map(|exec| ("upgrade.settled.service".to_owned(), exec.service.as_str())));
        for (index, step) in upgrade.steps.iter().enumerate() {
            used.extend(step.images.keys().map(|name| (format!("upgrade.steps.{index}.images.{name}"), name.as_str())));
        }
    }
    used.extend(
        x.tests.persist_check.as_ref().map(|exec| ("tests.persist_check.service".into(), exec.service.as_str())),
    );
    used.extend(
        x.tests.probe.as_ref().and_then(|p| p.service.as_deref()).map(|name| ("tests.probe.service".into(), name)),
    );
    for (path, name) in used {
        service(checker, &path, name);
    }
}

fn volumes(checker: &mut Checker<'_>) {
    let x = checker.x;
    let is_path = |name: &str| matches!(x.inputs.get(name).map(|input| &input.kind), Some(InputKind::Path(_)));
    for name in x.volumes.keys() {
        if !checker.compose.volumes.contains_key(name) && !is_path(name) {
            let known: Vec<&str> = checker.compose.volumes.keys().map(String::as_str).collect();
            let message = "this is neither a volume of the Compose part nor an input of type path";
            checker.error_with(&format!("volumes.{name}"), message, suggest(name, &known, "volume"));
        }
    }
}

fn health(checker: &mut Checker<'_>) {
    let Some(health) = &checker.x.health else { return };
    match (&health.route, &health.service) {
        (Some(route), None) => {
            known_route(checker, "health.route", route.as_str());
            if health.port.is_some() {
                checker.error("health.port", "a route has its own port");
            }
        }
        (None, Some(name)) => service(checker, "health.service", name),
        _ => checker.error("health", "write one of route and service"),
    }
    if health.protocol == Some(HealthProtocol::Tcp) {
        for (key, there) in [("path", health.path.is_some()), ("expect", health.expect.is_some())] {
            if there {
                checker.error(&format!("health.{key}"), "a probe of protocol tcp asks for nothing");
            }
        }
    }
    if health.path.as_ref().is_some_and(|path| !path.starts_with('/') || path.contains(char::is_whitespace)) {
        checker.error("health.path", "a path starts with / and has no spaces");
    }
}

fn known_route(checker: &mut Checker<'_>, path: &str, name: &str) {
    if !checker.x.routes.contains_key(name) {
        let known: Vec<&str> = checker.x.routes.keys().map(|name| name.as_str()).collect();
        checker.error_with(path, format!("there is no route «{name}»"), suggest(name, &known, "route"));
    }
}

fn routes(checker: &mut Checker<'_>) {
    let x = checker.x;
    if let Some(metrics) = &x.metrics {
        known_route(checker, "metrics.route", metrics.route.as_str());
    }
    if let Some(open) = x.first_run.as_ref().and_then(|first| first.open.as_ref()) {
        known_route(checker, "first_run.open", open.as_str());
    }
    if let Some(route) = x.tests.probe.as_ref().and_then(|probe| probe.route.as_ref()) {
        known_route(checker, "tests.probe.route", route.as_str());
    }
    for (index, widget) in x.dashboard.iter().flat_map(|dashboard| dashboard.widgets.iter().enumerate()) {
        known_route(checker, &format!("dashboard.widgets.{index}.route"), widget.route.as_str());
    }
}

fn bindings(checker: &mut Checker<'_>) {
    let x = checker.x;
    let known: Vec<&str> = x.requires.keys().map(|name| name.as_str()).collect();
    let mut used: Vec<(String, &str)> = Vec::new();
    for (name, input) in &x.inputs {
        if let InputKind::Binding(input) = &input.kind {
            used.push((format!("inputs.{name}.binding"), input.binding.as_str()));
        }
    }
    for (index, dump) in x.backup.iter().flat_map(|backup| backup.dump.iter().enumerate()) {
        used.extend(dump.binding.as_ref().map(|name| (format!("backup.dump.{index}.binding"), name.as_str())));
    }
    let major = x.upgrade.as_ref().and_then(|upgrade| upgrade.database_major.as_ref());
    used.extend(major.map(|major| ("upgrade.database_major.binding".to_owned(), major.binding.as_str())));
    for (path, name) in used {
        if !x.requires.contains_key(name) {
            checker.error_with(&path, format!("requires has no «{name}»"), suggest(name, &known, "requirement"));
        }
    }
    let profiles: Vec<String> =
        checker.compose.services.values().flat_map(|s| s.profiles.iter().map(|p| p.value.clone())).collect();
    let profiles: Vec<&str> = profiles.iter().map(String::as_str).collect();
    let of_permissions = x.permissions.iter().enumerate();
    let mut used: Vec<(String, &str)> = of_permissions
        .filter_map(|(index, permission)| {
            Some((format!("permissions.{index}.profile"), permission.profile.as_deref()?))
        })
        .collect();
    for (name, require) in &x.requires {
        if let Some(bundled) = &require.bundled {
            service(checker, &format!("requires.{name}.bundled.service"), &bundled.service);
            used.push((format!("requires.{name}.bundled.profile"), &bundled.profile));
        }
    }
    for (path, name) in used {
        if !profiles.contains(&name) {
            checker.error_with(
                &path,
                format!("no service has the profile «{name}»"),
                suggest(name, &profiles, "profile"),
            );
        }
    }
}

/// A secret that is delivered as a file needs the Compose secret that mounts it.
fn secret_files(checker: &mut Checker<'_>) {
    let x = checker.x;
    for (name, _) in x.secrets.iter().filter(|(_, secret)| secret.deliver == Deliver::File) {
        let file = format!("./secrets/{name}");
        let compose = checker.compose;
        let named = compose.secrets.iter().find(|(_, named)| named.as_deref() == Some(file.as_str()));
        if let Some((named, _)) = named {
            if !compose.services.values().any(|service| service.secrets.contains(named)) {
                let hint = Some(format!("add «secrets: [{named}]» to the service that reads it"));
                checker.error_with(&format!("secrets.{name}.deliver"), "no service mounts its file", hint);
            }
        } else {
            let hint = format!("add «{name}: {{file: {file}}}» to the top-level secrets");
            checker.error_with(&format!("secrets.{name}.deliver"), "no Compose secret names its file", Some(hint));
        }
    }
}

/// Inputs that are named outside `inputs`.
fn inputs_elsewhere(checker: &mut Checker<'_>) {
    let x = checker.x;
    let known: Vec<&str> = x.inputs.keys().map(|name| name.as_str()).collect();
    let mut used: Vec<(String, &str)> =
        x.tests.install.keys().map(|name| (format!("tests.install.{name}"), name.as_str())).collect();
    if let Some(credentials) = x.first_run.as_ref().and_then(|first| first.credentials.as_ref()) {
        used.push(("first_run.credentials.user".to_owned(), credentials.user.as_str()));
        if !x.secrets.contains_key(&credentials.password) {
            used.push(("first_run.credentials.password".to_owned(), credentials.password.as_str()));
        }
    }
    for (path, name) in used {
        if !x.inputs.contains_key(name) {
            checker.error_with(&path, format!("there is no input «{name}»"), suggest(name, &known, "input"));
        }
    }
}
