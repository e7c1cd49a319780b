//! The catalogue: every kind of issue, each in a file of its own that finds it in the facts. Pure.

mod app_crash_looping;
mod app_down;
mod app_runs_though_stopped;
mod app_unhealthy;
mod app_update_failed;
mod certificate_ending;
mod clock_not_synchronised;
mod clock_wrong;
mod data_disk_full;
mod data_disk_missing;
mod database_copy_old;
mod disk_filling;
mod disk_full;
mod docker_down;
mod docker_store_broken;
mod docker_store_damaged;
mod docker_store_rebuilt;
mod image_missing;
mod job_not_undone;
mod job_stuck;
mod memory_pressure;
mod network_trial;
mod out_of_memory;
mod port_conflict;
mod port_not_freed;
mod secret_in_log;
#[cfg(test)]
mod tests;
mod unit_failed;
mod update_apps_unhealthy;
mod update_returned;

use jiff::SignedDuration;
use orbitr_apps::{AppView, Verb};
use orbitr_model::{AppId, AppState, Problem, Timestamp};

pub(crate) use self::port_not_freed::CODE as PORT_NOT_FREED;
use crate::{
    facts::Facts,
    model::{Evidence, Fix, IssueId, Kind, Severity, Subject},
};

/// The one list of what is looked for.
const CATALOGUE: &[fn(&Facts, &mut Findings)] = &[
    docker_down::look,
    docker_store_broken::look,
    disk_full::look,
    clock_wrong::look,
    unit_failed::look,
    update_apps_unhealthy::look,
    update_returned::look,
    docker_store_rebuilt::look,
    app_crash_looping::look,
    port_conflict::look,
    port_not_freed::look,
    image_missing::look,
    docker_store_damaged::look,
    data_disk_missing::look,
    data_disk_full::look,
    app_down::look,
    job_not_undone::look,
    app_unhealthy::look,
    app_update_failed::look,
    out_of_memory::look,
    app_runs_though_stopped::look,
    secret_in_log::look,
    job_stuck::look,
    certificate_ending::look,
    database_copy_old::look,
    disk_filling::look,
    memory_pressure::look,
    clock_not_synchronised::look,
    network_trial::look,
];

/// Looks for everything.
pub(crate) fn find(facts: &Facts) -> Findings {
    let mut findings = Findings::default();
    for look in CATALOGUE {
        look(facts, &mut findings);
    }
    findings
}

/// What one look found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) found: Vec<Found>,
    /// What nobody can say now, because a job is at it or Docker is away: what was open stays, and nothing is opened.
    pub(crate) unclear: Vec<(Kind, Option<Subject>)>,
    /// When something of it is over although nothing changes until then.
    pub(crate) over: Option<Timestamp>,
}

impl Findings {
    /// Something of it is over then.
    fn until(&mut self, moment: Timestamp) {
        self.over = Some(self.over.map_or(moment, |other| other.min(moment)));
    }

    /// Nobody can say whether there is such an issue with this, or with anything where it is none.
    fn unclear(&mut self, kind: Kind, subject: Option<Subject>) {
        self.unclear.push((kind, subject));
    }

    pub(crate) fn is_unclear(&self, id: &IssueId) -> bool {
        self.unclear
            .iter()
            .any(|(kind, subject)| *kind == id.kind && subject.as_ref().is_none_or(|subject| *subject == id.subject))
    }
}

/// An issue as it is now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) id: IssueId,
    pub(crate) severity: Severity,
    /// The app that it is about: who sees the app sees the issue. None: only for those who look after the machine.
    pub(crate) app: Option<AppId>,
    /// The thing that it is about, by the name that people know.
    pub(crate) about: String,
    /// What is wrong, in one sentence.
    pub(crate) title: String,
    /// What that means and what helps, in plain words.
    pub(crate) explanation: String,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) fixes: Vec<Fix>,
    /// Since when, where that is known better than by when it was first seen. A later moment is another occurrence.
    pub(crate) since: Option<Timestamp>,
    /// It is told only once it has lasted so long: much comes right by itself.
    pub(crate) patience: SignedDuration,
}

impl Found {
    /// An issue of the box or of a part of it.
    fn new(kind: Kind, subject: Subject, severity: Severity, title: impl Into<String>) -> Self {
        let about = match &subject {
            Subject::Box => "the box".to_owned(),
            other => other.id(),
        };
        Self {
            id: IssueId::new(kind, subject),
            severity,
            app: None,
            about,
            title: title.into(),
            explanation: String::new(),
            evidence: Vec::new(),
            fixes: Vec::new(),
            since: None,
            patience: SignedDuration::ZERO,
        }
    }

    /// An issue of an app.
    fn of(kind: Kind, app: &AppView, severity: Severity, title: impl Into<String>) -> Self {
        let mut found = Self::new(kind, Subject::App(app.id.clone()), severity, title);
        found.app = Some(app.id.clone());
        found.about = app.name.to_string();
        found
    }

    fn explained(mut self, explanation: impl Into<String>) -> Self {
        self.explanation = explanation.into();
        self
    }

    /// A fact that shows it; an empty one is left out.
    fn shown_by(mut self, name: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.evidence.push(Evidence { name: name.to_owned(), value });
        }
        self
    }

    fn fix(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }

    fn fixes(mut self, fixes: impl IntoIterator<Item = Fix>) -> Self {
        self.fixes.extend(fixes);
        self
    }

    const fn since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }

    const fn after(mut self, patience: SignedDuration) -> Self {
        self.patience = patience;
        self
    }
}

/// What can be asked of an app now, as fixes.
fn verbs(app: &AppView) -> impl Iterator<Item = Fix> {
    app.verbs.iter().map(|verb| {
        let app = app.id.clone();
        match verb {
            Verb::Start => Fix::StartApp { app },
            Verb::Restart => Fix::RestartApp { app },
            Verb::Stop => Fix::StopApp { app },
        }
    })
}

/// Whether nobody can say how an app is: a job is at it, Docker is away, or it is only coming up again.
fn is_unclear(app: &AppView) -> bool {
    let comes_back = app.status.state == AppState::Starting && app.care.is_some();
    app.job.is_some() || app.status.state == AppState::Unknown || comes_back
}

/// What the box does about an app by itself, as a fact.
fn care(found: Found, app: &AppView) -> Found {
    match &app.care {
        Some(care) if care.tries > 0 => {
            let times = if care.tries == 1 { "once".to_owned() } else { format!("{} times", care.tries) };
            found.shown_by("Brought back by the box", times)
        }
        _ => found,
    }
}

/// What happened and why, as a problem tells it.
fn why(problem: &Problem) -> String {
    let parts = [&problem.title, &problem.detail].map(|text| text.trim().trim_end_matches('.'));
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
}
