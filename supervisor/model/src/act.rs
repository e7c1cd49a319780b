//! The acts that root does for the supervisor: their names, what they are asked and how they report
//! (overlays/image/README.md describes the files).

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ActProblem, ImageVersion, PartUuid, ReturnReason};

/// One thing that needs root: one unit of the image each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Finds and opens the data partition.
    OpenData,
    /// Makes the data partition.
    MakeData,
    /// Brings network, time, name and SSH to what `box.json` says.
    ApplySettings,
    /// Copies this system onto another disk.
    Install,
    /// Erases the data partition at the next start.
    FactoryReset,
    /// Throws Docker's store away and begins another.
    ResetDocker,
    /// Gathers facts that only root can read.
    Support,
    /// Writes a support bundle onto a USB stick.
    SaveSupport,
    /// Hands over an update that lies on a USB stick.
    ReadUpdate,
    /// Writes another version of the system into the slot that does not run.
    InstallUpdate,
    /// Says which installed version the next starts are of.
    ChooseVersion,
    /// Tells which versions are installed, and what became of them.
    LookAtUpdates,
    /// Sees whether the version that runs does its work, before it is kept.
    HealthGate,
    /// Tells whether Docker's store is whole.
    LookAtDockerStore,
    /// Sets Docker's store aside and begins another.
    RebuildDockerStore,
    /// Removes stores of Docker that were set aside.
    RemoveDockerStores,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 16] = [
        Self::OpenData,
        Self::MakeData,
        Self::ApplySettings,
        Self::Install,
        Self::FactoryReset,
        Self::ResetDocker,
        Self::Support,
        Self::SaveSupport,
        Self::ReadUpdate,
        Self::InstallUpdate,
        Self::ChooseVersion,
        Self::LookAtUpdates,
        Self::HealthGate,
        Self::LookAtDockerStore,
        Self::RebuildDockerStore,
        Self::RemoveDockerStores,
    ];

    /// As in file names and on the command line, for example `make-data`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenData => "open-data",
            Self::MakeData => "make-data",
            Self::ApplySettings => "apply-settings",
            Self::Install => "install",
            Self::FactoryReset => "factory-reset",
            Self::ResetDocker => "reset-docker",
            Self::Support => "support",
            Self::SaveSupport => "save-support",
            Self::ReadUpdate => "read-update",
            Self::InstallUpdate => "install-update",
            Self::ChooseVersion => "choose-version",
            Self::LookAtUpdates => "look-at-updates",
            Self::HealthGate => "health-gate",
            Self::LookAtDockerStore => "look-at-docker-store",
            Self::RebuildDockerStore => "rebuild-docker-store",
            Self::RemoveDockerStores => "remove-docker-stores",
        }
    }

    /// The unit that does it.
    #[must_use]
    pub fn unit(self) -> String {
        match self {
            Self::LookAtUpdates => "orbitr-updates.service".to_owned(),
            Self::LookAtDockerStore => "orbitr-docker-store.service".to_owned(),
            _ => format!("orbitr-{}.service", self.as_str()),
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Act {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|act| act.as_str() == text).ok_or("no such act")
    }
}

/// How far an act is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActState {
    /// At work.
    Running,
    /// It did what it was asked, or there was nothing to do.
    Done,
    /// It did not.
    Failed,
}

/// How the last act of a name goes or went: `/run/orbitr-box/results/ACT.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActReport {
    /// Of this shape: 1.
    pub version: u32,
    /// Which act.
    pub act: Act,
    /// The request's id; empty when nobody asked.
    pub id: String,
    /// How far it is.
    pub state: ActState,
    /// What it does now, in words for people.
    pub step: String,
    /// How much of it is done, 0 to 1, where that can be told.
    pub fraction: Option<f64>,
    /// Why it failed.
    pub problem: Option<ActProblem>,
    /// What it found or made.
    pub value: Option<Value>,
}

/// Something that opens what is encrypted. It is printed nowhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RecoveryKey(String);

/// 32 letters without I, L, O and U (Crockford's base 32), so that none on a screen looks like another.
const READABLE: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// How many letters a key has: of 5 bits each, 140 bits.
const LETTERS: usize = 28;
/// How many letters stand together.
const GROUP: usize = 4;

impl RecoveryKey {
    /// How many random bytes make one.
    pub const BYTES: usize = LETTERS;

    /// From random bytes.
    #[must_use]
    pub fn new(random: [u8; Self::BYTES]) -> Self {
        // 256 is a multiple of 32: every letter is as likely as any other.
        Self(random.iter().map(|byte| READABLE.get(usize::from(byte % 32)).copied().map_or('0', char::from)).collect())
    }

    /// As somebody typed it: capitals or not, with dashes or not. None when it cannot be one.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        let letters: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .take(LETTERS + 1)
            .map(|c| match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let whole = letters.len() == LETTERS && letters.bytes().all(|letter| READABLE.contains(&letter));
        whole.then_some(Self(letters))
    }

    /// What LUKS is given: the letters alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// As it is shown and written down: `XXXX-XXXX-…`.
    #[must_use]
    pub fn readable(&self) -> String {
        let letters: Vec<char> = self.0.chars().collect();
        letters.chunks(GROUP).map(String::from_iter).collect::<Vec<_>>().join("-")
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryKey(…)")
    }
}

/// `open-data.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenDataRequest {
    /// Of this shape: 1.
    pub version: u32,
    /// Chosen by whoever asks; comes back in the report.
    pub id: String,
    /// Record this one and open it.
    pub adopt: Option<PartUuid>,
    /// Which one, where two have the same identifier.
    pub device: Option<String>,
    /// What opens it.
    pub key: Option<RecoveryKey>,
}

/// How to encrypt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encrypt {
    /// What always opens it; shown and typed back before.
    pub recovery_key: RecoveryKey,
    /// Whether the machine's security chip opens it by itself.
    pub tpm2: bool,
}

/// `make-data.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakeDataRequest {
    /// Of this shape: 1.
    pub version: u32,
    /// Chosen by whoever asks; comes back in the report.
    pub id: String,
    /// None is the disk that runs, the only one for now.
    pub disk: Option<String>,
    /// None leaves it readable to whoever holds the disk.
    pub encrypt: Option<Encrypt>,
}

/// `install.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstallRequest {
    /// Of this shape: 1.
    pub version: u32,
    /// Chosen by whoever asks; comes back in the report.
    pub id: String,
    /// The disk to write, for example `/dev/sdb`.
    pub disk: String,
    /// Its serial number, typed by whoever agrees that everything on it goes.
    pub serial: String,
}

/// `factory-reset.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactoryResetRequest {
    /// Of this shape: 1.
    pub version: u32,
    /// Chosen by whoever asks; comes back in the report.
    pub id: String,
    /// The machine's serial number, typed by whoever agrees that everything goes.
    pub serial: String,
    /// Which data partition; the recorded one when it is left out.
    #[serde(default)]
    pub partuuid: Option<PartUuid>,
}

/// `install-update.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstallUpdateRequest {
    /// Of this shape: 1.
    pub version: u32,
    /// Chosen by whoever asks; comes back in the report.
    pub id: String,
    /// The version to install.
    pub target: ImageVersion,
    /// Where its files are served: a port of 127.0.0.1.
    pub port: u16,
    /// Also when that version came back once.
    #[serde(default)]
    pub again: bool,
}

/// `choose-version.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChooseVersionRequest {
    /// Of this shape: 1.
    pub version: u32,
    /// Chosen by whoever asks; comes back in the report.
    pub id: String,
    /// The installed version that is to be started.
    pub target: ImageVersion,
    /// Why the version that runs is given up for it: then that one is marked, and is not started again. None: it stays a good
    /// one.
    #[serde(default)]
    pub reason: Option<ReturnReason>,
}

/// `save-support.json`, which the menu on the box's own screen hands in beside the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaveSupportRequest {
    /// Of this shape: 1.
    pub version: u32,
    /// Chosen by whoever asks; comes back in the report.
    pub id: String,
}

impl SaveSupportRequest {
    /// What the bundle is called while it waits beside the request.
    pub const BUNDLE: &str = "support-bundle.tar.gz";
    /// The largest bundle that is taken, in bytes: it waits in memory.
    pub const MOST_BYTES: u64 = 64 * 1024 * 1024;
}

/// `read-update.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadUpdateRequest {
    /// Of this shape: 1.
    pub version: u32,
    /// Chosen by whoever asks; comes back in the report.
    pub id: String,
}

impl ReadUpdateRequest {
    /// The Unix socket beside the request where whoever asked listens: the file comes through it as it is, once.
    pub const SOCKET: &str = "read-update.sock";
}

/// So many digits of the machine's id stand for the serial number of a machine that has none.
const OF_THE_ID: usize = 8;
/// What makers write where a serial number belongs.
const NO_SERIAL: [&str; 6] =
    ["not specified", "to be filled by o.e.m.", "default string", "system serial number", "none", "0"];

/// What is typed before everything on a machine is erased: the serial number that the firmware gives, or the first 8 digits
/// of the machine's id where it gives none. Whoever shows it and whoever checks it use this. None when there is neither.
#[must_use]
pub fn machine_serial(firmware: Option<&str>, machine_id: &str) -> Option<String> {
    let given = firmware.map(str::trim).filter(|serial| !serial.is_empty());
    let given = given.filter(|serial| !NO_SERIAL.contains(&serial.to_ascii_lowercase().as_str())).map(str::to_owned);
    given.or_else(|| {
        let digits: String = machine_id.trim().chars().take(OF_THE_ID).collect();
        (digits.len() == OF_THE_ID && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(digits)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_machine_without_a_serial_number_is_known_by_its_id() {
        const ID: &str = "0f410f90ea924bcfb701b7503621b14f\n";
        for (firmware, typed) in [
            (Some(" QM-0001 \n"), Some("QM-0001")),
            (Some("Not Specified"), Some("0f410f90")),
            (Some(""), Some("0f410f90")),
            (None, Some("0f410f90")),
        ] {
            assert_eq!(machine_serial(firmware, ID).as_deref(), typed, "{firmware:?}");
        }
        for id in ["", "uninitialized", "0f41"] {
            assert_eq!(machine_serial(None, id), None, "{id:?}");
        }
    }

    #[test]
    fn a_recovery_key_is_read_back_however_it_is_typed_and_is_printed_nowhere() {
        let key = RecoveryKey::new(std::array::from_fn(|n| u8::try_from(n * 9).unwrap()));
        assert_eq!(key.readable().len(), 34);
        assert_eq!(RecoveryKey::typed(&key.readable().to_lowercase()).as_ref(), Some(&key));
        assert_eq!(RecoveryKey::typed(&key.readable().replace('-', " ").replace('0', "o")), Some(key.clone()));
        for wrong in ["", "ABCD", &"U".repeat(28), &format!("{}0", key.readable())] {
            assert_eq!(RecoveryKey::typed(wrong), None, "{wrong}");
        }
        assert!(!format!("{key:?}").contains(key.expose()));
    }

    #[test]
    fn every_act_is_found_by_its_name() {
        for act in Act::ALL {
            assert_eq!(act.as_str().parse(), Ok(act));
        }
        assert!("format-everything".parse::<Act>().is_err());
    }
}
