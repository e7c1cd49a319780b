//! The settings of a network card, and the rows of `setting` that keep them: what is confirmed, what is tried, and how the
//! last trial ended.

use std::net::{IpAddr, Ipv4Addr};

use orbitr_model::Timestamp;
use orbitr_store::Tx;
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Error, settings};

const CONFIRMED: &str = "box.network";
const TRIAL: &str = "box.network_trial";
const LAST: &str = "box.network_last";

/// How a card gets its IPv4 address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "method", rename_all = "lowercase")]
pub enum Ipv4 {
    /// The network gives one.
    Dhcp,
    /// Always the same.
    Static {
        /// The address.
        address: Ipv4Addr,
        /// The bits that name its network, 1 to 30.
        prefix: u8,
        /// The router, in the same network; none where there is no way out.
        gateway: Option<Ipv4Addr>,
    },
}

/// What is set for one card. IPv6 is always the network's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardSettings {
    /// The hardware address that the card was made with.
    pub mac: String,
    /// How it gets its IPv4 address.
    pub ipv4: Ipv4,
    /// The name servers, in their order; empty: those that the network names.
    pub dns: Vec<IpAddr>,
}

impl CardSettings {
    /// What a card has that nobody has set.
    pub(crate) fn untouched(mac: &str) -> Self {
        Self { mac: mac.to_owned(), ipv4: Ipv4::Dhcp, dns: Vec::new() }
    }

    /// The address that it will have, where that is known before.
    #[must_use]
    pub const fn address(&self) -> Option<Ipv4Addr> {
        match self.ipv4 {
            Ipv4::Static { address, .. } => Some(address),
            Ipv4::Dhcp => None,
        }
    }

    /// In one line: `DHCP`, or `192.168.1.20/24, gateway 192.168.1.1, DNS 192.168.1.1`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut text = match &self.ipv4 {
            Ipv4::Dhcp => "DHCP".to_owned(),
            Ipv4::Static { address, prefix, gateway: Some(gateway) } => {
                format!("{address}/{prefix}, gateway {gateway}")
            }
            Ipv4::Static { address, prefix, gateway: None } => format!("{address}/{prefix}"),
        };
        for (number, server) in self.dns.iter().enumerate() {
            text.push_str(if number == 0 { ", DNS " } else { " " });
            text.push_str(&server.to_string());
        }
        text
    }
}

/// A setting that is tried, as the database keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptTrial {
    /// The interface's name when it began, for people.
    pub(crate) name: String,
    pub(crate) to: CardSettings,
    pub(crate) from: CardSettings,
    /// The card's addresses when it began.
    pub(crate) addresses: Vec<IpAddr>,
    /// It ends with this boot of the machine…
    pub(crate) boot: String,
    /// … or so many milliseconds after it began, by the clock that nobody can set.
    pub(crate) until_ms: u64,
    /// Whether the machine has it by now.
    pub(crate) applied: bool,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TrialEnd {
    /// Somebody confirmed it: it stays.
    Kept,
    /// Somebody took it back.
    TakenBack,
    /// Nobody confirmed it in time.
    NotConfirmed,
    /// The machine was restarted before anybody confirmed it.
    Restarted,
    /// The machine could not be set so.
    NotApplied,
}

impl TrialEnd {
    /// As a sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Kept => "It was confirmed.",
            Self::TakenBack => "It was taken back.",
            Self::NotConfirmed => "Nobody confirmed it in time.",
            Self::Restarted => "The machine was restarted before anybody confirmed it.",
            Self::NotApplied => "The machine could not be set so.",
        }
    }
}

/// The last trial that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LastTrial {
    /// The interface.
    pub name: String,
    /// What was tried.
    pub to: CardSettings,
    /// How it ended.
    pub end: TrialEnd,
    /// What the machine said, where it could not be set so; else empty.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

fn read<T: DeserializeOwned>(conn: &Connection, key: &'static str) -> Result<Option<T>, Error> {
    let text = settings::get(conn, key)?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| Error::Unreadable(key))).transpose()
}

fn write<T: Serialize>(tx: &Tx<'_>, key: &'static str, value: &T) -> Result<(), Error> {
    let text = serde_json::to_string(value).map_err(|_| Error::Unreadable(key))?;
    settings::put(tx, key, &text)
}

/// The cards that somebody has set, as confirmed.
pub(crate) fn confirmed(conn: &Connection) -> Result<Vec<CardSettings>, Error> {
    Ok(read(conn, CONFIRMED)?.unwrap_or_default())
}

/// Puts the settings of one card in the place of those that it had.
pub(crate) fn confirm(tx: &Tx<'_>, card: &CardSettings) -> Result<(), Error> {
    let mut all = confirmed(tx)?;
    all.retain(|one| one.mac != card.mac);
    if *card != CardSettings::untouched(&card.mac) {
        all.push(card.clone());
    }
    write(tx, CONFIRMED, &all)
}

/// What is tried at the moment, or was when the supervisor ended.
pub(crate) fn trial(conn: &Connection) -> Result<Option<KeptTrial>, Error> {
    read(conn, TRIAL)
}

pub(crate) fn put_trial(tx: &Tx<'_>, trial: &KeptTrial) -> Result<(), Error> {
    write(tx, TRIAL, trial)
}

/// Ends the trial and keeps how.
pub(crate) fn end_trial(tx: &Tx<'_>, last: &LastTrial) -> Result<(), Error> {
    settings::delete(tx, TRIAL)?;
    write(tx, LAST, last)
}

/// How the last one ended.
pub(crate) fn last_trial(conn: &Connection) -> Result<Option<LastTrial>, Error> {
    read(conn, LAST)
}
