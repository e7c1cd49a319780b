//! The fields of `x-orbitr`, one file per section: what can be written, and in which form. No rule that looks at more
//! than one section lives here; those are in `check` and `lint`.

mod actions;
mod backup;
mod exec;
mod hardware;
mod health;
pub(crate) mod inputs;
mod meta;
mod permissions;
mod ports;
mod provides;
mod requires;
mod resources;
mod root;
mod routes;
mod secrets;
mod services;
mod side;
mod tests_section;
mod upgrade;
mod volumes;
mod words;

pub use actions::{
    Action, ActionWhen, FirstRun, FirstRunCredentials, FirstRunTask, Job, ResultKind, RoleName, TaskLevel,
};
pub use backup::{Backup, BackupMode, Dump, SizeClass};
pub use exec::{Exec, OnError};
pub use hardware::{Arch, DeviceKind, DeviceNeed, GpuNeed, GpuVendor, Hardware, Variant, VariantService};
pub use health::{Expect, Health, HealthProtocol};
pub use inputs::{
    BindingInput, BoolInput, Choice, CidrInput, CronInput, Deprecated, DeviceInput, DomainInput, DurationInput,
    EmailInput, EnumInput, FileInput, FloatInput, GpuInput, GroupInput, Input, InputCommon, InputKind, IntInput,
    IpInput, ListInput, ListOf, LocaleInput, MultiInput, OnChange, PasswordInput, PathInput, PathMode, PathSource,
    PortInput, SecretInput, ShareInput, SizeInput, StringInput, TextInput, TimezoneInput, UrlInput, UserInput,
};
pub use meta::{Antifeature, Category, DeprecatedExtension, Links, Meta, Status};
pub use permissions::{Access, Egress, Grant, InvalidGrant, Permission};
pub use ports::{Port, PortDefault, Transport};
pub use provides::{Provide, Provision};
pub use requires::{BindingChoice, Bundled, HealthNeed, Require, RequireGrant};
pub use resources::{Cpu, Disk, Instances, Memory, Resources};
pub use root::{Scheme, XOrbitr};
pub use routes::{Redirect, Route, RouteAuth, RouteProtocol, RouteSso};
pub use secrets::{Deliver, Derive, DeriveHash, Generate, Rotate, SecretKind, SecretSpec};
pub use services::Role;
pub use side::{Dashboard, Docs, LogFormat, Logs, Metrics, Widget};
pub use tests_section::{Probe, Tests};
pub use upgrade::{
    DatabaseMajor, DatabaseMethod, InputsMigration, Moved, Notice, NoticeLevel, Owned, Settled, Upgrade, UpgradeBackup,
    UpgradePath, UpgradeStep, VolumesMigration,
};
pub use volumes::{OnRemove, Volume, VolumeBackup, VolumeClass};
pub use words::{InvalidWord, Link, Name, Owner, PortRange, SidePath, Slug, TimeSpan, VersionRange};
pub(crate) use words::{compare_versions, numbers};
