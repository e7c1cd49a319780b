//! A manifest that has been read: every reference resolves, every variable is declared.

use std::cmp::Ordering;

use indexmap::IndexMap;

use crate::{
    check::{Checker, check},
    compose::{self, Compose, Service},
    diagnostic::{Diagnostic, Finding, Place, in_order},
    sections::{
        Health, Input, InputKind, Meta, Name, Port, Role, SecretSpec, Transport, Volume, VolumeClass, XOrbitr,
        compare_versions,
    },
    yaml::{self, Node, Value, decode},
};

/// The key under which our part of the file stands.
pub(crate) const BLOCK: &str = "x-orbitr";

/// One `extension.yaml`, read and checked.
#[derive(Clone)]
pub struct Manifest {
    pub(crate) x: XOrbitr,
    pub(crate) compose: Compose,
    pub(crate) root: Node,
    pub(crate) text: String,
    pub(crate) file: String,
}

impl std::fmt::Debug for Manifest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Manifest({} {}-{})", self.x.id, self.x.version, self.x.revision)
    }
}

/// A port of the box that the Compose part publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedPort {
    /// The Compose service.
    pub service: String,
    /// The port inside its container; `None` for a range.
    pub target: Option<u16>,
    /// TCP or UDP.
    pub protocol: Transport,
    /// Where the number on the box comes from.
    pub source: PortSource,
}

/// Where the number of a published port comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortSource {
    /// The answer to an input of type `port`.
    Input(String),
    /// An entry of `ports`.
    Port(String),
    /// A number in the text, or none; the lint refuses it.
    Written(Option<String>),
}

/// A volume of an app, and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeUse {
    /// Its name in the Compose part, or the name of the path input.
    pub name: String,
    /// What the manifest says; `None` is refused by the lint.
    pub volume: Option<Volume>,
    /// Whether it is an input of type `path`, whose folder is in `${PATH_<NAME>}`.
    pub is_input: bool,
}

impl Manifest {
    /// Reads and checks a manifest. `file_name` is what the diagnostics call it.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the text: broken YAML, unknown or double keys, wrong types,
    /// names that lead nowhere, variables that nothing declares or nothing uses. Never empty.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut findings = Vec::new();
        let root = yaml::read(text).map_err(|finding| vec![finding.in_file(file_name)])?;
        let Value::Map(_) = root.value else {
            let finding = Finding::error(Place::START, "", "a manifest is a map of keys");
            return Err(vec![finding.hint("begin with services: and x-orbitr:").in_file(file_name)]);
        };
        let compose = compose::read(&root, &mut findings);
        let x = read_block(&root, &mut findings);
        if let Some((x, block)) = &x {
            let mut checker = Checker { x, compose: &compose, root: &root, block, source: text, findings };
            check(&mut checker);
            findings = checker.findings;
        }
        drop_consequences(&mut findings);
        let failed = findings.iter().any(|finding| finding.severity == crate::Severity::Error);
        match x.map(|(x, _)| x) {
            Some(x) if !failed => Ok(Self { x, compose, root, text: text.to_owned(), file: file_name.to_owned() }),
            _ => Err(in_order(findings, file_name)),
        }
    }

    /// Everything in the `x-orbitr` block.
    #[must_use]
    pub const fn x(&self) -> &XOrbitr {
        &self.x
    }

    /// The whole file as it was given. Docker Compose reads exactly this.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The id in its registry.
    #[must_use]
    pub fn id(&self) -> &str {
        self.x.id.as_str()
    }

    /// The upstream version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.x.version
    }

    /// Whether this is a later version than another one of the same extension: by the numbers in front, then by the
    /// package's revision. What follows the numbers (`-alpine`) does not count.
    #[must_use]
    pub fn is_newer_than(&self, version: &str, revision: u32) -> bool {
        match compare_versions(self.version(), version) {
            Ordering::Greater => true,
            Ordering::Equal => self.x.revision > revision,
            Ordering::Less => false,
        }
    }

    /// What people are shown in the store.
    #[must_use]
    pub const fn meta(&self) -> &Meta {
        &self.x.meta
    }

    /// What the person who installs it is asked, in order.
    #[must_use]
    pub const fn inputs(&self) -> &IndexMap<Name, Input> {
        &self.x.inputs
    }

    /// What the box makes up and keeps.
    #[must_use]
    pub const fn secrets(&self) -> &IndexMap<Name, SecretSpec> {
        &self.x.secrets
    }

    /// Its assigned ports.
    #[must_use]
    pub const fn ports(&self) -> &IndexMap<Name, Port> {
        &self.x.ports
    }

    /// What each Compose service is for.
    #[must_use]
    pub const fn services(&self) -> &IndexMap<String, Role> {
        &self.x.services
    }

    /// How the box sees from outside that it works.
    #[must_use]
    pub const fn health(&self) -> Option<&Health> {
        self.x.health.as_ref()
    }

    /// The images, by service, as the Compose part names them.
    #[must_use]
    pub fn images(&self) -> IndexMap<&str, &str> {
        let images = self.compose.services.iter();
        images.filter_map(|(name, service)| Some((name.as_str(), service.image.as_ref()?.value.as_str()))).collect()
    }

    /// Every volume of the Compose part, then every path input.
    #[must_use]
    pub fn volumes(&self) -> Vec<VolumeUse> {
        let named = self.compose.volumes.keys().map(|name| VolumeUse {
            name: name.clone(),
            volume: self.x.volumes.get(name).cloned(),
            is_input: false,
        });
        let paths = self.x.inputs.iter().filter_map(|(name, input)| match &input.kind {
            InputKind::Path(path) => Some(VolumeUse {
                name: name.to_string(),
                volume: self.x.volumes.get(name.as_str()).cloned().or_else(|| path.class.map(plain_volume)),
                is_input: true,
            }),
            _ => None,
        });
        named.chain(paths).collect()
    }

    /// Every port that the Compose part publishes on the box, service by service.
    #[must_use]
    pub fn published_ports(&self) -> Vec<PublishedPort> {
        let source = |host: Option<&String>| -> PortSource {
            let variable = host.and_then(|host| host.strip_prefix("${")).and_then(|host| host.strip_suffix('}'));
            let named = variable.and_then(|variable| variable.split_once('_'));
            match named.map(|(kind, name)| (kind, name.to_ascii_lowercase())) {
                Some(("INPUT", name)) => PortSource::Input(name),
                Some(("PORT", name)) => PortSource::Port(name),
                _ => PortSource::Written(host.cloned()),
            }
        };
        let of_service = |(name, service): (&String, &Service)| -> Vec<PublishedPort> {
            let published = |port: &compose::ServicePort| PublishedPort {
                service: name.clone(),
                target: port.target,
                protocol: port.protocol,
                source: source(port.host.as_ref()),
            };
            service.ports.iter().map(published).collect()
        };
        self.compose.services.iter().flat_map(of_service).collect()
    }

    /// The published port that the health probe asks, when `health` names a service.
    #[must_use]
    pub fn probed_port(&self) -> Option<PublishedPort> {
        let health = self.x.health.as_ref()?;
        let service = health.service.as_ref()?;
        let mut ports = self.published_ports().into_iter().filter(|port| {
            port.service == *service
                && port.protocol == Transport::Tcp
                && health.port.is_none_or(|wanted| port.target == Some(wanted))
        });
        ports.next()
    }

    /// A diagnostic of the caller's own at a path of the `x-orbitr` block, for rules about the files beside the manifest.
    #[must_use]
    pub fn diagnostic(&self, path: &str, message: String) -> Diagnostic {
        Finding::error(self.block().place(path), path, message).in_file(&self.file)
    }

    pub(crate) fn block(&self) -> &Node {
        self.root.get(BLOCK).unwrap_or(&self.root)
    }
}

fn plain_volume(class: VolumeClass) -> Volume {
    Volume { class, owner: None, size_hint: None, share: None, backup: None, on_remove: crate::OnRemove::default() }
}

fn read_block<'a>(root: &'a Node, findings: &mut Vec<Finding>) -> Option<(XOrbitr, &'a Node)> {
    let Some(block) = root.get(BLOCK) else {
        let finding = Finding::error(Place::START, BLOCK, "the key «x-orbitr» is missing");
        findings.push(finding.hint("a manifest is a Compose file with one x-orbitr block"));
        return None;
    };
    decode(block, findings).map(|x| (x, block))
}

/// A key that is misspelt is missing too; the misspelling says it better.
fn drop_consequences(findings: &mut Vec<Finding>) {
    let parent = |path: &str| path.rsplit_once('.').map_or(String::new(), |(parent, _)| parent.to_owned());
    let meant: Vec<(String, String)> = findings
        .iter()
        .filter_map(|finding| {
            let key = finding.hint.as_deref()?.strip_prefix("did you mean «")?.strip_suffix("»?")?;
            Some((parent(&finding.path), format!("the key «{key}» is missing")))
        })
        .collect();
    findings.retain(|finding| {
        !meant.iter().any(|(path, missing)| finding.message.starts_with(missing) && parent(&finding.path) == *path)
    });
}
