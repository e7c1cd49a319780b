use std::{collections::HashMap, fmt, net::IpAddr};

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum as Status, EndpointSettings,
    HealthStatusEnum as HealthStatus, PortMap,
};
use orbitr_model::{AppId, ReleaseId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::owned::{LABEL_APP, LABEL_RELEASE, Owned};

/// The full id of a container: 64 hexadecimal digits. Never reused by the engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ContainerId(String);

impl ContainerId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ContainerId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if fits { Ok(Self(text)) } else { Err("a container id has 64 hexadecimal digits") }
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a container does, in the engine's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Made, never started.
    Created,
    /// Its process runs.
    Running,
    /// Its process is frozen.
    Paused,
    /// Its process ended and the engine starts it again.
    Restarting,
    /// The engine removes it.
    Removing,
    /// Its process ended.
    Exited,
    /// The engine failed to remove it.
    Dead,
}

/// What a container's own health check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It has no check.
    None,
    /// The check has not succeeded yet, and may still.
    Starting,
    /// The check succeeds.
    Healthy,
    /// The check fails.
    Unhealthy,
}

/// The transport of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// A port of a container that is published on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Port {
    /// The port inside.
    pub container: u16,
    /// Its transport.
    pub protocol: Protocol,
    /// The machine's address it listens on; `0.0.0.0` or `::` for all.
    pub address: IpAddr,
    /// The machine's port.
    pub host: u16,
}

/// An address of a container in one network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Address {
    /// The network's name.
    pub network: String,
    /// The container's address in it.
    pub address: IpAddr,
}

/// One of our containers, as the engine last described it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Container {
    handle: Owned<ContainerId>,
    /// Its name, without a slash.
    pub name: String,
    /// The app it belongs to, by our label.
    pub app: Option<AppId>,
    /// The release it was made for, by our label.
    pub release: Option<ReleaseId>,
    /// The Compose project, by Compose's label.
    pub project: Option<String>,
    /// The Compose service, by Compose's label.
    pub service: Option<String>,
    /// The image as it was asked for.
    pub image: String,
    /// The image's id, `sha256:…`.
    pub image_id: String,
    /// What it does.
    pub state: State,
    /// What its own check says; [`Health::None`] also while it does not run.
    pub health: Health,
    /// The status its process ended with; none while it runs and before its first start.
    pub exit_code: Option<i64>,
    /// Whether its process was ended because it ran out of memory.
    pub oom_killed: bool,
    /// How often the engine started it again since it was made or last started by hand.
    pub restarts: u32,
    /// Why the engine could not start it; empty when it could.
    pub error: String,
    /// Its published ports, sorted; empty while it does not run.
    pub ports: Vec<Port>,
    /// Its addresses, sorted; empty while it does not run.
    pub addresses: Vec<Address>,
    /// Whether it is meant to be in networks of its own: not in the machine's, none, or another container's.
    pub networked: bool,
    /// When its process last started.
    pub started: Option<Timestamp>,
    /// When its process last ended.
    pub finished: Option<Timestamp>,
    /// Whether it has a terminal: its log is one stream then.
    pub tty: bool,
}

impl Container {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &ContainerId {
        self.handle.get()
    }

    /// The handle that lets it be stopped or removed: it carries our label.
    #[must_use]
    pub fn handle(&self) -> &Owned<ContainerId> {
        &self.handle
    }

    /// Whether it runs and was taken out of every network that it was made for.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.networked && self.state == State::Running && self.addresses.is_empty()
    }

    /// What the engine says about a container whose labels were checked; none when it says too little.
    pub(crate) fn read(id: ContainerId, answer: ContainerInspectResponse) -> Option<Self> {
        let config = answer.config.unwrap_or_default();
        let labels = config.labels.unwrap_or_default();
        let label = |name: &str| labels.get(name).cloned();
        let state = answer.state.unwrap_or_default();
        let network = answer.network_settings.unwrap_or_default();
        let now = read_state(state.status?)?;
        let started = moment(state.started_at.as_deref());
        Some(Self {
            handle: Owned::checked(id),
            name: answer.name.unwrap_or_default().trim_start_matches('/').to_owned(),
            app: label(LABEL_APP).and_then(|id| id.parse().ok()),
            release: label(LABEL_RELEASE).and_then(|id| id.parse().ok()),
            project: label("com.docker.compose.project"),
            service: label("com.docker.compose.service"),
            image: config.image.unwrap_or_default(),
            image_id: answer.image.unwrap_or_default(),
            state: now,
            health: read_health(now, &state),
            exit_code: state.exit_code.filter(|_| started.is_some() && !is_up(now)),
            oom_killed: state.oom_killed.unwrap_or_default(),
            restarts: answer.restart_count.and_then(|count| u32::try_from(count).ok()).unwrap_or_default(),
            error: state.error.clone().unwrap_or_default(),
            ports: read_ports(network.ports.unwrap_or_default()),
            addresses: read_addresses(network.networks.unwrap_or_default()),
            networked: is_networked(answer.host_config.and_then(|host| host.network_mode).as_deref()),
            started,
            finished: moment(state.finished_at.as_deref()),
            tty: config.tty.unwrap_or_default(),
        })
    }
}

/// By the `NetworkMode` of the engine's API: the name of a network, or one of three words that mean something else.
fn is_networked(mode: Option<&str>) -> bool {
    !matches!(mode, Some("host" | "none")) && !mode.is_some_and(|mode| mode.starts_with("container:"))
}

const fn is_up(state: State) -> bool {
    matches!(state, State::Running | State::Paused)
}

const fn read_state(status: Status) -> Option<State> {
    Some(match status {
        Status::CREATED => State::Created,
        // Podman has a word for a process that was asked to end; it still runs.
        Status::RUNNING | Status::STOPPING => State::Running,
        Status::PAUSED => State::Paused,
        Status::RESTARTING => State::Restarting,
        Status::REMOVING => State::Removing,
        Status::EXITED => State::Exited,
        Status::DEAD => State::Dead,
        Status::EMPTY => return None,
    })
}

fn read_health(state: State, answer: &ContainerState) -> Health {
    // The engine keeps the last word of the check after the process ended.
    let said = answer.health.as_ref().and_then(|health| health.status).filter(|_| is_up(state));
    match said {
        Some(HealthStatus::STARTING) => Health::Starting,
        Some(HealthStatus::HEALTHY) => Health::Healthy,
        Some(HealthStatus::UNHEALTHY) => Health::Unhealthy,
        Some(HealthStatus::NONE | HealthStatus::EMPTY) | None => Health::None,
    }
}

fn read_ports(map: PortMap) -> Vec<Port> {
    let mut ports: Vec<Port> = Vec::new();
    for (inside, bindings) in map {
        let Some((container, protocol)) = read_inside(&inside) else { continue };
        for binding in bindings.into_iter().flatten() {
            let address = match binding.host_ip.as_deref() {
                None | Some("") => Some(IpAddr::from([0, 0, 0, 0])),
                Some(address) => address.parse().ok(),
            };
            let host = binding.host_port.and_then(|port| port.parse().ok());
            if let (Some(address), Some(host)) = (address, host) {
                ports.push(Port { container, protocol, address, host });
            }
        }
    }
    ports.sort();
    ports
}

/// `80/tcp`.
fn read_inside(text: &str) -> Option<(u16, Protocol)> {
    let (port, protocol) = text.split_once('/')?;
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        _ => return None,
    };
    Some((port.parse().ok()?, protocol))
}

fn read_addresses(networks: HashMap<String, EndpointSettings>) -> Vec<Address> {
    let mut addresses = Vec::new();
    for (network, endpoint) in networks {
        for text in [endpoint.ip_address, endpoint.global_ipv6_address].into_iter().flatten() {
            if let Ok(address) = text.parse() {
                addresses.push(Address { network: network.clone(), address });
            }
        }
    }
    addresses.sort();
    addresses
}

/// The engine writes year 1 for «never».
fn moment(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok().filter(|time: &Timestamp| time.as_second() > 0)
}
