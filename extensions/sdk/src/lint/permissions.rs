//! What the Compose part takes must be what the manifest declares.

use std::collections::BTreeMap;

use super::Linter;
use crate::{
    compose::{Compose, MountSource, Service},
    diagnostic::Place,
    manifest::Manifest,
    sections::{Access, Grant, InputKind},
    yaml::Node,
};

/// The capabilities that Docker gives every container.
const ORDINARY: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
const DOCKER_SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/docker.sock"];

impl Manifest {
    /// The permissions that the Compose part takes, computed from it, in order.
    #[must_use]
    pub fn computed_permissions(&self) -> Vec<Grant> {
        computed(self).into_keys().collect()
    }

    /// How safe the app is, from 1 (it can do anything) to 6 (an ordinary app): the lowest score of its permissions.
    #[must_use]
    pub fn score(&self) -> u8 {
        let declared = self.x.permissions.iter().map(|permission| permission.grant.score());
        declared.chain(self.computed_permissions().iter().map(Grant::score)).min().unwrap_or(6)
    }
}

pub(super) fn lint(linter: &mut Linter<'_>) {
    let manifest = linter.manifest;
    let computed = computed(manifest);
    for (grant, (path, at)) in &computed {
        if !manifest.x.permissions.iter().any(|permission| permission.grant == *grant) {
            let hint = format!("add «{{grant: \"{grant}\", reason: …}}» to x-orbitr.permissions");
            linter.error_at(*at, path, &format!("this takes the permission {grant}, which is not declared"), &hint);
        }
    }
    for (index, permission) in manifest.x.permissions.iter().enumerate() {
        let path = format!("permissions.{index}");
        if permission.grant.shows_in_compose() && !computed.contains_key(&permission.grant) {
            let message = format!("nothing in the Compose part takes {}", permission.grant);
            linter.error_in_block(&path, &message, "leave it out");
        }
        if permission.reason.trim().is_empty() {
            linter.error_in_block(&path, "the reason is empty", "say why, for the person who consents");
        }
    }
}

/// Each grant with the place that takes it.
fn computed(manifest: &Manifest) -> BTreeMap<Grant, (String, Place)> {
    let mut taken = BTreeMap::new();
    for (name, service) in &manifest.compose.services {
        of_service(name, service, &manifest.root, &mut |grant, path, at| {
            taken.entry(grant).or_insert((path, at));
        });
    }
    low_ports(manifest, &mut taken);
    taken
}

fn of_service(name: &str, service: &Service, root: &Node, take: &mut dyn FnMut(Grant, String, Place)) {
    let path = |key: &str| format!("services.{name}.{key}");
    let at = |key: &str| root.place(&path(key));
    let mut by_word = |key: &str, word: &str, grant: Grant| {
        if service.word(key) == Some(word) {
            take(grant, path(key), at(key));
        }
    };
    by_word("network_mode", "host", Grant::HostNetwork);
    by_word("pid", "host", Grant::HostPid);
    by_word("ipc", "host", Grant::HostIpc);
    if service.get("privileged").is_some_and(|node| !is_false(node)) {
        take(Grant::Privileged, path("privileged"), at("privileged"));
    }
    for (index, capability) in service.list("cap_add").iter().enumerate() {
        let upper = capability.value.to_ascii_uppercase();
        let plain = upper.strip_prefix("CAP_").unwrap_or(&upper);
        if !ORDINARY.contains(&plain) {
            take(Grant::Capability(plain.to_owned()), path(&format!("cap_add.{index}")), capability.at);
        }
    }
    for (index, device) in service.get("devices").map(Node::items).unwrap_or_default().iter().enumerate() {
        let source = device.text().map(|text| text.split(':').next().unwrap_or(text).to_owned());
        let source = source.or_else(|| device.get("source").and_then(Node::scalar)).unwrap_or_default();
        take(Grant::Device(source), path(&format!("devices.{index}")), device.at);
    }
    let reserved = service.get("deploy").and_then(|n| n.get("resources")).and_then(|n| n.get("reservations"));
    if service.get("gpus").is_some() || reserved.and_then(|n| n.get("devices")).is_some() {
        let key = if service.get("gpus").is_some() { "gpus" } else { "deploy" };
        take(Grant::Gpu, path(key), at(key));
    }
    if service.get("sysctls").is_some_and(|node| !node.is_null()) {
        take(Grant::Sysctl, path("sysctls"), at("sysctls"));
    }
    if let Some(user) = service.get("user").and_then(Node::scalar)
        && ["root", "0"].contains(&user.split(':').next().unwrap_or_default())
    {
        take(Grant::RootUser, path("user"), at("user"));
    }
    for (index, mount) in service.mounts.iter().enumerate() {
        if let MountSource::Bind(source) = &mount.source
            && source.starts_with('/')
        {
            let access = if mount.read_only { Access::ReadOnly } else { Access::ReadWrite };
            let grant = if DOCKER_SOCKETS.contains(&source.trim_end_matches('/')) {
                Grant::DockerSocket
            } else {
                Grant::HostPath(source.clone(), access)
            };
            take(grant, path(&format!("volumes.{index}")), mount.at);
        }
    }
}

/// A text with a variable may become `true`, so only a plain no is a no.
fn is_false(node: &Node) -> bool {
    node.is_null() || node.scalar().as_deref() == Some("false")
}

/// A port below 1024 that the app prefers or fixes.
fn low_ports(manifest: &Manifest, taken: &mut BTreeMap<Grant, (String, Place)>) {
    let of_ports = manifest.ports().iter().filter(|(_, port)| port.preferred < 1024);
    let of_ports = of_ports.map(|(name, _)| format!("ports.{name}.preferred"));
    let of_inputs = manifest.inputs().iter().filter_map(|(name, input)| match &input.kind {
        InputKind::Port(port) if port.preferred.is_some_and(|preferred| preferred < 1024) => {
            Some(format!("inputs.{name}.preferred"))
        }
        _ => None,
    });
    for path in of_ports.chain(of_inputs) {
        let at = manifest.block().place(&path);
        taken.entry(Grant::PortBelow1024).or_insert((path, at));
    }
    for (path, at) in written_low_ports(&manifest.compose) {
        taken.entry(Grant::PortBelow1024).or_insert((path, at));
    }
}

fn written_low_ports(compose: &Compose) -> Vec<(String, Place)> {
    let low = |host: Option<&String>| host.and_then(|host| host.parse::<u16>().ok()).is_some_and(|port| port < 1024);
    let of_service = |(name, service): (&String, &Service)| -> Vec<(String, Place)> {
        let ports = service.ports.iter().enumerate().filter(|(_, port)| low(port.host.as_ref()));
        ports.map(|(index, port)| (format!("services.{name}.ports.{index}"), port.at)).collect()
    };
    compose.services.iter().flat_map(of_service).collect()
}
