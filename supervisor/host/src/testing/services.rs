//! The objects and interfaces that the fake serves.

use std::sync::Arc;

use futures_util::future::pending;
use zbus::{Connection, OwnedFd, OwnedObjectPath, connection::Builder, fdo, interface};

use super::{FakeUnit, Mood, Shared};

const SYSTEMD: &str = "/org/freedesktop/systemd1";
const UNITS: &str = "/org/freedesktop/systemd1/unit/";
const JOBS: &str = "/org/freedesktop/systemd1/job/";

pub(super) fn serve<'a>(builder: Builder<'a>, shared: &Arc<Shared>) -> Builder<'a> {
    let mut builder = builder
        .serve_at(SYSTEMD, Manager(Arc::clone(shared)))
        .serve_at("/org/freedesktop/login1", Login(Arc::clone(shared)))
        .serve_at("/org/freedesktop/hostname1", HostName(Arc::clone(shared)))
        .serve_at("/org/freedesktop/timedate1", Timedate(Arc::clone(shared)))
        .serve_at("/org/freedesktop/timesync1", Timesync(Arc::clone(shared)))
        .serve_at("/org/freedesktop/network1", Networkd(Arc::clone(shared)));
    let names: Vec<String> = shared.state().units.keys().cloned().collect();
    for name in names {
        let path = unit_path(&name);
        builder = builder
            .serve_at(path.clone(), Unit { shared: Arc::clone(shared), name: name.clone() })
            .serve_at(path, Service { shared: Arc::clone(shared), name });
    }
    builder
}

fn unit_path(name: &str) -> OwnedObjectPath {
    let escaped: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("_{:02x}", c as u32) })
        .collect();
    OwnedObjectPath::try_from(format!("{UNITS}{escaped}")).unwrap()
}

pub(super) async fn job_removed(connection: &Connection, id: u32, unit: &str, result: &str) {
    let job = OwnedObjectPath::try_from(format!("{JOBS}{id}")).unwrap();
    let body = (id, job, unit, result);
    let _ =
        connection.emit_signal(None::<&str>, SYSTEMD, "org.freedesktop.systemd1.Manager", "JobRemoved", &body).await;
}

/// Does what the mood is; tells whether to go on.
async fn mood(shared: &Shared, what: String) -> fdo::Result<Mood> {
    let mood = shared.state().mood.clone();
    match mood {
        Mood::Denies => return Err(fdo::Error::AccessDenied("Access denied by polkit".to_owned())),
        Mood::Silent => pending::<()>().await,
        Mood::Leaves => {
            shared.state().mood = Mood::Willing;
            shared.hang_up().await;
            pending::<()>().await;
        }
        _ => {}
    }
    shared.state().done.push(what);
    Ok(mood)
}

struct Manager(Arc<Shared>);

type Listed = (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

impl Manager {
    async fn job(&self, verb: &str, name: &str, connection: Connection) -> fdo::Result<OwnedObjectPath> {
        if !self.0.state().units.contains_key(name) {
            return Err(fdo::Error::FileNotFound(format!("Unit {name} not found.")));
        }
        let mood = mood(&self.0, format!("{verb} {name}")).await?;
        let id = u32::try_from(self.0.state().done.len()).unwrap();
        let (shared, unit) = (Arc::clone(&self.0), name.to_owned());
        tokio::spawn(async move {
            let result = match mood {
                Mood::JobHangs => return,
                Mood::JobEnds(result) => result,
                _ => "done".to_owned(),
            };
            if result == "done" {
                let mut state = shared.state();
                let unit = state.units.get_mut(&unit).unwrap();
                unit.active = "active".to_owned();
                unit.sub = "running".to_owned();
                unit.invocation += 1;
            }
            job_removed(&connection, id, &unit, &result).await;
        });
        Ok(OwnedObjectPath::try_from(format!("{JOBS}{id}")).unwrap())
    }
}

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    async fn list_units(&self) -> fdo::Result<Vec<Listed>> {
        if self.0.state().mood == Mood::Silent {
            pending::<()>().await;
        }
        let nothing = OwnedObjectPath::try_from("/").unwrap();
        let row = |(name, unit): (&String, &FakeUnit)| {
            let FakeUnit { description, load, active, sub, .. } = unit.clone();
            (
                name.clone(),
                description,
                load,
                active,
                sub,
                String::new(),
                unit_path(name),
                0,
                String::new(),
                nothing.clone(),
            )
        };
        Ok(self.0.state().units.iter().map(row).collect())
    }

    async fn load_unit(&self, name: String) -> fdo::Result<OwnedObjectPath> {
        if self.0.state().units.contains_key(&name) {
            return Ok(unit_path(&name));
        }
        Err(fdo::Error::FileNotFound(format!("Unit {name} not found.")))
    }

    async fn restart_unit(
        &self,
        name: String,
        _mode: String,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<OwnedObjectPath> {
        self.job("restart", &name, connection.clone()).await
    }

    async fn start_unit(
        &self,
        name: String,
        _mode: String,
        #[zbus(connection)] connection: &Connection,
    ) -> fdo::Result<OwnedObjectPath> {
        self.job("start", &name, connection.clone()).await
    }

    async fn subscribe(&self) {}
}

struct Unit {
    shared: Arc<Shared>,
    name: String,
}

impl Unit {
    fn unit(&self) -> FakeUnit {
        self.shared.state().units.get(&self.name).unwrap().clone()
    }
}

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl Unit {
    #[zbus(property)]
    async fn id(&self) -> String {
        self.name.clone()
    }
    #[zbus(property)]
    async fn description(&self) -> String {
        self.unit().description
    }
    #[zbus(property)]
    async fn load_state(&self) -> String {
        self.unit().load
    }
    #[zbus(property)]
    async fn active_state(&self) -> String {
        self.unit().active
    }
    #[zbus(property)]
    async fn sub_state(&self) -> String {
        self.unit().sub
    }
    #[zbus(property)]
    async fn unit_file_state(&self) -> String {
        "enabled".to_owned()
    }
    #[zbus(property)]
    async fn state_change_timestamp(&self) -> u64 {
        1_763_800_000_000_000
    }
    #[zbus(property, name = "InvocationID")]
    async fn invocation_id(&self) -> Vec<u8> {
        vec![self.unit().invocation; 16]
    }
}

struct Service {
    shared: Arc<Shared>,
    name: String,
}

#[interface(name = "org.freedesktop.systemd1.Service")]
impl Service {
    #[zbus(property)]
    async fn result(&self) -> String {
        self.shared.state().units.get(&self.name).unwrap().result.clone()
    }
    #[zbus(property)]
    async fn exec_main_status(&self) -> i32 {
        0
    }
    #[zbus(property, name = "MainPID")]
    async fn main_pid(&self) -> u32 {
        4711
    }
    #[zbus(property, name = "NRestarts")]
    async fn n_restarts(&self) -> u32 {
        0
    }
    #[zbus(property)]
    async fn memory_current(&self) -> u64 {
        64 * 1024 * 1024
    }
}

struct Login(Arc<Shared>);

#[interface(name = "org.freedesktop.login1.Manager")]
impl Login {
    async fn can_reboot(&self) -> String {
        self.0.state().can.clone()
    }

    async fn can_power_off(&self) -> String {
        self.0.state().can.clone()
    }

    async fn reboot(&self, _interactive: bool) -> fdo::Result<()> {
        mood(&self.0, "reboot".to_owned()).await.map(drop)
    }

    async fn power_off(&self, _interactive: bool) -> fdo::Result<()> {
        mood(&self.0, "power-off".to_owned()).await.map(drop)
    }

    async fn list_inhibitors(&self) -> Vec<(String, String, String, String, u32, u32)> {
        let silent = self.0.state().mood == Mood::Silent;
        if silent {
            pending::<()>().await;
        }
        let state = self.0.state();
        let others = state.inhibitors.iter().map(|(who, why)| (who.clone(), why.clone(), 77));
        let ours = state.locks.iter().map(|why| ("Orbitr".to_owned(), why.clone(), std::process::id()));
        let row = |(who, why, pid): (String, String, u32)| {
            ("shutdown:sleep".to_owned(), who, why, "block".to_owned(), 0, pid)
        };
        others.chain(ours).map(row).collect()
    }

    async fn inhibit(&self, _what: String, _who: String, why: String, _mode: String) -> fdo::Result<OwnedFd> {
        mood(&self.0, format!("inhibit {why}")).await?;
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(|e| fdo::Error::Failed(e.to_string()))?;
        self.0.state().locks.push(why.clone());
        let shared = Arc::clone(&self.0);
        // As logind does it: the lock is gone when the other end is closed.
        ours.set_nonblocking(true).unwrap();
        let ours = tokio::net::UnixStream::from_std(ours).unwrap();
        tokio::spawn(async move {
            let mut byte = [0];
            while ours.readable().await.is_ok() {
                match ours.try_read(&mut byte) {
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    _ => break,
                }
            }
            let mut state = shared.state();
            if let Some(at) = state.locks.iter().position(|lock| *lock == why) {
                state.locks.remove(at);
            }
        });
        Ok(std::os::fd::OwnedFd::from(theirs).into())
    }
}

struct HostName(Arc<Shared>);

#[interface(name = "org.freedesktop.hostname1")]
impl HostName {
    #[zbus(property)]
    async fn hostname(&self) -> String {
        self.0.state().host_name.clone()
    }
    #[zbus(property)]
    async fn static_hostname(&self) -> String {
        self.0.state().host_name.clone()
    }
    #[zbus(property)]
    async fn hardware_vendor(&self) -> String {
        "Fakes".to_owned()
    }
    #[zbus(property)]
    async fn hardware_model(&self) -> String {
        "One".to_owned()
    }
    #[zbus(property)]
    async fn chassis(&self) -> String {
        "vm".to_owned()
    }

    async fn get_hardware_serial(&self) -> fdo::Result<String> {
        Ok(self.0.state().serial.clone())
    }

    async fn set_static_hostname(&self, name: String, _interactive: bool) -> fdo::Result<()> {
        mood(&self.0, format!("set-hostname {name}")).await?;
        self.0.state().host_name = name;
        Ok(())
    }
}

struct Timedate(Arc<Shared>);

#[interface(name = "org.freedesktop.timedate1")]
impl Timedate {
    #[zbus(property)]
    async fn timezone(&self) -> String {
        self.0.state().zone.clone()
    }
    #[zbus(property, name = "CanNTP")]
    async fn can_ntp(&self) -> bool {
        true
    }
    #[zbus(property, name = "NTP")]
    async fn ntp(&self) -> bool {
        self.0.state().ntp
    }
    #[zbus(property, name = "NTPSynchronized")]
    async fn ntp_synchronized(&self) -> bool {
        self.0.state().synchronised
    }
    #[zbus(property, name = "RTCTimeUSec")]
    async fn rtc_time_usec(&self) -> u64 {
        0
    }

    async fn set_timezone(&self, zone: String, _interactive: bool) -> fdo::Result<()> {
        mood(&self.0, format!("set-timezone {zone}")).await?;
        self.0.state().zone = zone;
        Ok(())
    }

    #[zbus(name = "SetNTP")]
    async fn set_ntp(&self, on: bool, _interactive: bool) -> fdo::Result<()> {
        mood(&self.0, format!("set-ntp {on}")).await?;
        self.0.state().ntp = on;
        Ok(())
    }
}

struct Timesync(Arc<Shared>);

#[interface(name = "org.freedesktop.timesync1.Manager")]
impl Timesync {
    #[zbus(property, name = "SystemNTPServers")]
    async fn system_ntp_servers(&self) -> Vec<String> {
        self.0.state().ntp_servers.clone()
    }
    #[zbus(property, name = "LinkNTPServers")]
    async fn link_ntp_servers(&self) -> Vec<String> {
        Vec::new()
    }
    #[zbus(property, name = "FallbackNTPServers")]
    async fn fallback_ntp_servers(&self) -> Vec<String> {
        vec!["0.pool.example".to_owned()]
    }
    #[zbus(property)]
    async fn server_name(&self) -> String {
        "0.pool.example".to_owned()
    }
    #[zbus(property, name = "PollIntervalUSec")]
    async fn poll_interval_usec(&self) -> u64 {
        64_000_000
    }
}

struct Networkd(Arc<Shared>);

#[interface(name = "org.freedesktop.network1.Manager")]
impl Networkd {
    async fn describe(&self) -> String {
        let card = |(name, mac, address): &(String, [u8; 6], [u8; 4])| {
            serde_json::json!({"Name": name, "Type": "ether", "HardwareAddress": mac, "PermanentHardwareAddress": mac,
                "Addresses": [{"Family": 2, "Address": address, "PrefixLength": 24}]})
        };
        let interfaces: Vec<_> = self.0.state().cards.iter().map(card).collect();
        serde_json::json!({ "Interfaces": interfaces }).to_string()
    }
}
