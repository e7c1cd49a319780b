//! Commands inside running containers: argv only, with a time limit, and their output line by line.

use std::time::Duration;

use bollard::{container::LogOutput, exec::StartExecResults, models::ExecConfig};
use futures_util::StreamExt;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{Docker, Error, container::ContainerId, owned::Owned};

/// Of a command's standard output, at most this much is kept, in bytes.
const OUTPUT_MAX: usize = 256 * 1024;

/// A command to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exec {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The user inside the container; none for the image's.
    pub user: Option<String>,
    /// Variables for it, as `NAME=value`. They are not part of its command line.
    pub env: Vec<String>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// Its exit status.
    pub status: i64,
    /// The beginning of what it wrote to its standard output, at most 256 KiB.
    pub output: String,
}

impl Docker {
    /// Runs a command in a container of ours and waits for its end; `told` hears each line of its output. The engine cannot
    /// end a command: one that takes longer than `limit`, or is not waited for any more, goes on inside until its container
    /// ends.
    ///
    /// # Errors
    /// The container is gone or does not run, the program is not there, the limit has passed, or the engine does not answer.
    pub async fn exec(
        &self,
        container: &Owned<ContainerId>,
        exec: &Exec,
        limit: Duration,
        cancel: &CancellationToken,
        told: impl FnMut(&str) + Send,
    ) -> Result<Executed, Error> {
        self.exec_within(container, exec, limit, cancel, told, None).await
    }

    /// The same, with its standard output going to `into` as it comes, byte by byte; `told` hears the lines of its standard
    /// error only.
    ///
    /// # Errors
    /// Those of [`exec`](Self::exec), and when the output cannot be written.
    pub async fn exec_into(
        &self,
        container: &Owned<ContainerId>,
        exec: &Exec,
        limit: Duration,
        cancel: &CancellationToken,
        told: impl FnMut(&str) + Send,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<Executed, Error> {
        self.exec_within(container, exec, limit, cancel, told, Some(into)).await
    }

    async fn exec_within(
        &self,
        container: &Owned<ContainerId>,
        exec: &Exec,
        limit: Duration,
        cancel: &CancellationToken,
        told: impl FnMut(&str) + Send,
        into: Option<&mut (dyn AsyncWrite + Send + Unpin)>,
    ) -> Result<Executed, Error> {
        let what = format!("command {} in container {}", exec.argv.first().map_or("", String::as_str), container.get());
        Self::unless(cancel, async {
            match timeout(limit, self.exec_to_end(container, exec, &what, told, into)).await {
                Ok(ended) => ended,
                Err(_) => Err(Error::Timeout { what: what.clone(), after: limit }),
            }
        })
        .await
    }

    async fn exec_to_end(
        &self,
        container: &Owned<ContainerId>,
        exec: &Exec,
        what: &str,
        told: impl FnMut(&str) + Send,
        mut into: Option<&mut (dyn AsyncWrite + Send + Unpin)>,
    ) -> Result<Executed, Error> {
        let client = self.client()?;
        let config = ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(exec.argv.clone()),
            user: exec.user.clone(),
            env: Some(exec.env.clone()),
            ..ExecConfig::default()
        };
        let made = self.call(what, client.create_exec(container.get().as_str(), config)).await?;
        let mut lines = Lines { told, rest: [Vec::new(), Vec::new()], output: Vec::new() };
        if let StartExecResults::Attached { mut output, .. } =
            self.call(what, client.start_exec(&made.id, None)).await?
        {
            while let Some(part) = output.next().await {
                let part = part.map_err(|error| Error::from_api(what, &error))?;
                match (&mut into, &part) {
                    (Some(into), LogOutput::StdOut { message }) => {
                        into.write_all(message).await.map_err(|error| Error::other(what, &error.to_string()))?;
                    }
                    _ => lines.take(part),
                }
            }
        }
        let output = lines.end();
        let ended = self.call(what, client.inspect_exec(&made.id)).await?;
        let status = ended.exit_code.ok_or_else(|| Error::other(what, "the engine does not say how it ended"))?;
        Ok(Executed { status, output })
    }
}

/// Puts the parts that come together into lines, for each stream by itself.
struct Lines<F> {
    told: F,
    rest: [Vec<u8>; 2],
    output: Vec<u8>,
}

impl<F: FnMut(&str)> Lines<F> {
    fn take(&mut self, part: LogOutput) {
        let [out, err] = &mut self.rest;
        let (rest, bytes) = match &part {
            LogOutput::StdErr { message } => (err, message),
            LogOutput::StdOut { message } | LogOutput::Console { message } | LogOutput::StdIn { message } => {
                let room = OUTPUT_MAX.saturating_sub(self.output.len());
                self.output.extend(message.iter().take(room));
                (out, message)
            }
        };
        rest.extend_from_slice(bytes);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            (self.told)(String::from_utf8_lossy(&line).trim_end());
        }
        // A program that writes no line ends is heard all the same.
        if rest.len() > OUTPUT_MAX {
            (self.told)(&String::from_utf8_lossy(&std::mem::take(rest)));
        }
    }

    fn end(mut self) -> String {
        for rest in self.rest {
            if !rest.is_empty() {
                (self.told)(&String::from_utf8_lossy(&rest));
            }
        }
        String::from_utf8_lossy(&self.output).into_owned()
    }
}
