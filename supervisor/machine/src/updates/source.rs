//! Getting files from a source of updates: small ones whole and bounded, large ones into a file, going on where it was.

use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

use orbitr_model::ByteSize;
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{CONTENT_RANGE, RANGE},
    redirect,
};
use tokio::{
    fs::{self, File, OpenOptions},
    io::AsyncWriteExt,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::error::Refused;

/// A small file may take so many times the patience in all, however slowly it drips.
const SMALL_TIMES: u32 = 4;
/// A download is given up after so many tries in a row that brought nothing.
const TRIES: u32 = 5;
/// Of the patience, so much is waited before the next try.
const PART: u32 = 15;
const REDIRECTS: usize = 5;

/// A folder of an update set on a server.
#[derive(Clone, Debug)]
pub(super) struct Source {
    client: Client,
    address: String,
    patience: Duration,
}

/// How far a download is.
pub(super) struct Progress<'a> {
    /// Of all files together.
    pub(super) total: u64,
    /// What is there of the files before this one.
    pub(super) before: u64,
    /// How much came over the line, and since when.
    pub(super) came: u64,
    pub(super) since: Instant,
    pub(super) tell: &'a (dyn Fn(f64, String) + Send + Sync),
}

impl Progress<'_> {
    fn at(&mut self, here: u64, came: usize) {
        self.came = self.came.saturating_add(came as u64);
        let there = self.before.saturating_add(here);
        let seconds = self.since.elapsed().as_secs_f64().max(0.1);
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let (fraction, rate) = (there as f64 / self.total.max(1) as f64, self.came as f64 / seconds);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for people")]
        let rate = ByteSize(rate as u64);
        (self.tell)(fraction.min(1.0), format!("{} of {}, {rate}/s", ByteSize(there), ByteSize(self.total)));
    }
}

/// How one try of a download ended.
enum Tried {
    Whole,
    /// So much is there now, and then this happened.
    Cut(u64, String),
}

impl Source {
    /// Over this address, which was checked when it was given.
    pub(super) fn new(address: String, version: &str, patience: Duration) -> Result<Self, Refused> {
        let plain = |attempt: redirect::Attempt<'_>| match attempt.url().scheme() {
            "http" | "https" if attempt.previous().len() <= REDIRECTS => attempt.follow(),
            _ => attempt.stop(),
        };
        let client = Client::builder()
            .user_agent(format!("Orbitr/{version}"))
            .connect_timeout(patience)
            .read_timeout(patience)
            .redirect(redirect::Policy::custom(plain))
            .build();
        let client = client.map_err(|error| Refused::Unreachable { name: address.clone(), why: why(&error) })?;
        Ok(Self { client, address, patience })
    }

    fn url(&self, name: &str) -> Result<Url, Refused> {
        let text = format!("{}/{name}", self.address);
        Url::parse(&text).map_err(|error| Refused::Unreachable { name: name.to_owned(), why: error.to_string() })
    }

    /// A whole small file, of at most so many bytes.
    pub(super) async fn small(&self, name: &str, limit: u64) -> Result<Vec<u8>, Refused> {
        let unreachable = |why: String| Refused::Unreachable { name: name.to_owned(), why };
        let get = async {
            let answer = self.client.get(self.url(name)?).send().await.map_err(|error| unreachable(why(&error)))?;
            let mut answer = ok(answer).map_err(unreachable)?;
            let mut all = Vec::new();
            while let Some(piece) = answer.chunk().await.map_err(|error| unreachable(why(&error)))? {
                all.extend_from_slice(&piece);
                if all.len() as u64 > limit {
                    return Err(Refused::Odd(format!("«{name}» is longer than {}", ByteSize(limit))));
                }
            }
            Ok(all)
        };
        let limit = self.patience.saturating_mul(SMALL_TIMES);
        tokio::time::timeout(limit, get).await.unwrap_or_else(|_| Err(unreachable("it takes too long".to_owned())))
    }

    /// A file of exactly so many bytes, into a file that may have its beginning already. Stops without an error when it is
    /// cancelled.
    pub(super) async fn large(
        &self,
        name: &str,
        into: &Path,
        bytes: u64,
        progress: &mut Progress<'_>,
        cancel: &CancellationToken,
    ) -> Result<(), Refused> {
        let mut idle = 0;
        loop {
            let before = length(into).await?;
            let tried = tokio::select! {
                tried = self.once(name, into, bytes, progress) => tried?,
                () = cancel.cancelled() => return Ok(()),
            };
            let Tried::Cut(there, why) = tried else { return Ok(()) };
            idle = if there > before { 0 } else { idle + 1 };
            if idle >= TRIES {
                return Err(Refused::Unreachable { name: name.to_owned(), why });
            }
            tracing::info!(name, there, why, "a download was cut off and goes on");
            tokio::select! {
                () = sleep(self.patience / PART * idle) => {}
                () = cancel.cancelled() => return Ok(()),
            }
        }
    }

    async fn once(&self, name: &str, into: &Path, bytes: u64, progress: &mut Progress<'_>) -> Result<Tried, Refused> {
        let mut there = length(into).await?;
        if there == bytes {
            return Ok(Tried::Whole);
        }
        if there > bytes {
            fs::remove_file(into).await?;
            there = 0;
        }
        let mut request = self.client.get(self.url(name)?);
        if there > 0 {
            request = request.header(RANGE, format!("bytes={there}-"));
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return Ok(Tried::Cut(there, why(&error))),
        };
        let status = answer.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Ok(Tried::Cut(there, format!("it answers {status}")));
        }
        let mut answer = ok(answer).map_err(|why| Refused::Unreachable { name: name.to_owned(), why })?;
        // A server that knows no ranges begins anew.
        there = if status == StatusCode::PARTIAL_CONTENT { begins_at(&answer, there, name)? } else { 0 };
        if answer.content_length().is_some_and(|more| there.saturating_add(more) != bytes) {
            return Err(Refused::Odd(format!("the server has another length of «{name}» than was signed")));
        }
        let mut file = open(into, there).await?;
        loop {
            let piece = match answer.chunk().await {
                Ok(Some(piece)) => piece,
                Ok(None) if there == bytes => break,
                Ok(None) => return settle(file, there, "it ended too early".to_owned()).await,
                Err(error) => return settle(file, there, why(&error)).await,
            };
            there = there.saturating_add(piece.len() as u64);
            if there > bytes {
                drop(file);
                fs::remove_file(into).await?;
                return Err(Refused::Odd(format!("the server gives more of «{name}» than was signed")));
            }
            file.write_all(&piece).await?;
            progress.at(there, piece.len());
        }
        file.sync_all().await?;
        Ok(Tried::Whole)
    }
}

async fn settle(mut file: File, there: u64, why: String) -> Result<Tried, Refused> {
    file.flush().await?;
    Ok(Tried::Cut(there, why))
}

/// Opens the file to go on at this length.
async fn open(path: &Path, there: u64) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    let file = if there == 0 { options.truncate(true).open(path) } else { options.append(true).open(path) };
    file.await
}

async fn length(path: &Path) -> io::Result<u64> {
    match fs::symlink_metadata(path).await {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

fn ok(answer: Response) -> Result<Response, String> {
    let status = answer.status();
    if status.is_success() { Ok(answer) } else { Err(format!("it answers {status}")) }
}

/// Where a part begins; it must be where it was asked for.
fn begins_at(answer: &Response, asked: u64, name: &str) -> Result<u64, Refused> {
    let range = answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok()).unwrap_or_default();
    let from = range.strip_prefix("bytes ").and_then(|rest| rest.split('-').next()).and_then(|from| from.parse().ok());
    if from == Some(asked) {
        return Ok(asked);
    }
    Err(Refused::Odd(format!("the server gives another part of «{name}» than was asked for")))
}

/// An error of the client with what caused it, without the address that stands beside it.
fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(cause) = inner.source() {
        inner = cause;
    }
    inner.to_string()
}
