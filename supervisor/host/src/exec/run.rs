use std::{io, pin::pin, process::Stdio, time::Duration};

use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::Child,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Command, Error, Exit, Output, Source,
    capture::{Lines, Tail, last_lines},
    group::Group,
};

/// How long the pipes may stay open after the program itself has ended. A child of it that still holds
/// them is a stray and is killed with the group.
const STRAY: Duration = Duration::from_secs(1);

/// How long a killed program may take to be gone.
const KILL: Duration = Duration::from_secs(5);

type OnLine<'a> = &'a mut (dyn FnMut(Source, &str) + Send);

enum End {
    Exited(io::Result<Exit>),
    Cancelled,
    TimedOut,
}

pub(super) async fn run(command: Command, cancel: &CancellationToken, on_line: OnLine<'_>) -> Result<Output, Error> {
    let program = command.name();
    if cancel.is_cancelled() {
        return Err(Error::Cancelled { program });
    }
    let mut child = spawn(&command)?;
    let group = Group::of(child.id());
    let mut streams = Streams::new(&mut child, &command, on_line);
    let end = {
        let mut work = pin!(work(&mut child, &mut streams, &group));
        tokio::select! {
            biased;
            exit = &mut work => End::Exited(exit),
            () = cancel.cancelled() => End::Cancelled,
            () = sleep(command.limit) => End::TimedOut,
        }
    };
    if !matches!(end, End::Exited(Ok(_))) {
        stop(&mut child, &group, &mut streams, command.grace).await;
    }
    let (stdout, stdout_dropped) = streams.out.tail.into_parts();
    let (stderr, stderr_dropped) = streams.err.tail.into_parts();
    match end {
        End::Exited(Ok(status)) => {
            group.disarm();
            Ok(Output { program, status, stdout, stderr, stdout_dropped, stderr_dropped })
        }
        End::Exited(Err(source)) => Err(Error::Pipe { program, source }),
        End::Cancelled => Err(Error::Cancelled { program }),
        End::TimedOut => Err(Error::TimedOut { program, limit: command.limit, stderr: last_lines(&stderr) }),
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that starts processes")]
fn spawn(command: &Command) -> Result<Child, Error> {
    let stdin = match (&command.stdin, &command.held) {
        (Some(_), _) => Stdio::piped(),
        // Not to be had twice: then the lock ends with us, as it would without.
        (None, Some(file)) => file.try_clone().map_or_else(|_| Stdio::null(), Stdio::from),
        (None, None) => Stdio::null(),
    };
    let mut child = tokio::process::Command::new(&command.program);
    child
        .args(&command.args)
        .env_clear()
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(dir) = &command.dir {
        child.current_dir(dir);
    }
    child.spawn().map_err(|source| {
        let program = command.name();
        // A missing folder to start in is reported by the kernel just like a missing program.
        let dir_is_there = command.dir.as_ref().is_none_or(|dir| dir.is_dir());
        if source.kind() == io::ErrorKind::NotFound && dir_is_there {
            Error::NotFound { program }
        } else {
            Error::Start { program, source }
        }
    })
}

/// Feeds, drains and awaits the child at the same time, so that no full pipe can hold it up.
async fn work(child: &mut Child, streams: &mut Streams<'_>, group: &Group) -> io::Result<Exit> {
    let status = {
        let mut pump = pin!(streams.pump());
        tokio::select! {
            pumped = &mut pump => { pumped?; None }
            status = child.wait() => {
                let status = status?;
                if timeout(STRAY, &mut pump).await.is_err() {
                    group.send(Signal::SIGKILL);
                    // What the strays had written is still in the pipes.
                    let _ = timeout(STRAY, &mut pump).await;
                }
                Some(status)
            }
        }
    };
    let status = match status {
        Some(status) => status,
        None => child.wait().await?,
    };
    Ok(status.into())
}

/// Asks the group to end, then makes it. The pipes are drained meanwhile: a program that writes its last
/// words into a full pipe would not end otherwise.
async fn stop(child: &mut Child, group: &Group, streams: &mut Streams<'_>, grace: Duration) {
    group.send(Signal::SIGTERM);
    let _ = timeout(grace, async {
        let mut pump = pin!(streams.pump());
        tokio::select! {
            _ = child.wait() => {}
            // Pipes closed: only the exit itself is left to wait for.
            _ = &mut pump => { let _ = child.wait().await; }
        }
    })
    .await;
    group.send(Signal::SIGKILL);
    // One that hangs in the kernel ends whenever the kernel lets go; nobody waits for that here.
    let _ = timeout(KILL, child.wait()).await;
}

struct Stream<R> {
    pipe: Option<R>,
    tail: Tail,
    lines: Lines,
    source: Source,
}

impl<R: AsyncRead + Unpin> Stream<R> {
    fn new(pipe: Option<R>, limit: usize, source: Source) -> Self {
        Self { pipe, tail: Tail::new(limit), lines: Lines::default(), source }
    }

    /// One chunk; pends for ever once the pipe has ended.
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.pipe {
            Some(pipe) => pipe.read(buffer).await,
            None => std::future::pending().await,
        }
    }

    fn take(&mut self, chunk: &[u8], on_line: &mut (dyn FnMut(Source, &str) + Send)) {
        let source = self.source;
        let mut hand_on = |line: &str| on_line(source, line);
        if chunk.is_empty() {
            self.lines.end(&mut hand_on);
            self.pipe = None;
        } else {
            self.tail.push(chunk);
            self.lines.push(chunk, &mut hand_on);
        }
    }
}

struct Streams<'a> {
    stdin: Option<(tokio::process::ChildStdin, Vec<u8>)>,
    out: Stream<tokio::process::ChildStdout>,
    err: Stream<tokio::process::ChildStderr>,
    on_line: OnLine<'a>,
}

impl<'a> Streams<'a> {
    fn new(child: &mut Child, command: &Command, on_line: OnLine<'a>) -> Self {
        Self {
            stdin: child.stdin.take().zip(command.stdin.clone()),
            out: Stream::new(child.stdout.take(), command.capture, Source::Stdout),
            err: Stream::new(child.stderr.take(), command.capture, Source::Stderr),
            on_line,
        }
    }

    /// Moves bytes until both outputs have ended. Safe to drop and call again: what was read is kept.
    async fn pump(&mut self) -> io::Result<()> {
        let mut from_out = vec![0; 16 * 1024];
        let mut from_err = vec![0; 16 * 1024];
        let mut feed = pin!(feed(self.stdin.take()));
        let mut fed = false;
        while self.out.pipe.is_some() || self.err.pipe.is_some() {
            tokio::select! {
                read = self.out.read(&mut from_out) => {
                    let read = read?;
                    self.out.take(from_out.get(..read).unwrap_or_default(), self.on_line);
                }
                read = self.err.read(&mut from_err) => {
                    let read = read?;
                    self.err.take(from_err.get(..read).unwrap_or_default(), self.on_line);
                }
                () = &mut feed, if !fed => fed = true,
            }
        }
        Ok(())
    }
}

/// Writes the input and closes it. A program that does not read all of it is not at fault.
async fn feed(input: Option<(tokio::process::ChildStdin, Vec<u8>)>) {
    if let Some((mut pipe, bytes)) = input {
        let _ = pipe.write_all(&bytes).await;
        let _ = pipe.shutdown().await;
    }
}
