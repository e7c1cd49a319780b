//! From a Compose project as Compose reads it to an extension with its answers. Pure.
//!
//! Ports become inputs, so that the box holds them; folders of the project and volumes become the app's volumes; small
//! files become configurations in the text; what looks like a password becomes a sealed input. What cannot be carried over
//! is an obstacle, said in a sentence.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use orbitr_docker::{Digest, ForeignMount, ImageRef};
use serde_json::{Map, Value, json};

/// More published ports than this are left as they are written.
const PORTS_MAX: usize = 20;
/// Names of variables that hold something that nobody else should read.
const SECRET_WORDS: [&str; 9] =
    ["password", "passwd", "passphrase", "secret", "token", "api_key", "apikey", "private_key", "access_key"];
/// A shorter value is found in other values by chance.
const REPLACED_MIN: usize = 8;
/// Keys of a service that mean nothing once its text is put together, or that the box decides.
const DROPPED: [&str; 9] =
    ["env_file", "profiles", "develop", "extends", "secrets", "logging", "mac_address", "scale", "oom_score_adj"];
const SLUG_MAX: usize = 36;

/// What a file or folder of the machine is that the project mounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// A folder of the project's own.
    Folder,
    /// A small text file of the project's own.
    Text(String),
    /// Anything else of the machine.
    Outside,
}

/// What is known of the project besides its text.
pub(crate) struct Facts<'a> {
    pub(crate) name: &'a str,
    pub(crate) arch: &'a str,
    pub(crate) mounts: &'a [ForeignMount],
    /// By path on the machine.
    pub(crate) bound: &'a BTreeMap<PathBuf, Bound>,
    /// The digest of each service's image.
    pub(crate) digests: &'a BTreeMap<String, Digest>,
    /// Services of which no container ran when it was looked at.
    pub(crate) ended: &'a BTreeSet<String>,
}

/// Data that is to be copied.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Move {
    pub(crate) from: PathBuf,
    pub(crate) volume: String,
}

/// What becomes of it.
#[derive(Default)]
pub(crate) struct Made {
    /// The extension, Compose part and `x-orbitr`.
    pub(crate) manifest: Value,
    pub(crate) moves: Vec<Move>,
    /// By `input/<name>`.
    pub(crate) secrets: BTreeMap<String, String>,
    /// Ports by input.
    pub(crate) ports: BTreeMap<String, u16>,
    /// What differs from the project, in sentences.
    pub(crate) notes: Vec<String>,
    /// Why it cannot be carried over, in sentences.
    pub(crate) obstacles: Vec<String>,
}

/// Makes the extension of a project as `docker compose config --format json` printed it.
pub(crate) fn make(config: &Value, facts: &Facts<'_>) -> Made {
    let mut work = Work {
        facts,
        made: Made::default(),
        inputs: Map::new(),
        volumes: BTreeMap::new(),
        main: None,
        configs: Map::new(),
    };
    work.made.manifest = work.whole(config);
    work.made
}

struct Work<'a> {
    facts: &'a Facts<'a>,
    made: Made,
    inputs: Map<String, Value>,
    /// Where each of the app's volumes comes from.
    volumes: BTreeMap<String, Option<PathBuf>>,
    /// The first service that is reached from outside, with its port.
    main: Option<(String, u64)>,
    configs: Map<String, Value>,
}

impl Work<'_> {
    fn whole(&mut self, config: &Value) -> Value {
        let empty = Map::new();
        let part = |name: &str| config.get(name).and_then(Value::as_object).unwrap_or(&empty);
        self.configs_of(part("configs"));
        if !part("secrets").is_empty() {
            self.stop("Secrets from files cannot be taken over; put their values into the environment first.");
        }
        let (mut services, mut version) = (Map::new(), None);
        for (name, service) in part("services") {
            let Some(service) = service.as_object() else { continue };
            let made = self.service(name, service, part("volumes"));
            version = version.or_else(|| tag(&made));
            services.insert(name.clone(), Value::Object(made));
        }
        if services.is_empty() {
            self.stop("The Compose file has no services.");
        }
        self.hide_secrets(&mut services);
        let roles = self.roles(&services);
        let volumes: Map<String, Value> = self.volumes.keys().map(|name| (name.clone(), json!({}))).collect();
        let moves = self.volumes.iter().filter_map(|(volume, from)| Some((volume, from.clone()?)));
        self.made.moves = moves.map(|(volume, from)| Move { from, volume: volume.clone() }).collect();
        let x = self.extension(&version.unwrap_or_else(|| "1".to_owned()), &roles);
        let mut whole = Map::from_iter([("services".to_owned(), Value::Object(services))]);
        let networks = self.networks(part("networks"));
        for (key, value) in
            [("networks", networks), ("volumes", volumes), ("configs", std::mem::take(&mut self.configs))]
        {
            if !value.is_empty() {
                whole.insert(key.to_owned(), Value::Object(value));
            }
        }
        whole.insert("x-orbitr".to_owned(), x);
        Value::Object(whole)
    }

    fn stop(&mut self, why: impl Into<String>) {
        self.made.obstacles.push(why.into());
    }

    fn note(&mut self, what: impl Into<String>) {
        self.made.notes.push(what.into());
    }

    /// Configurations whose text stands in the file already, or in a small file beside it.
    fn configs_of(&mut self, configs: &Map<String, Value>) {
        for (name, config) in configs {
            let file = config.get("file").and_then(Value::as_str).map(PathBuf::from);
            let text = file.as_ref().and_then(|file| self.facts.bound.get(file));
            match (config.get("content").and_then(Value::as_str), text) {
                (Some(content), _) => {
                    self.configs.insert(name.clone(), json!({ "content": content }));
                }
                (None, Some(Bound::Text(text))) => {
                    self.configs.insert(name.clone(), json!({ "content": escaped(text) }));
                }
                _ => self.stop(format!("The configuration «{name}» is not a small text file.")),
            }
        }
    }

    fn service(
        &mut self,
        name: &str,
        service: &Map<String, Value>,
        volumes: &Map<String, Value>,
    ) -> Map<String, Value> {
        let mut made: Map<String, Value> = service
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if made.remove("container_name").is_some() {
            self.note(format!("The container of {name} gets another name."));
        }
        if made.remove("build").is_some() {
            self.note(format!("{name} is not built any more: its image is taken as it is."));
        }
        for key in DROPPED {
            made.remove(key);
        }
        self.pin(name, &mut made);
        if made.get("image").and_then(Value::as_str).is_none_or(|image| image.parse::<ImageRef>().is_err()) {
            self.stop(format!("{name} names no image. Push what it builds to a registry, and name it there."));
        }
        let ports = self.ports(name, made.get("ports"));
        if !ports.is_empty() {
            made.insert("ports".to_owned(), Value::Array(ports));
        }
        let (mounts, files) = self.mounts(name, made.remove("volumes").as_ref(), volumes);
        if !mounts.is_empty() {
            made.insert("volumes".to_owned(), Value::Array(mounts));
        }
        if !files.is_empty() {
            let mut all = made.get("configs").and_then(Value::as_array).cloned().unwrap_or_default();
            all.extend(files);
            made.insert("configs".to_owned(), Value::Array(all));
        }
        made
    }

    /// The image of now, to the last byte, whatever its tag means tomorrow.
    fn pin(&mut self, name: &str, made: &mut Map<String, Value>) {
        let image = made.get("image").and_then(Value::as_str).and_then(|image| image.parse::<ImageRef>().ok());
        let (Some(image), Some(digest)) = (image, self.facts.digests.get(name)) else { return };
        made.insert("image".to_owned(), json!(image.pinned(digest).as_str()));
    }

    /// Each published port becomes an input.
    fn ports(&mut self, service: &str, ports: Option<&Value>) -> Vec<Value> {
        let ports = ports.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut made = Vec::new();
        for port in ports {
            let published = port.get("published").and_then(|value| value.as_str()?.parse::<u16>().ok());
            let target = port.get("target").and_then(Value::as_u64).unwrap_or_default();
            let protocol = port.get("protocol").and_then(Value::as_str).unwrap_or("tcp");
            let Some(published) = published.filter(|_| self.made.ports.len() < PORTS_MAX) else {
                made.push(port.clone());
                continue;
            };
            let name = match self.made.ports.len() {
                0 => "port".to_owned(),
                many => format!("port_{}", many + 1),
            };
            self.made.ports.insert(name.clone(), published);
            let label = format!("Port of {service}");
            self.inputs.insert(
                name.clone(),
                json!({
                    "type": "port", "label": clip(&label, 60), "help": format!("Leads to port {target} of {service}."),
                    "preferred": published, "protocol": protocol,
                }),
            );
            if protocol == "tcp" && self.main.is_none() {
                self.main = Some((service.to_owned(), target));
            }
            let host = port.get("host_ip").and_then(Value::as_str).map(|ip| format!("{ip}:")).unwrap_or_default();
            made.push(json!(format!("{host}${{INPUT_{}}}:{target}/{protocol}", name.to_uppercase())));
        }
        made
    }

    /// What is mounted: volumes with their data, folders of the project as volumes, small files as configurations.
    fn mounts(
        &mut self,
        service: &str,
        mounts: Option<&Value>,
        volumes: &Map<String, Value>,
    ) -> (Vec<Value>, Vec<Value>) {
        let (mut made, mut files, mut targets) = (Vec::new(), Vec::new(), BTreeSet::new());
        for mount in mounts.and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| mount.get(key).and_then(Value::as_str);
            let (source, Some(target)) = (text("source"), text("target")) else { continue };
            let read_only = mount.get("read_only").and_then(Value::as_bool) == Some(true);
            targets.insert(target.to_owned());
            match (text("type"), source) {
                (Some("volume"), Some(source)) => {
                    self.look_at_driver(source, volumes.get(source));
                    let from = self.mounted(service, target);
                    let name = self.volume(source, from);
                    made.push(json!({ "type": "volume", "source": name, "target": target, "read_only": read_only }));
                }
                (Some("volume"), None) => made.push(self.unnamed(service, target)),
                (Some("bind"), Some(source)) => match self.facts.bound.get(Path::new(source)) {
                    Some(Bound::Folder) => {
                        let last = Path::new(source).file_name().map_or("data".into(), |name| name.to_string_lossy());
                        let name = self.volume(&last, Some(source.into()));
                        made.push(
                            json!({ "type": "volume", "source": name, "target": target, "read_only": read_only }),
                        );
                    }
                    Some(Bound::Text(text)) => {
                        let name = self.config(source, text);
                        files.push(json!({ "source": name, "target": target }));
                    }
                    Some(Bound::Outside) | None => {
                        self.note(format!("{source} stays where it is: it is no part of the app's data."));
                        made.push(
                            json!({ "type": "bind", "source": source, "target": target, "read_only": read_only }),
                        );
                    }
                },
                _ => made.push(mount.clone()),
            }
        }
        // Volumes that only the image names hold data all the same.
        let by_image = self.facts.mounts.iter().filter(|mount| mount.service == service && mount.volume.is_some());
        let by_image: Vec<String> =
            by_image.map(|mount| mount.target.clone()).filter(|target| !targets.contains(target)).collect();
        made.extend(by_image.iter().map(|target| self.unnamed(service, target)));
        (made, files)
    }

    /// A volume without a name gets one, so that its data is kept.
    fn unnamed(&mut self, service: &str, target: &str) -> Value {
        let last = target.rsplit('/').find(|part| !part.is_empty()).unwrap_or("data");
        let from = self.mounted(service, target);
        let name = self.volume(&format!("{service}-{last}"), from);
        json!({ "type": "volume", "source": name, "target": target })
    }

    /// Where on the machine the data is that a service sees at a place.
    fn mounted(&self, service: &str, target: &str) -> Option<PathBuf> {
        let mut all = self.facts.mounts.iter();
        all.find(|mount| mount.service == service && mount.target == target).map(|mount| mount.source.clone())
    }

    /// The name of the app's volume for some data; the same data is the same volume.
    fn volume(&mut self, wish: &str, from: Option<PathBuf>) -> String {
        let plain: String = wish.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect();
        let plain = plain.trim_matches('-').to_lowercase();
        let plain = if plain.is_empty() { "data".to_owned() } else { plain };
        let mut name = plain.clone();
        for number in 2.. {
            match self.volumes.get(&name) {
                None => break,
                Some(known) if known.is_some() && *known == from => return name,
                Some(_) => name = format!("{plain}-{number}"),
            }
        }
        self.volumes.insert(name.clone(), from);
        name
    }

    fn look_at_driver(&mut self, name: &str, volume: Option<&Value>) {
        let Some(volume) = volume else { return };
        let driver = volume.get("driver").and_then(Value::as_str).unwrap_or("local");
        let options = volume.get("driver_opts").and_then(Value::as_object).is_some_and(|options| !options.is_empty());
        if driver != "local" || options {
            self.stop(format!(
                "The volume «{name}» is kept by a driver of its own, not on this machine's disk as it is."
            ));
        }
    }

    fn config(&mut self, source: &str, text: &str) -> String {
        let last = Path::new(source).file_name().map_or("file".into(), |name| name.to_string_lossy());
        let plain: String = last.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let content = json!({ "content": escaped(text) });
        let mut name = plain.clone();
        for number in 2.. {
            match self.configs.get(&name) {
                None => break,
                Some(known) if *known == content => return name,
                Some(_) => name = format!("{plain}-{number}"),
            }
        }
        self.note(format!("{source} becomes a part of the app's text: from now on it is changed there."));
        self.configs.insert(name.clone(), content);
        name
    }

    /// Values that nobody else should read leave the text.
    fn hide_secrets(&mut self, services: &mut Map<String, Value>) {
        let mut hidden: BTreeMap<String, String> = BTreeMap::new();
        for service in services.values() {
            for (key, value) in environment(service) {
                let lower = key.to_lowercase();
                let is_secret = SECRET_WORDS.iter().any(|word| lower.contains(word)) && !lower.ends_with("_file");
                if is_secret && !value.is_empty() && !value.contains(['\n', '\r', '\'']) && !hidden.contains_key(value)
                {
                    let name = self.secret_input(&lower, hidden.len());
                    hidden.insert(value.to_owned(), name);
                }
            }
        }
        for service in services.values_mut() {
            let Some(environment) = service.get_mut("environment").and_then(Value::as_object_mut) else { continue };
            for value in environment.values_mut() {
                let Some(text) = value.as_str() else { continue };
                *value = json!(with_variables(text, &hidden));
            }
        }
        for (value, name) in hidden {
            self.made.secrets.insert(format!("input/{name}"), value.replace("$$", "$"));
        }
    }

    fn secret_input(&mut self, key: &str, number: usize) -> String {
        let plain: String =
            key.chars().map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' }).collect();
        let plain = plain.trim_start_matches(|c: char| !c.is_ascii_lowercase());
        let mut name = clip(if plain.is_empty() { "secret" } else { plain }, SLUG_MAX);
        if self.inputs.contains_key(&name) {
            name = format!("{name}_{}", number + 2);
        }
        let label = clip(&key.to_uppercase(), 60);
        self.inputs.insert(
            name.clone(),
            json!({ "type": "password", "label": label, "help": "Taken over from the Compose project." }),
        );
        name
    }

    /// Networks of its own; the box makes them as it makes every app's.
    fn networks(&mut self, networks: &Map<String, Value>) -> Map<String, Value> {
        for (name, network) in networks {
            if network.get("external").and_then(Value::as_bool) == Some(true) {
                self.stop(format!("The network «{name}» belongs to something else. Take it out of the text, or take over what owns it first."));
            }
        }
        let internal = |network: &Value| network.get("internal").and_then(Value::as_bool) == Some(true);
        let mine = |(name, network): (&String, &Value)| {
            (name.clone(), if internal(network) { json!({ "internal": true }) } else { json!({}) })
        };
        networks.iter().map(mine).collect()
    }

    fn roles(&mut self, services: &Map<String, Value>) -> Map<String, Value> {
        let first = services.keys().next().cloned().unwrap_or_default();
        let main = self.main.as_ref().map_or(first, |(service, _)| service.clone());
        let role = |name: &String| match (*name == main, self.facts.ended.contains(name)) {
            (true, _) => "main",
            (false, true) => "job",
            (false, false) => "sidecar",
        };
        services.keys().map(|name| (name.clone(), json!(role(name)))).collect()
    }

    fn extension(&self, version: &str, roles: &Map<String, Value>) -> Value {
        let volumes: Map<String, Value> =
            self.volumes.keys().map(|name| (name.clone(), json!({ "class": "data", "on_remove": "ask" }))).collect();
        let mut x = json!({
            "schema": 1, "id": slug(self.facts.name), "version": version, "revision": 1, "os": ">=0.1",
            "meta": {
                "name": clip(self.facts.name, 60), "summary": clip(&format!("The Compose project {}", self.facts.name), 80),
                "category": "utilities", "icon": "icon.svg", "license": "LicenseRef-unknown",
                "links": { "source": "https://compose-spec.io" }, "status": "working",
            },
            "arch": [self.facts.arch], "instances": "many",
            "resources": {
                "memory": { "min": "64Mi", "recommended": "1Gi" }, "cpu": { "min": 0.1 },
                "disk": { "install": "100Mi", "data": "100Mi" },
            },
            "services": roles, "inputs": self.inputs, "volumes": volumes, "permissions": [],
            "tests": { "install": {} },
        });
        if let (Some((service, port)), Some(x)) = (&self.main, x.as_object_mut()) {
            x.insert(
                "health".to_owned(),
                json!({ "service": service, "port": port, "protocol": "tcp", "grace": "5m" }),
            );
        }
        x
    }
}

fn environment(service: &Value) -> impl Iterator<Item = (&String, &str)> {
    let all = service.get("environment").and_then(Value::as_object);
    all.into_iter().flatten().filter_map(|(key, value)| Some((key, value.as_str()?)))
}

/// A value in which secrets are variables; short ones only where they are the whole value.
fn with_variables(text: &str, hidden: &BTreeMap<String, String>) -> String {
    let variable = |name: &String| format!("${{INPUT_{}}}", name.to_uppercase());
    if let Some(name) = hidden.get(text) {
        return variable(name);
    }
    let mut long: Vec<_> = hidden.iter().filter(|(value, _)| value.len() >= REPLACED_MIN).collect();
    long.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    long.into_iter().fold(text.to_owned(), |text, (value, name)| text.replace(value.as_str(), &variable(name)))
}

/// The tag of a service's image, where it can be a version.
fn tag(service: &Map<String, Value>) -> Option<String> {
    let image: ImageRef = service.get("image")?.as_str()?.parse().ok()?;
    let tag = image.tag()?;
    tag.starts_with(|c: char| c.is_ascii_digit()).then(|| tag.to_owned())
}

/// Compose takes `$` for the beginning of a variable.
fn escaped(text: &str) -> String {
    text.replace('$', "$$")
}

fn clip(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// A name that ids may have.
pub(crate) fn slug(name: &str) -> String {
    let plain: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let plain = plain.trim_matches('-');
    let plain =
        if plain.starts_with(|c: char| c.is_ascii_lowercase()) { plain.to_owned() } else { format!("app-{plain}") };
    clip(&plain, SLUG_MAX).trim_end_matches('-').to_owned()
}
