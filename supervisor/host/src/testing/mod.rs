//! A fake of systemd and its fellows, for tests: this crate's own and those of rooms. It speaks real D-Bus over a socket,
//! and models what bites: polkit's refusals, jobs that fail or never end, answers that come late, a service that goes
//! away in the middle of a call.
//!
//! Signatures of what it serves are checked like those of the proxies: by the contract test, against a real systemd.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test may fail loudly")]

mod on_bus;
mod services;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{net::UnixListener, sync::Notify, task::JoinHandle};
use zbus::{Connection, Guid, connection::Builder};

pub use self::on_bus::FakeBus;
use crate::dbus::Bus;

/// What the fake does when something is asked that changes the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// What is asked.
    #[default]
    Willing,
    /// polkit says no.
    Denies,
    /// Nothing, and no answer either.
    Silent,
    /// It goes away without an answer.
    Leaves,
    /// systemd takes the job, and it ends so: `failed`, `timeout`, `dependency` …
    JobEnds(String),
    /// systemd takes the job and never ends it.
    JobHangs,
}

/// A unit of the fake.
#[derive(Clone, Debug)]
pub struct FakeUnit {
    pub description: String,
    pub load: String,
    pub active: String,
    pub sub: String,
    pub result: String,
    pub invocation: u8,
}

/// All that the fake machine is.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub mood: Mood,
    pub units: BTreeMap<String, FakeUnit>,
    /// What was asked that changes something, in order: `restart docker.service`, `reboot`, `set-hostname attic` …
    pub done: Vec<String>,
    /// What logind answers to «can you».
    pub can: String,
    /// Inhibitors of others: who and why.
    pub inhibitors: Vec<(String, String)>,
    /// Locks that were handed out, with their reason.
    pub locks: Vec<String>,
    pub host_name: String,
    /// What the firmware says; empty when it says nothing.
    pub serial: String,
    pub zone: String,
    pub ntp: bool,
    pub synchronised: bool,
    pub ntp_servers: Vec<String>,
    /// What networkd knows of cards: name, own hardware address, IPv4 address.
    pub cards: Vec<(String, [u8; 6], [u8; 4])>,
}

/// The fake machine behind a socket. It ends when this is dropped.
#[derive(Debug)]
pub struct FakeSystemd {
    shared: Arc<Shared>,
    dir: tempfile::TempDir,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    connections: Mutex<Vec<Connection>>,
    leave: Notify,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Ends every connection, as a bus does that is restarted.
    pub(crate) async fn hang_up(&self) {
        let all = std::mem::take(&mut *self.connections.lock().unwrap());
        self.leave.notify_waiters();
        for connection in all {
            let _ = connection.close().await;
        }
    }
}

impl FakeSystemd {
    /// A machine with the units that a box has, everything running.
    ///
    /// # Panics
    /// When no socket can be made.
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("bus")).unwrap();
        let unit = |description: &str| FakeUnit {
            description: description.to_owned(),
            load: "loaded".to_owned(),
            active: "active".to_owned(),
            sub: "running".to_owned(),
            result: "success".to_owned(),
            invocation: 1,
        };
        let units = [
            ("docker.service", "Docker Application Container Engine"),
            ("orbitr.service", "Orbitr supervisor"),
            ("ssh.service", "OpenBSD Secure Shell server"),
            ("systemd-networkd.service", "Network Configuration"),
            ("systemd-timesyncd.service", "Network Time Synchronization"),
        ];
        let state = State {
            units: units.into_iter().map(|(name, about)| (name.to_owned(), unit(about))).collect(),
            can: "yes".to_owned(),
            host_name: "atlas".to_owned(),
            serial: "SN-42".to_owned(),
            zone: "Europe/Berlin".to_owned(),
            ntp: true,
            synchronised: true,
            cards: vec![
                ("eth0".to_owned(), [0x52, 0x54, 0, 0x12, 0x34, 0x56], [192, 168, 1, 20]),
                ("eth1".to_owned(), [0x52, 0x54, 0, 0x12, 0x34, 0x57], [10, 0, 0, 5]),
            ],
            ..State::default()
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), connections: Mutex::default(), leave: Notify::new() });
        let serving = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { shared, dir, serving }
    }

    /// A bus that leads to it; each call may take a second.
    #[must_use]
    pub fn bus(&self) -> Bus {
        self.bus_with(Duration::from_secs(1))
    }

    /// A bus that leads to it, with another limit for each call.
    #[must_use]
    pub fn bus_with(&self, limit: Duration) -> Bus {
        Bus::peer(&format!("unix:path={}", self.socket().display()), limit)
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("bus")
    }

    /// Looks at the machine, or changes it.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// What was asked so far that changes something.
    #[must_use]
    pub fn done(&self) -> Vec<String> {
        self.state().done.clone()
    }

    /// Ends every connection; whoever comes back is served again.
    pub async fn hang_up(&self) {
        self.shared.hang_up().await;
    }

    /// systemd ends the last job that it took, with this result.
    pub async fn unit_ends(&self, name: &str, result: &str) {
        let taken = self.done().iter().rposition(|done| done.ends_with(name)).unwrap();
        let id = u32::try_from(taken + 1).unwrap();
        let all = self.shared.connections.lock().unwrap().clone();
        for connection in all {
            services::job_removed(&connection, id, name, result).await;
        }
    }

    /// A unit comes into another state by itself, and systemd tells of it.
    pub async fn unit_becomes(&self, name: &str, active: &str, result: &str) {
        {
            let mut state = self.state();
            let unit = state.units.get_mut(name).unwrap();
            active.clone_into(&mut unit.active);
            active.clone_into(&mut unit.sub);
            result.clone_into(&mut unit.result);
        }
        let all = self.shared.connections.lock().unwrap().clone();
        for connection in all {
            services::job_removed(&connection, 99, name, "done").await;
        }
    }
}

impl Drop for FakeSystemd {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    let guid = Guid::generate();
    while let Ok((stream, _)) = listener.accept().await {
        let builder = Builder::unix_stream(stream.into_std().unwrap()).server(guid.clone()).p2p();
        let builder = services::serve(builder, &shared);
        if let Ok(connection) = builder.build().await {
            shared.connections.lock().unwrap().push(connection);
        }
    }
}
