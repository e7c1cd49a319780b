//! What is wrong with the machine, as a typed list. The catalogue of issues (`watch`) is built on it.

use orbitr_access::{Permit, action::ViewMachine};
use orbitr_store::time;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Error, Machine, clock::Verdict, units};

/// Something that is wrong with the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Issue {
    /// A unit has failed.
    UnitFailed {
        /// Which.
        unit: String,
        /// What it is for.
        description: String,
        /// Whether it can be restarted from here.
        restartable: bool,
    },
    /// The clock cannot be right, or something about it does not fit.
    Clock {
        /// What was found.
        clock: Verdict,
    },
    /// The clock should be set from the network, and was not.
    NotSynchronised,
    /// A network setting is tried, and goes back unless somebody confirms it.
    NetworkTrial {
        /// The card.
        name: String,
        /// How long there is left to confirm it.
        seconds_left: u64,
    },
}

impl Issue {
    /// What is wrong, in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::UnitFailed { unit, description, .. } if description.is_empty() => format!("{unit} has failed."),
            Self::UnitFailed { unit, description, .. } => format!("{description} ({unit}) has failed."),
            Self::Clock { clock } => clock.why().unwrap_or("The clock is right.").to_owned(),
            Self::NotSynchronised => "The clock is not compared with the network.".to_owned(),
            Self::NetworkTrial { name, seconds_left } => {
                format!("A new setting of {name} waits to be confirmed, and goes back in {seconds_left} s.")
            }
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::UnitFailed { restartable: true, .. } => "Its page shows its last lines and restarts it.",
            Self::UnitFailed { .. } => "Its page shows its last lines.",
            Self::Clock { clock } if clock.is_usable() => "Look at the time, and at the battery of the machine.",
            Self::Clock { .. } => "Certificates cannot be checked until it is right. Let the box reach a time server.",
            Self::NetworkTrial { .. } => "Confirm it on the page Network, or on the box's own screen.",
            Self::NotSynchronised => "Let the box reach a time server, or choose one on the page Time.",
        }
    }
}

impl Machine {
    /// What is wrong with the machine now. What cannot be looked at here is left out.
    ///
    /// # Errors
    /// [`Error::Bus`] when systemd is there and does not answer.
    pub async fn issues(&self, _permit: &Permit<ViewMachine>) -> Result<Vec<Issue>, Error> {
        self.find_issues().await
    }

    /// The same for the box's own eyes: nobody's question is answered with it.
    ///
    /// # Errors
    /// As [`Machine::issues`].
    pub async fn find_issues(&self) -> Result<Vec<Issue>, Error> {
        let mut issues = Vec::new();
        let clock = self.machine_clock().await?;
        let verdict = self.inner.keeper.judge(time::now(), clock.as_ref().map(|clock| clock.synchronised));
        self.note_verdict(&verdict);
        if verdict != Verdict::Plausible {
            issues.push(Issue::Clock { clock: verdict });
        } else if clock.is_some_and(|clock| clock.from_network && !clock.synchronised) {
            issues.push(Issue::NotSynchronised);
        }
        issues.extend(self.network_issue().await?);
        let failed = self.list_units().await?.units.into_iter().filter(units::is_failed);
        issues.extend(failed.map(|unit| Issue::UnitFailed {
            restartable: unit.restart.is_some(),
            unit: unit.name,
            description: unit.description,
        }));
        Ok(issues)
    }
}
