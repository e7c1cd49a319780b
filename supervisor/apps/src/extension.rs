//! An extension as an app of this box uses it: answers, variables, files, ports, the probe's target.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use orbitr_docker::{Container, ImageRef};
use orbitr_model::{ExtensionId, FieldError, ReleaseId};
use orbitr_sdk::{
    Action, Answer, Arch, Bindings, Env, EnvContext, HealthProtocol, InputKind, Manifest, PortSource, PortWish,
    Require, ResolveContext, Resolved, Role, SecretText, Transport, contract, fill, system_random,
};
use serde_json::Value;

use crate::{
    BoxFacts, Error,
    bindings::{Binding, Fields, words},
    folder::ENV_FILE,
    model::{HostPort, Image, Protocol, Release},
    probe::{Target, own_address},
    view::Endpoint,
};

/// The grace of an extension that names none.
const DEFAULT_GRACE: Duration = Duration::from_secs(120);
/// No extension may take longer than this to come up.
const LONGEST_GRACE: Duration = Duration::from_secs(60 * 60);
/// How often an app is looked at whose extension does not say it.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
/// Looking costs the app something.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(10);
const LONGEST_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// The registry of extensions that were made of Compose projects.
pub(crate) const ADOPTED: &str = "adopted";
/// The file name in diagnostics.
const FILE: &str = "extension.yaml";

/// An extension's text, read.
#[derive(Clone)]
pub(crate) struct Extension {
    manifest: Arc<Manifest>,
}

/// What was read lately: every page shows what apps run, and reading takes milliseconds.
static READ: LazyLock<Mutex<Read>> = LazyLock::new(Mutex::default);
/// More are forgotten at once.
const READ_MAX: usize = 512;

#[derive(Default)]
struct Read {
    /// One entry a text, so a hundred apps of one extension are one.
    by_text: HashMap<String, Arc<Manifest>>,
    /// A release never changes its text, and its id is quicker to compare.
    by_release: HashMap<ReleaseId, Arc<Manifest>>,
}

fn lately() -> MutexGuard<'static, Read> {
    READ.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes room for one more.
fn room_in<K, V>(map: &mut HashMap<K, V>) -> &mut HashMap<K, V> {
    if map.len() >= READ_MAX {
        map.clear();
    }
    map
}

/// The typed answers to an extension's inputs, with every secret that goes with them.
#[derive(Clone)]
pub(crate) struct Answers {
    pub(crate) resolved: Resolved,
    /// Secret inputs and generated secrets, by `input/<name>` and `secret/<name>`.
    pub(crate) secrets: BTreeMap<String, String>,
    /// Host ports by the variable that holds them.
    pub(crate) ports: BTreeMap<String, HostPort>,
}

/// A file of a release.
pub(crate) struct ReleaseFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) mode: u32,
}

impl Extension {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        if let Some(manifest) = lately().by_text.get(text) {
            return Ok(Self { manifest: manifest.clone() });
        }
        let manifest = Manifest::parse(text, FILE).map_err(|found| {
            Error::Manifest(found.first().map_or_else(|| "it is not right".to_owned(), ToString::to_string))
        })?;
        let manifest = Arc::new(manifest);
        room_in(&mut lately().by_text).insert(text.to_owned(), manifest.clone());
        Ok(Self { manifest })
    }

    pub(crate) fn read(release: &Release) -> Result<Self, Error> {
        Self::of(release.id, || Ok(release.manifest.clone()))
    }

    /// The extension of a release, whose text is only asked for when it was not read lately.
    pub(crate) fn of(release: ReleaseId, text: impl FnOnce() -> Result<String, Error>) -> Result<Self, Error> {
        if let Some(manifest) = lately().by_release.get(&release) {
            return Ok(Self { manifest: manifest.clone() });
        }
        let read = Self::parse(&text()?)?;
        room_in(&mut lately().by_release).insert(release, read.manifest.clone());
        Ok(read)
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether this box can run it.
    pub(crate) fn check_runs_here(&self, id: &ExtensionId) -> Result<(), Error> {
        let mut reasons = Vec::new();
        let found = if id.registry() == ADOPTED { self.manifest.adoptable() } else { self.manifest.installable() };
        if let Err(found) = found {
            reasons.extend(found.iter().map(ToString::to_string));
        }
        if !self.manifest.x().arch.contains(&own_arch()) {
            reasons.push("its images are not made for this box's processor".to_owned());
        }
        if reasons.is_empty() { Ok(()) } else { Err(Error::Unsupported { extension: id.clone(), reasons }) }
    }

    /// What it gives to other apps.
    pub(crate) fn provides(&self) -> Vec<String> {
        self.manifest.provides().values().map(|provide| provide.capability.to_string()).collect()
    }

    /// The images by service, none looked for yet.
    pub(crate) fn images(&self, bindings: &Bindings) -> Result<BTreeMap<String, Image>, Error> {
        let running = self.manifest.services_with(&self.manifest.profiles(bindings));
        let read = |(service, name): (&str, &str)| {
            let image: ImageRef =
                name.parse().map_err(|_| Error::Manifest(format!("{service}: «{name}» is no image's name")))?;
            Ok((service.to_owned(), Image::new(image)))
        };
        self.manifest.images().into_iter().filter(|(service, _)| running.contains(service)).map(read).collect()
    }

    /// Reads what somebody answered. `kept` holds the secrets that the app has already; `pick_port` gives
    /// a number to each port that has none.
    pub(crate) fn resolve(
        &self,
        given: &BTreeMap<String, Value>,
        kept: &BTreeMap<String, String>,
        bindings: &Bindings,
        facts: &BoxFacts,
        pick_port: &mut dyn FnMut(&PortWish<'_>) -> Option<u16>,
    ) -> Result<Answers, Error> {
        let mut all: BTreeMap<String, Value> = kept
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("input/")?.to_owned(), Value::from(value.as_str()))))
            .filter(|(name, _)| self.manifest.inputs().contains_key(name.as_str()))
            .collect();
        // An empty password in a form means «as it is».
        let answered = |value: &Value| value.as_str() != Some("") && !value.is_null();
        for (name, value) in given {
            if answered(value) || !all.contains_key(name) {
                all.insert(name.clone(), value.clone());
            }
        }
        let is_timezone = |name: &str| facts.knows_time_zone(name);
        let mut context = ResolveContext {
            arch: own_arch(),
            timezone: &facts.time_zone,
            locale: "en",
            bindings,
            is_timezone: &is_timezone,
            pick_port,
            random: &mut system_random,
        };
        let resolved = self.manifest.resolve_inputs(&all, &mut context).map_err(Error::Inputs)?;
        let mut secrets: BTreeMap<String, String> = resolved
            .secret()
            .into_iter()
            .map(|(name, text)| (format!("input/{name}"), text.expose().to_owned()))
            .collect();
        let generated = self
            .manifest
            .generate_secrets(&resolved, own_arch(), &named(kept, "secret/"), &mut system_random)
            .map_err(|error| Error::Manifest(error.to_string()))?;
        let outside = kept.iter().filter(|(name, _)| name.starts_with("bind/"));
        secrets.extend(outside.map(|(name, value)| (name.clone(), value.clone())));
        secrets.extend(generated.into_iter().map(|(name, text)| (format!("secret/{name}"), text.expose().to_owned())));
        let ports = self.ports_of(&resolved);
        Ok(Answers { resolved, secrets, ports })
    }

    fn ports_of(&self, resolved: &Resolved) -> BTreeMap<String, HostPort> {
        let mut ports = BTreeMap::new();
        for (name, answer) in resolved.answers() {
            let kind = self.manifest.inputs().get(name).map(|input| &input.kind);
            if let (Answer::Port(port), Some(InputKind::Port(input))) = (answer, kind) {
                let port = HostPort { port: *port, protocol: protocol(input.protocol) };
                ports.insert(variable("INPUT", name), port);
            }
        }
        for (name, number) in resolved.ports() {
            if let Some(port) = self.manifest.ports().get(name.as_str()) {
                ports.insert(variable("PORT", name), HostPort { port: *number, protocol: protocol(port.protocol) });
            }
        }
        ports
    }

    /// The answers that a release was made with.
    pub(crate) fn answers_of(
        &self,
        release: &Release,
        secrets: &BTreeMap<String, String>,
        facts: &BoxFacts,
    ) -> Result<Answers, Error> {
        let mut again = |wish: &PortWish<'_>| release.ports.get(&wish.variable).map(|port| port.port);
        self.resolve(&release.inputs, secrets, &words(&release.bindings), facts, &mut again)
    }

    /// The variables of a release.
    pub(crate) fn env(
        &self,
        release: &Release,
        app_name: &str,
        secrets: &BTreeMap<String, String>,
        facts: &BoxFacts,
        data: &Path,
        fields: &Fields,
    ) -> Result<Env, Error> {
        let answers = self.answers_of(release, secrets, facts)?;
        let generated = named(secrets, "secret/");
        let folder = |input: &str| data.join(input).to_string_lossy().into_owned();
        let env = |fields: &Fields| {
            self.manifest.env(
                &answers.resolved,
                &EnvContext {
                    app_id: release.app.as_str(),
                    app_name,
                    hostname: &facts.host_name,
                    timezone: &facts.time_zone,
                    locale: "en",
                    arch: own_arch(),
                    secrets: &generated,
                    bindings: fields,
                    folder: &folder,
                },
            )
        };
        let own = self.bundled(&release.bindings, &env(fields));
        Ok(if own.is_empty() { env(fields) } else { env(&fields.clone().into_iter().chain(own).collect()) })
    }

    /// The fields of what the app brings itself, which its own variables may be in.
    fn bundled(&self, bindings: &BTreeMap<String, Binding>, env: &Env) -> Fields {
        let requires = self.manifest.requires().iter();
        let own = requires.filter(|(name, _)| bindings.get(name.as_str()) == Some(&Binding::Bundled));
        own.filter_map(|(name, require)| {
            let contract = contract(require.capability.as_str())?;
            let text = |value: &Value| match value {
                Value::String(text) => fill(text, &|name| env.as_map().get(name).cloned()),
                other => other.to_string(),
            };
            let values = require.bundled.as_ref()?.values.iter();
            let known = values.map(|(field, value)| (field.clone(), text(value))).collect();
            Some((name.to_string(), contract.complete(&known)))
        })
        .collect()
    }

    /// What it requires with these answers, by name.
    pub(crate) fn needed(&self, answers: &Resolved) -> Vec<(String, Require)> {
        let requires = self.manifest.requires().iter();
        let needed = requires.filter(|(_, require)| self.manifest.is_required(require, answers, own_arch()));
        needed.map(|(name, require)| (name.to_string(), require.clone())).collect()
    }

    /// The files of a release that hold its variables and secrets.
    pub(crate) fn files(
        &self,
        release: &Release,
        app_name: &str,
        secrets: &BTreeMap<String, String>,
        facts: &BoxFacts,
        at: (&Path, &Path),
        fields: &Fields,
    ) -> Result<Vec<ReleaseFile>, Error> {
        let (dir, data) = at;
        let env = self.env(release, app_name, secrets, facts, data, fields)?;
        let generated = named(secrets, "secret/");
        let mut files = vec![ReleaseFile { path: dir.join(ENV_FILE), text: env.dotenv(), mode: 0o600 }];
        for (path, text) in self.manifest.secret_files(&generated) {
            // Readable for every user of a container, in a folder that only the supervisor can enter.
            files.push(ReleaseFile { path: dir.join(path), text: text.expose().to_owned(), mode: 0o444 });
        }
        Ok(files)
    }

    /// The answers to what an action asks.
    pub(crate) fn answers_to(
        &self,
        action: &Action,
        given: &BTreeMap<String, Value>,
        facts: &BoxFacts,
    ) -> Result<Resolved, Vec<FieldError>> {
        let is_timezone = |name: &str| facts.knows_time_zone(name);
        let mut context = ResolveContext {
            arch: own_arch(),
            timezone: &facts.time_zone,
            locale: "en",
            bindings: &Bindings::new(),
            is_timezone: &is_timezone,
            pick_port: &mut |_| None,
            random: &mut system_random,
        };
        action.resolve(given, &mut context)
    }

    /// The memory that one container may use, in bytes: the recommended size, twice, when it says nothing.
    pub(crate) fn memory_limit(&self) -> Option<u64> {
        let memory = &self.manifest.x().resources.memory;
        memory.recommended.map(|size| size.0.saturating_mul(2))
    }

    /// Folders of the data folder besides those of named volumes.
    pub(crate) fn input_folders(&self) -> Vec<String> {
        self.manifest.volumes().into_iter().filter(|volume| volume.is_input).map(|volume| volume.name).collect()
    }

    /// The user and group that a volume's folder belongs to, when the extension names them.
    pub(crate) fn volume_owner(&self, name: &str) -> Option<(u32, u32)> {
        let volume = self.manifest.volumes().into_iter().find(|volume| volume.name == name)?.volume?;
        let (uid, gid) = volume.owner.as_ref()?.as_str().split_once(':')?;
        Some((uid.parse().ok()?, gid.parse().ok()?))
    }

    /// How long it may take to come up.
    pub(crate) fn grace(&self) -> Duration {
        let named = self.manifest.health().and_then(|health| health.grace.as_ref()).map(|grace| grace.duration());
        named.unwrap_or(DEFAULT_GRACE).min(LONGEST_GRACE)
    }

    /// How often it is looked at while it is well.
    pub(crate) fn interval(&self) -> Duration {
        let named = self.manifest.health().and_then(|health| health.interval.as_ref()).map(|it| it.duration());
        named.map_or(DEFAULT_INTERVAL, |interval| interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL))
    }

    /// Whether a service's containers are meant to stay up: jobs and inits end by themselves.
    pub(crate) fn stays_up(&self, service: &str) -> bool {
        !matches!(self.manifest.services().get(service), Some(Role::Job | Role::Init))
    }

    /// Where the probe has to look; none when the extension says nothing about it.
    pub(crate) fn target(&self, release: &Release, containers: &[Arc<Container>]) -> Result<Option<Target>, String> {
        let Some(health) = self.manifest.health() else { return Ok(None) };
        let (address, behind) = match self.probed_host_port(release) {
            // on the host's own network the service has no address of its own
            Some(port) => (own_address(port), self.inner_address(containers).ok().flatten()),
            None => match self.inner_address(containers)? {
                Some(address) => (address, None),
                None => return Ok(None),
            },
        };
        Ok(Some(match health.protocol() {
            HealthProtocol::Tcp => Target::Tcp { address, behind },
            HealthProtocol::Http => Target::Http { address, health: Box::new(health.clone()) },
        }))
    }

    fn probed_host_port(&self, release: &Release) -> Option<u16> {
        let variable = variable_of(&self.manifest.probed_port()?.source)?;
        release.ports.get(&variable).map(|port| port.port)
    }

    /// The address of an unpublished port inside the app's own network, which the box itself can reach.
    fn inner_address(&self, containers: &[Arc<Container>]) -> Result<Option<SocketAddr>, String> {
        let Some(health) = self.manifest.health() else { return Ok(None) };
        let (Some(service), Some(port)) = (&health.service, health.port) else { return Ok(None) };
        let container = containers.iter().find(|container| container.service.as_ref() == Some(service));
        match container.and_then(|container| container.addresses.first()) {
            Some(address) => Ok(Some(SocketAddr::new(address.address, port))),
            None => Err(format!("{service} has no address yet")),
        }
    }

    /// Where people reach the app.
    pub(crate) fn endpoints(&self, ports: &BTreeMap<String, HostPort>) -> Vec<Endpoint> {
        let asks_page = self.manifest.health().is_some_and(|health| health.protocol() == HealthProtocol::Http);
        let probed = self.manifest.probed_port().and_then(|port| variable_of(&port.source)).filter(|_| asks_page);
        let endpoint = |(variable, at): (&String, &HostPort)| {
            let (_, name) = variable.split_once('_').unwrap_or(("", variable));
            let name = name.to_ascii_lowercase();
            let purpose = match self.manifest.ports().get(name.as_str()) {
                Some(port) => port.purpose.clone(),
                None => self
                    .manifest
                    .inputs()
                    .get(name.as_str())
                    .and_then(|input| input.common.label.clone())
                    .unwrap_or_default(),
            };
            Endpoint { web: probed.as_ref() == Some(variable), name, purpose, at: *at }
        };
        ports.iter().map(endpoint).collect()
    }

    /// Whether the owner may look at a secret: only at passwords whose input says so.
    pub(crate) fn may_reveal(&self, name: &str) -> bool {
        let input = name.strip_prefix("input/").and_then(|name| self.manifest.inputs().get(name));
        input.is_some_and(|input| shown(&input.kind))
    }

    /// Whether there is a secret that the owner may look at.
    pub(crate) fn has_passwords(&self) -> bool {
        self.manifest.inputs().values().any(|input| shown(&input.kind))
    }

    /// What a change of answers is refused for: inputs that only count at the first installation.
    pub(crate) fn check_change(&self, now: &Resolved, before: &Resolved) -> Result<bool, Vec<FieldError>> {
        use orbitr_sdk::OnChange;
        match now.change_from(before, &self.manifest)? {
            None => Ok(false),
            Some(OnChange::Reinstall) => Err(vec![FieldError {
                field: "inputs".to_owned(),
                message: "this change needs a new installation: remove the app and install it again".to_owned(),
            }]),
            Some(_) => Ok(true),
        }
    }
}

fn shown(kind: &InputKind) -> bool {
    matches!(kind, InputKind::Password(password) if password.reveal)
}

fn named(secrets: &BTreeMap<String, String>, kind: &str) -> BTreeMap<String, SecretText> {
    secrets
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(kind)?.to_owned(), SecretText::new(value.clone()))))
        .collect()
}

fn variable(kind: &str, name: &str) -> String {
    format!("{kind}_{}", name.to_ascii_uppercase())
}

fn variable_of(source: &PortSource) -> Option<String> {
    match source {
        PortSource::Input(name) => Some(variable("INPUT", name)),
        PortSource::Port(name) => Some(variable("PORT", name)),
        PortSource::Written(_) => None,
    }
}

pub(crate) const fn protocol(transport: Transport) -> Protocol {
    match transport {
        Transport::Tcp => Protocol::Tcp,
        Transport::Udp => Protocol::Udp,
    }
}

/// The same as a manifest writes it.
pub(crate) const fn own_arch_word() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

const fn own_arch() -> Arch {
    if cfg!(target_arch = "aarch64") { Arch::Arm64 } else { Arch::Amd64 }
}
