//! The ground floor: the product's words as types.
//!
//! What lives here: identifiers, names, states, sizes, problems and pages, each parsed once at the
//! border and valid from then on. What may not: any input or output, any clock, any randomness beyond
//! making a fresh identifier, and any rule that belongs to one room.

mod act;
mod actor;
mod app;
mod data;
pub mod deed;
mod docker_store;
mod id;
mod job;
mod mode;
mod name;
mod page;
mod problem;
mod size;
mod topic;
mod updates;
mod version;

pub use act::{
    Act, ActReport, ActState, ChooseVersionRequest, Encrypt, FactoryResetRequest, InstallRequest, InstallUpdateRequest,
    MakeDataRequest, OpenDataRequest, ReadUpdateRequest, RecoveryKey, SaveSupportRequest, machine_serial,
};
pub use actor::{Actor, Level, Role};
pub use app::{AppState, AppStatus};
pub use data::{
    ActProblem, DataCandidate, DataFacts, DataReason, DataState, Disk, OpenPartition, PartUuid, UnlockedBy,
};
pub use docker_store::{
    DockerStoreFacts, LookAtDockerStoreRequest, RebuildDockerStoreRequest, RemoveDockerStoresRequest, SetAside,
    StoreDamage,
};
pub use id::{AppId, EventId, ExtensionId, InviteId, JobId, ProjectId, ReleaseId, SessionId, TokenId, UserId};
pub use job::{JobState, StepState};
pub use mode::{Mode, RecoveryReason};
pub use name::{DisplayName, InvalidName, Username};
pub use page::{Page, PageRequest};
pub use problem::{FieldError, Problem};
pub use size::{ByteSize, InvalidSize};
pub use topic::Topic;
pub use updates::{
    GateCheck, GateFacts, GateState, InstalledVersion, ReturnReason, ReturnedVersion, Slot, UpdateFacts,
};
pub use version::ImageVersion;

/// A moment in time, UTC; printed as RFC 3339.
pub type Timestamp = jiff::Timestamp;
