//! The machine's journal, read through journalctl: the format of its files is systemd's own affair.
//!
//! Every look is a window: at most [`LINES_MAX`] entries, from a position, in a time limit. Following is a child that runs
//! until its reader goes away, and for an hour at most; the reader goes on from its last cursor.

mod entry;
mod query;

use std::{path::PathBuf, time::Duration};

use orbitr_model::Problem;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::exec::{self, Command, Source};

pub use self::{
    entry::Entry,
    query::{Boot, Cursor, Query, Start},
};

/// The most entries of one window.
pub const LINES_MAX: u32 = 1000;
/// How long looking for a window may take: a text that is nowhere has journalctl read everything.
const LOOK: Duration = Duration::from_secs(20);
/// How long one child follows.
const FOLLOW: Duration = Duration::from_secs(60 * 60);
/// The most that a window's entries take as JSON. journalctl leaves out values of more than 4096 bytes, so that
/// [`LINES_MAX`] entries fit.
const WINDOW_BYTES: usize = 32 * 1024 * 1024;
/// Entries that a slow reader may be behind before some are left out.
const BEHIND: usize = 512;
/// The fields that are read; others are not even asked for.
const FIELDS: &str = "MESSAGE,PRIORITY,_SYSTEMD_UNIT,UNIT,SYSLOG_IDENTIFIER,_COMM,_PID,_TRANSPORT";

/// Why the journal cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no journalctl on this machine.
    #[error("journalctl is not installed")]
    NotInstalled,
    /// It did not find what was asked for in time.
    #[error("looking through the journal took longer than {0:?}")]
    TooLong(Duration),
    /// It was cancelled, because its reader went away.
    #[error("the look was cancelled")]
    Cancelled,
    /// It failed.
    #[error("journalctl failed: {0}")]
    Failed(String),
}

impl From<exec::Error> for Error {
    fn from(error: exec::Error) -> Self {
        match error {
            exec::Error::NotFound { .. } => Self::NotInstalled,
            exec::Error::TimedOut { limit, .. } => Self::TooLong(limit),
            exec::Error::Cancelled { .. } => Self::Cancelled,
            exec::Error::Failed { stderr, .. } => Self::Failed(stderr),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotInstalled => Self::new(409, "needs-systemd", "The journal needs systemd")
                .why("This machine has no journalctl.")
                .then("It works on Orbitr OS, and in hosted mode on a machine that systemd runs."),
            Error::TooLong(limit) => Self::new(422, "journal-too-long", "Looking through the journal took too long")
                .why(format!("After {} s it had not found enough.", limit.as_secs()))
                .then("Narrow it down: a unit, a boot, a time."),
            Error::Cancelled => Self::new(499, "cancelled", "The reader went away"),
            Error::Failed(why) => {
                Self::new(502, "journal-failed", "The journal could not be read").why(why).then("Try again.")
            }
        }
    }
}

/// One boot of the machine that the journal knows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BootRow {
    /// 0 is the current one, -1 the one before.
    pub index: i64,
    /// Its id, 32 hexadecimal digits.
    pub boot_id: String,
    /// Its first entry, in microseconds since 1970.
    pub first_entry: i64,
    /// Its last entry so far.
    pub last_entry: i64,
}

/// A part of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The entries, the oldest first.
    pub entries: Vec<Entry>,
    /// Whether there are more in the direction that was looked in.
    pub more: bool,
    /// Entries that journalctl wrote and that could not be read.
    pub unreadable: usize,
}

/// What a follower is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// A new entry.
    Entry(Box<Entry>),
    /// The reader was too slow, and entries were left out here.
    Missed,
}

/// The journal of this machine, or of a folder.
#[derive(Clone, Debug)]
pub struct Journal {
    program: PathBuf,
    folder: Option<PathBuf>,
}

impl Journal {
    /// This machine's.
    #[must_use]
    pub fn system() -> Self {
        Self { program: "journalctl".into(), folder: None }
    }

    /// The files of a folder, read by the named program.
    #[must_use]
    pub fn of_folder(program: impl Into<PathBuf>, folder: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), folder: Some(folder.into()) }
    }

    fn command(&self) -> Command {
        let command = Command::new(&self.program).args(["--no-pager", "--quiet"]);
        match &self.folder {
            Some(folder) => command.arg(format!("--directory={}", folder.display())),
            None => command,
        }
    }

    /// The entries that fit, from where the query says.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn window(&self, query: &Query, cancel: &CancellationToken) -> Result<Window, Error> {
        let (args, wanted) = (query.window_args(), query.lines());
        let command = self.command().args(["--output=json", &format!("--output-fields={FIELDS}")]).args(args);
        let output = command.limit(LOOK).capture(WINDOW_BYTES).run(cancel).await?;
        // 1 is also what «nothing found» ends with when a text was looked for.
        if output.status != exec::Exit::Code(0) && !(query.text.is_some() && output.stdout.is_empty()) {
            output.success()?;
            return Ok(Window::default());
        }
        let mut window = Window::default();
        for line in output.stdout_text().lines().filter(|line| !line.is_empty()) {
            match Entry::parse(line) {
                Some(entry) => window.entries.push(entry),
                None => window.unreadable += 1,
            }
        }
        query.arrange(&mut window, wanted);
        Ok(window)
    }

    /// The boots that the journal knows, the oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn boots(&self, cancel: &CancellationToken) -> Result<Vec<BootRow>, Error> {
        let command = self.command().args(["--list-boots", "--output=json"]).limit(LOOK);
        let output = command.run(cancel).await?;
        // Without any journal it prints nothing, or nothing that is JSON.
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    /// New entries as they are written, from where the query says; ends when `cancel` does, when the reader goes away, or
    /// after an hour.
    ///
    /// # Errors
    /// [`Error`], also when journalctl ends by itself.
    pub async fn follow(
        &self,
        query: &Query,
        to: mpsc::Sender<Followed>,
        cancel: &CancellationToken,
    ) -> Result<(), Error> {
        let command = self
            .command()
            .args(["--output=json", &format!("--output-fields={FIELDS}")])
            .args(query.follow_args())
            .limit(FOLLOW)
            .capture(exec::LINE);
        let stop = cancel.child_token();
        let mut missed = false;
        let tell = |source: Source, line: &str| {
            let (Source::Stdout, Some(entry)) = (source, Entry::parse(line)) else { return };
            if missed && to.try_send(Followed::Missed).is_ok() {
                missed = false;
            }
            missed = missed || to.try_send(Followed::Entry(Box::new(entry))).is_err();
        };
        let ended = tokio::select! {
            ended = command.stream(&stop, tell) => ended,
            () = to.closed() => return Ok(()),
        };
        match ended.map_err(Error::from) {
            Ok(output) => Ok(output.success().map(drop)?),
            Err(Error::TooLong(_) | Error::Cancelled) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A channel of the right size for [`Journal::follow`].
    #[must_use]
    pub fn channel() -> (mpsc::Sender<Followed>, mpsc::Receiver<Followed>) {
        mpsc::channel(BEHIND)
    }
}
