//! A job's log: one append-only file, mode 0600, of lines `2026-11-22T09:58:00.123Z text`. Secrets are
//! taken out before a line leaves the memory of the step. A log that cannot be written never stops a job.

use std::{
    fs, io,
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use orbitr_model::{JobId, Timestamp};
use orbitr_store::Redactor;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _},
    sync::{mpsc, oneshot},
};

use crate::{error::Error, live::Throttle};

/// No log grows beyond this.
pub const LOG_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// What the lines of steps leave free, so that the job's own lines, the end above all, still fit.
const RESERVE_BYTES: u64 = 64 * 1024;
/// No line is longer.
const LINE_MAX_BYTES: usize = 8 * 1024;
/// One answer of [`read`] holds at most this much, and at least one whole line.
const CHUNK_BYTES: std::ops::RangeInclusive<usize> = LINE_MAX_BYTES * 2..=LOG_MAX_BYTES as usize;

/// A piece of a job's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LogChunk {
    /// Whole lines.
    pub text: String,
    /// Where the next piece begins, in bytes.
    pub next: u64,
    /// Whether nothing comes after this piece: the job has ended and all of its log is read.
    pub ended: bool,
}

/// The folder of logs.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    dir: PathBuf,
}

impl Logs {
    /// Makes the folder, readable by the supervisor only.
    pub(crate) fn open(dir: PathBuf) -> Result<Self, Error> {
        let failed = || Error::log(format!("making the folder of job logs {}", dir.display()));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(failed())?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).map_err(failed())?;
        Ok(Self { dir })
    }

    pub(crate) fn path(&self, id: JobId) -> PathBuf {
        self.dir.join(format!("{id}.log"))
    }

    /// The jobs that have a log.
    pub(crate) fn ids(&self) -> io::Result<Vec<JobId>> {
        let names = fs::read_dir(&self.dir)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect())
    }

    pub(crate) fn remove(&self, id: JobId) {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(job = %id, %error, "an old job's log could not be removed");
            }
            _ => {}
        }
    }
}

/// Reads whole lines from byte `from` on. Blocks.
pub(crate) fn read(path: &Path, from: u64, max: usize, job_ended: bool) -> io::Result<LogChunk> {
    let max = max.clamp(*CHUNK_BYTES.start(), *CHUNK_BYTES.end());
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(LogChunk { text: String::new(), next: from, ended: job_ended });
        }
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(max as u64).read_to_end(&mut bytes)?;
    let at_end = from.saturating_add(bytes.len() as u64) >= length;
    // A last line without its end is still being written, unless nobody writes any more.
    if !(job_ended && at_end) {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        bytes.truncate(whole);
    }
    let next = from.saturating_add(bytes.len() as u64);
    Ok(LogChunk { text: String::from_utf8_lossy(&bytes).into_owned(), next, ended: job_ended && next >= length })
}

enum Entry {
    Text(String),
    Flush(oneshot::Sender<()>),
}

/// The writing end of one job's log; cheap to clone, never blocks.
#[derive(Clone)]
pub(crate) struct LogSink {
    entries: mpsc::UnboundedSender<Entry>,
    state: Arc<SinkState>,
    redactor: Redactor,
}

struct SinkState {
    /// Bytes written or on their way; with the bound on the log this bounds the channel too.
    length: AtomicU64,
    said_full: AtomicBool,
}

impl LogSink {
    /// Opens the log for appending and starts its writer, which ends with the last sink. A log that
    /// cannot be opened swallows its lines, and the supervisor's log says so.
    pub(crate) async fn open(path: PathBuf, redactor: Redactor, written: Arc<Throttle>) -> Self {
        let (entries, queue) = mpsc::unbounded_channel();
        let file = open_file(&path).await;
        let length = match &file {
            Ok((_, length)) => *length,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a job's log cannot be opened; the job goes on without");
                0
            }
        };
        let state = Arc::new(SinkState { length: AtomicU64::new(length), said_full: AtomicBool::new(false) });
        tokio::spawn(write_entries(queue, file.ok().map(|(file, _)| file), path, written));
        Self { entries, state, redactor }
    }

    /// A line of a step.
    pub(crate) fn line(&self, now: Timestamp, text: &str) {
        self.write(now, text, LOG_MAX_BYTES - RESERVE_BYTES);
    }

    /// A line of the runner itself.
    pub(crate) fn own_line(&self, now: Timestamp, text: &str) {
        self.write(now, text, LOG_MAX_BYTES);
    }

    /// Waits until every line up to here is in the file.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.entries.send(Entry::Flush(done)).is_ok() {
            let _ = wait.await;
        }
    }

    fn write(&self, now: Timestamp, text: &str, limit: u64) {
        // Out with colours first: a secret with an escape sequence in its middle would not be known.
        let plain = plain(text);
        let safe = self.redactor.redact(&plain);
        for line in safe.lines().filter(|line| !line.trim().is_empty()) {
            self.push(&stamped(now, cut(line, LINE_MAX_BYTES)), limit, now);
        }
    }

    fn push(&self, line: &str, limit: u64, now: Timestamp) {
        let more = line.len() as u64;
        let fits = |length: u64| length.checked_add(more).filter(|sum| *sum <= limit);
        if self.state.length.try_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok() {
            let _ = self.entries.send(Entry::Text(line.to_owned()));
        } else if limit < LOG_MAX_BYTES && !self.state.said_full.swap(true, Ordering::Relaxed) {
            self.own_line(now, "this log is full; further lines of the steps are left out");
        }
    }
}

async fn open_file(path: &Path) -> io::Result<(tokio::fs::File, u64)> {
    let mut options = tokio::fs::OpenOptions::new();
    let mut file = options.create(true).append(true).read(true).mode(0o600).open(path).await?;
    let mut length = file.metadata().await?.len();
    if length > 0 {
        // A crash may have cut the last line; the next one must not continue it.
        file.seek(SeekFrom::End(-1)).await?;
        if file.read_u8().await? != b'\n' {
            file.write_all(b"\n").await?;
            file.flush().await?;
            length += 1;
        }
    }
    Ok((file, length))
}

async fn write_entries(
    mut queue: mpsc::UnboundedReceiver<Entry>,
    mut file: Option<tokio::fs::File>,
    path: PathBuf,
    written: Arc<Throttle>,
) {
    let mut entries = Vec::new();
    while queue.recv_many(&mut entries, 256).await > 0 {
        let mut text = String::new();
        let mut waiting = Vec::new();
        for entry in entries.drain(..) {
            match entry {
                Entry::Text(line) => text.push_str(&line),
                Entry::Flush(done) => waiting.push(done),
            }
        }
        if let Some(open) = &mut file
            && !text.is_empty()
        {
            match append(open, &text).await {
                Ok(()) => written.hit(),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a job's log cannot be written; the job goes on without");
                    file = None;
                }
            }
        }
        for done in waiting {
            let _ = done.send(());
        }
    }
}

async fn append(file: &mut tokio::fs::File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes()).await?;
    file.flush().await
}

fn stamped(now: Timestamp, line: &str) -> String {
    format!("{now:.3} {line}\n")
}

/// The longest beginning of at most `max` bytes that ends at a character.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

/// Text without escape sequences and control characters; every kind of line end becomes `\n`.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\n' | '\r' => out.push('\n'),
            '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// ECMA-48: `ESC [` parameters, then one final byte from `@` to `~`; other sequences are one character.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    if chars.next_if_eq(&'[').is_none() {
        chars.next();
        return;
    }
    for c in chars.by_ref() {
        if matches!(c, '@'..='~') || c == '\n' {
            return;
        }
    }
}
