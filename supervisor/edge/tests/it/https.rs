//! The HTTPS listener and the redirect, with clients that check everything.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use orbitr_edge::Names;
use orbitr_model::Timestamp;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{TestDoor, client_for};

async fn raw(address: std::net::SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_trusts_the_authority_is_served_in_http_2_and_1() {
    let box_ = TestDoor::open();
    let answer = box_.client().get(box_.url("/version")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "HTTP/2.0");
    let http1 = client_for(&box_.certificates).http1_only().build().unwrap();
    assert_eq!(http1.get(box_.url("/version")).send().await.unwrap().text().await.unwrap(), "HTTP/1.1");
    let by_address = format!("https://127.0.0.1:{}/peer", box_.https.port());
    assert_eq!(box_.client().get(by_address).send().await.unwrap().text().await.unwrap(), "127.0.0.1");
    let body = vec![7; 300_000];
    let echo = box_.client().post(box_.url("/echo")).body(body.clone()).send().await.unwrap();
    assert_eq!(echo.bytes().await.unwrap(), body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_trust_the_authority_is_warned() {
    let box_ = TestDoor::open();
    let other = TestDoor::open();
    assert!(other.client().get(box_.url("/")).send().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_sent_to_https() {
    let box_ = TestDoor::open();
    let port = box_.https.port();
    let answer = raw(box_.http, b"GET /a?b HTTP/1.1\r\nHost: box.local:80\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
    assert!(answer.contains(&format!("location: https://box.local:{port}/a?b\r\n")), "{answer}");
    let answer =
        raw(box_.http, b"POST /sign-in HTTP/1.1\r\nHost: box\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("HTTPS only"), "{answer}");
    for host in ["Host: a/b\r\n", "Host: u@h\r\n", ""] {
        let answer = raw(box_.http, format!("GET / HTTP/1.1\r\n{host}Connection: close\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{host} {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_on_the_https_port_is_told_where_to_go() {
    let box_ = TestDoor::open();
    let answer = raw(box_.https, b"GET /x HTTP/1.1\r\nHost: box:8443\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("location: https://box:8443/x\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_closed_and_harms_nobody() {
    let box_ = TestDoor::open();
    let mut tls_like = vec![0x16, 3, 1, 0xff, 0xff];
    tls_like.extend([0; 70_000]);
    for garbage in [&b"\x00\x01\x02"[..], b"\x16\x03\x01\x00\x05hello", &tls_like, b"\xff", b"get / HTTP/1.1\r\n\r\n"] {
        raw(box_.https, garbage).await;
    }
    for garbage in [&b"\x00\x01\x02\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        raw(box_.http, garbage).await;
    }
    let mut stream = box_.tls().await;
    stream.write_all(b"\x00\xffGET nonsense\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 400 "));
    assert_eq!(box_.client().get(box_.url("/")).send().await.unwrap().text().await.unwrap(), "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leaf_is_swapped_under_load_without_a_failed_request() {
    let box_ = TestDoor::open();
    let (over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..8)
        .map(|kind| {
            let (over, served, url) = (over.clone(), served.clone(), box_.url("/"));
            // Half of them open a connection for every request, the others keep one.
            let builder = client_for(&box_.certificates);
            let client = if kind % 2 == 0 { builder.pool_max_idle_per_host(0) } else { builder }.build().unwrap();
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(client.get(&url).send().await.unwrap().text().await.unwrap(), "hello");
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut seen = vec![box_.certificates.leaf_fingerprint().to_string()];
    for n in 1..=10_u8 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let names = Names::new("atlas", [std::net::IpAddr::from([10, 0, 0, n])]);
        assert!(box_.certificates.refresh(&names, Timestamp::now()).unwrap());
        seen.push(box_.certificates.leaf_fingerprint().to_string());
    }
    over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    seen.dedup();
    assert_eq!(seen.len(), 11);
    assert!(served.load(Ordering::Relaxed) > 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_serves_from_the_next_request_on() {
    let box_ = TestDoor::open();
    let client = box_.client();
    assert_eq!(client.get(box_.url("/")).send().await.unwrap().text().await.unwrap(), "hello");
    box_.site.replace(Router::new().route("/", get(|| async { "recovered" })));
    assert_eq!(client.get(box_.url("/")).send().await.unwrap().text().await.unwrap(), "recovered");
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_lets_requests_end_and_cuts_streams_of_events() {
    for http2 in [true, false] {
        let box_ = TestDoor::open();
        let builder = client_for(&box_.certificates);
        let client = if http2 { builder } else { builder.http1_only() }.build().unwrap();
        let mut events = client.get(box_.url("/events")).send().await.unwrap();
        assert_eq!(events.chunk().await.unwrap().unwrap(), "data: hello\n\n");
        let slow = tokio::spawn(client.get(box_.url("/slow")).send());
        tokio::time::sleep(Duration::from_millis(300)).await;
        let start = Instant::now();
        box_.door.close().await;
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        assert!(slow.await.unwrap().unwrap().status().is_success());
        assert!(events.bytes().await.unwrap().is_empty(), "the stream ends, it does not break");
        assert!(TcpStream::connect(box_.https).await.is_err(), "nobody listens any more");
    }
}
