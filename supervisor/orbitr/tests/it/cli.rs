//! The command line against a running supervisor, without Docker.
#![allow(clippy::disallowed_methods, reason = "the program under test is the child")]

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::support::Supervisor;

/// How a verb ended, and what it said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }
}

/// `orbitr` with arguments, spoken to over the box's socket.
fn orbitr(on: &Supervisor, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orbitr"));
    command.args(args).env_clear().env("ORBITR_SOCKET", on.state().join("control.sock")).stdin(Stdio::null());
    command
}

pub(crate) fn run(on: &Supervisor, args: &[&str]) -> Said {
    orbitr(on, args).output().unwrap().into()
}

/// A box that «ada» has claimed.
pub(crate) async fn claimed() -> Supervisor {
    claimed_in(tempfile::TempDir::new().unwrap()).await
}

/// The same over this folder.
pub(crate) async fn claimed_in(dir: tempfile::TempDir) -> Supervisor {
    let on = Supervisor::start_in(dir);
    let said = on.said();
    let code = said.lines().find_map(|line| line.trim().strip_prefix("Setup code")).unwrap().trim();
    let claim = json!({ "code": code, "username": "ada", "password": "a password of mine" });
    let answer = on.local_client().post("http://box/api/v1/claim").json(&claim).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    on
}

#[tokio::test(flavor = "multi_thread")]
async fn the_box_tells_how_it_is_doing() {
    let on = claimed().await;
    let status = run(&on, &["status"]);
    assert_eq!(status.code, Some(0), "{}", status.err);
    for line in ["Mode         degraded", "Apps         none", "Active jobs  0"] {
        assert!(status.out.contains(line), "{}", status.out);
    }
    assert!(!status.out.contains("Safe mode"), "{}", status.out);
    assert!(status.out.contains("Docker       down: "), "{}", status.out);
    assert!(!status.out.contains('\u{1b}'));
    assert_eq!(run(&on, &["--json", "status"]).json()["mode"], "degraded");
    assert!(run(&on, &["box"]).out.contains("Memory"));
    assert_eq!(run(&on, &["apps"]).out, "There are no apps.\n");
    assert_eq!(run(&on, &["apps", "--json"]).json(), json!([]));
    assert_eq!(run(&on, &["jobs", "--active"]).out, "There are no jobs.\n");
    assert!(run(&on, &["extensions"]).out.contains("official/postgresql"));
    assert_eq!(run(&on, &["audit", "--verify", "--json"]).json()["chain"], "whole");
    assert!(run(&on, &["audit"]).out.contains("box.claim"), "{}", run(&on, &["audit"]).out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_cannot_be_right_is_told_with_the_state_of_the_box() {
    let on = claimed().await;
    assert!(!run(&on, &["status"]).out.contains("Clock"), "nothing speaks against it");
    let (_, dir) = on.end(nix::sys::signal::Signal::SIGTERM);
    // 1 January 2100: the box ran then.
    std::fs::write(dir.path().join("state/last-seen"), "4102444800\n").unwrap();
    let on = Supervisor::start_in(dir);
    let status = run(&on, &["status"]);
    assert!(status.out.contains("Clock        wrong: ") && status.out.contains("2100"), "{}{}", status.out, status.err);
    assert_eq!(run(&on, &["status", "--json"]).json()["clock"]["verdict"], "behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_cannot_get_in_resets_the_password_on_the_box() {
    let on = claimed().await;
    assert_eq!(run(&on, &["users", "--json"]).json()[0]["username"], "ada");
    let reset = run(&on, &["user", "reset", "ada", "--json"]).json();
    let sign_in = json!({ "username": "ada", "password": reset["password"] });
    let answer = on.local_client().post("http://box/api/v1/session").json(&sign_in).send().await.unwrap();
    let opened: Value = answer.json().await.unwrap();
    assert_eq!(opened["must_change_password"], true);
    assert_eq!(run(&on, &["user", "reset", "nobody"]).code, Some(3));
    let invite = run(&on, &["user", "invite", "--role", "viewer"]);
    assert!(invite.out.contains("/invite/"), "{}{}", invite.out, invite.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_ends_the_command_that_waits_for_it() {
    let on = claimed().await;
    let install = run(&on, &["install", "nginx", "--id", "web", "--wait"]);
    assert!([Some(1), Some(6)].contains(&install.code), "{:?}\n{}\n{}", install.code, install.out, install.err);
    assert!(install.err.starts_with("orbitr: "), "{}", install.err);
    assert!(run(&on, &["jobs"]).code == Some(0));
    let by_hand = run(&on, &["install", "postgresql", "--input", "password=hunter22"]);
    assert_eq!(by_hand.code, Some(2), "{}", by_hand.err);
    assert_eq!(run(&on, &["install", "official/nothing"]).code, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_say_what_went_wrong() {
    let on = claimed().await;
    let missing = run(&on, &["app", "show", "nothing"]);
    assert_eq!((missing.code, missing.err.as_str()), (Some(3), "orbitr: There is no app «nothing»\n"));
    let missing = run(&on, &["job", "show", "../users", "--json"]);
    assert_eq!(missing.code, Some(3));
    assert_eq!(serde_json::from_str::<Value>(&missing.err).unwrap()["status"], 404);
    assert_eq!(run(&on, &["jobs", "--limit", "0"]).code, Some(2));
    assert_eq!(run(&on, &["remove", "x"]).code, Some(2));
    assert_eq!(run(&on, &["supervise", "--json"]).code, Some(2));
    let away = run(&on, &["status", "--socket", "/nonexistent/control.sock"]);
    assert_eq!(away.code, Some(5));
    assert!(away.err.contains("/nonexistent/control.sock"), "{}", away.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_network_it_needs_a_token_and_the_right_authority() {
    let on = claimed().await;
    let (url, ca) = (on.url(""), on.state().join("tls/ca.pem"));
    let over = |args: &[&str], token: &str| -> Said {
        let mut command = orbitr(&on, args);
        command.args(["--url", &url]).arg("--ca").arg(&ca).env("ORBITR_TOKEN", token);
        command.output().unwrap().into()
    };
    assert_eq!(over(&["status"], "").code, Some(4));
    assert_eq!(over(&["status"], "orb_wrong").code, Some(4));
    assert_eq!(over(&["user", "reset", "ada"], "").code, Some(2));
    let stranger = run(&on, &["status", "--url", &url]);
    assert_eq!(stranger.code, Some(5), "an unknown authority is not believed: {}", stranger.err);
    let token = token(&on).await;
    assert_eq!(over(&["status"], &token).code, Some(0));
    let file = on.dir.path().join("token");
    std::fs::File::create(&file).unwrap().write_all(format!("{token}\n").as_bytes()).unwrap();
    assert_eq!(over(&["apps", "--token-file", file.to_str().unwrap()], "").code, Some(0));
}

/// A token of ada's, made as her browser makes it.
async fn token(on: &Supervisor) -> String {
    let client = on.client();
    let sign_in = json!({ "username": "ada", "password": "a password of mine" });
    let post =
        |path: &str| client.post(on.url(path)).header("origin", on.url("")).header("sec-fetch-site", "same-origin");
    let answer = post("/api/v1/session").json(&sign_in).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let new = json!({ "label": "cli", "level": "administer", "days": 1 });
    let made = post("/api/v1/me/tokens").header("cookie", cookie).json(&new).send().await.unwrap();
    let made: Value = made.json().await.unwrap();
    made["secret"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_has_read_enough_hears_nothing() {
    let on = claimed().await;
    let mut child =
        orbitr(&on, &["extensions", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let said = Said::from(child.wait_with_output().unwrap());
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_with_what_helps_until_it_is_dismissed() {
    let on = claimed().await;
    // Docker, which is not there, is given a quarter of a minute.
    let mut told = run(&on, &["issues"]);
    for _ in 0..80 {
        if told.out.contains("Docker does not answer") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        told = run(&on, &["issues"]);
    }
    assert_eq!((told.code, told.err.as_str()), (Some(1), ""), "{}", told.out);
    for line in
        ["BAD: Docker does not answer", "  Why: ", "  Since: ", "  Hide it: orbitr issues dismiss docker-down.box"]
    {
        assert!(told.out.contains(line), "{line}: {}", told.out);
    }
    let json: Value = serde_json::from_str(&run(&on, &["issues", "--json"]).out).unwrap();
    assert!(json.as_array().unwrap().iter().any(|issue| issue["id"] == "docker-down.box"), "{json:#}");
    assert!(run(&on, &["status"]).out.contains("1 bad"));

    for (id, code) in [("docker-down.shop", Some(3)), ("nonsense", Some(3)), ("docker-down.box", Some(0))] {
        let said = run(&on, &["issues", "dismiss", id]);
        assert_eq!(said.code, code, "{id}: {}{}", said.out, said.err);
    }
    assert!(!run(&on, &["issues"]).out.contains("Docker does not answer"));
}
