//! What pages, the API and the command line show of apps.

use std::collections::BTreeMap;

use orbitr_docker::{Container, Health, State};
use orbitr_model::{
    Actor, AppId, AppStatus, ByteSize, DisplayName, ExtensionId, JobId, JobState, ProjectId, ReleaseId, Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    actions::ActionView,
    bindings::{Binding, BindingView, Dependant},
    kinds::lifecycle::Verb,
    model::{HostPort, Phase, Release, Wanted},
    policy::Updates,
    schedule::ScheduleView,
};

/// One app in a list.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AppView {
    /// Its id.
    pub id: AppId,
    /// What people call it.
    pub name: DisplayName,
    /// The project that it belongs to.
    pub project: ProjectId,
    /// The extension that installed it.
    pub extension: ExtensionId,
    /// The version that it runs, or ran last.
    pub version: String,
    /// The newer version that the store has; none when there is none.
    pub update: Option<Version>,
    /// Where it is in its life.
    pub phase: Phase,
    /// What its owner wants.
    pub wanted: Wanted,
    /// What it does now.
    pub status: AppStatus,
    /// What can be asked of it now, the most usual first; whether the caller may is another question.
    pub verbs: Vec<Verb>,
    /// Whether it is held: not updated until somebody releases it.
    pub held: bool,
    /// Where it can be reached on this box.
    pub endpoints: Vec<Endpoint>,
    /// What it gives to other apps, as manifests call it.
    pub provides: Vec<String>,
    /// Whether it has passwords to show; whether the caller may see them is another question.
    pub has_passwords: bool,
    /// The job that works on it now.
    pub job: Option<JobBrief>,
    /// What the box does to bring it back; none while it is as it should be.
    pub care: Option<Care>,
    /// When it was first installed.
    pub created: Timestamp,
}

/// What the box does about an app that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Care {
    /// Since when it has not been as it should.
    pub since: Timestamp,
    /// How often the box has tried to bring it back since.
    pub tries: u32,
    /// The box tries no more until somebody acts or the app comes back by itself.
    pub gave_up: bool,
}

/// A version of an extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Version {
    /// The upstream version.
    pub version: String,
    /// The package's revision of that version.
    pub revision: u32,
}

impl Version {
    pub(crate) fn of(manifest: &orbitr_sdk::Manifest) -> Self {
        Self { version: manifest.version().to_owned(), revision: manifest.x().revision }
    }
}

/// A port of the box that leads to an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Endpoint {
    /// The extension's name for it.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// Where.
    #[serde(flatten)]
    pub at: HostPort,
    /// Whether a browser can open it.
    pub web: bool,
}

/// A job in brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct JobBrief {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub title: String,
    /// Where it is.
    pub state: JobState,
}

/// One app with everything about it but its secrets.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AppDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub app: AppView,
    /// What it runs, or ran last.
    pub release: Option<ReleaseView>,
    /// Its containers.
    pub containers: Vec<ContainerView>,
    /// Where what it needs comes from.
    pub bindings: Vec<BindingView>,
    /// The apps that need it: what breaks when it stops.
    pub dependants: Vec<Dependant>,
    /// What can be pressed while it runs, in the extension's order; whether the caller may is another question.
    pub actions: Vec<ActionView>,
    /// The jobs of actions that gave a password or key which nobody has looked at yet.
    pub results: Vec<JobBrief>,
    /// What the clock does.
    pub schedules: Vec<ScheduleView>,
    /// How it stands with its updates.
    pub updates: Updates,
    /// The folder on the box that holds its data, with a folder for each volume.
    pub data_at: String,
    /// Whether that is on another disk than the box's own.
    pub data_elsewhere: bool,
    /// The extension's words for what to do after the installation, as Markdown; may be empty.
    pub notes: String,
}

/// One release.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ReleaseView {
    /// Its id.
    pub id: ReleaseId,
    /// Counts up by one within the app.
    pub number: u32,
    /// The extension's version.
    pub version: String,
    /// The package's revision of that version.
    pub revision: u32,
    /// Its inputs, without secret ones.
    pub inputs: BTreeMap<String, serde_json::Value>,
    /// Where what it needs comes from, by requirement.
    pub bindings: BTreeMap<String, Binding>,
    /// Its images by service, pinned where a digest is known.
    pub images: BTreeMap<String, String>,
    /// Why it was made.
    pub reason: String,
    /// Who made it.
    pub made_by: Actor,
    /// When.
    pub created: Timestamp,
    /// Whether the app runs it.
    pub active: bool,
    /// Whether it is kept, with its data, however many come after it.
    pub pinned: bool,
    /// The permissions that whoever made it consented to, by name.
    pub consent: Vec<String>,
}

impl ReleaseView {
    pub(crate) fn of(release: &Release, active: Option<ReleaseId>, consent: &BTreeMap<ReleaseId, Vec<String>>) -> Self {
        Self {
            id: release.id,
            number: release.number,
            version: release.version.clone(),
            revision: release.revision,
            inputs: release.inputs.clone(),
            bindings: release.bindings.clone(),
            images: release
                .images
                .iter()
                .map(|(service, image)| (service.clone(), image.pinned().to_string()))
                .collect(),
            reason: release.reason.clone(),
            made_by: release.made_by.clone(),
            created: release.created,
            active: active == Some(release.id),
            pinned: release.pinned,
            consent: consent.get(&release.id).cloned().unwrap_or_default(),
        }
    }
}

/// One container of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ContainerView {
    /// Its id in Docker.
    pub id: String,
    /// Its name in Docker.
    pub name: String,
    /// The service of the extension that it is.
    pub service: String,
    /// The image that it runs.
    pub image: String,
    /// What it does, in Docker's word: `running`, `exited` …
    pub state: String,
    /// What its own health check says: `none`, `starting`, `healthy`, `unhealthy`.
    pub health: String,
    /// When it last started.
    pub started: Option<Timestamp>,
    /// The status that it ended with, when it does not run.
    pub exit_code: Option<i64>,
    /// How often Docker started it again.
    pub restarts: u32,
}

impl ContainerView {
    pub(crate) fn of(container: &Container) -> Self {
        Self {
            id: container.id().to_string(),
            name: container.name.clone(),
            service: container.service.clone().unwrap_or_default(),
            image: container.image.clone(),
            state: state_word(container.state).to_owned(),
            health: health_word(container.health).to_owned(),
            started: container.started,
            exit_code: container.exit_code,
            restarts: container.restarts,
        }
    }
}

const fn state_word(state: State) -> &'static str {
    match state {
        State::Created => "created",
        State::Running => "running",
        State::Paused => "paused",
        State::Restarting => "restarting",
        State::Removing => "removing",
        State::Exited => "exited",
        State::Dead => "dead",
    }
}

const fn health_word(health: Health) -> &'static str {
    match health {
        Health::None => "none",
        Health::Starting => "starting",
        Health::Healthy => "healthy",
        Health::Unhealthy => "unhealthy",
    }
}

/// A job that was started for an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Started {
    /// The app.
    pub app: AppId,
    /// The job.
    pub job: JobId,
}

/// What an app's data folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DataSize {
    /// Bytes in files.
    pub size: ByteSize,
}

/// One line of an app's logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LogEntry {
    /// When the container wrote it.
    pub time: Option<Timestamp>,
    /// The service that wrote it.
    pub service: String,
    /// `stdout` or `stderr`.
    pub source: String,
    /// The line, without its end.
    pub text: String,
}
