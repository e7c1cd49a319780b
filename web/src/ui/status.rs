//! Status pill: icon, word and colour of a state, the same on every page.

use maud::{Markup, html};
use orbitr_model::{AppState, AppStatus, JobState, StepState};

use super::{Icon, Tone};

/// How a state is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its colour.
    pub tone: Tone,
    /// Its picture.
    pub icon: Icon,
    /// Its word.
    pub word: &'static str,
}

impl Status {
    /// One that the product's states do not have, for example «Expired» of a token.
    #[must_use]
    pub const fn new(tone: Tone, icon: Icon, word: &'static str) -> Self {
        Self { tone, icon, word }
    }

    /// Whether its picture turns, because something goes on.
    const fn turns(self) -> bool {
        matches!(self.icon, Icon::LoaderCircle)
    }
}

impl From<AppState> for Status {
    fn from(state: AppState) -> Self {
        let (tone, icon, word) = match state {
            AppState::Installing => (Tone::Busy, Icon::LoaderCircle, "Installing"),
            AppState::Starting => (Tone::Busy, Icon::LoaderCircle, "Starting"),
            AppState::Restarting => (Tone::Busy, Icon::LoaderCircle, "Restarting"),
            AppState::Running => (Tone::Good, Icon::CircleCheck, "Running"),
            AppState::Unhealthy => (Tone::Warn, Icon::TriangleAlert, "Unhealthy"),
            AppState::Changing => (Tone::Busy, Icon::LoaderCircle, "Changing"),
            AppState::Stopping => (Tone::Busy, Icon::LoaderCircle, "Stopping"),
            AppState::Stopped => (Tone::Neutral, Icon::CircleStop, "Stopped"),
            AppState::Down => (Tone::Bad, Icon::CircleX, "Down"),
            AppState::Removing => (Tone::Busy, Icon::LoaderCircle, "Removing"),
            AppState::Unknown => (Tone::Neutral, Icon::CircleQuestionMark, "Unknown"),
        };
        Self { tone, icon, word }
    }
}

impl From<JobState> for Status {
    fn from(state: JobState) -> Self {
        let (tone, icon, word) = match state {
            JobState::Queued => (Tone::Neutral, Icon::Clock, "Queued"),
            JobState::Running => (Tone::Busy, Icon::LoaderCircle, "Running"),
            JobState::Undoing => (Tone::Warn, Icon::Undo2, "Undoing"),
            JobState::Succeeded => (Tone::Good, Icon::CircleCheck, "Succeeded"),
            JobState::Failed => (Tone::Bad, Icon::CircleX, "Failed"),
            JobState::Cancelled => (Tone::Neutral, Icon::Ban, "Cancelled"),
        };
        Self { tone, icon, word }
    }
}

impl From<StepState> for Status {
    fn from(state: StepState) -> Self {
        let (tone, icon, word) = match state {
            StepState::Pending => (Tone::Neutral, Icon::CircleDashed, "Not begun"),
            StepState::Running => (Tone::Busy, Icon::LoaderCircle, "Running"),
            StepState::Done => (Tone::Good, Icon::CircleCheck, "Done"),
            StepState::Failed => (Tone::Bad, Icon::CircleX, "Failed"),
            StepState::Undoing => (Tone::Warn, Icon::Undo2, "Undoing"),
            StepState::Undone => (Tone::Neutral, Icon::Undo2, "Undone"),
        };
        Self { tone, icon, word }
    }
}

/// The pill of a state: `ui::status(app.state)`.
pub fn status(state: impl Into<Status>) -> Markup {
    let status: Status = state.into();
    html! {
        span class="status" data-tone=(status.tone.as_str()) data-turns[status.turns()] { (status.icon) (status.word) }
    }
}

/// The state of an app with its reason, where there is one.
#[must_use]
pub fn app_status(app: &AppStatus) -> Markup {
    html! {
        (status(app.state))
        @if !app.reason.is_empty() { span class="status-reason" { (app.reason) } }
    }
}

/// The picture alone with the word for screen readers and on hover, where a row has no room for the pill.
pub fn status_dot(state: impl Into<Status>) -> Markup {
    let status: Status = state.into();
    html! {
        span class="status status-bare" data-tone=(status.tone.as_str()) data-turns[status.turns()] title=(status.word) {
            (status.icon) span class="sr-only" { (status.word) }
        }
    }
}
