//! What an app may do beyond an ordinary container, and how dangerous that is.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One permission. The list must equal what the Compose part takes; it adds why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// What is granted.
    pub grant: Grant,
    /// Why it is needed, for the person who consents.
    #[schemars(length(min = 1))]
    pub reason: String,
    /// Whether the app works without it.
    #[serde(default)]
    pub optional: bool,
    /// The Compose profile that needs it, if not all of the app does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// What can be granted. Written `host_network`, `capability:NET_ADMIN`, `host_path:/srv/music:ro` and so on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Grant {
    /// The box's own network.
    HostNetwork,
    /// All processes of the box.
    HostPid,
    /// The box's shared memory.
    HostIpc,
    /// Everything.
    Privileged,
    /// One Linux capability beyond the ordinary ones, without `CAP_`.
    Capability(String),
    /// One device.
    Device(String),
    /// Graphics cards.
    Gpu,
    /// The Docker engine: everything.
    DockerSocket,
    /// Reading from the Docker engine through a filter.
    DockerRead,
    /// A folder of the box.
    HostPath(String, Access),
    /// A network share of the box.
    Share(String),
    /// A port below 1024.
    PortBelow1024,
    /// Root inside a container whose image would use another user.
    RootUser,
    /// Loading kernel modules.
    KernelModule,
    /// Kernel settings.
    Sysctl,
    /// Orbitr's own interface, up to a level.
    OrbitrApi(String),
    /// Which addresses on the internet it talks to.
    InternetEgress(Egress),
}

/// How a folder is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// To read.
    ReadOnly,
    /// To read and write.
    ReadWrite,
}

/// Which addresses on the internet an app talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Egress {
    /// None.
    None,
    /// Those that its documentation lists.
    Listed,
    /// Any.
    Any,
}

/// Text that is not a grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("«{text}» is not a permission; {hint}")]
pub struct InvalidGrant {
    text: String,
    hint: String,
}

const PLAIN: [(&str, Grant); 10] = [
    ("host_network", Grant::HostNetwork),
    ("host_pid", Grant::HostPid),
    ("host_ipc", Grant::HostIpc),
    ("privileged", Grant::Privileged),
    ("gpu", Grant::Gpu),
    ("docker_socket", Grant::DockerSocket),
    ("docker_read", Grant::DockerRead),
    ("port_below_1024", Grant::PortBelow1024),
    ("root_user", Grant::RootUser),
    ("kernel_module", Grant::KernelModule),
];

const FORMS: &str = "write host_network, host_pid, host_ipc, privileged, capability:<X>, device:<path>, gpu, \
    docker_socket, docker_read, host_path:<path>:<ro|rw>, share:<name>, port_below_1024, root_user, kernel_module, \
    sysctl, orbitr_api:<view|operate|manage|administer> or internet_egress:<none|listed|any>";

/// Capabilities with which a container gets hold of the box.
const STRONG: &[&str] =
    &["BPF", "DAC_READ_SEARCH", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_TIME"];

/// Folders through which a container gets hold of the box.
const SYSTEM: &[&str] = &[
    "/", "/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/root", "/run", "/sbin", "/sys", "/usr", "/var",
    "/var/lib", "/var/run",
];

fn is_the_system(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    SYSTEM.iter().any(|folder| folder.trim_end_matches('/') == path)
        || ["/boot/", "/etc/", "/proc/", "/sys/", "/var/lib/docker"].iter().any(|folder| path.starts_with(folder))
}

impl Grant {
    /// How safe an app with this grant can still be called, from 1 (it can do anything) to 6 (an ordinary app).
    #[must_use]
    pub fn score(&self) -> u8 {
        match self {
            Self::DockerSocket | Self::Privileged => 1,
            Self::Capability(name) if name == "ALL" => 1,
            Self::HostPath(path, Access::ReadWrite) if is_the_system(path) => 1,
            Self::HostPath(path, Access::ReadOnly) if is_the_system(path) => 2,
            Self::HostPid | Self::KernelModule => 2,
            Self::Capability(name) if STRONG.contains(&name.as_str()) => 2,
            Self::OrbitrApi(scope) if scope == "administer" => 2,
            Self::HostNetwork | Self::HostIpc | Self::Capability(_) | Self::HostPath(_, Access::ReadWrite) => 3,
            Self::Device(_) | Self::HostPath(_, Access::ReadOnly) | Self::Sysctl | Self::OrbitrApi(_) => 4,
            Self::Gpu | Self::DockerRead | Self::Share(_) | Self::RootUser => 5,
            Self::PortBelow1024 | Self::InternetEgress(_) => 6,
        }
    }

    /// Whether consent to it must be typed in, not only pressed.
    #[must_use]
    pub fn needs_typed_consent(&self) -> bool {
        self.score() == 1
    }

    /// Whether the Compose part shows that it is taken. The others are only declared.
    #[must_use]
    pub fn shows_in_compose(&self) -> bool {
        !matches!(
            self,
            Self::DockerRead | Self::Share(_) | Self::KernelModule | Self::OrbitrApi(_) | Self::InternetEgress(_)
        )
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capability(name) => write!(f, "capability:{name}"),
            Self::Device(path) => write!(f, "device:{path}"),
            Self::HostPath(path, Access::ReadOnly) => write!(f, "host_path:{path}:ro"),
            Self::HostPath(path, Access::ReadWrite) => write!(f, "host_path:{path}:rw"),
            Self::Share(name) => write!(f, "share:{name}"),
            Self::OrbitrApi(scope) => write!(f, "orbitr_api:{scope}"),
            Self::Sysctl => f.write_str("sysctl"),
            Self::InternetEgress(Egress::None) => f.write_str("internet_egress:none"),
            Self::InternetEgress(Egress::Listed) => f.write_str("internet_egress:listed"),
            Self::InternetEgress(Egress::Any) => f.write_str("internet_egress:any"),
            plain => {
                let name = PLAIN.iter().find(|(_, grant)| grant == plain).map_or("", |(name, _)| name);
                f.write_str(name)
            }
        }
    }
}

impl FromStr for Grant {
    type Err = InvalidGrant;

    fn from_str(text: &str) -> Result<Self, InvalidGrant> {
        let wrong = || InvalidGrant { text: text.to_owned(), hint: FORMS.to_owned() };
        if let Some((_, grant)) = PLAIN.iter().find(|(name, _)| *name == text) {
            return Ok(grant.clone());
        }
        if text == "sysctl" {
            return Ok(Self::Sysctl);
        }
        let (kind, value) = text.split_once(':').filter(|(_, value)| !value.is_empty()).ok_or_else(wrong)?;
        match kind {
            "capability"
                if value.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') && !value.starts_with("CAP_") =>
            {
                Ok(Self::Capability(value.to_owned()))
            }
            "device" if value.starts_with("/dev/") => Ok(Self::Device(value.to_owned())),
            "host_path" => match value.rsplit_once(':') {
                Some((path, "ro")) if path.starts_with('/') => Ok(Self::HostPath(path.to_owned(), Access::ReadOnly)),
                Some((path, "rw")) if path.starts_with('/') => Ok(Self::HostPath(path.to_owned(), Access::ReadWrite)),
                _ => Err(wrong()),
            },
            "share" => Ok(Self::Share(value.to_owned())),
            "orbitr_api" if ["view", "operate", "manage", "administer"].contains(&value) => {
                Ok(Self::OrbitrApi(value.to_owned()))
            }
            "internet_egress" => match value {
                "none" => Ok(Self::InternetEgress(Egress::None)),
                "listed" => Ok(Self::InternetEgress(Egress::Listed)),
                "any" => Ok(Self::InternetEgress(Egress::Any)),
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }
}

impl TryFrom<String> for Grant {
    type Error = InvalidGrant;

    fn try_from(text: String) -> Result<Self, InvalidGrant> {
        text.parse()
    }
}

impl From<Grant> for String {
    fn from(grant: Grant) -> Self {
        grant.to_string()
    }
}

impl JsonSchema for Grant {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Grant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": FORMS,
            "pattern": "^(host_network|host_pid|host_ipc|privileged|capability:[A-Z_]+|device:/dev/.+|gpu|docker_socket\
                |docker_read|host_path:/.*:(ro|rw)|share:.+|port_below_1024|root_user|kernel_module|sysctl\
                |orbitr_api:(view|operate|manage|administer)|internet_egress:(none|listed|any))$",
        })
    }
}
