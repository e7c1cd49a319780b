//! The HTTPS listener.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, http::StatusCode};
use http::{
    Extensions,
    header::{CONNECTION, RETRY_AFTER},
};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    Certificates, Error, Site,
    conn::{House, Protocol},
    front::accept,
    redirect,
};

/// The first byte of every TLS connection: a record with a handshake message (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// Beyond the limit, so many clients at once are still told why; others find the connection closed.
const MAX_REFUSALS: usize = 32;
/// How long such a client has for it.
const REFUSAL: Duration = Duration::from_secs(5);
/// A peer that is silent this long is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// Where it comes from.
    pub peer: SocketAddr,
    /// The box's own address that it came to; none when it was gone before anybody could ask.
    pub local: Option<SocketAddr>,
}

pub(crate) type IntroduceTcp = Arc<dyn Fn(Ends, &mut Extensions) + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Https {
    house: House,
    acceptor: TlsAcceptor,
    site: Site,
    full: Site,
    elsewhere: Site,
    introduce: IntroduceTcp,
}

impl Https {
    pub(crate) fn new(
        house: &House,
        certificates: &Certificates,
        site: Site,
        introduce: IntroduceTcp,
    ) -> Result<Self, Error> {
        Ok(Self {
            house: house.clone(),
            acceptor: TlsAcceptor::from(Arc::new(certificates.server_config()?)),
            site,
            full: full(),
            elsewhere: redirect::site(redirect::Port::Same),
            introduce,
        })
    }

    pub(crate) async fn run(self, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(self.house.limits.connections));
        let refusals = Arc::new(Semaphore::new(MAX_REFUSALS));
        while let Some((stream, peer)) = accept(&self.house, &listener).await {
            let this = self.clone();
            if let Ok(place) = places.clone().try_acquire_owned() {
                self.house.spawn(async move {
                    this.connection(stream, peer).await;
                    drop(place);
                });
            } else if let Ok(place) = refusals.clone().try_acquire_owned() {
                self.house.spawn(async move {
                    let _ = timeout(REFUSAL, this.refuse(stream)).await;
                    drop(place);
                });
            }
        }
    }

    async fn connection(&self, stream: TcpStream, peer: SocketAddr) {
        prepare(&stream);
        let local = stream.local_addr().ok().map(|local| SocketAddr::new(local.ip().to_canonical(), local.port()));
        let opening = async {
            let mut first = [0];
            match stream.peek(&mut first).await? {
                0 => Ok(Opened::Gone),
                _ if first == [TLS_HANDSHAKE] => {
                    self.acceptor.accept(stream).await.map(|tls| Opened::Tls(Box::new(tls)))
                }
                // A method of HTTP; anything else is neither and gets no answer.
                _ if first[0].is_ascii_uppercase() => Ok(Opened::Plain(stream)),
                _ => Ok(Opened::Gone),
            }
        };
        let opened: io::Result<Opened> = timeout(self.house.limits.handshake, opening)
            .await
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the handshake takes too long")));
        let mut introduction = Extensions::new();
        (self.introduce)(Ends { peer, local }, &mut introduction);
        match opened {
            Ok(Opened::Tls(tls)) => {
                let protocol = protocol(&tls);
                self.house.serve(*tls, protocol, &self.site, introduction).await;
            }
            Ok(Opened::Plain(stream)) => {
                self.house.serve(stream, Protocol::Http1, &self.elsewhere, introduction).await;
            }
            Ok(Opened::Gone) => {}
            Err(error) => tracing::debug!(%peer, %error, "no TLS connection came about"),
        }
    }

    async fn refuse(&self, stream: TcpStream) {
        if let Ok(tls) = self.acceptor.accept(stream).await {
            let protocol = protocol(&tls);
            self.house.serve(tls, protocol, &self.full, Extensions::new()).await;
        }
    }
}

enum Opened {
    Tls(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
    Gone,
}

fn protocol(tls: &TlsStream<TcpStream>) -> Protocol {
    if tls.get_ref().1.alpn_protocol() == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 }
}

/// Small writes at once, and peers that are gone without a word are noticed.
pub(crate) fn prepare(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4).with_retries(4);
    let set = stream.set_nodelay(true).and_then(|()| SockRef::from(stream).set_tcp_keepalive(&keepalive));
    if let Err(error) = set {
        tracing::debug!(%error, "a connection's options cannot be set");
    }
}

/// What a client is told when every place is taken.
pub(crate) fn full() -> Site {
    Site::new(Router::new().fallback(|| async {
        let headers = [(RETRY_AFTER, "5"), (CONNECTION, "close")];
        (StatusCode::SERVICE_UNAVAILABLE, headers, "Too many connections to this box. Try again in a moment.\n")
    }))
}
