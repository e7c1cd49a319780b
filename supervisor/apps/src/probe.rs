//! The probe from outside: reaches an app the way its users would, over the network.

use std::{
    net::{IpAddr, SocketAddr},
    pin::pin,
    time::Duration,
};

use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
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
                match timeout(ANSWER_LIMIT, reach_http(&url, *address, health)).await {
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

/// One request on a connection of its own, without redirects and TLS: each try is a first visit, and there is no TLS within
/// the box. A client with a pool and a resolver would cost several times as much, on each of hundreds of apps each minute.
async fn reach_http(url: &str, address: SocketAddr, health: &Health) -> Result<(), String> {
    let silent = |_| format!("{url} does not answer");
    let stream = connect(address).await.map_err(|_| format!("{url} does not answer"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(silent)?;
    let request = Request::get(health.path())
        .header(header::HOST, address.to_string())
        .header(header::CONNECTION, "close")
        .header(header::ACCEPT, "*/*")
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("{url} cannot be asked for ({error})"))?;
    let ask = pin!(async {
        let answer = sender.send_request(request).await.map_err(silent)?;
        let status = answer.status().as_u16();
        let body = beginning(answer.into_body()).await.map_err(|_| format!("{url} breaks off its answer"))?;
        health.judge(status, &body).map_err(|why| format!("{url}: {why}"))
    });
    match select(ask, pin!(connection)).await {
        Either::Left((judged, _)) => judged,
        // The connection may end before the last of what came over it was read.
        Either::Right((_, ask)) => ask.await,
    }
}

/// As much of a body as is looked at.
async fn beginning(mut body: Incoming) -> Result<Vec<u8>, hyper::Error> {
    let mut begun = Vec::new();
    while begun.len() < BODY_LIMIT {
        let Some(frame) = body.frame().await else { break };
        if let Ok(data) = frame?.into_data() {
            begun.extend_from_slice(&data);
        }
    }
    Ok(begun)
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

    /// A server that gives each visitor this answer; what it says about it.
    async fn judged(answer: Vec<u8>, health: serde_json::Value) -> (String, Result<(), String>) {
        use tokio::io::AsyncWriteExt;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = tokio::spawn(async move {
            let (mut visitor, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 1024];
            let length = visitor.read(&mut asked).await.unwrap();
            // who has heard enough hangs up
            let _ = visitor.write_all(&answer).await;
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        let health = serde_json::from_value(health).unwrap();
        let reached = Target::Http { address, health: Box::new(health) }.reach().await;
        (serve.await.unwrap(), reached.map_err(|why| why.replace(&address.to_string(), "HERE")))
    }

    #[tokio::test]
    async fn an_answer_over_http_is_judged_whole_and_only_up_to_its_bound() {
        let words = serde_json::json!({"service": "web", "port": 80, "protocol": "http", "path": "/up?x=1",
            "expect": {"status": 200, "body": "all is well"}});
        let said = |head: &str, body: &str| format!("HTTP/1.1 {head}\r\n\r\n{body}").into_bytes();
        let (asked, reached) = judged(said("200 OK\r\nContent-Length: 11", "all is well"), words.clone()).await;
        assert_eq!(reached, Ok(()));
        assert!(asked.starts_with("GET /up?x=1 HTTP/1.1\r\n") && asked.contains("host: 127.0.0.1:"), "{asked}");
        let chunked = said("200 OK\r\nTransfer-Encoding: chunked", "4\r\nall \r\n7\r\nis well\r\n0\r\n\r\n");
        assert_eq!(judged(chunked, words.clone()).await.1, Ok(()));
        assert_eq!(judged(said("200 OK\r\nConnection: close", "so all is well"), words.clone()).await.1, Ok(()));
        for (answer, why) in [
            (said("302 Found\r\nLocation: /\r\nContent-Length: 0", ""), "it answered with status 302"),
            (said("200 OK\r\nContent-Length: 2", "no"), "its answer does not hold «all is well»"),
            (said("200 OK\r\nContent-Length: 200", "all is"), "breaks off its answer"),
            (said("200 OK\r\nContent-Length: 900000", &" ".repeat(800_000)), "does not hold"),
            (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), "does not answer"),
            (Vec::new(), "does not answer"),
        ] {
            let reached = judged(answer, words.clone()).await.1.unwrap_err();
            assert!(reached.contains(why) && reached.starts_with("http://HERE/up?x=1"), "{reached}");
        }
    }
}
