//! SSH: whether it is on, and whose keys open it. Off until somebody turns it on; without a key it stays off.

mod key;

use orbitr_access::{
    Permit,
    action::{ChangeSsh, ViewMachine},
};
use orbitr_model::{FieldError, Topic, deed};
use orbitr_store::{NewEvent, Outcome};
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use self::key::SshKey;
use crate::{Error, Machine, settings};

const SSH: &str = "box.ssh";
/// The unit of the SSH server.
const UNIT: &str = "ssh.service";
/// The most keys; the image takes no more.
const KEYS_MAX: usize = 64;

const HOSTED: &str = "In hosted mode SSH belongs to whoever looks after this Linux; Orbitr leaves it alone. On Orbitr OS it can be turned on here.";

/// SSH on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SshAccess {
    /// Whether it can be changed from here.
    pub available: bool,
    /// Why not; empty when it can.
    pub reason: String,
    /// Whether somebody turned it on.
    pub enabled: bool,
    /// Whether its service runs; none when that cannot be told.
    pub running: Option<bool>,
    /// The keys that open it. Each is a root shell.
    pub keys: Vec<SshKey>,
}

/// What SSH shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSshAccess {
    /// Whether it is on.
    pub enabled: bool,
    /// The public keys that open it, each a line as in `authorized_keys`, without options. They replace those that there are.
    #[schemars(length(max = 64))]
    pub keys: Vec<String>,
}

/// What the database keeps, and `box.json` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptSsh {
    enabled: bool,
    keys: Vec<String>,
}

/// What somebody has set; none when nobody has.
pub(crate) fn kept(conn: &Connection) -> Result<Option<KeptSsh>, Error> {
    let text = settings::get(conn, SSH)?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| Error::Unreadable(SSH))).transpose()
}

impl Machine {
    /// SSH as it is.
    ///
    /// # Errors
    /// As the database.
    pub async fn ssh(&self, _permit: &Permit<ViewMachine>) -> Result<SshAccess, Error> {
        let kept = self.inner.store.read(kept).await?.unwrap_or_default();
        let running = self.outside().bus.unit(UNIT).await.ok().filter(|unit| unit.row.load != "not-found");
        let available = self.outside().image;
        Ok(SshAccess {
            available,
            reason: if available { String::new() } else { HOSTED.to_owned() },
            enabled: kept.enabled,
            running: running.map(|unit| unit.row.active == "active"),
            keys: kept.keys.iter().filter_map(|line| SshKey::parse(line).ok()).collect(),
        })
    }

    /// Says whether SSH is on and whose keys open it, now and at every boot.
    ///
    /// # Errors
    /// [`Error::Unavailable`] in hosted mode; [`Error::Invalid`] for a line that is no key, and for SSH without any;
    /// [`Error::Bus`] when the machine could not be told.
    pub async fn change_ssh(&self, permit: &Permit<ChangeSsh>, change: &ChangeSshAccess) -> Result<(), Error> {
        if !self.outside().image {
            return Err(Error::Unavailable(HOSTED.to_owned()));
        }
        let keys = keys(&change.keys)?;
        if change.enabled && keys.is_empty() {
            return Err(wrong(
                "Without a key nobody could come in, so SSH would stay off. Add a public key, or leave it off.",
            ));
        }
        let new = KeptSsh { enabled: change.enabled, keys: keys.iter().map(SshKey::line).collect() };
        let (actor, address, subject) = (permit.actor().clone(), permit.address(), self.subject());
        let changed = self.inner.store.write(move |tx| {
            let old = kept(tx)?.unwrap_or_default();
            if old == new {
                return Ok(());
            }
            let fingerprints: Vec<_> = keys.iter().map(|key| key.fingerprint.clone()).collect();
            let detail = json!({ "ssh": if new.enabled { "on" } else { "off" }, "keys": fingerprints });
            settings::put(tx, SSH, &serde_json::to_string(&new).map_err(|_| Error::Unreadable(SSH))?)?;
            tx.event(NewEvent { actor, action: deed::SSH_CHANGE, subject, outcome: Outcome::Ok, detail, address })?;
            tx.changed(Topic::Box);
            Ok::<_, Error>(())
        });
        changed.await?;
        self.apply(false).await
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::Invalid(vec![FieldError { field: "keys".to_owned(), message: message.into() }])
}

/// The keys of the lines that are none of a comment's, each once.
fn keys(lines: &[String]) -> Result<Vec<SshKey>, Error> {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    if lines.len() > KEYS_MAX {
        return Err(wrong(format!("At most {KEYS_MAX} keys.")));
    }
    let mut keys: Vec<SshKey> = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let key = SshKey::parse(line).map_err(|why| wrong(format!("Key {}: {why}", number + 1)))?;
        if !keys.iter().any(|known| known.fingerprint == key.fingerprint) {
            keys.push(key);
        }
    }
    Ok(keys)
}
