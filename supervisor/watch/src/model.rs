//! The words of this room: kinds of issues, how bad they are, what they are about, what helps.

use std::{fmt, str::FromStr};

use orbitr_host::units::UnitName;
use orbitr_model::{AppId, ImageVersion, InvalidName, JobId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bad it is; what is worse is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Works, but somebody should look.
    Warning,
    /// Does not work.
    Bad,
}

impl Severity {
    /// The one word, as the API and the database write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// What kind of thing an issue can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Box,
    App,
    Job,
    Unit,
    Card,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $about:ident;)*) => {
        /// A kind of issue. Its code never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum Kind {
            $($(#[$doc])* $name),*
        }

        impl Kind {
            /// Every kind, in the order of the catalogue.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its stable code.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code),*
                }
            }

            const fn about(self) -> About {
                match self {
                    $(Self::$name => About::$about),*
                }
            }
        }
    };
}

kinds! {
    /// Docker does not answer.
    DockerDown = "docker-down", Box;
    /// Docker's store is damaged, or Docker does not start.
    DockerStoreBroken = "docker-store-broken", Box;
    /// There is no room left on the disk.
    DiskFull = "disk-full", Box;
    /// The clock cannot be right, or something about it does not fit.
    ClockWrong = "clock-wrong", Box;
    /// A unit of the machine has failed.
    UnitFailed = "unit-failed", Unit;
    /// Apps that were healthy before an update of the system are not after it.
    UpdateAppsUnhealthy = "update-apps-unhealthy", Box;
    /// A version of the system was tried and came back.
    UpdateReturned = "update-returned", Box;
    /// Docker's store was set aside and begun anew.
    DockerStoreRebuilt = "docker-store-rebuilt", Box;
    /// An app ends again and again.
    AppCrashLooping = "app-crash-looping", App;
    /// Something else holds a port that an app needs to come up.
    PortConflict = "port-conflict", App;
    /// Docker holds a port of an app for a container that is gone.
    PortNotFreed = "port-not-freed", App;
    /// An image that an app needs to come up is gone and cannot be fetched.
    ImageMissing = "image-missing", App;
    /// Files of an app's image are gone from Docker's store.
    DockerStoreDamaged = "docker-store-damaged", App;
    /// The disk to which an app's data was moved is not there.
    DataDiskMissing = "data-disk-missing", App;
    /// There is no room left on another disk that has data of an app.
    DataDiskFull = "data-disk-full", App;
    /// An app that is wanted is not up.
    AppDown = "app-down", App;
    /// A job failed and left something behind.
    JobNotUndone = "job-not-undone", Job;
    /// An app is up and does not answer.
    AppUnhealthy = "app-unhealthy", App;
    /// The last change of an app failed.
    AppUpdateFailed = "app-update-failed", App;
    /// A container was ended because there was no memory for it.
    OutOfMemory = "out-of-memory", App;
    /// An app that was stopped runs.
    AppRunsThoughStopped = "app-runs-though-stopped", App;
    /// A log of an app tells one of its secrets.
    SecretInLog = "secret-in-log", App;
    /// A job takes far longer than it should.
    JobStuck = "job-stuck", Job;
    /// The box's own certificate ends soon and was not renewed.
    CertificateEnding = "certificate-ending", Box;
    /// The database was not copied for days.
    DatabaseCopyOld = "database-copy-old", Box;
    /// The disk will be full soon.
    DiskFilling = "disk-filling", Box;
    /// Much time is lost by waiting for memory.
    MemoryPressure = "memory-pressure", Box;
    /// The clock should agree with the network, and nobody has compared them.
    ClockNotSynchronised = "clock-not-synchronised", Box;
    /// A network setting is tried and goes back unless somebody confirms it.
    NetworkTrial = "network-trial", Card;
}

/// What an issue is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The box itself.
    Box,
    /// An app.
    App(AppId),
    /// A job.
    Job(JobId),
    /// A unit of the machine.
    Unit(String),
    /// A network card.
    Card(String),
}

impl Subject {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Box => "box",
            Self::App(_) => "app",
            Self::Job(_) => "job",
            Self::Unit(_) => "unit",
            Self::Card(_) => "card",
        }
    }

    pub(crate) fn id(&self) -> String {
        match self {
            Self::Box => "box".to_owned(),
            Self::App(app) => app.to_string(),
            Self::Job(job) => job.to_string(),
            Self::Unit(name) | Self::Card(name) => name.clone(),
        }
    }

    fn read(about: About, text: &str) -> Option<Self> {
        match about {
            About::Box => (text == "box").then_some(Self::Box),
            About::App => text.parse().ok().map(Self::App),
            About::Job => text.parse().ok().map(Self::Job),
            About::Unit => text.parse::<UnitName>().ok().map(|name| Self::Unit(name.to_string())),
            About::Card => is_card(text).then(|| Self::Card(text.to_owned())),
        }
    }
}

/// Linux names an interface with 1 to 15 bytes, without white space and slashes.
fn is_card(text: &str) -> bool {
    (1..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
}

/// Names one issue: its kind and what it is about, `app-down.shop`. An issue that ends and comes back has the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssueId {
    /// What is wrong.
    pub kind: Kind,
    /// With what.
    pub subject: Subject,
}

impl IssueId {
    pub(crate) const fn new(kind: Kind, subject: Subject) -> Self {
        Self { kind, subject }
    }
}

impl fmt::Display for IssueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind.as_str(), self.subject.id())
    }
}

impl FromStr for IssueId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = InvalidName::new("an issue", "is a kind and what it is about, such as app-down.shop");
        let (code, id) = text.split_once('.').ok_or(wrong)?;
        let kind = Kind::ALL.iter().copied().find(|kind| kind.as_str() == code).ok_or(wrong)?;
        Ok(Self { kind, subject: Subject::read(kind.about(), id).ok_or(wrong)? })
    }
}

/// Something that helps: an operation of the box, or the page where it is solved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Fix {
    /// Start an app.
    StartApp {
        /// Which.
        app: AppId,
    },
    /// Restart an app.
    RestartApp {
        /// Which.
        app: AppId,
    },
    /// Stop an app.
    StopApp {
        /// Which.
        app: AppId,
    },
    /// Restart a unit of the machine.
    RestartUnit {
        /// Which.
        unit: String,
    },
    /// Give an app a free port in the place of each that something else holds.
    MovePorts {
        /// Which.
        app: AppId,
    },
    /// Fetch the images of an app again, and start it.
    FetchImages {
        /// Of which.
        app: AppId,
    },
    /// Remove the damaged images of an app, fetch them again, and start it.
    RebuildImages {
        /// Of which.
        app: AppId,
    },
    /// Make a secret of an app anew, and start it with that.
    RotateSecret {
        /// Of which.
        app: AppId,
        /// What the extension calls it.
        secret: String,
    },
    /// Change the password of an app at another app.
    RotatePassword {
        /// Whose.
        app: AppId,
        /// What the extension calls what it needs there.
        binding: String,
    },
    /// Cancel a job.
    CancelJob {
        /// Which.
        job: JobId,
        /// The app that it works on.
        app: Option<AppId>,
    },
    /// Renew the box's certificate.
    RenewCertificate,
    /// Copy the database now.
    CopyDatabase,
    /// Keep a version of the system after which apps are not healthy.
    KeepVersion {
        /// Which.
        version: ImageVersion,
    },
    /// Go back from it to the version before.
    LeaveVersion {
        /// Which.
        version: ImageVersion,
        /// To which.
        before: ImageVersion,
    },
    /// Set Docker's store aside and begin another one.
    RebuildDockerStore,
    /// Remove stores of Docker that were set aside.
    RemoveDockerStores,
    /// Look at Docker's store.
    OpenDockerStore,
    /// Look at an app.
    OpenApp {
        /// Which.
        app: AppId,
    },
    /// Look at an app's logs.
    OpenLogs {
        /// Whose.
        app: AppId,
    },
    /// Look at what an update of an app would do.
    OpenUpdate {
        /// Of which.
        app: AppId,
    },
    /// Look at the settings of an app.
    OpenSettings {
        /// Of which.
        app: AppId,
    },
    /// Decide about removing an app.
    OpenRemoval {
        /// Of which.
        app: AppId,
    },
    /// Look at the apps.
    OpenApps,
    /// Look at a job and its log.
    OpenJob {
        /// Which.
        job: JobId,
        /// The app that it worked on.
        app: Option<AppId>,
    },
    /// Look at a unit of the machine and its last lines.
    OpenUnit {
        /// Which.
        unit: String,
    },
    /// Look at the time.
    OpenTime,
    /// Look at the network.
    OpenNetwork,
    /// Look at the updates of the system.
    OpenUpdates,
    /// Look at the machine.
    OpenMachine,
}

impl Fix {
    /// What stands on its button.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::StartApp { .. } => "Start it",
            Self::RestartApp { .. } => "Restart it",
            Self::StopApp { .. } => "Stop it",
            Self::RestartUnit { .. } => "Restart it …",
            Self::MovePorts { .. } => "Give it a free port",
            Self::FetchImages { .. } => "Fetch it again",
            Self::RebuildImages { .. } => "Get the image again",
            Self::RotateSecret { .. } => "Make another one",
            Self::RotatePassword { .. } => "Change the password",
            Self::CancelJob { .. } => "Cancel it",
            Self::RenewCertificate => "Renew it now",
            Self::CopyDatabase => "Copy it now",
            Self::KeepVersion { .. } => "Keep this version",
            Self::LeaveVersion { .. } => "Go back …",
            Self::RebuildDockerStore => "Rebuild it …",
            Self::RemoveDockerStores => "Remove the old store …",
            Self::OpenDockerStore => "Look at Docker's store",
            Self::OpenApp { .. } => "Look at the app",
            Self::OpenLogs { .. } => "Read its logs",
            Self::OpenUpdate { .. } => "Look at the update",
            Self::OpenSettings { .. } => "Look at its settings",
            Self::OpenRemoval { .. } => "Remove it …",
            Self::OpenApps => "Look at the apps",
            Self::OpenJob { .. } => "Look at the job",
            Self::OpenUnit { .. } => "Look at the unit",
            Self::OpenTime => "Look at the time",
            Self::OpenNetwork => "Look at the network",
            Self::OpenUpdates => "Look at the updates",
            Self::OpenMachine => "Look at the machine",
        }
    }

    /// Whether it only leads somewhere.
    #[must_use]
    pub const fn only_looks(&self) -> bool {
        matches!(
            self,
            Self::OpenDockerStore
                | Self::OpenApp { .. }
                | Self::OpenLogs { .. }
                | Self::OpenUpdate { .. }
                | Self::OpenSettings { .. }
                | Self::OpenRemoval { .. }
                | Self::OpenApps
                | Self::OpenJob { .. }
                | Self::OpenUnit { .. }
                | Self::OpenTime
                | Self::OpenNetwork
                | Self::OpenUpdates
                | Self::OpenMachine
        )
    }
}

/// A fact that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Evidence {
    /// What it is.
    pub name: String,
    /// How it is.
    pub value: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let job = JobId::new();
        for text in [
            "docker-down.box".to_owned(),
            "app-down.shop".to_owned(),
            format!("job-not-undone.{job}"),
            "unit-failed.docker.service".to_owned(),
            "unit-failed.dev-disk-by\\x2dlabel.mount".to_owned(),
            "network-trial.eth0".to_owned(),
        ] {
            assert_eq!(text.parse::<IssueId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_names_no_issue_is_refused() {
        for text in [
            "",
            "app-down",
            "app-down.",
            "app-down.Shop",
            "app-down.a/b",
            "docker-down.shop",
            "nonsense.box",
            "app-down.shop.more",
            "unit-failed.docker",
            "job-not-undone.1",
            "network-trial.eth0/1",
            ".box",
        ] {
            assert!(text.parse::<IssueId>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_code_is_its_own_and_the_same_in_json() {
        let codes: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(codes.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
