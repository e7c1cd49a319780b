//! Requests that no honest library would send: a path is written to the control socket byte for byte.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

use crate::{Answer, TestBox};

impl TestBox {
    /// Sends a request over the control socket exactly as written, and reads to the end of the answer.
    ///
    /// # Panics
    /// When there is no answer within 10 s.
    pub async fn raw(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let asked = format!("{method} {path}");
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").into_bytes();
        if !body.is_empty() {
            let length = body.len();
            request.extend(format!("Content-Type: application/json\r\nContent-Length: {length}\r\n").bytes());
        }
        request.extend(b"\r\n");
        request.extend(body);
        let mut stream = UnixStream::connect(self.state().join("control.sock")).await.unwrap();
        let mut bytes = Vec::new();
        let talk = async {
            // Whoever refuses early may not read to the end.
            let _ = stream.write_all(&request).await;
            let _ = stream.read_to_end(&mut bytes).await;
        };
        assert!(timeout(Duration::from_secs(10), talk).await.is_ok(), "{asked}: no answer within 10 s");
        parse(&bytes, asked)
    }
}

fn parse(bytes: &[u8], asked: String) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{asked}: no answer: {text}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
        .collect::<http::HeaderMap>();
    let chunked = headers.get("transfer-encoding").is_some_and(|value| value == "chunked");
    // One chunk is enough for a problem: between its length and the end of the answer.
    let body = if chunked { body.split("\r\n").nth(1).unwrap_or_default() } else { body };
    Answer { status: status.unwrap_or_else(|| panic!("{asked}: {head}")), headers, body: body.into(), asked }
}
