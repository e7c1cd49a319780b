//! systemd itself: units, their state, starting and restarting them.

use std::{future::poll_fn, pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, timeout_at};
use zbus::{Connection, OwnedObjectPath};

use super::{
    Bus, Error,
    proxies::{ListedUnit, SERVICE, SYSTEMD, SystemdManagerProxy, UNIT, properties},
};

/// One unit of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitRow {
    /// Its whole name, for example `docker.service`.
    pub name: String,
    /// What it says about itself.
    pub description: String,
    /// Whether its file is there: `loaded`, `not-found`, `masked`, `error`.
    pub load: String,
    /// `active`, `inactive`, `failed`, `activating`, `deactivating`, `reloading`, `maintenance`.
    pub active: String,
    /// The same in its type's own words, for example `running`, `exited`, `listening`.
    pub sub: String,
}

/// One unit, looked at closely. Numbers that only a service has are 0 for the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitState {
    /// What the list says of it.
    pub row: UnitRow,
    /// Whether it starts at boot: `enabled`, `disabled`, `static`, `masked`; empty when systemd does not say.
    pub file_state: String,
    /// When it came to its state, in microseconds since 1970; 0 when it never changed.
    pub since_us: u64,
    /// Of which run of the unit this is; changes with every start. 32 hexadecimal digits, empty before the first.
    pub invocation: String,
    /// How the last run of a service ended: `success`, `exit-code`, `signal`, `timeout`, `oom-kill`, `watchdog` …
    pub result: String,
    /// The status or signal with which the main process ended last.
    pub exit_status: i32,
    /// Its main process; 0 when there is none.
    pub main_pid: u32,
    /// How often systemd restarted it by itself.
    pub restarts: u32,
    /// How much memory it has, in bytes; none when that is not counted.
    pub memory: Option<u64>,
}

/// How a job of systemd ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobResult {
    /// It did what it should.
    Done,
    /// It did not: `failed`, `timeout`, `dependency`, `canceled`, `skipped` …, in systemd's own word.
    NotDone(String),
}

/// Tells when a job of systemd has ended, which is when a unit may have another state.
pub struct UnitChanges {
    ended: Pin<Box<dyn Stream<Item = ()> + Send>>,
}

impl UnitChanges {
    /// Waits for the next one; none when the connection is gone.
    pub async fn next(&mut self) -> Option<()> {
        poll_fn(|cx| self.ended.as_mut().poll_next(cx)).await
    }
}

impl std::fmt::Debug for UnitChanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnitChanges").finish_non_exhaustive()
    }
}

impl Bus {
    /// Every unit that systemd has in memory, in its order.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_absence`] on a machine without systemd.
    pub async fn units(&self) -> Result<Vec<UnitRow>, Error> {
        let listed =
            self.read("List the units", |bus| async move { SystemdManagerProxy::new(&bus).await?.list_units().await });
        let row =
            |(name, description, load, active, sub, ..): ListedUnit| UnitRow { name, description, load, active, sub };
        Ok(listed.await?.into_iter().map(row).collect())
    }

    /// One unit. One that is not there has the load state `not-found`.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_absence`] on a machine without systemd.
    pub async fn unit(&self, name: &str) -> Result<UnitState, Error> {
        self.read("Look at a unit", |bus| async move { look(&bus, name).await }).await
    }

    /// Restarts a unit and waits until systemd has done that, for at most `limit`.
    ///
    /// # Errors
    /// [`Error`]; [`Error::TimedOut`] when systemd is still at it.
    pub async fn restart_unit(&self, name: &str, limit: Duration) -> Result<JobResult, Error> {
        self.unit_job("Restart a unit", name, limit, Verb::Restart).await
    }

    /// Starts a unit of the image that does one act, and waits until it has ended, for at most `limit`.
    ///
    /// # Errors
    /// [`Error`]; [`Error::TimedOut`] when it is still at it.
    pub async fn start_unit(&self, name: &str, limit: Duration) -> Result<JobResult, Error> {
        self.unit_job("Start a unit", name, limit, Verb::Start).await
    }

    async fn unit_job(&self, what: &'static str, name: &str, limit: Duration, verb: Verb) -> Result<JobResult, Error> {
        let until = Instant::now() + limit;
        // Listening comes first: a job may end before the answer to the call is read.
        let begun = self.write(what, |bus| async move {
            let manager = SystemdManagerProxy::new(&bus).await?;
            let ended = manager.receive_job_removed().await?;
            manager.subscribe().await.or_else(already)?;
            let job = match verb {
                Verb::Restart => manager.restart_unit(name, "replace").await?,
                Verb::Start => manager.start_unit(name, "fail").await?,
            };
            Ok((ended, job))
        });
        let (mut ended, job): (_, OwnedObjectPath) = begun.await?;
        loop {
            let signal = timeout_at(until, ended.next()).await.map_err(|_| Error::TimedOut { what, limit })?;
            let Some(signal) = signal else { return Err(Error::Lost { what }) };
            match signal.args() {
                Ok(args) if args.job == job => {
                    let result = args.result.as_str();
                    return Ok(match result {
                        "done" => JobResult::Done,
                        other => JobResult::NotDone(other.to_owned()),
                    });
                }
                _ => {}
            }
        }
    }

    /// Tells from now on whenever a job of systemd has ended.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_absence`] on a machine without systemd.
    pub async fn unit_changes(&self) -> Result<UnitChanges, Error> {
        let listening = self.read("Listen to systemd", |bus| async move {
            let manager = SystemdManagerProxy::new(&bus).await?;
            let ended = manager.receive_job_removed().await?;
            manager.subscribe().await.or_else(already)?;
            Ok(ended)
        });
        Ok(UnitChanges { ended: Box::pin(listening.await?.map(|_| ())) })
    }
}

#[derive(Clone, Copy)]
enum Verb {
    Start,
    Restart,
}

/// Subscribing twice over one connection is refused, and is just as well.
fn already(error: zbus::Error) -> zbus::Result<()> {
    match &error {
        zbus::Error::MethodError(name, ..) if name.as_str().ends_with("AlreadySubscribed") => Ok(()),
        _ => Err(error),
    }
}

async fn look(bus: &Connection, name: &str) -> zbus::Result<UnitState> {
    let path = SystemdManagerProxy::new(bus).await?.load_unit(name).await?;
    let mut unit = properties(bus, SYSTEMD, path.as_ref(), UNIT).await?;
    let invocation: Vec<u8> = unit.need("InvocationID")?;
    let mut state = UnitState {
        row: UnitRow {
            name: unit.need("Id")?,
            description: unit.need("Description")?,
            load: unit.need("LoadState")?,
            active: unit.need("ActiveState")?,
            sub: unit.need("SubState")?,
        },
        file_state: unit.need("UnitFileState")?,
        since_us: unit.need("StateChangeTimestamp")?,
        invocation: invocation.iter().map(|byte| format!("{byte:02x}")).collect(),
        result: String::new(),
        exit_status: 0,
        main_pid: 0,
        restarts: 0,
        memory: None,
    };
    if name.ends_with(".service") {
        let mut service = properties(bus, SYSTEMD, path.as_ref(), SERVICE).await?;
        state.result = service.need("Result")?;
        state.exit_status = service.need("ExecMainStatus")?;
        state.main_pid = service.need("MainPID")?;
        state.restarts = service.need("NRestarts")?;
        // The highest number stands for «not counted».
        state.memory = Some(service.need("MemoryCurrent")?).filter(|bytes| *bytes != u64::MAX);
    }
    Ok(state)
}
