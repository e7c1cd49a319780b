//! Network and SSH on Orbitr OS, from the command line and from the box's own screen: a supervisor whose systemd is a fake on
//! a bus of its own, and whose API they ask over the box's socket.

use std::{fs, path::Path, time::Duration};

use nix::sys::signal::Signal;
use orbitr_host::testing::{FakeBus, FakeSystemd, Mood};
use serde_json::{Value, json};

use crate::{
    cli::{Said, claimed, claimed_in, run},
    console::{Menu, socket},
    stand_in,
    support::Supervisor,
};

const UNIT: &str = "orbitr-apply-settings.service";
const MAC: &str = "52:54:00:12:34:56";
const TRIED: &str = "192.168.1.30/24, gateway 192.168.1.1, DNS 192.168.1.1";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEOgHgY5+IMj8DyNQG0JQWfnxKFB+4DpoWlrAbiQE54c ada@desk";

/// A claimed box of the image, and the machine under it.
struct Box_ {
    on: Supervisor,
    machine: FakeSystemd,
    _bus: FakeBus,
}

impl Box_ {
    async fn new() -> Self {
        let dir = stand_in::machine("open");
        let machine = FakeSystemd::start().await;
        let unit = machine.state().units["ssh.service"].clone();
        machine.state().units.insert(UNIT.to_owned(), unit);
        let bus = machine.on_a_bus(dir.path()).await;
        Self { on: claimed_in(dir).await, machine, _bus: bus }
    }

    fn run(&self, args: &[&str]) -> Said {
        run(&self.on, args)
    }

    /// What stands in `box.json`, which root reads.
    fn written(&self, member: &str) -> Value {
        let text = fs::read(self.on.state().join("box.json")).unwrap_or_default();
        serde_json::from_slice::<Value>(&text).unwrap_or_default()[member].clone()
    }

    fn change(&self) -> Value {
        self.run(&["network", "--json"]).json()["change"].clone()
    }

    fn set(&self) -> Said {
        let to = ["--address", "192.168.1.30/24", "--gateway", "192.168.1.1", "--dns", "192.168.1.1"];
        self.run(&[&["network", "set", "eth0"][..], &to].concat())
    }

    async fn until(&self, what: &str, so: impl Fn(&Value) -> bool) {
        for _ in 0..100 {
            if so(&self.change()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("never: {what}: {}", self.change());
    }

    async fn applied(&self) {
        self.until("the machine has it", |change| change["trial"]["applied"] == true).await;
    }
}

/// It says why, in words, and as the API does.
#[track_caller]
fn refused(on: &Supervisor, args: &[&str], exit: i32, code: &str) -> Said {
    let said = run(on, args);
    assert_eq!((said.code, said.out.as_str()), (Some(exit), ""), "{args:?}: {}", said.err);
    let json = run(on, &[args, &["--json"]].concat());
    assert_eq!(serde_json::from_str::<Value>(&json.err).unwrap()["code"], code, "{args:?}: {}", json.err);
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_is_tried_and_stays_when_it_is_confirmed() {
    let box_ = Box_::new().await;
    assert!(!box_.run(&["network"]).out.contains("is tried"));
    let tried = box_.set();
    assert_eq!(tried.code, Some(0), "{}", tried.err);
    assert!(tried.out.starts_with(&format!("eth0 is tried with: {TRIED}\nIn 1")), "two minutes: {}", tried.out);
    assert!(tried.out.contains("goes back to: DHCP") && tried.out.contains("orbitr network confirm"), "{}", tried.out);
    refused(&box_.on, &["network", "set", "eth1", "--dhcp"], 6, "network-pending");
    box_.applied().await;
    assert_eq!(box_.written("network_trial")["card"]["ipv4"]["address"], "192.168.1.30", "root has been told");
    assert!(box_.machine.done().contains(&format!("start {UNIT}")));
    assert!(box_.run(&["network"]).out.contains(&format!("eth0 is tried with: {TRIED}")));

    assert_eq!(box_.run(&["network", "confirm"]).out, "The setting stays.\n");
    assert_eq!((&box_.change()["trial"], &box_.change()["last"]["end"]), (&Value::Null, &json!("kept")));
    assert_eq!(box_.written("network")[0]["ipv4"]["address"], "192.168.1.30", "and at the next start it has it");
    assert_eq!(box_.written("network_trial"), Value::Null);
    refused(&box_.on, &["network", "confirm"], 6, "nothing-tried");
    let audit = box_.run(&["audit"]).out;
    assert!(audit.contains("network.try") && audit.contains("network.keep"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_is_taken_back_or_cannot_be_set_leaves_the_old_one() {
    let box_ = Box_::new().await;
    assert_eq!(box_.set().code, Some(0));
    box_.applied().await;
    assert_eq!(box_.run(&["network", "revert"]).out, "The old setting comes back.\n");
    box_.until("it was taken back", |change| change["last"]["end"] == "taken-back").await;
    refused(&box_.on, &["network", "revert"], 6, "nothing-tried");

    tokio::time::sleep(Duration::from_secs(2)).await;
    box_.machine.state().mood = Mood::JobEnds("failed".to_owned());
    // By its hardware address, which stays when a card is put into another slot.
    let tried = box_.run(&["network", "set", MAC, "--address", "192.168.1.31/24", "--json"]).json();
    assert_eq!((&tried["name"], &tried["applied"]), (&json!("eth0"), &json!(false)));
    box_.until("it could not be set", |change| change["last"]["end"] == "not-applied").await;
    assert!(box_.change()["last"]["why"].as_str().unwrap().contains(UNIT));
    assert_eq!(box_.written("network"), Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_outlives_the_supervisor_that_began_it() {
    let box_ = Box_::new().await;
    assert_eq!(box_.set().code, Some(0));
    box_.applied().await;
    let left = box_.change()["trial"]["seconds_left"].as_u64().unwrap();
    let Box_ { on, machine, _bus } = box_;
    let (_, dir) = on.end(Signal::SIGKILL);
    let box_ = Box_ { on: Supervisor::start_in(dir), machine, _bus };
    let after = box_.change()["trial"]["seconds_left"].as_u64().unwrap();
    assert!((1..=left).contains(&after), "{after} of {left}");
    assert_eq!(box_.run(&["network", "confirm"]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_setting_is_said_and_nothing_is_tried() {
    let box_ = Box_::new().await;
    for (args, word) in [
        (&["eth7", "--dhcp"][..], "card"),
        (&["eth0", "--address", "192.168.1.30"], "address"),
        (&["eth0", "--address", "192.168.1.30/24", "--gateway", "10.0.0.1"], "gateway"),
        (&["eth0", "--dhcp", "--dns", "nobody"], "dns"),
    ] {
        let said = refused(&box_.on, &[&["network", "set"], args].concat(), 2, "invalid-input");
        assert!(said.err.contains(word), "{args:?}: {}", said.err);
    }
    for args in [&["network", "set", "eth0"][..], &["network", "set", "eth0", "--dhcp", "--address", "192.168.1.30/24"]]
    {
        assert_eq!(box_.run(args).code, Some(2), "{args:?}");
    }
    assert_eq!(box_.change()["trial"], Value::Null);
    assert!(!box_.run(&["audit"]).out.contains("network."));
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_is_turned_on_with_a_key_and_off_with_the_key_kept() {
    let box_ = Box_::new().await;
    assert!(box_.run(&["ssh"]).out.starts_with("SSH  off\n"), "{}", box_.run(&["ssh"]).out);
    refused(&box_.on, &["ssh", "on"], 2, "invalid-input");
    assert_eq!(box_.written("ssh"), Value::Null, "without a key it stays off");

    let file = box_.on.dir.path().join("key.pub");
    fs::write(&file, format!("# mine\n\n{KEY}\n")).unwrap();
    let on = box_.run(&["ssh", "on", "--keys", file.to_str().unwrap()]);
    assert_eq!(on.code, Some(0), "{}", on.err);
    assert!(on.out.starts_with("SSH  on: ssh root@ADDRESS\n") && on.out.contains("ada@desk"), "{}", on.out);
    assert_eq!(box_.written("ssh"), json!({ "enabled": true, "keys": [KEY] }));
    assert!(box_.machine.done().contains(&format!("start {UNIT}")));

    let off = box_.run(&["ssh", "off", "--json"]).json();
    assert_eq!((&off["enabled"], off["keys"].as_array().unwrap().len()), (&json!(false), 1));
    assert_eq!(box_.run(&["ssh", "on", "--json"]).json()["enabled"], true, "with the key that it has");
    let missing = box_.run(&["ssh", "on", "--keys", "/nonexistent/key.pub"]);
    assert!(missing.code == Some(2) && missing.err.contains("/nonexistent/key.pub"), "{}", missing.err);
    assert!(box_.run(&["audit"]).out.contains("ssh.change"));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_hosted_mode_both_say_whose_they_are() {
    let on = claimed().await;
    for args in
        [&["network", "set", "eth0", "--dhcp"][..], &["network", "confirm"], &["network", "revert"], &["ssh", "off"]]
    {
        let said = refused(&on, args, 6, "not-here");
        assert!(said.err.contains("whoever looks after this Linux"), "{args:?}: {}", said.err);
    }
    for word in ["network", "ssh"] {
        assert!(run(&on, &[word]).out.contains("whoever looks after this Linux"), "{word}");
    }
}

/// The menu of this box.
fn menu(box_: &Box_, socket: &Path) -> Menu {
    Menu::start(socket, "linux", &["--stand-in", box_.on.dir.path().join("run").to_str().unwrap()])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_boxs_own_screen_tries_a_setting_shows_when_the_machine_has_it_and_keeps_it() {
    let box_ = Box_::new().await;
    let mut menu = menu(&box_, &socket(&box_.on));
    menu.shows("n Network");
    menu.press("n");
    menu.until("the cards and SSH", |screen| screen.contains("eth0 is set to DHCP") && screen.contains("SSH"));
    // The first card, a fixed address: the form begins with what the card has.
    menu.press("c\r\u{1b}[B\r");
    menu.shows("192.168.1.20/24");
    menu.press(&"\u{7f}".repeat(20));
    menu.press("192.168.1.30/24\r\r\r");
    menu.until("that it is tried", |screen| screen.contains("Keep it") && screen.contains("192.168.1.30/24"));
    assert_eq!(box_.change()["trial"]["applied"], true, "what can be kept is what the machine has");
    menu.press("k");
    menu.shows("The new network setting stays");
    assert_eq!(box_.change()["last"]["end"], "kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_machine_does_not_take_is_said_on_the_screen() {
    let box_ = Box_::new().await;
    let mut menu = menu(&box_, &socket(&box_.on));
    menu.shows("n Network");
    menu.press("n");
    menu.shows("eth0 is set to DHCP");
    box_.machine.state().mood = Mood::JobEnds("failed".to_owned());
    menu.press("c\r\u{1b}[B\r");
    menu.shows("192.168.1.20/24");
    menu.press(&"\u{7f}".repeat(20));
    menu.press("192.168.1.30/24\r\r\r");
    menu.shows(UNIT);
    assert_eq!(box_.change()["last"]["end"], "not-applied");
}
