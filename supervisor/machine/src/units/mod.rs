//! Units: what systemd runs on this machine, how it is doing, and restarting the few that may be restarted.

pub(crate) mod kind;

use orbitr_access::{
    Permit,
    action::{RestartUnit, ViewMachine},
};
use orbitr_host::{
    dbus::{UnitRow, UnitState},
    units::UnitName,
};
use orbitr_jobs::{NewJob, enqueue};
use orbitr_model::{ByteSize, JobId, Timestamp, deed};
use orbitr_store::{NewEvent, Outcome, Subject};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::{Error, Machine};

/// What may be restarted, with what that does to others; the polkit rules of the image say the same (overlays/image).
pub(crate) const RESTARTABLE: &[(&str, &str)] = &[
    ("docker.service", "Every app stops and starts again."),
    ("systemd-networkd.service", "The network is set up anew; connections usually live on."),
    ("systemd-resolved.service", "Names cannot be looked up for a moment."),
    ("systemd-timesyncd.service", "The clock is compared with the network at once."),
    ("ssh.service", "Whoever is signed in over SSH stays so."),
    (OURS, "These pages answer again after a few seconds. Apps go on."),
];
/// The supervisor's own unit.
pub(crate) const OURS: &str = "orbitr.service";
/// The kinds of units that mean something to people.
const SHOWN: [&str; 6] = ["service", "socket", "timer", "mount", "path", "swap"];

/// The units of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Units {
    /// Whether systemd answers here; if not, the list is empty.
    pub available: bool,
    /// Why it does not; empty when it does.
    pub reason: String,
    /// The units by name: services, sockets, timers, mounts, paths and swaps.
    pub units: Vec<Unit>,
}

/// One unit in brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unit {
    /// Its whole name, for example `docker.service`.
    pub name: String,
    /// What it says about itself.
    pub description: String,
    /// `active`, `inactive`, `failed`, `activating`, `deactivating`, `reloading`, `maintenance`.
    pub active: String,
    /// The same in its type's own words, for example `running`, `exited`, `listening`.
    pub sub: String,
    /// Whether its file is there: `loaded`, `not-found`, `masked`, `error`.
    pub load: String,
    /// Whether it can be restarted from here, and what that does to others; none when it cannot.
    pub restart: Option<String>,
}

/// One unit, looked at closely.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnitDetail {
    /// What the list says of it.
    #[serde(flatten)]
    pub unit: Unit,
    /// Whether it starts at boot: `enabled`, `disabled`, `static`, `masked`; empty when systemd does not say.
    pub at_boot: String,
    /// When it came to its state.
    pub since: Option<Timestamp>,
    /// How the last run of a service ended: `success`, `exit-code`, `signal`, `timeout`, `oom-kill` …; empty for others.
    pub result: String,
    /// The status or signal with which its main process ended last.
    pub exit_status: i32,
    /// Its main process; 0 when there is none.
    pub process: u32,
    /// How often systemd has restarted it by itself.
    pub restarts: u32,
    /// How much memory it has; none when that is not counted.
    pub memory: Option<ByteSize>,
}

/// A job that was started for the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MachineJob {
    /// The job.
    pub job: JobId,
}

impl From<UnitRow> for Unit {
    fn from(row: UnitRow) -> Self {
        let restart = RESTARTABLE.iter().find(|(name, _)| *name == row.name && row.load == "loaded");
        Self {
            restart: restart.map(|(_, effect)| (*effect).to_owned()),
            name: row.name,
            description: row.description,
            active: row.active,
            sub: row.sub,
            load: row.load,
        }
    }
}

impl From<UnitState> for UnitDetail {
    fn from(state: UnitState) -> Self {
        Self {
            unit: state.row.into(),
            at_boot: state.file_state,
            since: moment(state.since_us),
            result: state.result,
            exit_status: state.exit_status,
            process: state.main_pid,
            restarts: state.restarts,
            memory: state.memory.map(ByteSize),
        }
    }
}

/// Microseconds since 1970, where 0 means never.
pub(crate) fn moment(us: u64) -> Option<Timestamp> {
    i64::try_from(us).ok().filter(|us| *us > 0).and_then(|us| Timestamp::from_microsecond(us).ok())
}

/// A failed unit, as the list of what is wrong has it.
pub(crate) fn is_failed(unit: &Unit) -> bool {
    unit.active == "failed"
}

impl Machine {
    /// The units of the machine. A machine without systemd is an answer, not an error.
    ///
    /// # Errors
    /// [`Error::Bus`] when systemd is there and does not answer.
    pub async fn units(&self, _permit: &Permit<ViewMachine>) -> Result<Units, Error> {
        self.list_units().await
    }

    /// The names of the units that can be restarted from here, for the box's own eyes; none without systemd.
    ///
    /// # Errors
    /// As [`Machine::units`].
    pub async fn restartable_units(&self) -> Result<Vec<String>, Error> {
        let units = self.list_units().await?.units;
        Ok(units.into_iter().filter(|unit| unit.restart.is_some()).map(|unit| unit.name).collect())
    }

    pub(crate) async fn list_units(&self) -> Result<Units, Error> {
        let rows = match self.outside().bus.units().await {
            Ok(rows) => rows,
            Err(error) if error.is_absence() => {
                let reason = "Units need systemd, and it does not run this machine.".to_owned();
                return Ok(Units { available: false, reason, units: Vec::new() });
            }
            Err(error) => return Err(error.into()),
        };
        let is_shown = |row: &UnitRow| row.name.rsplit_once('.').is_some_and(|(_, kind)| SHOWN.contains(&kind));
        // What only others name and what is not there says nothing about this machine.
        let is_there = |row: &UnitRow| row.load != "not-found" || row.active != "inactive";
        let mut units: Vec<Unit> = rows.into_iter().filter(|r| is_shown(r) && is_there(r)).map(Unit::from).collect();
        units.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Units { available: true, reason: String::new(), units })
    }

    /// One unit.
    ///
    /// # Errors
    /// [`Error::NoUnit`]; [`Error::Bus`], also on a machine without systemd.
    pub async fn unit(&self, _permit: &Permit<ViewMachine>, name: &str) -> Result<UnitDetail, Error> {
        let name = unit_name(name)?;
        self.look_at_unit(&name).await
    }

    async fn look_at_unit(&self, name: &UnitName) -> Result<UnitDetail, Error> {
        let none = || Error::NoUnit(name.to_string());
        let state = match self.outside().bus.unit(name.as_str()).await {
            Err(orbitr_host::dbus::Error::Unknown { .. }) => return Err(none()),
            found => found?,
        };
        if state.row.load == "not-found" && state.row.active == "inactive" { Err(none()) } else { Ok(state.into()) }
    }

    /// Restarts a unit of the chosen few, as a job.
    ///
    /// # Errors
    /// [`Error::NoUnit`]; [`Error::NotRestartable`]; [`Error::Bus`], also on a machine without systemd.
    pub async fn restart_unit(&self, permit: &Permit<RestartUnit>, name: &str) -> Result<MachineJob, Error> {
        let name = unit_name(name)?;
        let state = self.outside().bus.unit(name.as_str()).await;
        let state = match state {
            Err(orbitr_host::dbus::Error::Unknown { .. }) => return Err(Error::NoUnit(name.to_string())),
            found => found?,
        };
        if state.row.load == "not-found" {
            return Err(Error::NoUnit(name.to_string()));
        }
        if !RESTARTABLE.iter().any(|(known, _)| *known == name.as_str()) {
            return Err(Error::NotRestartable(name.to_string()));
        }
        let args = kind::Args { unit: name.to_string(), invocation: state.invocation };
        let title = format!("Restart {name}");
        let job = NewJob::of::<kind::Restart>(&args, title, permit.actor().clone())?.lock(format!("unit:{name}"));
        let event = NewEvent {
            actor: permit.actor().clone(),
            action: deed::UNIT_RESTART,
            subject: Subject::new("unit", &name, &name),
            outcome: Outcome::Ok,
            detail: json!({}),
            address: permit.address(),
        };
        let job = self
            .inner
            .store
            .write(move |tx| {
                tx.event(event)?;
                Ok::<_, Error>(enqueue(tx, job)?)
            })
            .await?;
        Ok(MachineJob { job })
    }
}

/// What cannot be the name of a unit is the name of none.
fn unit_name(text: &str) -> Result<UnitName, Error> {
    text.parse().map_err(|_| Error::NoUnit(text.chars().filter(|c| !c.is_control()).take(80).collect()))
}
