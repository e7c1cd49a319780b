//! Where a box keeps its data: what root's acts found and did, as they leave it in files for everybody to read
//! (overlays/image/README.md describes the files).

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Problem, Timestamp};

/// A partition's own identifier in its GPT; lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PartUuid(Uuid);

impl FromStr for PartUuid {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = text.len() == 36;
        let parsed = Uuid::try_parse(text).ok().filter(|uuid| shape && !uuid.is_nil());
        parsed.map(Self).ok_or("not a partition's identifier")
    }
}

impl fmt::Display for PartUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PartUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A whole disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Disk {
    /// For example `/dev/vda`.
    pub device: String,
    /// What its maker calls it.
    pub model: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// Its size.
    pub bytes: u64,
    /// How it is attached: `usb`, `sata`, `nvme`, `virtio`, `scsi`, `sd`, `other`.
    pub transport: String,
    /// Whether it is made to be pulled out.
    pub removable: bool,
}

impl Disk {
    /// Whether it may be pulled out at any moment: a stick, a card, a disk in a USB case.
    #[must_use]
    pub fn is_portable(&self) -> bool {
        self.removable || self.transport == "usb"
    }
}

/// What there is of a data partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DataState {
    /// It is open and mounted, or about to be.
    Open,
    /// There is none, and none was ever recorded.
    None,
    /// It is there, and its key is not.
    Locked,
    /// The owner has to say which one, or what.
    Choice,
    /// Something is there that should not be.
    Failed,
}

/// What the choice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DataReason {
    /// A data partition is there that this box does not know.
    Unrecorded,
    /// The one that this box knows is not there.
    Missing,
    /// Two are there that cannot be told apart.
    Ambiguous,
    /// Making one was cut off; it holds nothing.
    Unfinished,
    /// A factory reset has just erased it.
    ResetDone,
}

/// What opened an encrypted partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnlockedBy {
    /// The machine's security chip.
    Tpm2,
    /// The recovery key, typed.
    Key,
}

/// The data partition that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OpenPartition {
    /// Its identifier.
    pub partuuid: PartUuid,
    /// The partition, for example `/dev/vda6`.
    pub device: String,
    /// Whether LUKS encrypts it.
    pub encrypted: bool,
    /// What opened it; none where it is not encrypted.
    pub unlocked_by: Option<UnlockedBy>,
    /// By how many bytes it was grown at this start.
    pub grown_by: u64,
}

/// A partition of Orbitr's type for data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DataCandidate {
    /// Its identifier.
    pub partuuid: PartUuid,
    /// The partition, for example `/dev/vda6`.
    pub device: String,
    /// The disk that it is on.
    pub disk: Disk,
    /// Its size.
    pub bytes: u64,
    /// Whether LUKS encrypts it.
    pub encrypted: bool,
    /// Whether making it was finished; none when nobody can tell, because it is locked or has a twin.
    pub complete: Option<bool>,
    /// Which machine made it.
    pub machine_id: Option<String>,
    /// When it was made.
    pub made_at: Option<Timestamp>,
}

/// Why an act could not do its work, as root left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActProblem {
    /// The stable code.
    pub code: String,
    /// What happened.
    pub title: String,
    /// Why; may be empty.
    pub detail: String,
    /// What to do; may be empty.
    pub fix: String,
}

impl From<Problem> for ActProblem {
    fn from(problem: Problem) -> Self {
        Self { code: problem.code, title: problem.title, detail: problem.detail, fix: problem.next }
    }
}

impl From<ActProblem> for Problem {
    fn from(told: ActProblem) -> Self {
        Self::new(409, &told.code, told.title).why(told.detail).then(told.fix)
    }
}

/// What was found of the data partition: `/run/orbitr-box/data.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DataFacts {
    /// Of this shape: 1.
    pub version: u32,
    /// What there is.
    pub state: DataState,
    /// What the choice is about; also `reset-done` beside `none`.
    pub reason: Option<DataReason>,
    /// What is wrong.
    pub problem: Option<ActProblem>,
    /// The one that this box knows.
    pub recorded: Option<PartUuid>,
    /// The one that is open.
    pub open: Option<OpenPartition>,
    /// All that were found.
    pub candidates: Vec<DataCandidate>,
    /// The disk that the box runs from.
    pub boot_disk: Option<Disk>,
}

impl DataFacts {
    /// Nothing is known but the state.
    #[must_use]
    pub const fn of(state: DataState) -> Self {
        Self {
            version: 1,
            state,
            reason: None,
            problem: None,
            recorded: None,
            open: None,
            candidates: Vec::new(),
            boot_disk: None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_identifier_of_a_partition_is_one_uuid_and_nothing_else() {
        let id = "0F410F90-EA92-4BCF-B701-B7503621B14F".parse::<PartUuid>().unwrap();
        assert_eq!(id.to_string(), "0f410f90-ea92-4bcf-b701-b7503621b14f");
        for wrong in
            ["", "0f410f90", "0f410f90ea924bcfb701b7503621b14f", "00000000-0000-0000-0000-000000000000", "../x"]
        {
            assert!(wrong.parse::<PartUuid>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_file_reads_as_the_page_says() {
        let text = r#"{"version":1,"state":"choice","reason":"reset-done","problem":null,"recorded":null,"open":null,
            "candidates":[{"partuuid":"0f410f90-ea92-4bcf-b701-b7503621b14f","device":"/dev/vda6","disk":{"device":"/dev/vda",
            "model":null,"serial":null,"bytes":1,"transport":"virtio","removable":false},"bytes":1,"encrypted":false,
            "complete":null,"machine_id":null,"made_at":null}],"boot_disk":null}"#;
        let facts: DataFacts = serde_json::from_str(text).unwrap();
        assert_eq!(facts.reason, Some(DataReason::ResetDone));
        let again: DataFacts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
        assert_eq!(facts, again);
    }
}
