//! Time: the machine's clock, whether it can be right, its zone, the servers that it is compared with.

use orbitr_access::{
    Permit,
    action::{ChangeBox, ViewMachine},
};
use orbitr_model::{FieldError, Timestamp, Topic, deed};
use orbitr_store::{NewEvent, Outcome, Subject, time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Error, Machine, clock::Verdict, settings, units::moment, zones};

/// The most time servers that can be named.
const SERVERS_MAX: usize = 8;

/// The machine's time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TimeState {
    /// The clock.
    pub now: Timestamp,
    /// Whether it can be right.
    pub clock: Verdict,
    /// The time zone in which times are shown.
    pub time_zone: String,
    /// The machine's own clock and zone; none on a machine without systemd's timedated.
    pub machine: Option<MachineClock>,
    /// How the clock is set from the network; none where systemd's timesyncd does not do that.
    pub servers: Option<TimeServers>,
    /// The time servers that somebody chose for this box; empty when nobody did.
    pub chosen: Vec<String>,
    /// Whether time servers can be chosen from here.
    pub can_choose: bool,
}

/// The machine's own clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MachineClock {
    /// The machine's time zone; apps and the machine's own logs may use it.
    pub time_zone: String,
    /// Whether the clock is set from the network.
    pub from_network: bool,
    /// Whether it was, so that it agrees with the network.
    pub synchronised: bool,
    /// The battery-backed clock; none when there is none.
    pub battery: Option<Timestamp>,
}

/// How the clock is set from the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TimeServers {
    /// The one that is asked at the moment; empty when none has answered yet.
    pub current: String,
    /// How often, in seconds.
    pub every: u64,
    /// Those that the network names.
    pub from_network: Vec<String>,
    /// Those that are asked when nobody names any.
    pub fallback: Vec<String>,
}

/// What to change. What is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeTime {
    /// The IANA name of a time zone: for the pages, and for the machine where that can be set.
    #[schemars(length(max = 64))]
    pub time_zone: Option<String>,
    /// Time servers, names or addresses; an empty list goes back to those of the network. Needs Orbitr OS.
    #[schemars(length(max = 8))]
    pub ntp_servers: Option<Vec<String>>,
}

impl Machine {
    /// The machine's time. A machine without systemd is an answer, not an error.
    ///
    /// # Errors
    /// [`Error::Bus`] when timedated is there and does not answer; otherwise as the database.
    pub async fn time(&self, _permit: &Permit<ViewMachine>) -> Result<TimeState, Error> {
        self.look_at_time().await
    }

    pub(crate) async fn look_at_time(&self) -> Result<TimeState, Error> {
        let clock = self.machine_clock().await?;
        let servers = match self.outside().bus.synchronisation().await {
            Ok(found) => Some(TimeServers {
                current: found.server,
                every: found.every_us / 1_000_000,
                from_network: found.from_network,
                fallback: found.fallback,
            }),
            Err(error) => {
                tracing::debug!(%error, "timesyncd does not answer");
                None
            }
        };
        let now = time::now();
        let verdict = self.inner.keeper.judge(now, clock.as_ref().map(|clock| clock.synchronised));
        self.note_verdict(&verdict);
        Ok(TimeState {
            now,
            clock: verdict,
            time_zone: self.known(|known| known.settings.time_zone.clone()),
            machine: clock,
            servers,
            chosen: self.inner.store.read(settings::ntp_servers).await?,
            can_choose: self.outside().image,
        })
    }

    pub(crate) async fn machine_clock(&self) -> Result<Option<MachineClock>, Error> {
        let found = match self.outside().bus.clock().await {
            Ok(found) => found,
            Err(error) if error.is_absence() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(MachineClock {
            time_zone: found.zone,
            from_network: found.ntp,
            synchronised: found.synchronised,
            battery: moment(found.rtc_us),
        }))
    }

    /// Changes the time zone and the time servers. The zone is the pages' in any case; the machine gets it where it can be
    /// set.
    ///
    /// # Errors
    /// [`Error::Invalid`] names every field that is not right; [`Error::Unavailable`] where time servers cannot be chosen;
    /// [`Error::Bus`] when the machine refuses.
    pub async fn change_time(&self, permit: &Permit<ChangeBox>, change: &ChangeTime) -> Result<(), Error> {
        let servers = checked(change)?;
        if servers.is_some() && !self.outside().image {
            return Err(Error::Unavailable(
                "Time servers can be chosen on Orbitr OS. In hosted mode they are in the machine's own configuration."
                    .to_owned(),
            ));
        }
        if let Some(zone) = &change.time_zone {
            let change = crate::ChangeSettings { name: None, time_zone: Some(zone.clone()) };
            self.change(permit, &change, None).await?;
        }
        if let Some(servers) = servers {
            self.save_servers(permit, servers).await?;
        }
        self.apply(change.time_zone.is_some()).await
    }

    async fn save_servers(&self, permit: &Permit<ChangeBox>, servers: Vec<String>) -> Result<(), Error> {
        let (actor, address, id) = (permit.actor().clone(), permit.address(), self.box_id());
        let name = self.name();
        self.inner
            .store
            .write(move |tx| {
                let old = settings::ntp_servers(tx)?;
                if old == servers {
                    return Ok(());
                }
                settings::put_ntp_servers(tx, &servers)?;
                let subject = Subject::new("box", &id, &name);
                let detail = json!({ "ntp_servers": { "from": old.join(" "), "to": servers.join(" ") } });
                let action = deed::BOX_CHANGE;
                tx.event(NewEvent { actor, action, subject, outcome: Outcome::Ok, detail, address })?;
                tx.changed(Topic::Box);
                Ok::<_, Error>(())
            })
            .await
    }
}

/// The servers, each a name or an address.
fn checked(change: &ChangeTime) -> Result<Option<Vec<String>>, Error> {
    let mut wrong = Vec::new();
    if let Some(zone) = change.time_zone.as_deref()
        && zones::find(zone.trim()).is_none()
    {
        let message = "There is no such time zone. Choose one such as Europe/Berlin.".to_owned();
        wrong.push(FieldError { field: "time_zone".to_owned(), message });
    }
    let servers: Option<Vec<String>> =
        change.ntp_servers.as_ref().map(|list| list.iter().map(|server| server.trim().to_owned()).collect());
    if let Some(list) = &servers {
        let message = match list.iter().find(|server| !is_server(server)) {
            Some(_) => Some("Each is a name such as time.example.org, or an address.".to_owned()),
            None if list.len() > SERVERS_MAX => Some(format!("At most {SERVERS_MAX} servers.")),
            None => None,
        };
        wrong.extend(message.map(|message| FieldError { field: "ntp_servers".to_owned(), message }));
    }
    if wrong.is_empty() { Ok(servers) } else { Err(Error::Invalid(wrong)) }
}

fn is_server(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok() || crate::network::is_host_name(text)
}
