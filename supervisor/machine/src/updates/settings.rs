//! Where updates come from and what is done with them: rows of `setting` under `updates.`.

use std::{fs, ops::RangeInclusive, path::Path, time::Duration};

use orbitr_model::{FieldError, ImageVersion, Problem, ReturnedVersion, Timestamp};
use orbitr_store::Tx;
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Offer, PassedOver, proof::Proof, trial::Opens};
use crate::{Error, settings};

const SETTINGS: &str = "updates.settings";
const CHECKED: &str = "updates.checked";
const LIFTED: &str = "updates.lifted";
const TOLD: &str = "updates.told";
const TRIED: &str = "updates.tried";
const PROOF: &str = "updates.proof";
const OPENS: &str = "updates.opens";
/// How long somebody may be given to answer, in minutes.
const ANSWER: RangeInclusive<u16> = 5..=24 * 60;
const ANSWER_USUAL: u16 = 30;
/// The longest address.
const ADDRESS_MAX: usize = 500;
/// So many returns are remembered.
const REMEMBERED: usize = 32;
const ADDRESS_RULE: &str = "An address begins with http:// or https:// and has neither a password nor a question mark.";

/// Which versions are offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Those for everybody.
    #[default]
    Stable,
    /// Those that are about to be.
    Testing,
}

impl Channel {
    /// As in the address.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Testing => "testing",
        }
    }
}

/// What the box does by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpdatePolicy {
    /// Looks, and leaves the rest to people.
    #[default]
    ByHand,
    /// Downloads, and leaves installing to people.
    Download,
    /// Downloads, and installs and restarts in the window.
    Automatic,
}

/// How updates are set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateSettings {
    /// The owner's own address; none: the one that is built in.
    pub source: Option<String>,
    /// Which versions are offered.
    pub channel: Channel,
    /// What the box does by itself.
    pub policy: UpdatePolicy,
    /// The hour from which it may restart by itself, 0 to 23, in the box's time zone.
    pub window_from: u8,
    /// The hour at which that ends. The same as the first: the whole day.
    pub window_until: u8,
    /// Nothing happens by itself for the time being.
    pub hold: bool,
    /// When apps that were healthy are not after an update: whether the box goes back by itself where nobody answers.
    #[serde(default = "yes")]
    pub return_by_itself: bool,
    /// After how many minutes without an answer that is, 5 to 1440.
    #[serde(default = "usual_answer")]
    pub answer_minutes: u16,
}

const fn yes() -> bool {
    true
}

const fn usual_answer() -> u16 {
    ANSWER_USUAL
}

impl Default for UpdateSettings {
    fn default() -> Self {
        let (channel, policy) = (Channel::default(), UpdatePolicy::default());
        let (return_by_itself, answer_minutes) = (true, ANSWER_USUAL);
        Self {
            source: None,
            channel,
            policy,
            window_from: 3,
            window_until: 5,
            hold: false,
            return_by_itself,
            answer_minutes,
        }
    }
}

/// What to change. What is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeUpdateSettings {
    /// The owner's own address; empty: the one that is built in.
    #[schemars(length(max = 500))]
    pub source: Option<String>,
    /// Which versions are offered.
    pub channel: Option<Channel>,
    /// What the box does by itself.
    pub policy: Option<UpdatePolicy>,
    /// The hour from which it may restart by itself.
    #[schemars(range(min = 0, max = 23))]
    pub window_from: Option<u8>,
    /// The hour at which that ends.
    #[schemars(range(min = 0, max = 23))]
    pub window_until: Option<u8>,
    /// Whether nothing happens by itself.
    pub hold: Option<bool>,
    /// Whether the box goes back by itself where apps are not healthy after an update and nobody answers.
    pub return_by_itself: Option<bool>,
    /// After how many minutes without an answer that is.
    #[schemars(range(min = 5, max = 1440))]
    pub answer_minutes: Option<u16>,
}

impl ChangeUpdateSettings {
    /// The settings with this change.
    pub(super) fn over(&self, old: &UpdateSettings) -> Result<UpdateSettings, Error> {
        let mut wrong = Vec::new();
        let mut field = |field: &str, message: &str| {
            wrong.push(FieldError { field: field.to_owned(), message: message.to_owned() })
        };
        let source = match self.source.as_deref().map(str::trim) {
            None => old.source.clone(),
            Some("") => None,
            Some(text) if is_address(text) => Some(text.trim_end_matches('/').to_owned()),
            Some(_) => {
                field("source", ADDRESS_RULE);
                None
            }
        };
        for (name, hour) in [("window_from", self.window_from), ("window_until", self.window_until)] {
            if hour.is_some_and(|hour| hour > 23) {
                field(name, "An hour is a number from 0 to 23.");
            }
        }
        if self.answer_minutes.is_some_and(|minutes| !ANSWER.contains(&minutes)) {
            field("answer_minutes", "Give 5 minutes to a day: 5 to 1440.");
        }
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        Ok(UpdateSettings {
            source,
            channel: self.channel.unwrap_or(old.channel),
            policy: self.policy.unwrap_or(old.policy),
            window_from: self.window_from.unwrap_or(old.window_from),
            window_until: self.window_until.unwrap_or(old.window_until),
            hold: self.hold.unwrap_or(old.hold),
            return_by_itself: self.return_by_itself.unwrap_or(old.return_by_itself),
            answer_minutes: self.answer_minutes.unwrap_or(old.answer_minutes),
        })
    }
}

pub(super) fn is_address(text: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(text) else { return false };
    text.len() <= ADDRESS_MAX
        && ["http", "https"].contains(&url.scheme())
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

impl UpdateSettings {
    /// The folder of the channel: the owner's address, or the one of the image.
    pub(super) fn address(&self, image: &Path) -> Option<String> {
        let base = self.source.clone().or_else(|| built_in(image))?;
        Some(format!("{}/{}", base.trim_end_matches('/'), self.channel.as_str()))
    }

    /// How long somebody has to answer before the box goes back; none: it never does by itself.
    pub(super) fn answer_within(&self) -> Option<Duration> {
        self.return_by_itself.then(|| Duration::from_secs(u64::from(self.answer_minutes) * 60))
    }

    /// Whether the window is open at this hour.
    pub(super) fn is_open(&self, hour: u8) -> bool {
        let (from, until) = (self.window_from, self.window_until);
        match from.cmp(&until) {
            std::cmp::Ordering::Less => (from..until).contains(&hour),
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Greater => hour >= from || hour < until,
        }
    }
}

/// The address that is built into the image, if one is.
pub(super) fn built_in(image: &Path) -> Option<String> {
    let text = fs::read_to_string(image.join("source")).ok()?;
    let line = text.lines().next().unwrap_or_default().trim();
    is_address(line).then(|| line.trim_end_matches('/').to_owned())
}

/// What the last look at the source found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Checked {
    /// When.
    pub at: Timestamp,
    /// Why it found nothing out; none when it did.
    pub problem: Option<Problem>,
    /// The version that can be installed.
    pub offer: Option<Offer>,
    /// Newer versions that cannot.
    pub passed_over: Vec<PassedOver>,
}

/// What was begun last without a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tried {
    pub(super) version: ImageVersion,
    pub(super) restart: bool,
    pub(super) at: Timestamp,
}

fn kept<T: DeserializeOwned>(conn: &Connection, key: &'static str) -> Result<Option<T>, Error> {
    let text = settings::get(conn, key)?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| Error::Unreadable(key))).transpose()
}

fn keep(tx: &Tx<'_>, key: &'static str, value: &impl Serialize) -> Result<(), Error> {
    settings::put(tx, key, &serde_json::to_string(value).map_err(|_| Error::Unreadable(key))?)
}

/// How updates are set.
pub(super) fn load(conn: &Connection) -> Result<UpdateSettings, Error> {
    Ok(kept(conn, SETTINGS)?.unwrap_or_default())
}

pub(super) fn save(tx: &Tx<'_>, settings: &UpdateSettings) -> Result<(), Error> {
    keep(tx, SETTINGS, settings)
}

/// What the last look found; nothing of another release's writing.
pub(super) fn checked(conn: &Connection) -> Result<Option<Checked>, Error> {
    let text = settings::get(conn, CHECKED)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

pub(super) fn note_check(tx: &Tx<'_>, checked: &Checked) -> Result<(), Error> {
    keep(tx, CHECKED, checked)
}

/// What was found at another address says nothing of this one.
pub(super) fn forget_check(tx: &Tx<'_>) -> Result<(), Error> {
    settings::delete(tx, CHECKED)
}

pub(super) fn tried(conn: &Connection) -> Result<Option<Tried>, Error> {
    kept(conn, TRIED)
}

pub(super) fn note_try(tx: &Tx<'_>, tried: &Tried) -> Result<(), Error> {
    keep(tx, TRIED, tried)
}

/// The update that is to be proved by the apps; nothing of another release's writing.
pub(super) fn proof(conn: &Connection) -> Result<Option<Proof>, Error> {
    let text = settings::get(conn, PROOF)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

pub(super) fn note_proof(tx: &Tx<'_>, proof: &Proof) -> Result<(), Error> {
    keep(tx, PROOF, proof)
}

/// The version before could not be chosen: the question stands, and is not answered by time any more.
pub(super) fn stay(tx: &Tx<'_>) -> Result<(), orbitr_store::Error> {
    let stays = proof(tx).map(|proof| proof.and_then(|proof| proof.not_returned()));
    match stays.and_then(|stays| stays.map_or(Ok(()), |stays| note_proof(tx, &stays))) {
        Err(Error::Store(error)) => Err(error),
        // What is unreadable asks nobody.
        Err(_) | Ok(()) => Ok(()),
    }
}

pub(super) fn forget_proof(tx: &Tx<'_>) -> Result<(), Error> {
    settings::delete(tx, PROOF)
}

/// Which schema the versions that ran here open; nothing of another release's writing.
pub(super) fn opens(conn: &Connection) -> Result<Vec<Opens>, Error> {
    let text = settings::get(conn, OPENS)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

pub(super) fn note_opens(tx: &Tx<'_>, new: Opens) -> Result<(), Error> {
    let mut all = opens(tx)?;
    all.retain(|known| known.version != new.version);
    all.push(new);
    let from = all.len().saturating_sub(REMEMBERED);
    keep(tx, OPENS, &all.split_off(from))
}

/// One return of a version: it may be lifted, and come back once more.
pub(super) fn name_of(returned: &ReturnedVersion) -> String {
    let at = returned.at.map(|at| at.to_string()).unwrap_or_default();
    format!("{} {} {at}", returned.version, returned.boot_id.as_deref().unwrap_or_default())
}

/// The returns whose quarantine was lifted.
pub(super) fn lifted(conn: &Connection) -> Result<Vec<String>, Error> {
    Ok(kept(conn, LIFTED)?.unwrap_or_default())
}

pub(super) fn lift(tx: &Tx<'_>, names: Vec<String>) -> Result<(), Error> {
    remember(tx, LIFTED, lifted(tx)?, names)
}

/// The returns that history knows of.
pub(super) fn told(conn: &Connection) -> Result<Vec<String>, Error> {
    Ok(kept(conn, TOLD)?.unwrap_or_default())
}

pub(super) fn note_told(tx: &Tx<'_>, names: Vec<String>) -> Result<(), Error> {
    remember(tx, TOLD, told(tx)?, names)
}

fn remember(tx: &Tx<'_>, key: &'static str, old: Vec<String>, new: Vec<String>) -> Result<(), Error> {
    let mut all = old;
    all.extend(new);
    let from = all.len().saturating_sub(REMEMBERED);
    keep(tx, key, &all.split_off(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_plain_http() {
        for good in ["https://updates.example.org/orbitr", "http://192.168.1.5:8000", "http://[fd00::1]/x/"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "ftp://x/", "file:///etc", "https://u:p@x/", "https://x/?a", "https://x/#a", "x", "http://"] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn a_window_may_go_over_midnight() {
        let window =
            |from, until| UpdateSettings { window_from: from, window_until: until, ..UpdateSettings::default() };
        let open = |from, until| (0..24).filter(|hour| window(from, until).is_open(*hour)).collect::<Vec<u8>>();
        assert_eq!(open(3, 5), [3, 4]);
        assert_eq!(open(23, 1), [0, 23]);
        assert_eq!(open(7, 7).len(), 24);
    }
}
