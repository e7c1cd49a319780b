//! The effective state of an app in one word, with its reason. Pure.

use std::sync::Arc;

use orbitr_docker::{Container, Health, State};
use orbitr_model::{AppState, AppStatus};

use crate::model::{App, Phase, Wanted};

/// What is known of an app besides its row.
pub(crate) struct Seen<'a> {
    /// Why Docker does not answer; none when it does.
    pub(crate) docker_down: Option<&'a str>,
    /// The kind of the job that works on it now.
    pub(crate) job: Option<&'a str>,
    /// Its containers that are meant to stay up.
    pub(crate) containers: &'a [Arc<Container>],
    /// What the probe from outside saw last; none before its first answer.
    pub(crate) probe: Option<&'a Result<(), String>>,
}

/// Puts it all into one word.
pub(crate) fn status(app: &App, seen: &Seen<'_>) -> AppStatus {
    let (state, reason) = decide(app, seen);
    AppStatus { state, reason }
}

fn decide(app: &App, seen: &Seen<'_>) -> (AppState, String) {
    match (app.phase, seen.job) {
        (Phase::Installing, Some(_)) => return (AppState::Installing, String::new()),
        (Phase::Installing, None) => {
            return (AppState::Down, "its installation failed and could not be taken back; remove it".to_owned());
        }
        (Phase::Removing, _) => return (AppState::Removing, String::new()),
        (Phase::Kept, _) => return (AppState::Stopped, "removed; its data is kept".to_owned()),
        (Phase::Installed, _) => {}
    }
    if let Some(why) = seen.docker_down {
        return (AppState::Unknown, format!("Docker does not answer: {why}"));
    }
    if seen.job.is_some_and(|kind| kind == crate::kinds::change::NAME) {
        return (AppState::Changing, String::new());
    }
    match app.wanted {
        Wanted::Stopped if seen.containers.iter().any(|c| c.state == State::Running) && seen.job.is_none() => {
            (AppState::Running, "it runs although it was stopped here".to_owned())
        }
        Wanted::Stopped => (AppState::Stopped, String::new()),
        Wanted::Running => up(seen),
    }
}

fn up(seen: &Seen<'_>) -> (AppState, String) {
    if seen.containers.is_empty() {
        return (AppState::Down, "it has no containers; start it to make them again".to_owned());
    }
    if let Some(container) = seen.containers.iter().find(|c| c.state != State::Running) {
        let state = if seen.job.is_some() { AppState::Starting } else { AppState::Down };
        return (state, why_down(container));
    }
    if let Some(container) = seen.containers.iter().find(|c| c.health == Health::Unhealthy) {
        return (AppState::Unhealthy, format!("the health check of {} fails", name(container)));
    }
    match seen.probe {
        Some(Ok(())) => (AppState::Running, String::new()),
        Some(Err(why)) if seen.job.is_some() => (AppState::Starting, why.clone()),
        Some(Err(why)) => (AppState::Unhealthy, why.clone()),
        None => (AppState::Starting, "waiting for its first answer".to_owned()),
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
