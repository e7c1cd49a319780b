//! How the health gate asks: with Debian's curl, which shares nothing with our own server.

use std::{net::IpAddr, path::Path, time::Duration};

use orbitr_host::exec::{Command, Error, Exit, Source};

use crate::Run;

const LIMIT: Duration = Duration::from_secs(25);
/// How long curl itself waits: for a connection, and for everything.
const CONNECT: &str = "5";
const WHOLE: &str = "20";
/// How long a stream may take to begin.
const STREAM: &str = "8";
/// The most of an answer that is kept.
const MOST: usize = 512 * 1024;
/// Comes after the body, on a line of its own.
const CODE: &str = "\n%{http_code}";

/// One question.
#[derive(Debug)]
pub(crate) struct Ask {
    args: Vec<String>,
    url: String,
    until: Option<&'static str>,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// An answer.
    Said { code: u16, body: String },
    /// None, and why.
    Silent(String),
}

impl Ask {
    /// Over a socket of this machine.
    pub(crate) fn socket(socket: &Path, path: &str) -> Self {
        let args = vec!["--unix-socket".to_owned(), socket.to_string_lossy().into_owned()];
        Self { args, url: format!("http://box{path}"), until: None }
    }

    /// As a browser would that knows the box's authority.
    pub(crate) fn https(host: &str, path: &str, authority: &Path) -> Self {
        let authority = authority.to_string_lossy().into_owned();
        let args =
            ["--cacert", &authority, "--location", "--max-redirs", "3", "--proto", "=https", "--proto-redir", "=https"];
        let mut args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        // The authority may sign for private addresses only; at another one the box is known by its name.
        let private = host.trim_matches(['[', ']']).parse().is_ok_and(is_private);
        let url = if private {
            format!("https://{host}{path}")
        } else {
            args.extend(["--connect-to".to_owned(), format!("localhost:443:{host}:443")]);
            format!("https://localhost{path}")
        };
        Self { args, url, until: None }
    }

    /// An address as it stands in a URL.
    pub(crate) fn host(address: IpAddr) -> String {
        match address {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("[{v6}]"),
        }
    }

    /// For an answer that goes on: until a line begins so.
    pub(crate) fn until(mut self, line: &'static str) -> Self {
        self.until = Some(line);
        self.args.extend(["--no-buffer", "--header", "Accept: text/event-stream"].map(str::to_owned));
        self
    }

    /// Asks.
    pub(crate) async fn send(self, run: &Run) -> Answer {
        let whole = if self.until.is_some() { STREAM } else { WHOLE };
        let command = Command::new("curl")
            .args(["--silent", "--show-error", "--noproxy", "*", "--connect-timeout", CONNECT, "--max-time", whole])
            .args(["--write-out", CODE])
            .args(&self.args)
            .args(["--url", &self.url])
            .limit(LIMIT)
            .capture(MOST);
        // Ends with the line that is waited for, or with the act.
        let enough = run.cancel.child_token();
        let mut heard = None;
        let ended = command
            .stream(&enough, |source, line| {
                if source == Source::Stdout && self.until.is_some_and(|begin| line.starts_with(begin)) {
                    heard = Some(line.to_owned());
                    enough.cancel();
                }
            })
            .await;
        if let Some(line) = heard {
            return Answer::Said { code: 200, body: line };
        }
        match ended {
            Ok(output) => answer(&output.stdout_text(), &output.stderr_text(), output.status),
            Err(Error::Cancelled { .. }) => Answer::Silent("it was stopped".to_owned()),
            Err(error) => Answer::Silent(error.to_string()),
        }
    }
}

/// From what curl printed: the body, and the code after it.
fn answer(stdout: &str, stderr: &str, status: Exit) -> Answer {
    let (body, code) = stdout.rsplit_once('\n').unwrap_or(("", stdout));
    match code.trim().parse::<u16>() {
        // A stream that began and was cut off by its limit has a code, too.
        Ok(code) if code >= 100 => Answer::Said { code, body: body.to_owned() },
        _ if stderr.trim().is_empty() => Answer::Silent(format!("nobody answers (curl: {status})")),
        _ => Answer::Silent(stderr.trim().to_owned()),
    }
}

/// What the box's authority may sign for (supervisor/edge, names.rs).
const fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_code_and_what_came_before_it() {
        let said = |text: &str| answer(text, "", Exit::Code(0));
        assert_eq!(said("<html>\n</html>\n200"), Answer::Said { code: 200, body: "<html>\n</html>".to_owned() });
        assert_eq!(said("\n500"), Answer::Said { code: 500, body: String::new() });
        assert_eq!(
            answer("\n000", "curl: (7) Failed to connect", Exit::Code(7)),
            Answer::Silent("curl: (7) Failed to connect".to_owned())
        );
    }

    #[test]
    fn an_address_that_the_authority_may_not_sign_for_is_asked_under_the_boxs_name() {
        let url = |host: &str| Ask::https(host, "/", Path::new("/ca")).url;
        assert_eq!(url("192.168.1.20"), "https://192.168.1.20/");
        assert_eq!(url("[fd00::1]"), "https://[fd00::1]/");
        assert_eq!(url("203.0.113.7"), "https://localhost/");
        assert_eq!(url("[2001:db8::1]"), "https://localhost/");
    }
}
