//! A front door on free ports of this machine, and clients for it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::Request,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::{StreamExt, stream};
use orbitr_edge::{Certificates, FrontDoor, Limits, Names, Site, bind_tcp};
use orbitr_model::Timestamp;
use tempfile::TempDir;

/// Who the listener says is there.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

pub(crate) struct TestDoor {
    pub(crate) door: FrontDoor,
    pub(crate) site: Site,
    pub(crate) certificates: Certificates,
    pub(crate) dir: TempDir,
    pub(crate) https: SocketAddr,
    pub(crate) http: SocketAddr,
}

pub(crate) fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn built() -> Timestamp {
    moment("2026-10-01T00:00:00Z")
}

pub(crate) fn names() -> Names {
    Names::new("atlas", ["192.168.1.20".parse().unwrap(), "203.0.113.9".parse().unwrap()])
}

impl TestDoor {
    pub(crate) fn open() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let dir = TempDir::new().unwrap();
        let certificates = Certificates::open(&dir.path().join("tls"), &names(), Timestamp::now(), built()).unwrap();
        let (door, site) = (FrontDoor::new(limits), Site::new(app()));
        let listener = bind_tcp((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let https = door
            .https(listener, &certificates, site.clone(), |ends, extensions| {
                extensions.insert(Peer(ends.peer));
            })
            .unwrap();
        let http = door.redirect(bind_tcp((Ipv4Addr::LOCALHOST, 0).into()).unwrap(), https.port()).unwrap();
        Self { door, site, certificates, dir, https, http }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.https.port())
    }

    /// A client that trusts the box's authority and nothing else.
    pub(crate) fn client(&self) -> reqwest::Client {
        client_for(&self.certificates).build().unwrap()
    }

    /// A TLS connection whose client says that it speaks HTTP/1.1.
    pub(crate) async fn tls(&self) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
        self.try_tls().await.unwrap()
    }

    pub(crate) async fn try_tls(&self) -> std::io::Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.certificates.ca_pem().as_bytes()).unwrap()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let stream = tokio::net::TcpStream::connect(self.https).await?;
        tokio_rustls::TlsConnector::from(std::sync::Arc::new(config))
            .connect("localhost".try_into().unwrap(), stream)
            .await
    }
}

pub(crate) fn client_for(certificates: &Certificates) -> reqwest::ClientBuilder {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let root = reqwest::Certificate::from_pem(certificates.ca_pem().as_bytes()).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([root])
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(20))
}

fn app() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/version", get(|request: Request| async move { format!("{:?}", request.version()) }))
        .route("/peer", get(|Extension(peer): Extension<Peer>| async move { peer.0.ip().to_string() }))
        .route("/echo", post(|body: Bytes| async move { body }))
        .route("/slow", get(|| async { tokio::time::sleep(Duration::from_secs(1)).await }))
        .route("/forever", get(|| async { std::future::pending::<()>().await }))
        .route("/events", get(events))
        .route("/flood", get(flood))
}

/// One event, then silence.
async fn events() -> Response {
    let body = stream::iter([Ok::<_, std::io::Error>("data: hello\n\n")]).chain(stream::pending());
    ([("content-type", "text/event-stream")], Body::from_stream(body)).into_response()
}

/// Bytes without end.
async fn flood() -> Response {
    Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![0; 65536])))).into_response()
}
