//! `orbitr console` on a real terminal, in front of a real supervisor: keys in, screen out.
#![allow(clippy::disallowed_methods, reason = "the program under test is the child; it is killed when dropped")]

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::Path,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use nix::{
    pty::{Winsize, openpty},
    sys::{
        signal::{Signal, kill},
        termios::tcgetattr,
    },
    unistd::Pid,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

mod rescue;
mod stick;

use crate::support::Supervisor;

/// A debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const ALICE: &str = "correct horse battery";

/// The menu on a terminal of its own.
pub(crate) struct Menu {
    child: Child,
    keyboard: File,
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    screen: vt100::Parser,
    bytes: Vec<u8>,
}

impl Menu {
    pub(crate) fn start(socket: &Path, term: &str, args: &[&str]) -> Self {
        let size = Winsize { ws_row: 25, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_orbitr"));
        command.arg("console").arg("--socket").arg(socket).args(args);
        command.env_clear().env("TERM", term).env("LANG", "C.UTF-8").env("PATH", std::env::var_os("PATH").unwrap());
        // Nothing that a test presses reaches the machine that it runs on.
        command.env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus");
        command.stdin(pty.slave.try_clone().unwrap()).stdout(pty.slave.try_clone().unwrap()).stderr(pty.slave);
        let child = command.spawn().unwrap();
        // The command holds the slave's other copies.
        drop(command);
        let keyboard = File::from(pty.master);
        let mut from = keyboard.try_clone().unwrap();
        let seen = Arc::new(Mutex::new(Seen { screen: vt100::Parser::new(25, 80, 0), bytes: Vec::new() }));
        let to = seen.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut buffer) {
                let mut seen = to.lock().unwrap();
                seen.screen.process(&buffer[..n]);
                seen.bytes.extend_from_slice(&buffer[..n]);
            }
        });
        Self { child, keyboard, seen }
    }

    fn screen(&self) -> String {
        self.seen.lock().unwrap().screen.screen().contents()
    }

    fn written(&self) -> Vec<u8> {
        self.seen.lock().unwrap().bytes.clone()
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen is as wanted, and gives it.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if is(&screen) {
                return screen;
            }
            assert!(begun.elapsed() < PATIENCE, "never: {what}\n{screen}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// The processor time so far (proc(5): the 14th and 15th field, in hundredths of a second).
    fn processor_time(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum()
    }
}

impl Drop for Menu {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn socket(box_: &Supervisor) -> std::path::PathBuf {
    box_.state().join("control.sock")
}

async fn claim(box_: &Supervisor) {
    let body = json!({"code": box_.printed("Setup code").unwrap(), "username": "alice", "password": ALICE});
    let post = box_.client().post(box_.url("/api/v1/claim")).header("sec-fetch-site", "same-origin").json(&body);
    assert_eq!(post.send().await.unwrap().status(), StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_that_answers_no_question_is_drawn_anew() {
    let box_ = Supervisor::start();
    let mut menu = Menu::start(&socket(&box_), "vt100", &[]);
    menu.shows("Setup code");
    let before = menu.written().len();
    // as after a line that was lost on the way
    menu.seen.lock().unwrap().screen.process(b"\x1b[2J");
    menu.press("\x0c");
    menu.shows("Setup code");
    let written = menu.written().split_off(before);
    assert!(!written.windows(3).any(|three| three == b"[6n"), "asks a serial line where the cursor is");
    assert!(menu.child.try_wait().unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_box_says_how_to_get_in_and_stops_saying_it_when_it_is_claimed() {
    let box_ = Supervisor::start();
    let menu = Menu::start(&socket(&box_), "linux", &[]);
    let code = box_.printed("Setup code").unwrap();
    let (port, certificate) = (format!(":{}", box_.https), box_.printed("Certificate").unwrap());
    // A picture may be half painted when it is looked at: everything is waited for together.
    let wanted = ["Setup", &code, &port, &certificate, "q Open in browser"];
    let screen = menu.until("how to get in", |screen| wanted.iter().all(|text| screen.contains(text)));
    assert!(screen.contains('█'), "a code for a phone's camera\n{screen}");
    claim(&box_).await;
    let claimed = |screen: &str| !screen.contains(&code) && screen.contains("a Apps") && screen.contains("Memory");
    menu.until("claimed", claimed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_reset_at_the_box_and_history_knows() {
    let box_ = Supervisor::start();
    claim(&box_).await;
    let mut menu = Menu::start(&socket(&box_), "linux", &[]);
    menu.shows("p Reset password");
    menu.press("p");
    menu.shows("alice");
    menu.press("\r");
    menu.shows("Ends all its sessions");
    menu.press("\t\r");
    let screen = menu.until("the password", |screen| {
        screen.contains("A one-time password for alice") && screen.contains("It works once")
    });
    let dashed = |line: &&str| line.trim().split('-').count() > 1 && !line.trim().contains(' ');
    let password = screen.lines().find(dashed).unwrap_or_else(|| panic!("{screen}")).trim().to_owned();
    let sign_in = |password: String| {
        let post = box_.client().post(box_.url("/api/v1/session")).header("sec-fetch-site", "same-origin");
        post.json(&json!({"username": "alice", "password": password})).send()
    };
    assert_eq!(sign_in(ALICE.to_owned()).await.unwrap().status(), StatusCode::UNAUTHORIZED, "the old one is over");
    let entered: Value = sign_in(password.clone()).await.unwrap().json().await.unwrap();
    assert_eq!(entered["must_change_password"], true);
    let audit = box_.local_client().get("http://box/api/v1/audit").send().await.unwrap().text().await.unwrap();
    assert!(audit.contains("user.reset-on-the-box") || audit.contains("reset"), "{audit}");
    assert!(!audit.contains(&password));
    menu.press("\u{1b}");
    menu.until("gone", |screen| !screen.contains(&password));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_dies_is_said_and_can_be_restarted_and_its_return_is_seen() {
    let box_ = Supervisor::start();
    claim(&box_).await;
    let mut menu = Menu::start(&socket(&box_), "linux", &[]);
    menu.shows("a Apps");
    let (_, dir) = box_.end(Signal::SIGKILL);
    let down = |screen: &str| screen.contains("supervisor down") && screen.contains("x Restart Orbitr");
    menu.until("it is down", |screen| down(screen) && !screen.contains("a Apps"));
    for (key, title) in [("l", "Logs"), ("n", "Host name"), ("d", "Disks"), ("s", "Services")] {
        menu.press(key);
        menu.until(title, |screen| {
            screen.contains(title) && screen.contains("Esc back") && !screen.contains("Looking")
        });
        menu.press("\u{1b}");
        menu.shows("x Restart Orbitr");
    }
    let box_ = Supervisor::start_in(dir);
    menu.shows("a Apps");
    drop(box_);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_menu_is_left_only_where_that_is_meant() {
    let dir = tempfile::TempDir::new().unwrap();
    let nobody = dir.path().join("control.sock");
    let mut menu = Menu::start(&nobody, "linux", &[]);
    menu.shows("supervisor down");
    menu.press("\u{3}\u{3}\u{1b}\u{1c}\u{1a}q");
    thread::sleep(Duration::from_secs(1));
    assert!(menu.child.try_wait().unwrap().is_none(), "the box's own screen keeps its menu");
    kill(Pid::from_raw(i32::try_from(menu.child.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert!(menu.ended().unwrap().success(), "systemd may end it");

    for leave in ["\u{1b}", "\u{3}"] {
        let size = Winsize { ws_row: 25, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let before = tcgetattr(openpty(Some(&size), None).unwrap().slave).unwrap();
        let mut menu = Menu::start(&nobody, "linux", &["--leave"]);
        menu.shows("supervisor down");
        menu.press(leave);
        assert!(menu.ended().unwrap().success());
        let after = tcgetattr(&menu.keyboard).unwrap();
        assert_eq!(before.local_flags, after.local_flags, "the terminal is as it was");
        menu.until("what stood on it is back", |screen| !screen.contains("supervisor down"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serial_terminal_gets_ascii_and_no_colours() {
    let box_ = Supervisor::start();
    let mut menu = Menu::start(&socket(&box_), "vt220", &[]);
    let code = box_.printed("Setup code").unwrap();
    menu.shows(&code);
    menu.press("q");
    menu.shows("Open in a browser");
    menu.press("\u{1b}");
    menu.shows("n Network");
    let written = menu.written();
    assert!(written.is_ascii(), "{}", String::from_utf8_lossy(&written));
    let text = String::from_utf8(written).unwrap();
    // 39 and 49 choose the terminal's own.
    for colour in (30..=37).chain(40..=47) {
        assert!(!text.contains(&format!("\u{1b}[{colour}m")), "colour {colour}");
    }
    assert!(!text.contains("\u{1b}[38;") && !text.contains("\u{1b}[48;"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_menu_that_nobody_uses_does_nothing() {
    let box_ = Supervisor::start();
    claim(&box_).await;
    let menu = Menu::start(&socket(&box_), "linux", &[]);
    menu.shows("a Apps");
    thread::sleep(Duration::from_secs(2));
    // The whole screen may be drawn anew once meanwhile, as it is each minute: that is half of what is allowed.
    let (bytes, time) = (menu.written().len(), menu.processor_time());
    thread::sleep(Duration::from_secs(5));
    let (bytes, time) = (menu.written().len() - bytes, menu.processor_time() - time);
    assert!(bytes < 5_000, "{bytes} bytes were written");
    assert!(time <= 10, "{time} hundredths of a second were used");
}
