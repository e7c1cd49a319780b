//! What a manifest must keep beyond being readable: images that stay the same, containers that stay inside, data that
//! is not lost, permissions that are honest. The official registry publishes nothing with a finding of level error,
//! and no box installs it.

mod confinement;
mod data;
mod image;
mod permissions;
mod secrets;
mod update;

use crate::{
    diagnostic::{Diagnostic, Finding, Place, in_order},
    manifest::{Manifest, PortSource},
    sections::Role,
};

pub use update::lint_update;

/// All lints over one manifest, in the order of the text.
#[must_use]
pub fn lint(manifest: &Manifest) -> Vec<Diagnostic> {
    lint_as(manifest, Origin::Written)
}

/// Where a manifest comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Somebody wrote it for boxes.
    Written,
    /// It is what a project was that ran already, whose author nobody can ask for a health check.
    Adopted,
}

pub(crate) fn lint_as(manifest: &Manifest, origin: Origin) -> Vec<Diagnostic> {
    let mut linter = Linter { manifest, findings: Vec::new() };
    image::lint(&mut linter);
    if origin == Origin::Written {
        healthchecks(&mut linter);
    }
    profiles(&mut linter);
    secrets::lint(&mut linter);
    data::lint(&mut linter);
    confinement::lint(&mut linter);
    permissions::lint(&mut linter);
    ports(&mut linter);
    in_order(linter.findings, &manifest.file)
}

struct Linter<'a> {
    manifest: &'a Manifest,
    findings: Vec<Finding>,
}

impl Linter<'_> {
    /// Notes an error at a path of the Compose part.
    fn error(&mut self, path: &str, message: &str, hint: &str) {
        self.error_at(self.manifest.root.place(path), path, message, hint);
    }

    fn error_at(&mut self, at: Place, path: &str, message: &str, hint: &str) {
        self.findings.push(Finding::error(at, path, format!("{path}: {message}")).hint(hint));
    }

    fn warning_at(&mut self, at: Place, path: &str, message: &str, hint: &str) {
        self.findings.push(Finding::warning(at, path, format!("{path}: {message}")).hint(hint));
    }

    /// Notes an error at a path of the `x-orbitr` block.
    fn error_in_block(&mut self, path: &str, message: &str, hint: &str) {
        self.error_at(self.manifest.block().place(path), path, message, hint);
    }
}

/// Each service that keeps running says how it is known to work.
fn healthchecks(linter: &mut Linter<'_>) {
    let manifest = linter.manifest;
    for (name, service) in &manifest.compose.services {
        let keeps_running = manifest.services().get(name).copied().unwrap_or(Role::Main).keeps_running();
        if keeps_running && !service.has_healthcheck {
            let path = format!("services.{name}");
            let hint = "add one; only services of role job and init need none";
            linter.error_at(service.at, &path, "the service has no healthcheck", hint);
        }
    }
}

/// Each profile is switched on by something; a service of any other would never start.
fn profiles(linter: &mut Linter<'_>) {
    let manifest = linter.manifest;
    let bundled = manifest.x.requires.values().filter_map(|require| require.bundled.as_ref());
    let switched: Vec<&str> = bundled.map(|bundled| bundled.profile.as_str()).collect();
    for (name, service) in &manifest.compose.services {
        for profile in service.profiles.iter().filter(|profile| !switched.contains(&profile.value.as_str())) {
            let path = format!("services.{name}.profiles");
            let message = format!("nothing switches the profile «{}» on", profile.value);
            linter.error_at(profile.at, &path, &message, "name it in requires.<name>.bundled, or leave it out");
        }
    }
}

/// Ports on the box have numbers that the box assigns or a person chooses.
fn ports(linter: &mut Linter<'_>) {
    let manifest = linter.manifest;
    let published = manifest.published_ports();
    let places = manifest.compose.services.iter().flat_map(|(name, service)| {
        service.ports.iter().enumerate().map(move |(index, port)| (format!("services.{name}.ports.{index}"), port.at))
    });
    for (port, (path, at)) in published.iter().zip(places) {
        match &port.source {
            PortSource::Written(_) => {
                let hint = "declare it under x-orbitr.ports and write \"${PORT_<NAME>}:<port in the container>\"";
                linter.error_at(at, &path, "the port on the box is written down, so two apps can clash", hint);
            }
            PortSource::Input(name) => {
                let input = manifest.inputs().get(name.as_str());
                let protocol = match input.map(|input| &input.kind) {
                    Some(crate::InputKind::Port(input)) => Some(input.protocol),
                    _ => None,
                };
                if protocol != Some(port.protocol) {
                    let hint = "its input must be of type port and of the same protocol";
                    linter.error_at(at, &path, "this input cannot be a port", hint);
                }
            }
            PortSource::Port(name) => {
                let declared = manifest.ports().get(name.as_str());
                let same = declared.is_some_and(|declared| {
                    declared.service == port.service
                        && Some(declared.target) == port.target
                        && declared.protocol == port.protocol
                });
                if !same {
                    let hint = "service, target and protocol of the entry in x-orbitr.ports must say the same";
                    linter.error_at(at, &path, &format!("this is not what ports.{name} declares"), hint);
                }
            }
        }
    }
    let health = manifest.health().and_then(|health| health.service.as_ref());
    if health.is_some() && manifest.probed_port().is_none() {
        let hint = "publish the port, or name another one in health.port";
        linter.error_in_block("health", "the box cannot reach this port from outside", hint);
    }
}
