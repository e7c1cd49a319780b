//! The command line about the machine: a supervisor on a machine without systemd, and one on Orbitr OS whose `/run` is a
//! folder.

use std::fs;

use serde_json::{Value, json};

use crate::{
    cli::{Said, claimed, claimed_in, run},
    stand_in,
    support::Supervisor,
};

/// It says why, in words and as the API does.
#[track_caller]
fn refused(on: &Supervisor, args: &[&str], exit: i32, code: &str) -> Said {
    let said = run(on, args);
    assert_eq!((said.code, said.out.as_str()), (Some(exit), ""), "{args:?}: {}", said.err);
    assert!(said.err.starts_with("orbitr: "), "{args:?}: {}", said.err);
    let json = run(on, &[args, &["--json"]].concat());
    assert_eq!(serde_json::from_str::<Value>(&json.err).unwrap()["code"], code, "{args:?}: {}", json.err);
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn units_are_told_or_why_there_are_none() {
    let on = claimed().await;
    let units = run(&on, &["units"]);
    assert_eq!((units.code, units.err.as_str()), (Some(0), ""));
    assert!(units.out.contains("need systemd"), "{}", units.out);
    let json = run(&on, &["units", "--failed", "--json"]).json();
    assert_eq!((&json["available"], &json["units"]), (&json!(false), &json!([])));
    refused(&on, &["unit", "show", "docker.service"], 6, "needs-systemd");
    refused(&on, &["unit", "restart", "docker.service", "--wait"], 6, "needs-systemd");
    refused(&on, &["unit", "show", "docker"], 3, "unit-not-found");
    refused(&on, &["unit", "restart", "*.service"], 3, "unit-not-found");
    assert_eq!(run(&on, &["unit", "stop", "docker.service"]).code, Some(2), "there is no such verb");
    assert_eq!(run(&on, &["unit", "restart"]).code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_is_read_and_wrong_questions_are_refused_by_name() {
    let on = claimed().await;
    let journal = run(&on, &["journal", "-n", "5"]);
    assert_eq!(journal.code, Some(0), "{}", journal.err);
    assert!(run(&on, &["journal", "--json", "-n", "1"]).json()["available"].is_boolean());
    for (args, field) in [
        (&["journal", "-n", "0"][..], "limit"),
        (&["journal", "-n", "1001"], "limit"),
        (&["journal", "--priority", "loud"], "priority"),
        (&["journal", "--unit", "../etc"], "unit"),
        (&["journal", "--boot", "yesterday"], "boot"),
    ] {
        let said = refused(&on, args, 2, "invalid-input");
        assert!(said.err.contains(field), "{args:?}: {}", said.err);
    }
    assert_eq!(run(&on, &["journal", "-n", "many"]).code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn time_and_network_are_the_machines_own() {
    let on = claimed().await;
    let time = run(&on, &["time"]);
    assert_eq!(time.code, Some(0), "{}", time.err);
    assert!(time.out.contains("Clock") && time.out.contains("needs systemd"), "{}", time.out);
    let json = run(&on, &["time", "--json"]).json();
    assert!(json["now"].is_string() && json["machine"].is_null());
    let network = run(&on, &["network"]);
    assert_eq!(network.code, Some(0), "{}", network.err);
    assert!(network.out.contains("Local name") && network.out.contains(".local"), "{}", network.out);
    assert!(run(&on, &["network", "--json"]).json()["links"].is_array());
}

#[tokio::test(flavor = "multi_thread")]
async fn going_down_needs_a_reason_and_a_machine_that_lets_itself_be_restarted() {
    let on = claimed().await;
    for verb in ["reboot", "power-off"] {
        assert_eq!(run(&on, &[verb]).code, Some(2), "{verb} without a reason");
        let said = refused(&on, &[verb, "--reason", "a new kernel", "--wait"], 6, "not-here");
        assert!(said.err.contains("logind"), "{}", said.err);
        refused(&on, &[verb, "--reason", " "], 2, "invalid-input");
    }
    assert!(!run(&on, &["audit"]).out.contains("box.reboot"), "nothing was asked of the machine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_support_bundle_is_written_once_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let on = claimed().await;
    let path = on.dir.path().join("bundle.tar.gz");
    let text = path.to_str().unwrap();
    let made = run(&on, &["support", "--output", text]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert!(made.out.contains(text), "{}", made.out);
    let (meta, bytes) = (path.metadata().unwrap(), fs::read(&path).unwrap());
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    assert_eq!(bytes[..2], [0x1f, 0x8b], "a compressed archive");
    let again = run(&on, &["support", "--output", text]);
    assert_eq!(again.code, Some(1), "what is there is not written over");
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert!(run(&on, &["audit"]).out.contains("box.support-bundle"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_box_key_is_changed_and_everything_opens_as_before() {
    let on = claimed().await;
    let key = on.state().join("box.key");
    let before = fs::read(&key).ok();
    assert_eq!(run(&on, &["rotate-key"]).out, "Every secret of the box is sealed with a fresh key.\n");
    assert_ne!(fs::read(&key).ok(), before);
    assert_eq!(run(&on, &["rotate-key", "--json"]).json(), json!({ "rotated": true }));
    assert_eq!(run(&on, &["users", "--json"]).json()[0]["username"], "ada");
    assert!(run(&on, &["audit"]).out.contains("box.key-rotated"));
}

#[tokio::test(flavor = "multi_thread")]
async fn safe_mode_is_kept_over_a_restart_and_starts_nothing() {
    let on = claimed().await;
    assert_eq!(run(&on, &["safe-mode"]).out, "Safe mode is off.\n");
    let turned = run(&on, &["safe-mode", "on"]);
    assert!(turned.code == Some(0) && turned.out.starts_with("Safe mode is on"), "{}{}", turned.out, turned.err);
    assert!(run(&on, &["status"]).out.contains("Safe mode    on: apps stay stopped"), "{}", run(&on, &["status"]).out);
    let (_, dir) = on.end(nix::sys::signal::Signal::SIGKILL);
    let on = Supervisor::start_in(dir);
    assert_eq!(run(&on, &["status", "--json"]).json()["safe_mode"], true);
    let said = refused(&on, &["install", "nginx"], 6, "safe-mode");
    assert!(said.err.contains("Safe mode is on") && said.err.contains("safe-mode off"), "{}", said.err);
    assert_eq!(run(&on, &["safe-mode", "off", "--wait"]).code, Some(0));
    assert_eq!(run(&on, &["status", "--json"]).json()["safe_mode"], false);
    assert_eq!(run(&on, &["safe-mode", "maybe"]).code, Some(2));
    let audit = run(&on, &["audit"]).out;
    assert!(audit.contains("box.safe-mode-on") && audit.contains("box.safe-mode-off"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hosted_mode_erases_nothing_and_says_why() {
    let on = claimed().await;
    let said = run(&on, &["factory-reset"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("hosted mode"), "{}", said.out);
    let said = refused(&on, &["factory-reset", "--serial", "SN-42"], 6, "not-here");
    assert!(said.err.contains("hosted mode"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_factory_reset_says_what_goes_and_needs_the_serial_number() {
    let on = claimed_in(stand_in::machine("open")).await;
    let said = run(&on, &["factory-reset"]);
    assert!(
        said.out.contains("Nothing brings it back") && said.out.contains("--serial 01234567"),
        "{}{}",
        said.out,
        said.err
    );
    let said = refused(&on, &["factory-reset", "--serial", "76543210"], 2, "serial-wrong");
    assert!(said.err.contains("Nothing was changed"), "{}", said.err);
    assert!(!on.dir.path().join("run/orbitr/requests/factory-reset.json").exists());

    let started = run(&on, &["factory-reset", "--serial", "01234567", "--json"]).json();
    let job = started["job"].as_str().unwrap().to_owned();
    let problem = json!({"code": "data-not-found", "title": "The data partition is not there", "detail": "x", "fix": "Plug it in."});
    let request =
        stand_in::root(on.dir.path(), "orbitr/requests", "factory-reset", "failed", &json!({ "problem": problem }))
            .await;
    assert_eq!((&request["id"], &request["serial"]), (&json!(job), &json!("01234567")));
    let ended = run(&on, &["job", "log", &job, "--follow"]);
    assert!(ended.out.contains("The data partition is not there"), "{}{}", ended.out, ended.err);
    assert_eq!(run(&on, &["job", "show", &job, "--json"]).json()["problem"]["code"], "data-not-found");
    assert!(run(&on, &["audit"]).out.contains("box.factory-reset"));
}
