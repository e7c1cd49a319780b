use std::sync::Arc;

use bollard::models::{EventMessage, EventMessageTypeEnum};
use orbitr_model::{AppId, Timestamp};

use crate::{
    container::{Container, ContainerId, Health},
    owned::LABEL_APP,
};

/// Something changed. An event only says «look again»: the table of containers is current when it
/// arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The engine answers (again) and the table was filled afresh: look at everything.
    Connected,
    /// The engine does not answer any more.
    Disconnected,
    /// One of our containers changed.
    Container {
        /// Which one.
        id: ContainerId,
        /// The app it belongs to.
        app: Option<AppId>,
        /// The Compose service it is.
        service: Option<String>,
        /// What happened to it.
        change: Change,
        /// When, by the engine's clock.
        time: Timestamp,
    },
}

/// What happened to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was made.
    Created,
    /// Its process started.
    Started,
    /// Its process ended with this status.
    Died {
        /// The status; none when the engine does not say.
        exit_code: Option<i64>,
    },
    /// The kernel ended a process of it because it ran out of memory.
    OutOfMemory,
    /// Its own check says something else.
    Health(Health),
    /// It was removed.
    Removed,
    /// Its settings, its name or whether it is paused changed.
    Other,
}

/// The engine's words for what we want to hear. The checks that run inside containers (`exec_…`) are left
/// out: there are many, and each would wake us for nothing.
pub(crate) const ACTIONS: [&str; 11] =
    ["create", "start", "die", "stop", "oom", "health_status", "destroy", "rename", "pause", "unpause", "update"];

/// An event of the engine about one of our containers.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) id: ContainerId,
    pub(crate) app: Option<AppId>,
    pub(crate) service: Option<String>,
    pub(crate) change: Change,
    pub(crate) nanos: i64,
}

impl Heard {
    /// What the engine's message says; none for one that is not about a container or too short to tell.
    pub(crate) fn read(message: EventMessage) -> Option<Self> {
        if message.typ != Some(EventMessageTypeEnum::CONTAINER) {
            return None;
        }
        let actor = message.actor?;
        let attributes = actor.attributes.unwrap_or_default();
        let action = message.action?;
        let change = match action.as_str() {
            "create" => Change::Created,
            "start" => Change::Started,
            "die" => Change::Died { exit_code: attributes.get("exitCode").and_then(|code| code.parse().ok()) },
            "oom" => Change::OutOfMemory,
            "destroy" => Change::Removed,
            "health_status: healthy" => Change::Health(Health::Healthy),
            "health_status: unhealthy" => Change::Health(Health::Unhealthy),
            "health_status: starting" => Change::Health(Health::Starting),
            _ => Change::Other,
        };
        Some(Self {
            id: ContainerId::try_from(actor.id?).ok()?,
            app: attributes.get(LABEL_APP).and_then(|id| id.parse().ok()),
            service: attributes.get("com.docker.compose.service").cloned(),
            change,
            nanos: message.time_nano.or_else(|| message.time.and_then(|s| s.checked_mul(1_000_000_000)))?,
        })
    }

    /// A container that was taken out of a network, where the message is about one of `ours`. The engine tells of
    /// networks without the labels of who is in them.
    pub(crate) fn cut_off(
        message: EventMessage,
        ours: impl Fn(&ContainerId) -> Option<Arc<Container>>,
    ) -> Option<Self> {
        if message.typ != Some(EventMessageTypeEnum::NETWORK) {
            return None;
        }
        let id = ContainerId::try_from(message.actor?.attributes?.remove("container")?).ok()?;
        let container = ours(&id)?;
        Some(Self {
            id,
            app: container.app.clone(),
            service: container.service.clone(),
            change: Change::Other,
            nanos: message.time_nano?,
        })
    }

    pub(crate) fn into_event(self) -> Event {
        let time = Timestamp::from_nanosecond(self.nanos.into()).unwrap_or_default();
        Event::Container { id: self.id, app: self.app, service: self.service, change: self.change, time }
    }
}
