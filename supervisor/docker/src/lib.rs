//! The container engine, as the supervisor reaches it.
//!
//! What lives here: one [`Docker`] handle that survives restarts of the engine, a table of our containers
//! that events keep current, images and their pulls, logs, the Compose plugin, and typed errors out of
//! what engine and plugin answer. Only what carries our label can be changed or removed: such a call
//! takes an [`Owned`] handle, and those are made only by looking at the label. The one exception is [`ForeignProject`],
//! for an owner who hands over a Compose project.
//! What may not: any rule of a room, the database, HTTP towards users, other crates' use of bollard.
//!
//! Requests go out without a version in their path, so the engine answers in its own newest one; what
//! not every engine can do is decided by [`Engine::api`], never by asking for an older version.

mod answer;
mod compose;
mod connection;
mod container;
mod engine;
mod error;
mod event;
mod exec;
mod follow;
mod foreign;
mod image;
mod logs;
mod owned;
mod progress;
mod pull;
mod reference;
mod shared;
mod table;
mod wire;

pub use compose::{Compose, Project, Volumes, alone_at};
pub use connection::{Connection, Engine};
pub use container::{Address, Container, ContainerId, Health, Port, Protocol, State};
pub use engine::{Config, DOCKER, DiskUse, Docker};
pub use error::Error;
pub use event::{Change, Event};
pub use exec::{Exec, Executed};
pub use foreign::{ForeignContainer, ForeignMount, ForeignProject};
pub use image::{Image, ImageReceipt, Removed};
pub use logs::{LogLine, LogRequest, Logs, Source, Tail};
pub use owned::{LABEL_APP, LABEL_BOX, LABEL_RELEASE, NetworkId, Owned, OwnedThings, Scope, VolumeName};
pub use progress::PullProgress;
pub use pull::Pulled;
pub use reference::{Digest, ImageRef, InvalidReference};
pub use shared::LABEL_SHARED;
