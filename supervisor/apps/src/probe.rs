//! The probe from outside: reaches an app the way its users would, over the network.

use std::{
    net::{IpAddr, SocketAddr},
    sync::LazyLock,
    time::Duration,
};

use orbitr_sdk::Health;
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

/// A single try must be quick: many follow.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Docker's port forwarder takes every connection and hangs up when nobody listens behind it, on a busy box only
/// after a while; a service that is there keeps the line open for at least this long or says something.
const HANG_UP_LIMIT: Duration = Duration::from_millis(250);

/// What to reach, and where.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    /// Somebody takes a TCP connection and keeps it. Where the service's own address is known, it must listen there
    /// first: it refuses without a forwarder in between.
    Tcp { address: SocketAddr, behind: Option<SocketAddr> },
    /// An HTTP GET is answered as the extension expects.
    Http { address: SocketAddr, health: Box<Health> },
}

/// The most of a body that is looked at, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

impl Target {
    /// Tries once. The error is a sentence for the owner.
    pub(crate) async fn reach(&self) -> Result<(), String> {
        match self {
            Self::Tcp { address, behind } => {
                if let Some(behind) = behind {
                    connect(*behind).await?;
                }
                stays(connect(*address).await?, address.port()).await
            }
            Self::Http { address, health } => {
                let url = format!("http://{address}{}", health.path());
                match timeout(ANSWER_LIMIT, reach_http(&url, health)).await {
                    Ok(result) => result,
                    Err(_) => Err(format!("{url} does not answer within {} s", ANSWER_LIMIT.as_secs())),
                }
            }
        }
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    match timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(format!("nothing takes connections on port {} ({error})", address.port())),
        Err(_) => Err(format!("port {} does not answer within {} s", address.port(), CONNECT_LIMIT.as_secs())),
    }
}

async fn stays(mut stream: TcpStream, port: u16) -> Result<(), String> {
    let mut first = [0_u8; 1];
    match timeout(HANG_UP_LIMIT, stream.read(&mut first)).await {
        // It waits for us to speak, or greets.
        Err(_) | Ok(Ok(1..)) => Ok(()),
        Ok(Ok(0) | Err(_)) => Err(format!("port {port} hangs up at once: the service is not listening yet")),
    }
}

/// No proxy, no redirect, and nothing is kept: each try is a first visit. No certificates either, which take longer to read
/// than all the rest of a look; there is no TLS within the box.
static VISITOR: LazyLock<Result<reqwest::Client, String>> = LazyLock::new(|| {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .pool_max_idle_per_host(0)
        .tls_certs_only([])
        .build()
        .map_err(|error| format!("the probe could not be made ({error})"))
});

async fn reach_http(url: &str, health: &Health) -> Result<(), String> {
    let client = VISITOR.as_ref().map_err(Clone::clone)?;
    let mut answer = client.get(url).send().await.map_err(|_| format!("{url} does not answer"))?;
    let mut body = Vec::new();
    while body.len() < BODY_LIMIT {
        match answer.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(_) => return Err(format!("{url} breaks off its answer")),
        }
    }
    health.judge(answer.status().as_u16(), &body).map_err(|why| format!("{url}: {why}"))
}

/// The address that leads to a port of this box from the box itself.
pub(crate) fn own_address(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_service_that_waits_is_reached_and_one_that_hangs_up_is_not() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let knock = move || tokio::spawn(async move { Target::Tcp { address, behind: None }.reach().await });
        let reach = knock();
        let (held, _) = listener.accept().await.unwrap();
        assert_eq!(reach.await.unwrap(), Ok(()));
        drop(held);

        let reach = knock();
        drop(listener.accept().await.unwrap());
        assert!(reach.await.unwrap().unwrap_err().contains("hangs up"));

        drop(listener);
        assert!(knock().await.unwrap().unwrap_err().contains("nothing takes connections"));
    }

    #[tokio::test]
    async fn a_forwarder_that_takes_every_connection_does_not_speak_for_a_service_that_refuses() {
        let forwarder = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = forwarder.local_addr().unwrap();
        let service = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let behind = Some(service.local_addr().unwrap());
        assert_eq!(Target::Tcp { address, behind }.reach().await, Ok(()));
        drop(service);
        assert!(Target::Tcp { address, behind }.reach().await.unwrap_err().contains("nothing takes connections"));
    }
}
