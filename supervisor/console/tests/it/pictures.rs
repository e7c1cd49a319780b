//! Every screen, on a usual terminal and on the smallest that is promised.

use orbitr_console::{Came, Event, Line, LogSource, PowerVerb, Said, Shown, What};
use orbitr_model::Problem;
use serde_json::json;

use super::*;

/// On both sizes, the same screen.
pub(super) fn both(name: &str, console: &Console) {
    insta::assert_snapshot!(format!("{name}-80x25"), picture(console, 80, 25));
    insta::assert_snapshot!(format!("{name}-40x15"), picture(console, 40, 15));
}

fn line(text: &str, bad: bool) -> Line {
    Line { cursor: "c".to_owned(), at: "14:05:01".to_owned(), who: "orbitr".to_owned(), text: text.to_owned(), bad }
}

#[test]
fn home() {
    both("home-running", &console(RICH, image(), running()));
    both("home-plain", &console(PLAIN, image(), running()));
    both("home-unclaimed", &console(RICH, image(), unclaimed()));
    both("home-down", &console(RICH, image(), down()));
    both("home-before-the-first-answer", &Console::new(RICH, image()));
    let recovery = Facts {
        supervisor: Supervisor::Limited,
        announced: "Recovery mode, because the database cannot be used".to_owned(),
        ..unclaimed()
    };
    both("home-recovery", &console(RICH, image(), recovery));
    let degraded = Facts { reasons: vec!["Docker does not answer: connection refused".to_owned()], ..running() };
    both("home-degraded", &console(RICH, image(), degraded));
    let refused =
        Facts { supervisor: Supervisor::Refused("Run it as root (sudo orbitr console).".to_owned()), ..down() };
    both("home-refused", &console(RICH, Place { may_leave: true, ..Place::default() }, refused));
    let cut_off = Facts { urls: Vec::new(), addresses: Some(Vec::new()), ..down() };
    both("home-without-network", &console(RICH, image(), cut_off));
}

#[test]
fn how_to_reach_the_box() {
    for (name, look) in [("reach", RICH), ("reach-plain", PLAIN)] {
        let mut menu = console(look, image(), unclaimed());
        press(&mut menu, "q");
        both(name, &menu);
    }
}

#[test]
fn lists() {
    let apps = json!([
        {"id": "gitea", "name": "Gitea", "status": {"state": "running", "reason": ""}, "verbs": ["stop", "restart"]},
        {"id": "db", "name": "PostgreSQL", "status": {"state": "unhealthy", "reason": "it does not answer on port 5432"}, "verbs": ["restart", "stop"]},
    ]);
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "a");
    both("apps-asked-for", &menu);
    menu.take(Event::List(What::Apps, Ok(apps)));
    both("apps", &menu);
    press(&mut menu, "vs");
    press(&mut menu, "t");
    both("app-stop", &menu);

    let units = json!({"available": true, "units": [
        {"name": "docker.service", "description": "Docker", "active": "failed", "sub": "failed", "load": "loaded", "restart": "Every app stops and starts again."},
        {"name": "dbus.service", "description": "D-Bus", "active": "active", "sub": "running", "load": "loaded", "restart": null},
        {"name": "orbitr.service", "description": "Orbitr", "active": "active", "sub": "running", "load": "loaded", "restart": "These pages answer again after a few seconds."},
    ]});
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "s");
    menu.take(Event::List(What::Services, Ok(units)));
    both("services", &menu);
    press(&mut menu, "r");
    both("service-restart", &menu);

    let users = json!([{"username": "alice", "role": "admin", "second_step": true, "disabled_at": null},
        {"username": "bob", "role": "user", "second_step": false, "disabled_at": "2026-01-01T00:00:00Z"}]);
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "p");
    menu.take(Event::List(What::Accounts, Ok(users)));
    both("accounts", &menu);
    press(&mut menu, "\n");
    both("account-reset", &menu);
    press(&mut menu, ">\n");
    menu.take(Event::Deed(Came::Done {
        title: "A one-time password for alice".to_owned(),
        lines: vec!["  abcd-efgh-jkmn".to_owned(), String::new(), "It works once.".to_owned()],
    }));
    both("account-reset-done", &menu);
}

#[test]
fn things_to_read() {
    let network = json!({"host_name": "atlas", "mdns": {"name": "atlas.local", "answers": true},
        "gateways": [{"link": "eth0", "address": "192.168.1.1"}], "name_servers": ["192.168.1.1"],
        "links": [{"name": "eth0", "carrier": true, "mac": "52:54:00:12:34:56", "addresses": ["192.168.1.20/24", "fd12::1/64"]},
            {"name": "eth1", "carrier": false, "mac": "52:54:00:12:34:57", "addresses": []}]});
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "n");
    menu.take(Event::Shown(Shown::Network, Ok(network)));
    both("network", &menu);
    let disks = json!({"disks": [{"device": "/dev/vda", "model": "QEMU HARDDISK", "serial": "QM00001", "bytes": 17179869184_u64}],
        "data": {"used": 1 << 30, "total": 8_u64 << 30}});
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "d");
    menu.take(Event::Shown(Shown::Disks, Ok(disks)));
    both("disks", &menu);
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "i");
    both("issues", &menu);
    let mut menu = console(RICH, image(), down());
    press(&mut menu, "?");
    both("help-while-down", &menu);
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "b");
    both("support-onto-stick", &menu);
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "n");
    let problem =
        Problem::new(503, "x", "The network cannot be looked at").why("The kernel says no.").then("Try again.");
    menu.take(Event::Shown(Shown::Network, Err(problem)));
    both("problem", &menu);
}

#[test]
fn going_down() {
    let free = json!({"available": true, "reason": "", "jobs": [], "held_by": []});
    let held = json!({"available": true, "reason": "", "jobs": [{"who": "Install Gitea", "why": "A job is at work"}],
        "held_by": [{"who": "apt", "why": ""}]});
    for (name, keys, verb, answer) in
        [("reboot", "r", PowerVerb::Reboot, free), ("power-off-held", "o", PowerVerb::PowerOff, held)]
    {
        let mut menu = console(RICH, image(), running());
        press(&mut menu, keys);
        menu.take(Event::Shown(Shown::Power(verb), Ok(answer)));
        both(name, &menu);
        press(&mut menu, ">\n");
        menu.take(Event::Deed(Came::Underway { message: "Waits for: Install Gitea".to_owned(), fraction: Some(0.5) }));
        both(&format!("{name}-at-work"), &menu);
    }
}

#[test]
fn a_box_that_is_new_or_on_a_stick_or_to_be_erased() {
    both("home-installer", &console(RICH, image(), limited("ready to be installed onto a disk")));
    both("home-new", &console(RICH, image(), limited("waiting to be claimed")));
    both("home-safe-mode", &console(RICH, image(), Facts { safe_mode: true, ..running() }));
    let disk = |device: &str, model: &str| json!({"device": device, "model": model, "serial": "S3Z8NB0K", "bytes": 500_107_862_016_u64});
    let targets = json!({"targets": [
        {"disk": disk("/dev/nvme0n1", "Samsung SSD 970"), "contents": ["ntfs «Windows», 465 GiB", "vfat, 100 MiB"], "unfinished": false},
        {"disk": disk("/dev/sdb", "WDC Blue"), "contents": [], "unfinished": false},
    ]});
    let mut menu = console(RICH, image(), limited("ready to be installed onto a disk"));
    press(&mut menu, "t");
    menu.take(Event::List(What::Targets, Ok(targets)));
    both("targets", &menu);
    press(&mut menu, "\nS3Z8");
    both("target-erase", &menu);
    let held = json!({"available": true, "serial": "SN-42", "jobs": [{"who": "Install Gitea", "why": "A job is at work"}], "held_by": []});
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "f");
    menu.take(Event::Shown(Shown::Reset, Ok(held)));
    both("factory-reset", &menu);
}

#[test]
fn logs() {
    let mut menu = console(RICH, image(), running());
    assert_eq!(press(&mut menu, "l"), [Ask::Follow(LogSource::Orbitr)]);
    let lines = (0..40).map(|n| line(&format!("line {n} with some words that may not fit"), n == 38)).collect();
    menu.take(Event::Log(Said::Window(lines)));
    both("log", &menu);
    menu.take(Event::Key(Key::PageUp));
    menu.take(Event::Log(Said::New(line("\u{1b}[31mnew", false))));
    both("log-scrolled", &menu);
}

#[test]
fn the_door_to_a_shell() {
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "halice\nvery secret");
    both("shell", &menu);
    press(&mut menu, "\n");
    menu.take(Event::Deed(Came::WantsCode { challenge: orbitr_console::Hidden::new("c".to_owned()) }));
    press(&mut menu, "123");
    both("shell-code", &menu);
}
