//! The engine's HTTP, for the few answers that bollard reads in a way that does not suit: logs, whose
//! lines must stay within bounds, and disk use, whose form differs between engines.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::UnixStream, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::Error;

/// The most that is read of a JSON answer: 32 MiB.
pub(crate) const JSON: usize = 32 * 1024 * 1024;
/// The most that is read of an error's text.
const ERROR: usize = 64 * 1024;

/// An answer that has begun. Dropping it closes the connection, which ends the engine's work on it.
pub(crate) struct Answer {
    body: Incoming,
    what: String,
    limit: Option<Duration>,
    _connection: AbortOnDropHandle<()>,
}

/// Asks for a path with its query; the answer must begin within the limit.
pub(crate) async fn get(socket: &Path, path: &str, what: &str, limit: Duration) -> Result<Answer, Error> {
    match timeout(limit, ask(socket, path, what)).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::Timeout { what: what.to_owned(), after: limit }),
    }
}

async fn ask(socket: &Path, path: &str, what: &str) -> Result<Answer, Error> {
    let down = |error: &dyn std::error::Error| Error::DaemonDown { reason: crate::error::chain(error) };
    let stream = UnixStream::connect(socket).await.map_err(|error| down(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| down(&error))?;
    let connection = AbortOnDropHandle::new(tokio::spawn(async move {
        // Its end shows in the body.
        let _ = connection.await;
    }));
    let request = Request::get(path)
        .header(header::HOST, "docker")
        .body(Empty::<Bytes>::new())
        .map_err(|error| Error::other(what, &error.to_string()))?;
    let response = sender.send_request(request).await.map_err(|error| down(&error))?;
    let status = response.status();
    let answer = Answer { body: response.into_body(), what: what.to_owned(), limit: None, _connection: connection };
    if status == StatusCode::OK {
        return Ok(answer);
    }
    let bytes = answer.collect(ERROR).await?;
    let json: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    let message = json.as_ref().and_then(|json| json.get("message")?.as_str());
    let text = message.map_or_else(|| String::from_utf8_lossy(&bytes).into_owned(), str::to_owned);
    Err(Error::from_status(what, status.as_u16(), &text))
}

impl Answer {
    /// The longest pause between two pieces; none without this.
    pub(crate) const fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The next piece; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = match self.limit {
                None => self.body.frame().await,
                Some(limit) => match timeout(limit, self.body.frame()).await {
                    Ok(frame) => frame,
                    Err(_) => return Err(Error::Timeout { what: self.what.clone(), after: limit }),
                },
            };
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(Error::DaemonDown { reason: crate::error::chain(&error) }),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// All of it, if it is at most `max` bytes.
    pub(crate) async fn collect(mut self, max: usize) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await? {
            if all.len() + piece.len() > max {
                return Err(Error::other(&self.what, "the answer is too long"));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }
}
