//! Slow, silent, greedy and too many clients.

use std::time::{Duration, Instant};

use orbitr_edge::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::support::TestDoor;

const SECOND: Duration = Duration::from_secs(1);

fn short() -> Limits {
    let ms = Duration::from_millis;
    Limits {
        handshake: ms(600),
        header: ms(600),
        idle: ms(2500),
        body: ms(600),
        write: ms(900),
        drain: ms(600),
        ..Limits::default()
    }
}

/// How long until the other end closes.
async fn closed(stream: &mut (impl AsyncReadExt + Unpin)) -> Duration {
    let start = Instant::now();
    let mut sink = [0; 1024];
    timeout(10 * SECOND, async { while matches!(stream.read(&mut sink).await, Ok(1..)) {} }).await.expect("stays open");
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_shakes_hands_is_closed() {
    let box_ = TestDoor::with(short());
    let mut silent = TcpStream::connect(box_.https).await.unwrap();
    assert!(closed(&mut silent).await < 2 * SECOND);
    let mut half = TcpStream::connect(box_.https).await.unwrap();
    half.write_all(&[0x16, 3, 1, 2]).await.unwrap();
    assert!(closed(&mut half).await < 2 * SECOND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_drips_is_cut_while_an_idle_connection_is_kept() {
    let box_ = TestDoor::with(short());
    let mut kept = box_.tls().await;
    let mut answer = [0; 1024];
    kept.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(kept.read(&mut answer).await.unwrap() > 0);

    let mut drip = box_.tls().await;
    let start = Instant::now();
    drip.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    while drip.write_all(b"X-A: b\r\n").await.is_ok() && drip.flush().await.is_ok() {
        sleep(SECOND / 20).await;
        assert!(start.elapsed() < 3 * SECOND, "still dripping");
    }

    // Idle for longer than a header may take, and used again.
    sleep(SECOND.saturating_sub(start.elapsed())).await;
    kept.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(kept.read(&mut answer).await.unwrap() > 0);
    // A second header that drips is cut too; without one, the idle time counts.
    kept.write_all(b"GET /").await.unwrap();
    assert!(closed(&mut kept).await < 2 * SECOND);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed_in_the_end() {
    let box_ = TestDoor::with(short());
    let mut stream = box_.tls().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let took = closed(&mut stream).await;
    assert!(took > 2 * SECOND && took < 4 * SECOND, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stands_still_fails() {
    let box_ = TestDoor::with(short());
    let mut stream = box_.tls().await;
    stream.write_all(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhello").await.unwrap();
    assert!(closed(&mut stream).await < 3 * SECOND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_cut() {
    let box_ = TestDoor::with(short());
    let mut stream = box_.tls().await;
    stream.write_all(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    stream.flush().await.unwrap();
    sleep(3 * SECOND).await;
    // What was on the way is still there; then the connection ends instead of going on for ever.
    closed(&mut stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_events_outlives_the_idle_time() {
    let box_ = TestDoor::with(short());
    let mut events = box_.client().get(box_.url("/events")).send().await.unwrap();
    events.chunk().await.unwrap();
    assert!(timeout(4 * SECOND, events.chunk()).await.is_err(), "neither bytes nor an end");
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_cuts_what_does_not_end() {
    let box_ = TestDoor::with(short());
    let request = tokio::spawn(box_.client().get(box_.url("/forever")).send());
    sleep(SECOND / 2).await;
    let start = Instant::now();
    box_.door.close().await;
    assert!(start.elapsed() < 2 * SECOND);
    assert!(request.await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_600_connections_512_are_served_and_the_others_told_or_closed() {
    let box_ = TestDoor::open();
    let mut open = Vec::new();
    for _ in 0..512 {
        let mut stream = box_.tls().await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = [0; 1024];
        let n = stream.read(&mut answer).await.unwrap();
        assert!(answer[..n].starts_with(b"HTTP/1.1 200 "));
        open.push(stream);
    }
    let mut told = 0;
    for _ in 0..88 {
        let Ok(mut stream) = box_.try_tls().await else { continue };
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.starts_with(b"HTTP/1.1 503 ") || answer.is_empty());
        told += usize::from(!answer.is_empty());
    }
    assert!(told > 0, "nobody was told why");
    // The first ones live on, and a place that is given back is used again.
    open[0].write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    closed(&mut open[0]).await;
    drop(open);
    sleep(SECOND / 2).await;
    assert_eq!(box_.client().get(box_.url("/")).send().await.unwrap().status(), 200);
}
