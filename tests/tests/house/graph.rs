//! Dependencies run downwards: `model <- clients <- mechanisms <- rooms <- api, web <- orbitr`.

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Every crate of the workspace, from the ground floor up, with those of ours that it may build on.
const MAY_USE: &[(&str, &[&str])] = &[
    ("orbitr-model", &[]),
    // clients of the outside world: they know no database and no room
    ("orbitr-host", &["model"]),
    ("orbitr-docker", &["model", "host"]),
    // what root does: started by systemd, asked over files, on no way of the supervisor's own
    ("orbitr-privileged", &["model", "host"]),
    // mechanisms
    ("orbitr-store", &["model", "host"]),
    ("orbitr-jobs", &["model", "host", "store"]),
    ("orbitr-access", &["model", "host", "store", "jobs"]),
    // what an extension is
    ("orbitr-sdk", &["model"]),
    ("orbitr-catalog", &["model", "sdk"]),
    // rooms
    ("orbitr-edge", &["model"]),
    ("orbitr-machine", &["model", "host", "store", "jobs", "access"]),
    ("orbitr-apps", &["model", "host", "docker", "store", "jobs", "access", "sdk", "catalog"]),
    ("orbitr-watch", &["model", "host", "store", "jobs", "access", "machine", "apps"]),
    // the two ways in: rules and the outside world are behind the rooms
    ("orbitr-api", &["model", "store", "jobs", "access", "machine", "apps", "watch", "sdk", "catalog"]),
    ("orbitr-web", &["model", "store", "jobs", "access", "machine", "apps", "watch", "sdk", "catalog"]),
    // the menu as a picture: what it shows comes in, what it wants goes out
    ("orbitr-console", &["model"]),
    // the wiring
    (
        "orbitr",
        &[
            "model",
            "host",
            "docker",
            "privileged",
            "store",
            "jobs",
            "access",
            "machine",
            "apps",
            "watch",
            "sdk",
            "catalog",
            "edge",
            "api",
            "web",
            "console",
        ],
    ),
    ("orbitr-tests", &["model", "sdk"]),
];

/// Libraries that only some crates may use, so that what they stand for has one place.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("bollard", &["orbitr-docker"]),
    ("hyperlocal", &["orbitr-docker"]),
    ("zbus", &["orbitr-host"]),
    ("sysinfo", &["orbitr-host"]),
    ("sd-notify", &["orbitr-host"]),
    ("nix", &["orbitr-host", "orbitr-tests"]),
    ("maud", &["orbitr-web"]),
    ("rcgen", &["orbitr-edge"]),
    ("clap", &["orbitr"]),
    ("ratatui", &["orbitr-console", "orbitr"]),
    ("crossterm", &["orbitr"]),
    ("anyhow", &["orbitr", "orbitr-tests"]),
    ("tracing-subscriber", &["orbitr"]),
    (
        "rusqlite",
        &[
            "orbitr-store",
            "orbitr-jobs",
            "orbitr-access",
            "orbitr-machine",
            "orbitr-apps",
            "orbitr-watch",
            "orbitr-api",
            "orbitr-tests",
        ],
    ),
    // one kind of clock time, one asynchronous runtime, one logger, one provider of cryptography
    ("chrono", &[]),
    ("time", &[]),
    ("async-std", &[]),
    ("log", &[]),
    ("ring", &[]),
    ("openssl", &[]),
];

fn workspace() -> Metadata {
    MetadataCommand::new().manifest_path(super::root().join("Cargo.toml")).no_deps().exec().unwrap()
}

/// What the package needs to be built; what only its tests need is free.
fn needs(package: &Package) -> impl Iterator<Item = &str> {
    package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development).map(|d| d.name.as_str())
}

#[test]
fn every_crate_depends_only_downwards() {
    let floors: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let mut broken = Vec::new();
    for package in &workspace().packages {
        let Some(allowed) = floors.get(package.name.as_str()) else {
            broken.push(format!("{} has no floor: add it to MAY_USE", package.name));
            continue;
        };
        for ours in needs(package).filter_map(|name| name.strip_prefix("orbitr-")) {
            if !allowed.contains(&ours) {
                broken.push(format!("{} may not use orbitr-{ours}", package.name));
            }
        }
    }
    super::assert_none("dependencies that run the wrong way", &broken);
}

#[test]
fn the_floors_themselves_have_no_way_round() {
    // a crate may use only crates that are listed before it, so the table cannot hold a circle
    let mut below = Vec::new();
    for (name, allowed) in MAY_USE {
        for ours in *allowed {
            assert!(below.contains(ours), "{name} is listed before orbitr-{ours}");
        }
        below.push(name.strip_prefix("orbitr-").unwrap_or(name));
    }
}

#[test]
fn a_library_of_the_outside_world_has_one_place() {
    let mut broken = Vec::new();
    for package in &workspace().packages {
        for (library, places) in ONLY_IN {
            if needs(package).any(|name| name == *library) && !places.contains(&package.name.as_str()) {
                broken.push(format!("{} may not use {library}", package.name));
            }
        }
    }
    super::assert_none("libraries outside their place", &broken);
}

#[test]
fn what_is_for_tests_is_not_in_the_program() {
    let mut broken = Vec::new();
    for package in &workspace().packages {
        for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development) {
            for feature in dependency.features.iter().filter(|f| ["testing", "fault-injection"].contains(&f.as_str())) {
                broken.push(format!("{} switches on {feature} of {}", package.name, dependency.name));
            }
        }
        if let Some(default) = package.features.get("default").filter(|default| !default.is_empty()) {
            broken.push(format!("{} has default features: {default:?}", package.name));
        }
    }
    super::assert_none("features meant for tests", &broken);
}

#[test]
fn every_crate_keeps_the_houses_lints_and_stays_unpublished() {
    let mut broken = Vec::new();
    for package in &workspace().packages {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        if !manifest.contains("[lints]\nworkspace = true") {
            broken.push(format!("{}: [lints] workspace = true is missing", package.name));
        }
        if package.publish != Some(Vec::new()) {
            broken.push(format!("{}: publish.workspace = true is missing", package.name));
        }
        if package.license.as_deref() != Some("Apache-2.0") {
            broken.push(format!("{}: license.workspace = true is missing", package.name));
        }
    }
    super::assert_none("manifests", &broken);
}

#[test]
fn versions_are_named_once_in_the_workspace() {
    let mut broken = Vec::new();
    for package in &workspace().packages {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        for line in manifest.lines().filter(|line| line.contains("version = \"") || line.contains(" = \"^")) {
            broken.push(format!("{}: {line}", package.name));
        }
    }
    super::assert_none("versions outside the workspace's table", &broken);
}
