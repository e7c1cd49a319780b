//! What a live page can follow.

use std::{fmt, str::FromStr};

use crate::{AppId, InvalidName, JobId};

/// A part of the box that changed, or that a reader wants to hear of. It says only «look again»: what
/// is shown is always read afresh, so a missed or doubled one does no harm.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// The list of jobs.
    Jobs,
    /// One job: its steps, progress or log.
    Job(JobId),
    /// The list of apps.
    Apps,
    /// One app: its state or settings.
    App(AppId),
    /// History.
    Events,
    /// Accounts, sessions, invites, tokens.
    People,
    /// The box itself: its figures, name or mode.
    Box,
    /// What systemd runs on the machine.
    Units,
    /// The machine's journal: something was written while somebody follows it.
    Journal,
    /// What is wrong with the box and its apps.
    Issues,
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jobs => f.write_str("jobs"),
            Self::Job(id) => write!(f, "job:{id}"),
            Self::Apps => f.write_str("apps"),
            Self::App(id) => write!(f, "app:{id}"),
            Self::Events => f.write_str("events"),
            Self::People => f.write_str("people"),
            Self::Box => f.write_str("box"),
            Self::Units => f.write_str("units"),
            Self::Journal => f.write_str("journal"),
            Self::Issues => f.write_str("issues"),
        }
    }
}

impl FromStr for Topic {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once(':') {
            Some(("job", id)) => Self::Job(id.parse()?),
            Some(("app", id)) => Self::App(id.parse()?),
            None => match text {
                "jobs" => Self::Jobs,
                "apps" => Self::Apps,
                "events" => Self::Events,
                "people" => Self::People,
                "box" => Self::Box,
                "units" => Self::Units,
                "journal" => Self::Journal,
                "issues" => Self::Issues,
                _ => return Err(UNKNOWN),
            },
            Some(_) => return Err(UNKNOWN),
        })
    }
}

const UNKNOWN: InvalidName =
    InvalidName::new("a topic", "is one of jobs, job:ID, apps, app:ID, events, people, box, units, journal, issues");
