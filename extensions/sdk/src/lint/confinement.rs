//! Ways out of an app's containers for which there is no permission, and keys that would work against the box.

use super::Linter;
use crate::{
    sections::Deliver,
    yaml::{Node, Value},
};

/// Keys of a service that an extension cannot have, and what to do instead.
const REFUSED: &[(&str, &str, &str)] = &[
    ("build", "an extension builds nothing", "publish an image and name its exact version"),
    ("container_name", "the box names containers, so that an app can be installed twice", "leave it out"),
    ("extends", "a manifest is one file", "write the service out, or use an anchor"),
    ("env_file", "an extension has no folder of its own on the box", "write the variables under environment"),
    ("label_file", "an extension has no folder of its own on the box", "write the labels under labels"),
    ("volumes_from", "it reaches into containers of others", "mount a named volume in both services"),
    ("external_links", "it reaches into containers of others", "declare what is needed under x-orbitr.requires"),
    ("provider", "it runs programs on the box", "use a service with an image"),
    ("develop", "it is for development only", "leave it out"),
    ("use_api_socket", "it hands out the Docker engine", "ask for the permission docker_read"),
    ("userns_mode", "it leaves the box's user namespace", "leave it out"),
    ("uts", "it shares the box's host name", "leave it out"),
    ("cgroup", "it leaves the box's limits", "leave it out"),
    ("cgroup_parent", "it leaves the box's limits", "leave it out"),
    ("device_cgroup_rules", "it opens devices beside the list", "name each device under devices"),
    ("credential_spec", "it is for Windows only", "leave it out"),
    ("isolation", "it is for Windows only", "leave it out"),
    ("oom_kill_disable", "it lets one app take all memory", "leave it out"),
    ("oom_score_adj", "it makes the box kill others first", "leave it out"),
    ("runtime", "the box chooses how containers run", "ask for the permission gpu with gpus: all"),
    ("scale", "the box chooses how many containers run", "leave it out"),
    ("logging", "the box keeps every app's logs, within limits", "leave it out"),
    ("post_start", "it runs beside the container's own limits", "use a service of role init"),
    ("pre_stop", "it runs beside the container's own limits", "use stop_signal and stop_grace_period"),
    ("mac_address", "two instances would share it", "leave it out"),
];

/// Labels that belong to the box or to Compose.
const OWN_LABELS: [&str; 2] = ["io.orbitr.", "com.docker."];

pub(super) fn lint(linter: &mut Linter<'_>) {
    let manifest = linter.manifest;
    for (name, service) in &manifest.compose.services {
        for (key, message, hint) in REFUSED {
            if service.node.get(key).is_some_and(|node| !node.is_null()) {
                linter.error(&format!("services.{name}.{key}"), message, hint);
            }
        }
        security_options(linter, name, service.get("security_opt"));
        labels(linter, &format!("services.{name}.labels"), service.get("labels"));
        for key in ["network_mode", "pid", "ipc"] {
            let path = format!("services.{name}.{key}");
            let mode = service.word(key).unwrap_or_default();
            if mode.starts_with("container:") {
                linter.error(&path, "it reaches into containers of others", "use «service:<name>» of this manifest");
            } else if mode.contains('$') {
                linter.error(&path, "an answer could turn it into «host»", "write it out");
            }
        }
    }
    for (key, message) in [("include", "a manifest is one file"), ("models", "the box runs no models for Compose")] {
        if manifest.root.get(key).is_some() {
            linter.error(key, message, "write the services out");
        }
    }
    volumes(linter);
    networks(linter);
    files(linter);
}

/// Only options that make a container tighter.
fn security_options(linter: &mut Linter<'_>, service: &str, node: Option<&Node>) {
    for (index, option) in node.map(Node::items).unwrap_or_default().iter().enumerate() {
        let text = option.scalar().unwrap_or_default().replace('=', ":");
        if !["no-new-privileges", "no-new-privileges:true"].contains(&text.as_str()) {
            let path = format!("services.{service}.security_opt.{index}");
            linter.error_at(
                option.at,
                &path,
                "it loosens the container",
                "only no-new-privileges:true can be written here",
            );
        }
    }
}

fn labels(linter: &mut Linter<'_>, path: &str, node: Option<&Node>) {
    let Some(node) = node else { return };
    let keys = node.entries().iter().map(|entry| (entry.key.clone(), entry.key_at));
    let items = node.items().iter().filter_map(|item| Some((item.text()?.to_owned(), item.at)));
    for (label, at) in keys.chain(items) {
        if OWN_LABELS.iter().any(|own| label.starts_with(own)) {
            linter.error_at(at, path, "labels of this kind belong to the box", "use a name of your own");
        }
    }
}

/// Volumes are plain folders of the app. A driver could mount any part of the box under a volume's name.
fn volumes(linter: &mut Linter<'_>) {
    let Some(node) = linter.manifest.root.get("volumes") else { return };
    for volume in node.entries() {
        for key in ["driver", "driver_opts", "external", "name"] {
            if volume.node.get(key).is_some() {
                let path = format!("volumes.{}.{key}", volume.key);
                linter.error(&path, "the box keeps each volume in the app's folder", "leave it out");
            }
        }
        labels(linter, &format!("volumes.{}.labels", volume.key), volume.node.get("labels"));
    }
}

fn networks(linter: &mut Linter<'_>) {
    let Some(node) = linter.manifest.root.get("networks") else { return };
    for network in node.entries() {
        for key in ["driver", "driver_opts", "external", "name", "ipam"] {
            if network.node.get(key).is_some() {
                let path = format!("networks.{}.{key}", network.key);
                linter.error(&path, "the box makes an app's networks", "leave it out");
            }
        }
        labels(linter, &format!("networks.{}.labels", network.key), network.node.get("labels"));
    }
}

/// Compose secrets and configs read nothing of the box but the app's own secrets.
fn files(linter: &mut Linter<'_>) {
    let manifest = linter.manifest;
    let files: Vec<String> = manifest
        .secrets()
        .iter()
        .filter(|(_, secret)| secret.deliver == Deliver::File)
        .map(|(name, _)| format!("./secrets/{name}"))
        .collect();
    for section in ["secrets", "configs"] {
        for entry in manifest.root.get(section).map(Node::entries).unwrap_or_default() {
            let path = format!("{section}.{}", entry.key);
            if !matches!(entry.node.value, Value::Map(_)) {
                continue;
            }
            for key in ["external", "name", "template_driver", "driver"] {
                if entry.node.get(key).is_some() {
                    linter.error(&format!("{path}.{key}"), "it reaches outside the app", "leave it out");
                }
            }
            let file = entry.node.get("file").and_then(Node::scalar);
            if file.is_some_and(|file| section == "configs" || !files.contains(&file)) {
                let hint = if section == "configs" {
                    "write the text under content"
                } else {
                    "write ./secrets/<name> of a secret with deliver: file"
                };
                linter.error(&format!("{path}.file"), "an extension has no folder of its own on the box", hint);
            }
        }
    }
}
