//! A supervisor as a child process, on ports and a state directory of its own.
#![allow(clippy::disallowed_methods, reason = "the program under test is the child; it is killed when dropped")]

use std::{
    fs,
    net::TcpListener,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

pub(crate) struct Supervisor {
    child: Child,
    pub(crate) dir: TempDir,
    pub(crate) https: u16,
    pub(crate) http: u16,
}

/// Two ports that nobody listens on just now.
fn ports() -> (u16, u16) {
    let free = || TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (one, two) = (free(), free());
    (one.local_addr().unwrap().port(), two.local_addr().unwrap().port())
}

impl Supervisor {
    pub(crate) fn start() -> Self {
        Self::start_in(TempDir::new().unwrap())
    }

    pub(crate) fn start_in(dir: TempDir) -> Self {
        let (https, http) = ports();
        let (child, ready) = spawn(&dir, https, http);
        let mut supervisor = Self { child, dir, https, http };
        supervisor.wait_ready(&ready);
        supervisor
    }

    /// Ends it with a signal; `None` if it is still there after 20 s.
    pub(crate) fn end(self, signal: Signal) -> (Option<ExitStatus>, TempDir) {
        self.signal(signal);
        self.ended()
    }

    /// How it ends by itself; `None` if it is still there after 20 s.
    pub(crate) fn ended(mut self) -> (Option<ExitStatus>, TempDir) {
        let end = Instant::now() + Duration::from_secs(20);
        let mut status = None;
        while status.is_none() && Instant::now() < end {
            sleep(Duration::from_millis(20));
            status = self.child.try_wait().unwrap();
        }
        let dir = std::mem::replace(&mut self.dir, TempDir::new().unwrap());
        (status, dir)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// The processor time that it has taken so far (proc(5): the 14th and 15th field, in hundredths).
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let ticks = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2).map(|n| n.parse::<u64>().unwrap());
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.dir.path().join("stderr")).unwrap()
    }

    /// What stands behind a label in the notice that it prints.
    pub(crate) fn printed(&self, label: &str) -> Option<String> {
        let line = |line: &str| line.trim().strip_prefix(label).map(|value| value.trim().to_owned());
        self.said().lines().rev().find_map(line)
    }

    /// Waits until it has said that.
    pub(crate) async fn until(&self, text: &str) {
        for _ in 0..200 {
            if self.said().contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it never said «{text}»:\n{}", self.said());
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.https)
    }

    /// A client that trusts this box only.
    pub(crate) fn client(&self) -> reqwest::Client {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let pem = fs::read(self.state().join("tls/ca.pem"));
        let pem = pem.or_else(|_| fs::read(self.dir.path().join("run/orbitr/tls/ca.pem"))).unwrap();
        reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap()
    }

    pub(crate) fn local_client(&self) -> reqwest::Client {
        reqwest::Client::builder().unix_socket(self.state().join("control.sock")).build().unwrap()
    }

    /// A second supervisor for the same state directory: how it ends, and what it says.
    pub(crate) fn rival(&self) -> (ExitStatus, String) {
        let output = command(&self.dir, 0, 0).stderr(Stdio::piped()).output().unwrap();
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn wait_ready(&mut self, socket: &UnixDatagram) {
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let (mut seen, mut buffer) = (String::new(), [0; 4096]);
        for _ in 0..150 {
            if let Ok(n) = socket.recv(&mut buffer) {
                seen.push_str(&String::from_utf8_lossy(&buffer[..n]));
                seen.push('\n');
            }
            if seen.contains("READY=1") {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended with {status}:\n{}", self.said());
            }
        }
        panic!("it is not ready:\n{}", self.said());
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(dir: &TempDir, https: u16, http: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orbitr"));
    command
        .args(["supervise", "--host-name", "atlas"])
        .args(["--https", &format!("127.0.0.1:{https}"), "--http", &format!("127.0.0.1:{http}")])
        .arg("--state-dir")
        .arg(dir.path().join("state"))
        .arg("--docker-socket")
        .arg(dir.path().join("no-docker.sock"))
        .env_clear()
        .env("DBUS_SYSTEM_BUS_ADDRESS", bus(dir))
        .stdin(Stdio::null());
    if dir.path().join("watch-crashes").exists() {
        command.arg("--watch-crashes");
    }
    let run = dir.path().join("run");
    if run.is_dir() {
        command.arg("--stand-in").arg(run);
    }
    command
}

/// A machine without systemd, whatever this one is: no test reboots it. Where a stand-in has its bus in the folder, that.
pub(crate) fn bus(dir: &TempDir) -> String {
    let bus = dir.path().join("bus");
    if bus.exists() { format!("unix:path={}", bus.display()) } else { "unix:path=/nonexistent/bus".to_owned() }
}

fn spawn(dir: &TempDir, https: u16, http: u16) -> (Child, UnixDatagram) {
    let notify = dir.path().join("notify.sock");
    let _ = fs::remove_file(&notify);
    let socket = UnixDatagram::bind(&notify).unwrap();
    let said = fs::File::create(dir.path().join("stderr")).unwrap();
    let child = command(dir, https, http).env("NOTIFY_SOCKET", &notify).stderr(said).spawn().unwrap();
    (child, socket)
}
