//! The system bus: one connection, made when it is first needed, made again after it was lost, and a time limit on every
//! call.
//!
//! What lives here: the connection ([`Bus`]), the interfaces that we use, member by member (`proxies`), and typed calls on
//! top of them, one file each. A machine without systemd or without a bus is not an error of ours: every call then says
//! [`Error::NoBus`] or [`Error::NoService`], and whoever asked shows that honestly.
//! What may not: any rule about what may be restarted or changed; systemd's polkit rules and the rooms decide that.

mod error;
mod hostname;
mod login;
mod network;
mod proxies;
mod systemd;
mod time;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};
use zbus::{Connection, connection::Builder};

pub use self::{
    error::Error,
    hostname::HostNames,
    login::{Can, Inhibition, Inhibitor, PowerVerb},
    network::{Card, LinkState, NameServers},
    systemd::{JobResult, UnitChanges, UnitRow, UnitState},
    time::{Clock, Synchronisation},
};

/// How long one call may take. systemd itself gives up on a method call after 25 s.
pub const CALL_LIMIT: Duration = Duration::from_secs(10);
/// How long connecting and saying hello may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long after a lost connection a read is tried once more.
const AGAIN: Duration = Duration::from_millis(200);

/// Where the bus is.
#[derive(Clone, Debug)]
enum Place {
    /// This machine's system bus.
    System,
    /// A bus at this address.
    Bus(String),
    /// One peer at this address, without a bus between.
    #[cfg(feature = "testing")]
    Peer(String),
}

/// The system bus of this machine. A handle: clones share one connection.
#[derive(Clone)]
pub struct Bus {
    inner: Arc<Inner>,
}

struct Inner {
    place: Place,
    limit: Duration,
    live: Mutex<Option<Connection>>,
}

impl Bus {
    /// The system bus; nothing is connected yet.
    #[must_use]
    pub fn system() -> Self {
        Self::new(Place::System, CALL_LIMIT)
    }

    /// A bus at another address, for example `unix:path=/run/other-bus`, with another limit for each call.
    #[must_use]
    pub fn at(address: &str, limit: Duration) -> Self {
        Self::new(Place::Bus(address.to_owned()), limit)
    }

    /// One peer at an address, without a bus between, with another limit for each call: how tests put a fake in the place
    /// of systemd.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn peer(address: &str, limit: Duration) -> Self {
        Self::new(Place::Peer(address.to_owned()), limit)
    }

    fn new(place: Place, limit: Duration) -> Self {
        Self { inner: Arc::new(Inner { place, limit, live: Mutex::default() }) }
    }

    /// The connection: the one that there is, or a new one.
    async fn connection(&self) -> Result<Connection, Error> {
        let mut live = self.inner.live.lock().await;
        if let Some(connection) = live.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(connection.clone());
        }
        *live = None;
        let builder = match &self.inner.place {
            Place::System => Builder::system(),
            Place::Bus(address) => Builder::address(address.as_str()),
            #[cfg(feature = "testing")]
            Place::Peer(address) => Builder::address(address.as_str()).p2p(),
        };
        // Somebody who takes the connection and says nothing is there: that is no machine without a bus.
        let silent = |_| Error::TimedOut { what: "Connect to the system bus", limit: CONNECT_LIMIT };
        let made = timeout(CONNECT_LIMIT, builder.method_timeout(self.inner.limit).build()).await.map_err(silent)?;
        let connection = made.map_err(|error| Error::NoBus { detail: error.to_string() })?;
        Ok(live.insert(connection).clone())
    }

    /// Something that is only looked at: when the connection or the service goes away meanwhile, it is looked at once more.
    async fn read<T, F: Future<Output = zbus::Result<T>>>(
        &self,
        what: &'static str,
        look: impl Fn(Connection) -> F,
    ) -> Result<T, Error> {
        match self.write(what, &look).await {
            Err(Error::Lost { .. }) => {
                sleep(AGAIN).await;
                self.write(what, look).await
            }
            done => done,
        }
    }

    /// Something that may change the machine: done once. [`Error::Lost`] then means that nobody knows whether it happened.
    async fn write<T, F: Future<Output = zbus::Result<T>>>(
        &self,
        what: &'static str,
        act: impl FnOnce(Connection) -> F,
    ) -> Result<T, Error> {
        let connection = self.connection().await?;
        // The limit of each call is the connection's; a look may be several calls, and making a proxy waits as well.
        let limit = self.inner.limit * 3;
        match timeout(limit, act(connection)).await {
            Ok(answer) => answer.map_err(|error| Error::of(what, self.inner.limit, error)),
            Err(_) => Err(Error::TimedOut { what, limit }),
        }
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("place", &self.inner.place).finish_non_exhaustive()
    }
}
