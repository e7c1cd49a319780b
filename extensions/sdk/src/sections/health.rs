//! How the box sees from outside that an app works.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, TimeSpan};

/// How the box sees from outside that an app works: it opens the port, or asks for a page.
///
/// One of `route` and `service` says where. With `service`, `port` is the port inside the container; without it, the
/// service's only published port is taken. `protocol` is an addition of ours to the catalogue's wording: `http` (the
/// default when `path` or `expect` is there) asks for `path`; `tcp` only opens a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// The route to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Name>,
    /// The Compose service to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The port inside the service's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// HTTP or only TCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<HealthProtocol>,
    /// The page to ask for; `/` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^/"))]
    pub path: Option<String>,
    /// What the answer must be; without it, any status from 200 to 399.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// How often to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<TimeSpan>,
    /// How long it may take to start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<TimeSpan>,
    /// What the answer is while the app works with limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<Expect>,
}

impl Health {
    /// How it is asked.
    #[must_use]
    pub fn protocol(&self) -> HealthProtocol {
        let asks_page = self.route.is_some() || self.path.is_some() || self.expect.is_some();
        self.protocol.unwrap_or(if asks_page { HealthProtocol::Http } else { HealthProtocol::Tcp })
    }

    /// The page to ask for.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or("/")
    }

    /// Judges an HTTP answer. `body` may be cut off after 64 KiB; then a `json` expectation cannot hold.
    ///
    /// # Errors
    /// What was expected and what came, as a sentence fragment.
    pub fn judge(&self, status: u16, body: &[u8]) -> Result<(), String> {
        self.expect.as_ref().map_or_else(
            || {
                if (200..400).contains(&status) { Ok(()) } else { Err(format!("it answered with status {status}")) }
            },
            |expect| expect.judge(status, body),
        )
    }
}

/// The language of a health probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthProtocol {
    /// A connection can be opened.
    Tcp,
    /// A page can be had.
    Http,
}

/// What an HTTP answer must be; everything that is written must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status; without it, any from 200 to 399.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u16>,
    /// Values of the answer's top-level JSON object.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub json: IndexMap<String, serde_json::Value>,
    /// A piece of text that the answer holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Expect {
    fn judge(&self, status: u16, body: &[u8]) -> Result<(), String> {
        let status_fits = self.status.map_or((200..400).contains(&status), |wanted| wanted == status);
        if !status_fits {
            return Err(format!("it answered with status {status}"));
        }
        if let Some(text) = &self.body
            && !String::from_utf8_lossy(body).contains(text.as_str())
        {
            return Err(format!("its answer does not hold «{text}»"));
        }
        if self.json.is_empty() {
            return Ok(());
        }
        let answer: serde_json::Value =
            serde_json::from_slice(body).map_err(|_| "its answer is not JSON".to_owned())?;
        match self.json.iter().find(|(key, wanted)| answer.get(key.as_str()) != Some(*wanted)) {
            Some((key, wanted)) => Err(format!("its answer does not say {key} = {wanted}")),
            None => Ok(()),
        }
    }
}
