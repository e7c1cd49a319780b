//! The states of a job and of its steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a job is. `Queued → Running → Succeeded`, or `Running → Undoing → Failed | Cancelled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waits for its turn.
    Queued,
    /// Goes through its steps, forwards.
    Running,
    /// Takes its steps back, last one first, because one failed or it was cancelled.
    Undoing,
    /// Every step is done.
    Succeeded,
    /// A step failed; what the job had done is undone.
    Failed,
    /// Somebody cancelled it; what the job had done is undone.
    Cancelled,
}

impl JobState {
    /// Whether it has ended: nothing will change it any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// The state's one word, as the API and the database write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Undoing => "undoing",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Where one step of a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Being done.
    Running,
    /// Done.
    Done,
    /// Tried and failed; being undone next.
    Failed,
    /// Being taken back.
    Undoing,
    /// Taken back.
    Undone,
}

impl StepState {
    /// The state's one word, as the API and the database write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
        }
    }
}
