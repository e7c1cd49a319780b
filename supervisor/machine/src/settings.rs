//! The settings of the box itself: rows of `setting` under `box.`.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use orbitr_access::{
    Permit,
    action::{ChangeBox, ViewBox},
};
use orbitr_host::facts;
use orbitr_model::{DisplayName, FieldError, InvalidName, Topic, deed};
use orbitr_store::{NewEvent, Outcome, Store, Subject, Tx};
use rusqlite::{Connection, OptionalExtension};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Error, Machine, zones};

const ID: &str = "box.id";
const NAME: &str = "box.name";
const TIME_ZONE: &str = "box.time_zone";
const VERSION: &str = "box.version";
const HOST_NAME: &str = "box.host_name";
const NTP_SERVERS: &str = "box.ntp_servers";

/// The name of a box whose machine has none.
const NAMELESS: &str = "Orbitr";

/// The settings of the box, as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Settings {
    /// The box's identifier: made at the first start, never changed.
    pub id: String,
    /// What the box is called; until somebody chooses, the machine's name in its network.
    pub name: DisplayName,
    /// The IANA name of the time zone in which times are shown; until somebody chooses, the machine's.
    pub time_zone: String,
    /// Counts up with every change; 0 until somebody chooses anything.
    pub version: u64,
}

/// What to change. What is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeSettings {
    /// What the box shall be called.
    #[schemars(with = "Option<DisplayName>")]
    pub name: Option<String>,
    /// The IANA name of a time zone, for example `Europe/Berlin`.
    #[schemars(length(max = 64))]
    pub time_zone: Option<String>,
}

/// The settings with what has been worked out from them.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) settings: Settings,
    pub(crate) zone: TimeZone,
}

impl Known {
    fn read(conn: &Connection) -> Result<Option<Self>, Error> {
        let mut statement = conn.prepare_cached("SELECT key, value FROM setting WHERE key GLOB 'box.*'")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut rows: BTreeMap<String, String> = rows.collect::<Result<_, _>>()?;
        let Some(id) = rows.remove(ID) else { return Ok(None) };
        let name = match rows.remove(NAME) {
            Some(name) => name.parse().map_err(|_| Error::Unreadable(NAME))?,
            None => name_of_the_machine()?,
        };
        // A zone that a later edition of the zone database dropped must not keep the box from starting.
        let (time_zone, zone) = match rows.remove(TIME_ZONE) {
            Some(chosen) => zones::find(&chosen).unwrap_or((chosen, TimeZone::UTC)),
            None => zones::of_the_machine(),
        };
        let version =
            rows.remove(VERSION).map_or(Ok(0), |text| text.parse()).map_err(|_| Error::Unreadable(VERSION))?;
        Ok(Some(Self { settings: Settings { id, name, time_zone, version }, zone }))
    }
}

fn name_of_the_machine() -> Result<DisplayName, Error> {
    let host = facts::hostname();
    let label = host.split('.').next().unwrap_or_default();
    let name = if label.is_empty() || label == "localhost" { NAMELESS } else { label };
    name.parse().or_else(|_| NAMELESS.parse()).map_err(|_| Error::Unreadable(NAME))
}

/// Reads the settings; on the first start, gives the box its identifier.
pub(crate) async fn load_or_begin(store: &Store) -> Result<Known, Error> {
    if let Some(known) = store.read(Known::read).await? {
        return Ok(known);
    }
    store
        .write(|tx| {
            put(tx, ID, &Uuid::now_v7().to_string())?;
            Known::read(tx)?.ok_or(Error::Unreadable(ID))
        })
        .await
}

pub(crate) fn put(tx: &Tx<'_>, key: &str, value: &str) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )?
    .execute([key, value])?;
    Ok(())
}

pub(crate) fn get(conn: &Connection, key: &str) -> Result<Option<String>, Error> {
    let mut statement = conn.prepare_cached("SELECT value FROM setting WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

pub(crate) fn delete(tx: &Tx<'_>, key: &str) -> Result<(), Error> {
    tx.prepare_cached("DELETE FROM setting WHERE key = ?1")?.execute([key])?;
    Ok(())
}

/// The host name that somebody chose on Orbitr OS.
pub(crate) fn host_name(conn: &Connection) -> Result<Option<String>, Error> {
    get(conn, HOST_NAME)
}

pub(crate) fn put_host_name(tx: &Tx<'_>, name: &str) -> Result<(), Error> {
    put(tx, HOST_NAME, name)
}

/// The time zone that somebody chose.
pub(crate) fn chosen_zone(conn: &Connection) -> Result<Option<String>, Error> {
    get(conn, TIME_ZONE)
}

/// The time servers that somebody chose on Orbitr OS.
pub(crate) fn ntp_servers(conn: &Connection) -> Result<Vec<String>, Error> {
    Ok(get(conn, NTP_SERVERS)?.map(|list| list.split_whitespace().map(str::to_owned).collect()).unwrap_or_default())
}

pub(crate) fn put_ntp_servers(tx: &Tx<'_>, servers: &[String]) -> Result<(), Error> {
    put(tx, NTP_SERVERS, &servers.join(" "))
}

/// A change that makes sense.
struct Wanted {
    name: Option<DisplayName>,
    zone: Option<(String, TimeZone)>,
}

impl Wanted {
    fn parse(change: &ChangeSettings) -> Result<Self, Error> {
        let mut wrong = Vec::new();
        let mut field = |name: &str, message: String| wrong.push(FieldError { field: name.to_owned(), message });
        let name = change.name.as_deref().and_then(|name| {
            let parsed: Result<DisplayName, InvalidName> = name.trim().parse();
            parsed.map_err(|_| field("name", NAME_RULE.to_owned())).ok()
        });
        let zone = change.time_zone.as_deref().and_then(|zone| {
            let found = zones::find(zone.trim());
            if found.is_none() {
                field(
                    "time_zone",
                    format!("There is no time zone «{}». Choose one such as Europe/Berlin.", short(zone)),
                );
            }
            found
        });
        if wrong.is_empty() { Ok(Self { name, zone }) } else { Err(Error::Invalid(wrong)) }
    }
}

const NAME_RULE: &str = "A name has 1 to 64 characters, without line breaks.";

/// The start of what somebody typed, for a message.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

impl Machine {
    /// The settings of the box.
    ///
    /// # Errors
    /// As the database.
    pub async fn settings(&self, _permit: &Permit<ViewBox>) -> Result<Settings, Error> {
        let known = self.inner.store.read(Known::read).await?.ok_or(Error::Unreadable(ID))?;
        self.remember(known.clone());
        Ok(known.settings)
    }

    /// Changes the settings; answers how they are then. What is the same already makes no event and no
    /// new version. With `expected`, only when that is the version that there is.
    ///
    /// # Errors
    /// [`Error::Invalid`] names every field that is not right; [`Error::ChangedMeanwhile`]; otherwise as
    /// the database.
    pub async fn change(
        &self,
        permit: &Permit<ChangeBox>,
        change: &ChangeSettings,
        expected: Option<u64>,
    ) -> Result<Settings, Error> {
        let wanted = Wanted::parse(change)?;
        let (actor, address) = (permit.actor().clone(), permit.address());
        let known = self
            .inner
            .store
            .write(move |tx| {
                let old = Known::read(tx)?.ok_or(Error::Unreadable(ID))?.settings;
                if let Some(expected) = expected.filter(|expected| *expected != old.version) {
                    return Err(Error::ChangedMeanwhile { expected, now: old.version });
                }
                let name = wanted.name.unwrap_or_else(|| old.name.clone());
                let zone = wanted.zone.map_or_else(|| old.time_zone.clone(), |(name, _)| name);
                let detail =
                    difference(&[("name", old.name.as_str(), name.as_str()), ("time_zone", &old.time_zone, &zone)]);
                if let Some(detail) = detail {
                    // Both, so that what nobody chose does not change by itself from now on.
                    put(tx, NAME, name.as_str())?;
                    put(tx, TIME_ZONE, &zone)?;
                    put(tx, VERSION, &old.version.saturating_add(1).to_string())?;
                    let subject = Subject::new("box", &old.id, &name);
                    tx.event(NewEvent {
                        actor,
                        action: deed::BOX_CHANGE,
                        subject,
                        outcome: Outcome::Ok,
                        detail,
                        address,
                    })?;
                    tx.changed(Topic::Box);
                }
                Known::read(tx)?.ok_or(Error::Unreadable(ID))
            })
            .await?;
        self.remember(known.clone());
        Ok(known.settings)
    }
}

/// What is other than before, for history; none when nothing is.
fn difference(fields: &[(&str, &str, &str)]) -> Option<Value> {
    let changed = fields.iter().filter(|(_, old, new)| old != new);
    let detail: serde_json::Map<String, Value> =
        changed.map(|(field, old, new)| ((*field).to_owned(), json!({ "from": old, "to": new }))).collect();
    (!detail.is_empty()).then_some(Value::Object(detail))
}
