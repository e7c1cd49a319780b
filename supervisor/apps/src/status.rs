//! The effective state of an app in one word, with its reason, and what can be asked of it then. Pure: every page, the
//! API and the command line show what is decided here.

use std::sync::Arc;

use orbitr_docker::{Container, Health, State};
use orbitr_jobs::{Kind, Unfinished};
use orbitr_model::{AppState, AppStatus, JobState};

use crate::{
    care::How,
    kinds::{
        calm::Calm,
        heal::{self, Heal},
        install::Install,
        lifecycle::{self, Lifecycle, Verb},
        remove::Remove,
    },
    model::{App, Phase, Wanted},
};

/// What the job that holds an app is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The word for the app meanwhile.
    word: AppState,
    /// Where the job is.
    state: JobState,
}

impl Held {
    /// By this job.
    pub(crate) fn by(job: &Unfinished) -> Self {
        let word = match job.kind.as_str() {
            Install::NAME => AppState::Installing,
            Remove::NAME => AppState::Removing,
            Calm::NAME => AppState::Stopping,
            Lifecycle::NAME => match serde_json::from_str::<lifecycle::Args>(&job.args).map(|args| args.verb) {
                Ok(Verb::Start) => AppState::Starting,
                Ok(Verb::Stop) => AppState::Stopping,
                Ok(Verb::Restart) => AppState::Restarting,
                // A job that another release of the supervisor has begun.
                Err(_) => AppState::Changing,
            },
            Heal::NAME => match serde_json::from_str::<heal::Args>(&job.args).map(|args| args.how) {
                Ok(How::Up | How::Anew) => AppState::Starting,
                Ok(How::Restart) => AppState::Restarting,
                Ok(How::Stop) => AppState::Stopping,
                Err(_) => AppState::Changing,
            },
            // Also the word for a kind that only another release knows.
            _ => AppState::Changing,
        };
        Self { word, state: job.state }
    }

    /// The word with the reason: where the job is, else what is still missing.
    fn says(self, missing: impl FnOnce() -> String) -> (AppState, String) {
        let reason = match self.state {
            JobState::Queued => "its job waits for its turn".to_owned(),
            JobState::Undoing => "its job did not end well; what it did is being undone".to_owned(),
            _ => missing(),
        };
        (self.word, reason)
    }
}

/// What is known of an app besides its row.
pub(crate) struct Seen<'a> {
    /// Why Docker does not answer; none when it does.
    pub(crate) docker_down: Option<&'a str>,
    /// The job that works on it now.
    pub(crate) job: Option<Held>,
    /// Its containers that are meant to stay up.
    pub(crate) containers: &'a [Arc<Container>],
    /// What the probe from outside saw last; none before its first answer.
    pub(crate) probe: Option<&'a Result<(), String>>,
    /// What it needs that is not there, where that keeps it from working, as a sentence.
    pub(crate) waits: Option<&'a str>,
    /// Whether apps are to stay stopped.
    pub(crate) safe_mode: bool,
}

/// Puts it all into one word.
pub(crate) fn status(app: &App, seen: &Seen<'_>) -> AppStatus {
    let (state, reason) = decide(app, seen);
    AppStatus { state, reason }
}

fn decide(app: &App, seen: &Seen<'_>) -> (AppState, String) {
    match (app.phase, seen.job) {
        (Phase::Installing | Phase::Removing, Some(job)) => return job.says(String::new),
        (Phase::Installing, None) => {
            return (AppState::Down, "its installation failed and could not be taken back; remove it".to_owned());
        }
        (Phase::Removing, None) => return (AppState::Removing, String::new()),
        (Phase::Kept, _) => return (AppState::Stopped, "removed; its data is kept".to_owned()),
        (Phase::Installed, _) => {}
    }
    if let Some(why) = seen.docker_down {
        return (AppState::Unknown, format!("Docker does not answer: {why}"));
    }
    match (seen.job, app.wanted) {
        (Some(job), _) => job.says(|| missing(job.word, seen)),
        (None, _) if seen.safe_mode => calm(app, seen),
        (None, Wanted::Stopped) if seen.containers.iter().any(|c| c.state == State::Running) => {
            (AppState::Running, "it runs although it was stopped here".to_owned())
        }
        (None, Wanted::Stopped) => (AppState::Stopped, String::new()),
        (None, Wanted::Running) => match (up(seen), seen.waits) {
            ((state @ (AppState::Down | AppState::Unhealthy | AppState::Starting), _), Some(what)) => {
                (state, what.to_owned())
            }
            (other, _) => other,
        },
    }
}

/// In safe mode.
fn calm(app: &App, seen: &Seen<'_>) -> (AppState, String) {
    let reason = match (seen.containers.iter().any(|c| c.state == State::Running), app.wanted) {
        (true, _) => return (AppState::Running, "it runs although safe mode is on".to_owned()),
        (false, Wanted::Running) => "safe mode is on; it starts when that is left".to_owned(),
        (false, Wanted::Stopped) => String::new(),
    };
    (AppState::Stopped, reason)
}

/// What a job that brings the app up still waits for.
fn missing(word: AppState, seen: &Seen<'_>) -> String {
    if !matches!(word, AppState::Starting) {
        return String::new();
    }
    match (seen.containers.iter().find(|c| c.state != State::Running), seen.probe) {
        (Some(container), _) => why_down(container),
        (None, Some(Err(why))) => why.clone(),
        (None, _) => String::new(),
    }
}

fn up(seen: &Seen<'_>) -> (AppState, String) {
    if seen.containers.is_empty() {
        return (AppState::Down, "it has no containers; start it to make them again".to_owned());
    }
    if let Some(container) = seen.containers.iter().find(|c| c.state != State::Running) {
        return (AppState::Down, why_down(container));
    }
    if let Some(container) = seen.containers.iter().find(|c| c.health == Health::Unhealthy) {
        return (AppState::Unhealthy, format!("the health check of {} fails", name(container)));
    }
    match seen.probe {
        Some(Ok(())) => (AppState::Running, String::new()),
        Some(Err(why)) => (AppState::Unhealthy, why.clone()),
        None => (AppState::Starting, "waiting for its first answer".to_owned()),
    }
}

/// What can be asked of an app in a state, the most usual first; nothing while a job holds it, and nothing that could only
/// fail.
pub(crate) const fn offered(state: AppState, app: &App, held: bool, safe_mode: bool) -> &'static [Verb] {
    if held || !matches!(app.phase, Phase::Installed) {
        return &[];
    }
    if safe_mode {
        // Stopping one that is stopped says that it is not to start when safe mode is left.
        return match (state, app.wanted) {
            (AppState::Unknown, _) | (AppState::Stopped, Wanted::Stopped) => &[],
            _ => &[Verb::Stop],
        };
    }
    match (state, app.wanted) {
        (AppState::Stopped, _) => &[Verb::Start],
        // What is down is started; what runs against its owner's wish may be wished for, or stopped again.
        (AppState::Down, _) | (AppState::Running, Wanted::Stopped) => &[Verb::Start, Verb::Stop],
        (AppState::Running | AppState::Unhealthy | AppState::Starting, _) => &[Verb::Restart, Verb::Stop],
        _ => &[],
    }
}

fn name(container: &Container) -> &str {
    container.service.as_deref().unwrap_or(&container.name)
}

/// Why a container that should be up is not, in a sentence.
pub(crate) fn why_down(container: &Container) -> String {
    let name = name(container);
    match (container.state, container.exit_code) {
        (_, _) if container.oom_killed => format!("{name} ran out of memory and was ended"),
        (_, _) if !container.error.is_empty() => format!("{name} could not start: {}", container.error),
        (State::Exited | State::Restarting | State::Dead, Some(code)) => format!("{name} ended with status {code}"),
        (State::Running, _) if container.restarts > 0 => {
            format!("{name} ended by itself and was started again, {} times so far", container.restarts)
        }
        (State::Paused, _) => format!("{name} is paused"),
        (State::Created, _) => format!("{name} has not started"),
        _ => format!("{name} is not running"),
    }
}

#[cfg(test)]
mod tests {
    use orbitr_model::{JobId, Timestamp};

    use super::*;

    fn app(phase: Phase, wanted: Wanted) -> App {
        App {
            id: "shop".parse().unwrap(),
            name: "Shop".parse().unwrap(),
            project: orbitr_model::ProjectId::new(),
            extension: "official/postgresql".parse().unwrap(),
            phase,
            wanted,
            active: None,
            created: Timestamp::UNIX_EPOCH,
            changed: Timestamp::UNIX_EPOCH,
        }
    }

    fn job(kind: &str, verb: &str, state: JobState) -> Held {
        let before = if verb == "start" { "stopped" } else { "running" };
        let args = serde_json::json!({ "app": "shop", "verb": verb, "before": before }).to_string();
        let title = String::new();
        Held::by(&Unfinished { id: JobId::new(), kind: kind.to_owned(), title, app: None, also: None, state, args })
    }

    fn said(app: &App, docker_down: Option<&str>, job: Option<Held>) -> (AppState, String) {
        let status =
            status(app, &Seen { docker_down, job, containers: &[], probe: None, waits: None, safe_mode: false });
        (status.state, status.reason)
    }

    #[test]
    fn while_a_job_holds_an_app_its_word_is_the_jobs() {
        for (verb, wanted, word) in [
            ("start", Wanted::Running, AppState::Starting),
            ("stop", Wanted::Stopped, AppState::Stopping),
            ("restart", Wanted::Running, AppState::Restarting),
        ] {
            let app = app(Phase::Installed, wanted);
            for state in [JobState::Queued, JobState::Running, JobState::Undoing] {
                let (said, reason) = said(&app, None, Some(job("app.lifecycle", verb, state)));
                assert_eq!(said, word, "{verb} {state:?}");
                assert_eq!(reason.is_empty(), state == JobState::Running, "{verb} {state:?}: {reason}");
                assert!(offered(said, &app, true, false).is_empty());
            }
        }
        let running = |kind| Some(job(kind, "", JobState::Running));
        let installed = app(Phase::Installed, Wanted::Running);
        assert_eq!(said(&installed, None, running("app.change")).0, AppState::Changing);
        assert_eq!(said(&installed, None, running("app.of-a-later-release")).0, AppState::Changing);
        assert_eq!(
            said(&app(Phase::Installing, Wanted::Running), None, running("app.install")).0,
            AppState::Installing
        );
        assert_eq!(said(&app(Phase::Removing, Wanted::Running), None, running("app.remove")).0, AppState::Removing);
    }

    #[test]
    fn without_docker_nobody_knows_whatever_is_wanted() {
        let (state, reason) = said(&app(Phase::Installed, Wanted::Running), Some("no such file"), None);
        assert_eq!((state, reason.as_str()), (AppState::Unknown, "Docker does not answer: no such file"));
        assert!(offered(state, &app(Phase::Installed, Wanted::Running), false, false).is_empty());
    }

    #[test]
    fn what_is_offered_fits_the_word() {
        let by = |state, wanted| offered(state, &app(Phase::Installed, wanted), false, false);
        assert_eq!(by(AppState::Stopped, Wanted::Stopped), [Verb::Start]);
        assert_eq!(by(AppState::Running, Wanted::Running), [Verb::Restart, Verb::Stop]);
        assert_eq!(by(AppState::Down, Wanted::Running), [Verb::Start, Verb::Stop]);
        for phase in [Phase::Installing, Phase::Removing, Phase::Kept] {
            for state in AppState::ALL {
                assert!(offered(state, &app(phase, Wanted::Running), false, false).is_empty());
            }
        }
    }

    #[test]
    fn in_safe_mode_an_app_says_that_it_waits_and_nothing_starts_it() {
        let calm = |wanted| {
            let app = app(Phase::Installed, wanted);
            let status = status(
                &app,
                &Seen { docker_down: None, job: None, containers: &[], probe: None, waits: None, safe_mode: true },
            );
            (status.state, status.reason.is_empty(), offered(status.state, &app, false, true))
        };
        assert_eq!(calm(Wanted::Running), (AppState::Stopped, false, &[Verb::Stop][..]));
        assert_eq!(calm(Wanted::Stopped), (AppState::Stopped, true, &[][..]));
        for state in AppState::ALL {
            for wanted in [Wanted::Running, Wanted::Stopped] {
                let verbs = offered(state, &app(Phase::Installed, wanted), false, true);
                assert!(!verbs.contains(&Verb::Start) && !verbs.contains(&Verb::Restart), "{state:?} {wanted:?}");
            }
        }
    }
}
