//! Child processes: an argument vector, never a shell string; a time limit, always; bounded output; and
//! an end that takes the whole process group with it.

mod capture;
mod error;
mod group;
mod run;

use std::{
    ffi::{OsStr, OsString},
    fmt,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

pub use error::{Error, Exit};
use tokio_util::sync::CancellationToken;

/// How much of each of the two outputs is kept unless [`Command::capture`] says otherwise: 1 MiB, its end.
pub const CAPTURE: usize = 1024 * 1024;
/// The longest line that [`Command::stream`] hands on, in bytes; the rest of a longer one is dropped.
pub const LINE: usize = 16 * 1024;
/// The limit of a command that sets none.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a group may take to end after it was asked to, before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// Where programs are looked for; the supervisor's own variable is not trusted.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program to run, with everything it gets.
///
/// It starts in its own process group and with an empty environment but for `PATH` (the system's usual
/// folders) and `LANG=C.UTF-8`. Secrets go in through [`stdin`](Self::stdin), [`env`](Self::env) or a
/// file, never through an argument: every user of the machine can read those.
#[derive(Clone)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    dir: Option<PathBuf>,
    stdin: Option<Vec<u8>>,
    held: Option<Arc<File>>,
    limit: Duration,
    grace: Duration,
    capture: usize,
}

impl Command {
    /// The named program, looked for in the system's usual folders unless it is a path.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: vec![("PATH".into(), PATH.into()), ("LANG".into(), "C.UTF-8".into())],
            dir: None,
            stdin: None,
            held: None,
            limit: LIMIT,
            grace: GRACE,
            capture: CAPTURE,
        }
    }

    /// Adds one argument, handed over as it is.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments, each handed over as it is.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets one variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.retain(|(known, _)| known != name.as_ref());
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The folder it starts in; the supervisor's own without this.
    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().to_owned());
        self
    }

    /// Gives the program this open file for its standard input, unless that is to be written: a lock on the file (flock(2))
    /// then lasts as long as the program, also when it outlives us.
    #[must_use]
    pub fn holding(mut self, file: File) -> Self {
        self.held = Some(Arc::new(file));
        self
    }

    /// What it reads on its standard input; nothing without this.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// How long it may take; 60 seconds without this.
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// How long its group may take to end after `SIGTERM` before `SIGKILL`; 2 seconds without this.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How many bytes of each output are kept; [`CAPTURE`] without this. Of more, the end is kept.
    #[must_use]
    pub const fn capture(mut self, bytes: usize) -> Self {
        self.capture = bytes;
        self
    }

    /// Runs it to its end, whatever its exit status is.
    ///
    /// # Errors
    /// It cannot be started, was cancelled, passed its limit, or its pipes broke. In each case no
    /// process of its group is left when this returns.
    pub async fn run(self, cancel: &CancellationToken) -> Result<Output, Error> {
        run::run(self, cancel, &mut |_, _| {}).await
    }

    /// Like [`run`](Self::run), and hands on each line while it runs: without its line end, at most
    /// [`LINE`] bytes, bytes that are not UTF-8 replaced.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn stream(
        self,
        cancel: &CancellationToken,
        mut on_line: impl FnMut(Source, &str) + Send,
    ) -> Result<Output, Error> {
        run::run(self, cancel, &mut on_line).await
    }

    /// The program's last path component, for messages.
    pub(crate) fn name(&self) -> String {
        Path::new(&self.program).file_name().unwrap_or(&self.program).to_string_lossy().into_owned()
    }
}

/// Names, no values: an argument or a variable may hold what is not for a log.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("program", &self.program)
            .field("args", &self.args.len())
            .field("env", &self.env.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Which of the two outputs a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What a program left behind.
#[derive(Clone)]
pub struct Output {
    /// The program's name, for messages.
    pub program: String,
    /// How it ended.
    pub status: Exit,
    /// The end of its standard output, at most as many bytes as asked for.
    pub stdout: Vec<u8>,
    /// The end of its standard error, at most as many bytes as asked for.
    pub stderr: Vec<u8>,
    /// How many bytes of standard output were dropped at its beginning.
    pub stdout_dropped: u64,
    /// How many bytes of standard error were dropped at its beginning.
    pub stderr_dropped: u64,
}

impl Output {
    /// Itself if the program ended with status 0.
    ///
    /// # Errors
    /// [`Error::Failed`] with the last lines of standard error otherwise.
    pub fn success(self) -> Result<Self, Error> {
        if self.status == Exit::Code(0) {
            return Ok(self);
        }
        Err(Error::Failed { program: self.program, status: self.status, stderr: capture::last_lines(&self.stderr) })
    }

    /// Standard output as text.
    #[must_use]
    pub fn stdout_text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text.
    #[must_use]
    pub fn stderr_text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}

/// Sizes, no content: what a program prints may hold a secret.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("program", &self.program)
            .field("status", &self.status)
            .field("stdout", &self.stdout.len())
            .field("stderr", &self.stderr.len())
            .finish_non_exhaustive()
    }
}
