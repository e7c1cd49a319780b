//! All listeners of the box together.

use std::{net, os::unix, sync::Arc};

use http::Extensions;
use tokio::{
    net::{TcpListener, TcpStream, UnixListener},
    time::{sleep, timeout},
};

use crate::{Certificates, Error, Limits, Site, conn::House, https, redirect, unix as local};

/// How long to wait after the system has refused to accept a connection, for example because too many
/// files are open: at once again would only burn the processor.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

/// The front door: opens listeners, and closes them together.
///
/// Its methods must be called within a tokio runtime.
pub struct FrontDoor {
    house: House,
}

impl FrontDoor {
    /// A front door without listeners.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { house: House::new(limits) }
    }

    /// Serves `site` over HTTPS (HTTP/2 and HTTP/1.1). Before each connection's first request `introduce`
    /// puts into the requests' extensions who is at the other end, and over which address. A client that speaks plain HTTP here is
    /// redirected to HTTPS on the same port. Returns the address listened on.
    ///
    /// # Errors
    /// When the listener or the certificates cannot be used.
    pub fn https(
        &self,
        listener: net::TcpListener,
        certificates: &Certificates,
        site: Site,
        introduce: impl Fn(https::Ends, &mut Extensions) + Send + Sync + 'static,
    ) -> Result<net::SocketAddr, Error> {
        let (listener, address) = adopt(listener)?;
        let service = https::Https::new(&self.house, certificates, site, Arc::new(introduce))?;
        self.house.tasks.spawn(service.run(listener));
        Ok(address)
    }

    /// Redirects plain HTTP to HTTPS on the same host and `https_port`. Returns the address listened on.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub fn redirect(&self, listener: net::TcpListener, https_port: u16) -> Result<net::SocketAddr, Error> {
        let (listener, address) = adopt(listener)?;
        self.house.tasks.spawn(redirect::run(self.house.clone(), listener, https_port));
        Ok(address)
    }

    /// Serves `site` to processes of this machine. `introduce` puts the peer's user and group, as the
    /// kernel tells them, into the requests' extensions.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub fn unix(
        &self,
        listener: unix::net::UnixListener,
        site: Site,
        introduce: impl Fn(&tokio::net::unix::UCred, &mut Extensions) + Send + Sync + 'static,
    ) -> Result<(), Error> {
        listener.set_nonblocking(true).map_err(Error::Listener)?;
        let listener = UnixListener::from_std(listener).map_err(Error::Listener)?;
        self.house.tasks.spawn(local::run(self.house.clone(), listener, site, Arc::new(introduce)));
        Ok(())
    }

    /// Closes: no new connections, streams of events end, requests in progress have [`Limits::drain`],
    /// and whatever is left then is cut. Returns when every connection is gone.
    pub async fn close(&self) {
        let House { stop, abort, tasks, limits } = &self.house;
        stop.cancel();
        tasks.close();
        if timeout(limits.drain, tasks.wait()).await.is_err() {
            tracing::info!(left = tasks.len(), "cutting the connections that do not end");
            abort.cancel();
            tasks.wait().await;
        }
    }
}

/// The next connection, or `None` when the front door closes.
pub(crate) async fn accept(house: &House, listener: &TcpListener) -> Option<(TcpStream, net::SocketAddr)> {
    house
        .stop
        .run_until_cancelled(async {
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => return (stream, net::SocketAddr::new(peer.ip().to_canonical(), peer.port())),
                    Err(error) => pause(&error).await,
                }
            }
        })
        .await
}

/// Waits a moment, unless it was only that one connection which failed.
pub(crate) async fn pause(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::warn!(%error, "a connection cannot be accepted");
        sleep(ACCEPT_PAUSE).await;
    }
}

fn adopt(listener: net::TcpListener) -> Result<(TcpListener, net::SocketAddr), Error> {
    listener.set_nonblocking(true).map_err(Error::Listener)?;
    let listener = TcpListener::from_std(listener).map_err(Error::Listener)?;
    let address = listener.local_addr().map_err(Error::Listener)?;
    Ok((listener, address))
}
