//! What pages, the API and the command line show of issues.

use orbitr_access::{
    Caller, TheBox,
    action::{
        CancelJob, ChangeApp, ChangeBox, DismissAppIssue, DismissIssue, ListApps, OperateApp, RebuildDockerStore,
        RemoveApp, RestartUnit, UpdateBox, ViewApp, ViewJob, ViewMachine,
    },
};
use orbitr_model::{Actor, AppId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    issues::Found,
    model::{Evidence, Fix, Kind, Severity},
    plan::Known,
};

/// Something that is wrong, with what helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct IssueView {
    /// Names it, for dismissing it: `app-down.shop`.
    pub id: String,
    /// What kind of issue it is.
    pub kind: Kind,
    /// How bad it is.
    pub severity: Severity,
    /// The app that it is about; none when it is about the box.
    pub app: Option<AppId>,
    /// The thing that it is about, by the name that people know.
    pub about: String,
    /// What is wrong, in one sentence.
    pub title: String,
    /// What that means and what helps.
    pub explanation: String,
    /// Facts that show it.
    pub evidence: Vec<Evidence>,
    /// What helps, the likeliest first; only what the reader may do.
    pub fixes: Vec<FixView>,
    /// Since when it is there.
    pub since: Timestamp,
    /// When somebody dismissed it: it is hidden until it ends and comes back, or gets worse.
    pub dismissed: Option<Timestamp>,
    /// Whether the reader may dismiss it.
    pub may_dismiss: bool,
}

/// Something that helps, with what stands on its button.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FixView {
    /// What stands on its button.
    pub label: String,
    /// What it does.
    #[serde(flatten)]
    pub fix: Fix,
}

/// How many issues there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// What does not work.
    pub bad: u32,
    /// What somebody should look at.
    pub warning: u32,
    /// What is worth knowing.
    pub info: u32,
}

impl Counts {
    /// Counts those that are not dismissed.
    #[must_use]
    pub fn of(issues: &[IssueView]) -> Self {
        let mut counts = Self::default();
        for issue in issues.iter().filter(|issue| issue.dismissed.is_none()) {
            let count = match issue.severity {
                Severity::Bad => &mut counts.bad,
                Severity::Warning => &mut counts.warning,
                Severity::Info => &mut counts.info,
            };
            *count = count.saturating_add(1);
        }
        counts
    }

    /// All of them.
    #[must_use]
    pub const fn all(&self) -> u32 {
        self.bad.saturating_add(self.warning).saturating_add(self.info)
    }

    /// The worst that there is.
    #[must_use]
    pub const fn worst(&self) -> Option<Severity> {
        match self {
            Self { bad: 1.., .. } => Some(Severity::Bad),
            Self { warning: 1.., .. } => Some(Severity::Warning),
            Self { info: 1.., .. } => Some(Severity::Info),
            _ => None,
        }
    }
}

impl IssueView {
    /// What this reader sees of it; none when it is not for them.
    pub(crate) fn of(known: &Known, found: &Found, caller: &Caller) -> Option<Self> {
        let sees = match &found.app {
            Some(app) => caller.may::<ViewApp>(app),
            None => caller.may::<ViewMachine>(&TheBox),
        };
        if !sees {
            return None;
        }
        let of_app = found.app.as_ref().is_some_and(|app| caller.may::<DismissAppIssue>(app));
        let fixes = found.fixes.iter().filter(|fix| may(fix, caller));
        Some(Self {
            id: found.id.to_string(),
            kind: found.id.kind,
            severity: found.severity,
            app: found.app.clone(),
            about: found.about.clone(),
            title: found.title.clone(),
            explanation: found.explanation.clone(),
            evidence: found.evidence.clone(),
            fixes: fixes.map(|fix| FixView { label: fix.label().to_owned(), fix: fix.clone() }).collect(),
            since: known.since,
            dismissed: known.dismissed,
            may_dismiss: of_app || caller.may::<DismissIssue>(&TheBox),
        })
    }
}

/// Whether this reader may do what helps: nobody is shown a button that would be refused.
fn may(fix: &Fix, caller: &Caller) -> bool {
    match fix {
        Fix::StartApp { app }
        | Fix::RestartApp { app }
        | Fix::StopApp { app }
        | Fix::FetchImages { app }
        | Fix::RebuildImages { app } => caller.may::<OperateApp>(app),
        Fix::RestartUnit { .. } => caller.may::<RestartUnit>(&TheBox),
        Fix::OpenApp { app } | Fix::OpenLogs { app } => caller.may::<ViewApp>(app),
        Fix::OpenUpdate { app }
        | Fix::OpenSettings { app }
        | Fix::MovePorts { app }
        | Fix::RotateSecret { app, .. }
        | Fix::RotatePassword { app, .. } => caller.may::<ChangeApp>(app),
        Fix::CancelJob { app, .. } => caller.may_on_job::<CancelJob>(app.as_ref(), &Actor::Box),
        Fix::KeepVersion { .. } | Fix::LeaveVersion { .. } => caller.may::<UpdateBox>(&TheBox),
        Fix::RenewCertificate | Fix::CopyDatabase => caller.may::<ChangeBox>(&TheBox),
        Fix::OpenRemoval { app } => caller.may::<RemoveApp>(app),
        Fix::OpenApps => caller.may::<ListApps>(&TheBox),
        Fix::OpenJob { app, .. } => caller.may_on_job::<ViewJob>(app.as_ref(), &Actor::Box),
        Fix::RebuildDockerStore | Fix::RemoveDockerStores => caller.may::<RebuildDockerStore>(&TheBox),
        Fix::OpenDockerStore
        | Fix::OpenUnit { .. }
        | Fix::OpenTime
        | Fix::OpenNetwork
        | Fix::OpenUpdates
        | Fix::OpenMachine => caller.may::<ViewMachine>(&TheBox),
    }
}
