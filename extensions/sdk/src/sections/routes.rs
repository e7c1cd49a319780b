//! Web addresses. Declared here; the edge that serves them has no machinery yet.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TimeSpan;

/// One web address; it is in `${ROUTE_<NAME>_URL}`, `_HOST`, `_HOSTS` and `_SCHEME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The Compose service that answers.
    pub service: String,
    /// The port it listens on, inside its container.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// What it speaks.
    #[serde(default)]
    pub protocol: RouteProtocol,
    /// Only below this path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^/"))]
    pub path: Option<String>,
    /// Whether the path is taken off before the service sees it.
    #[serde(default)]
    pub strip: bool,
    /// Who checks that visitors may come in.
    #[serde(default)]
    pub auth: RouteAuth,
    /// How the box's own sign-in is passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sso: Option<RouteSso>,
    /// The first label of its host name; without it, the app's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The largest upload: a size or a variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body: Option<String>,
    /// How long one answer may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<TimeSpan>,
    /// Whether it uses WebSockets.
    #[serde(default)]
    pub websocket: bool,
    /// Whether a visitor stays with one container.
    #[serde(default)]
    pub sticky: bool,
    /// Paths that lead elsewhere.
    #[serde(default)]
    pub redirects: Vec<Redirect>,
    /// Headers added to answers.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// Whether it is reachable from the internet from the start.
    #[serde(default)]
    pub public: bool,
    /// Whether it is what people open.
    #[serde(default)]
    pub ui: bool,
}

/// What a route's service speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RouteProtocol {
    /// HTTP/1.1.
    #[default]
    Http,
    /// HTTP over TLS.
    Https,
    /// HTTP/2 without TLS.
    H2c,
    /// gRPC.
    Grpc,
    /// Anything over TCP.
    Tcp,
    /// Anything over UDP.
    Udp,
}

/// Who checks that visitors may come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RouteAuth {
    /// The app itself.
    #[default]
    App,
    /// The box.
    Sso,
    /// Nobody.
    None,
}

/// How the box's own sign-in is passed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteSso {
    /// Header name to what it carries.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// The groups that may come in; empty means everybody with an account.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Paths that need no sign-in.
    #[serde(default)]
    pub bypass: Vec<String>,
}

/// A path that leads elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// The path.
    #[schemars(regex(pattern = "^/"))]
    pub from: String,
    /// Where it leads.
    pub to: String,
    /// 301, 302, 307 or 308.
    #[serde(default = "moved")]
    #[schemars(extend("enum" = [301, 302, 307, 308]))]
    pub code: u16,
}

const fn moved() -> u16 {
    302
}
