//! The question whether an update of the system is kept after which apps are not healthy.

use serde_json::Value;

use crate::{Deed, screen::Question};

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AskedUpdate {
    /// The version that runs.
    pub version: String,
    /// The version before.
    pub before: String,
    /// The apps that are not healthy, each with what it says.
    pub apps: Vec<String>,
    /// When the box goes back by itself, as it is shown; empty when it does not.
    pub ends: String,
    /// Whether the version before can be started.
    pub may_go_back: bool,
}

impl AskedUpdate {
    /// From what `GET /box/updates` says; none when nobody is asked. `clock` says a moment as it is shown.
    #[must_use]
    pub fn read(updates: &Value, clock: impl Fn(&str) -> String) -> Option<Self> {
        let proving = updates.pointer("/proving").filter(|proving| text(proving, "/state") == "asking")?;
        let apps = proving.pointer("/apps").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let ends = text(proving, "/ends_at");
        Some(Self {
            version: text(proving, "/version"),
            before: text(proving, "/before"),
            apps: apps.iter().map(|app| format!("{}: {}", text(app, "/name"), text(app, "/said"))).collect(),
            ends: if ends.is_empty() { ends } else { clock(&ends) },
            may_go_back: proving.pointer("/may_go_back").and_then(Value::as_bool).unwrap_or_default(),
        })
    }

    /// In one sentence, with the keys.
    pub(crate) fn sentence(&self) -> String {
        let way = if self.may_go_back { ", g: go back" } else { "" };
        let ends = if self.ends.is_empty() {
            String::new()
        } else {
            format!(" Without an answer it goes back at {}.", self.ends)
        };
        format!("Update {}: not every app is healthy. u: keep it{way}.{ends}", self.version)
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("Healthy on {}, and not on {}:", self.before, self.version)];
        lines.extend(self.apps.iter().map(|app| format!("- {app}")));
        lines.push(String::new());
        lines
    }

    pub(crate) fn keep(&self) -> Question {
        let mut lines = self.lines();
        lines.push("The version stays, and you see to these apps. All data stay.".to_owned());
        Question::new(format!("Keep {}", self.version), lines, "Keep it", Deed::KeepUpdate(self.version.clone()))
    }

    pub(crate) fn leave(&self) -> Question {
        let mut lines = self.lines();
        lines.push(format!("The box restarts into {}, when no job is at work. All data stay.", self.before));
        lines.push(format!("{} is not installed again by itself.", self.version));
        Question::new(format!("Go back to {}", self.before), lines, "Go back", Deed::LeaveUpdate(self.version.clone()))
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
