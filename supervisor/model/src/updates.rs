//! Which versions of the system are installed and what became of them: `/run/orbitr-box/updates.json`
//! (overlays/image/README.md describes the file).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ImageVersion, Timestamp};

/// What root tells of versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateFacts {
    /// Of this shape: 1.
    pub version: u32,
    /// The version that runs; none where the image does not say.
    pub running: Option<ImageVersion>,
    /// The one that somebody chose for every start; none when the newest good one is started.
    pub default: Option<ImageVersion>,
    /// Those on the disk, the newest first.
    pub installed: Vec<InstalledVersion>,
    /// Those that did not do their work, the newest first; they are not installed again by themselves.
    pub returned: Vec<ReturnedVersion>,
    /// What the health gate found in this boot; none before it began.
    pub gate: Option<GateFacts>,
}

/// Where a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// The first one.
    A,
    /// The second one.
    B,
}

/// One version on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstalledVersion {
    /// Which.
    pub version: ImageVersion,
    /// Where its root is.
    pub slot: Slot,
    /// How often it will still be tried; none when it is not counted any more.
    pub tries_left: Option<u32>,
    /// How often it was tried; none when it is not counted any more.
    pub tries_done: Option<u32>,
    /// Whether it has passed the health gate.
    pub blessed: bool,
    /// Whether it runs.
    pub running: bool,
}

/// A version that was started and did not stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReturnedVersion {
    /// Which.
    pub version: ImageVersion,
    /// When it was given up; none when it did not come so far as to say.
    pub at: Option<Timestamp>,
    /// Why; none when it did not come so far as to say.
    pub reason: Option<ReturnReason>,
    /// In which boot.
    pub boot_id: Option<String>,
}

/// What a version did not do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReturnReason {
    /// The stable code, for example `health-ui`.
    pub code: String,
    /// What it was, in a short sentence.
    pub title: String,
    /// What was seen.
    pub detail: String,
}

/// How far the health gate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GateState {
    /// It looks.
    Watching,
    /// Everything was as it should be.
    Passed,
    /// Something was not.
    Failed,
}

/// What the health gate found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateFacts {
    /// How far it is.
    pub state: GateState,
    /// Whether this boot is one of the tries of a version that has not been kept yet.
    pub counted: bool,
    /// What it looks at.
    pub tiers: Vec<GateCheck>,
    /// How many seconds it waits at most.
    pub deadline_s: u64,
}

/// One thing that the health gate looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateCheck {
    /// 0: the machine's own; 1: the box's.
    pub tier: u8,
    /// What, in a word or two.
    pub name: String,
    /// How it is; none while nobody has looked, and where there is nothing to look at.
    pub ok: Option<bool>,
    /// What was seen.
    pub detail: String,
}
