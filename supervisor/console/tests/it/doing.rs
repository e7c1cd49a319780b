//! What keys lead to.

use orbitr_console::{Came, Deed, Hidden, PowerVerb, Said, Shown, What};
use serde_json::json;

use super::*;

#[test]
fn enter_pressed_twice_does_nothing_that_cannot_be_taken_back() {
    let mut menu = console(RICH, image(), running());
    assert_eq!(press(&mut menu, "r"), [Ask::Show(Shown::Power(PowerVerb::Reboot))]);
    menu.take(Event::Shown(Shown::Power(PowerVerb::Reboot), Ok(json!({"jobs": [], "held_by": []}))));
    let asks = press(&mut menu, "\n");
    assert!(asks.is_empty(), "the first button is «Back»");
    assert_eq!(press(&mut menu, "\n"), [Ask::Show(Shown::Power(PowerVerb::Reboot))], "and the menu is there again");
}

#[test]
fn going_down_waits_exactly_when_something_is_in_the_way() {
    for (jobs, wait) in [(json!([]), false), (json!([{"who": "Install", "why": ""}]), true)] {
        let mut menu = console(RICH, image(), running());
        press(&mut menu, "o");
        menu.take(Event::Shown(Shown::Power(PowerVerb::PowerOff), Ok(json!({"jobs": jobs, "held_by": []}))));
        assert_eq!(press(&mut menu, ">\n"), [Ask::Do(Deed::Power { verb: PowerVerb::PowerOff, wait })]);
    }
}

#[test]
fn a_supervisor_that_is_down_can_be_restarted_and_the_machine_too() {
    let mut menu = console(RICH, image(), down());
    assert_eq!(press(&mut menu, "x>\n"), [Ask::Do(Deed::RestartUnit("orbitr.service".to_owned()))]);
    menu.take(Event::Deed(Came::Done { title: "Done".to_owned(), lines: Vec::new() }));
    press(&mut menu, "\u{1b}");
    assert_eq!(press(&mut menu, "r"), [Ask::Show(Shown::Power(PowerVerb::Reboot))]);
    for dead in ["a", "p", "h", "b"] {
        let mut menu = console(RICH, image(), down());
        assert!(press(&mut menu, dead).is_empty(), "{dead} needs the supervisor");
    }
}

#[test]
fn what_cannot_be_done_here_is_not_offered() {
    let hosted = Place { may_leave: true, ..Place::default() };
    let facts = Facts { no_power: "In hosted mode Orbitr may not restart the machine.".to_owned(), ..running() };
    let mut menu = console(RICH, hosted, facts);
    for dead in ["h", "b", "r", "o"] {
        assert!(press(&mut menu, dead).is_empty(), "{dead}");
    }
    press(&mut menu, "?");
    assert!(picture(&menu, 80, 25).contains("may not restart the machine"), "and help says why");
}

#[test]
fn the_menu_on_the_boxs_own_screen_cannot_be_left() {
    for (may_leave, asks) in [(false, Vec::new()), (true, vec![Ask::Leave])] {
        let mut menu = console(RICH, Place { may_leave, ..image() }, running());
        assert_eq!(menu.take(Event::Key(Key::Interrupt)), asks);
        assert_eq!(menu.take(Event::Key(Key::Esc)), asks);
    }
}

#[test]
fn a_password_is_never_seen() {
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "halice\nhunter22");
    assert!(!picture(&menu, 80, 25).contains("hunter22") && !format!("{menu:?}").contains("hunter22"));
    let asks = press(&mut menu, "\n");
    let deed = Deed::Shell { username: "alice".to_owned(), password: Hidden::new("hunter22".to_owned()) };
    assert_eq!(asks, [Ask::Do(deed)]);
    assert!(!format!("{asks:?}{menu:?}").contains("hunter22"), "nor in what is written down");
    let challenge = Hidden::new("challenge".to_owned());
    menu.take(Event::Deed(Came::WantsCode { challenge: challenge.clone() }));
    let code = Hidden::new("123456".to_owned());
    assert_eq!(
        press(&mut menu, "123456\n"),
        [Ask::Do(Deed::ShellCode { username: "alice".to_owned(), challenge, code })]
    );
}

#[test]
fn a_one_time_password_is_shown_even_to_who_did_not_wait() {
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "p");
    menu.take(Event::List(What::Accounts, Ok(json!([{"username": "alice", "role": "admin"}]))));
    assert_eq!(press(&mut menu, "\n>\n"), [Ask::Do(Deed::ResetPassword("alice".to_owned()))]);
    press(&mut menu, "\u{1b}\u{1b}");
    menu.take(Event::Deed(Came::Done { title: "A password".to_owned(), lines: vec!["abcd-efgh".to_owned()] }));
    assert!(picture(&menu, 80, 25).contains("abcd-efgh"));
}

#[test]
fn an_answer_that_nobody_waits_for_any_more_changes_nothing() {
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "n\u{1b}");
    let before = picture(&menu, 80, 25);
    menu.take(Event::Shown(Shown::Network, Ok(json!({"host_name": "late"}))));
    menu.take(Event::Log(Said::Window(Vec::new())));
    menu.take(Event::List(What::Apps, Ok(json!([]))));
    assert_eq!(picture(&menu, 80, 25), before);
}

#[test]
fn what_is_chosen_stays_chosen_when_the_menu_changes() {
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "l\u{1b}");
    menu.take(Event::Facts(Box::new(down())));
    assert!(picture(&menu, 80, 25).contains(">l Logs"));
}

#[test]
fn a_plain_terminal_gets_nothing_but_ascii() {
    let name = "Größe \u{1b}[2J".to_owned();
    for facts in [Facts { name: name.clone(), ..running() }, unclaimed(), down()] {
        let mut menu = console(PLAIN, image(), facts);
        for keys in ["", "q", "\u{1b}?", "\u{1b}n", "\u{1b}s"] {
            press(&mut menu, keys);
            for (width, height) in [(80, 25), (40, 15), (10, 3), (1, 1)] {
                assert!(picture(&menu, width, height).is_ascii(), "{keys:?} at {width}x{height}");
            }
        }
    }
}

#[test]
fn what_somebody_left_open_is_not_there_for_the_next_one() {
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "halice\nhunter22");
    for minute in 0..20 {
        let screen = picture(&menu, 80, 25);
        assert_eq!(screen.contains("Password  "), minute < 10, "after {minute} minutes");
        menu.take(Event::Facts(Box::new(Facts { clock: format!("15:{minute:02}"), ..running() })));
    }
}

#[test]
fn everything_is_erased_only_by_typing_the_serial_number() {
    let answer = json!({"available": true, "reason": "", "serial": "SN-42", "jobs": [], "held_by": []});
    for facts in [running(), unclaimed(), down(), limited("waiting for a decision about its data")] {
        let mut menu = console(RICH, image(), facts);
        assert_eq!(press(&mut menu, "f"), [Ask::Show(Shown::Reset)]);
        menu.take(Event::Shown(Shown::Reset, Ok(answer.clone())));
        assert!(picture(&menu, 80, 25).contains("Nothing brings it back"));
        assert!(press(&mut menu, "\n\n").is_empty(), "Enter alone does nothing");
        assert!(press(&mut menu, "y?").is_empty(), "and no letter is a yes");
        menu.take(Event::Key(Key::Backspace));
        menu.take(Event::Key(Key::Backspace));
        let deed = Deed::FactoryReset { serial: "SN-42".to_owned(), wait: false };
        assert_eq!(press(&mut menu, "SN-42\n"), [Ask::Do(deed)]);
    }
    let mut menu = console(RICH, image(), running());
    press(&mut menu, "f");
    let busy =
        json!({"available": true, "serial": "SN-42", "jobs": [{"who": "Install Gitea", "why": ""}], "held_by": []});
    menu.take(Event::Shown(Shown::Reset, Ok(busy)));
    let deed = Deed::FactoryReset { serial: "SN-4".to_owned(), wait: true };
    assert_eq!(press(&mut menu, "SN-4\n"), [Ask::Do(deed)], "whether it is the right one, root says");
    let mut hosted = console(RICH, Place::default(), running());
    assert!(press(&mut hosted, "f").is_empty());
    press(&mut hosted, "?");
    assert!(picture(&hosted, 80, 40).contains("Factory reset: only on Orbitr OS"));
}

#[test]
fn safe_mode_is_turned_on_and_left_and_seen_in_one_glance() {
    let mut menu = console(RICH, image(), running());
    assert_eq!(press(&mut menu, "m>\n"), [Ask::Do(Deed::SafeMode(true))]);
    menu.take(Event::Deed(Came::Done { title: "Done".to_owned(), lines: Vec::new() }));
    press(&mut menu, "\u{1b}");
    menu.take(Event::Facts(Box::new(Facts { safe_mode: true, ..running() })));
    let screen = picture(&menu, 80, 25);
    assert!(screen.contains("Running, safe mode") && screen.contains("m Leave safe mode"), "{screen}");
    assert_eq!(press(&mut menu, "m>\n"), [Ask::Do(Deed::SafeMode(false))]);
    assert!(press(&mut console(RICH, image(), down()), "m").is_empty(), "without the supervisor nobody keeps it");
}

#[test]
fn a_stick_installs_onto_an_empty_disk_and_onto_another_one_only_by_its_serial_number() {
    let disk = |device: &str, serial: &str| {
        json!({"device": device, "model": "QEMU", "serial": serial, "bytes": 17_179_869_184_u64, "transport": "virtio",
            "removable": false})
    };
    let targets = json!({"targets": [
        {"disk": disk("/dev/vda", "S-1"), "contents": ["ntfs «Windows», 100 GiB"], "unfinished": false},
        {"disk": disk("/dev/vdb", "S-2"), "contents": [], "unfinished": false},
        {"disk": disk("/dev/vdc", "S-3"), "contents": ["vfat «orbitr-installing»"], "unfinished": true},
        {"disk": disk("/dev/vdd", ""), "contents": ["ext4, 1 GiB"], "unfinished": false},
    ]});
    let open = |keys: &str| {
        let mut menu = console(RICH, image(), limited("ready to be installed onto a disk"));
        assert_eq!(press(&mut menu, "t"), [Ask::List(What::Targets)]);
        menu.take(Event::List(What::Targets, Ok(targets.clone())));
        press(&mut menu, keys);
        menu
    };
    let install =
        |disk: &str, serial: &str| Ask::Do(Deed::Install { disk: disk.to_owned(), serial: serial.to_owned() });
    let mut full = open("\n");
    assert!(picture(&full, 80, 25).contains("ntfs «Windows», 100 GiB"));
    assert!(press(&mut full, "\n>\n").is_empty());
    assert_eq!(press(&mut full, "S-1\n"), [install("/dev/vda", "S-1")], "only what was typed does it");
    assert_eq!(press(&mut open("\n"), "S-1\n"), [install("/dev/vda", "S-1")]);
    assert_eq!(press(&mut open("v\n"), ">\n"), [install("/dev/vdb", "")]);
    assert_eq!(press(&mut open("vv\n"), ">\n"), [install("/dev/vdc", "")], "half work of ours goes on");
    let mut nameless = open("vvv");
    assert!(press(&mut nameless, "\n").is_empty() && picture(&nameless, 80, 25).contains("has no serial number"));
    let mut menu = open("v\n>\n");
    menu.take(Event::Deed(Came::Underway { message: "Copying the system".to_owned(), fraction: Some(0.5) }));
    assert!(picture(&menu, 80, 25).contains("50 %"));
    assert!(press(&mut console(RICH, image(), limited("ready to be installed onto a disk")), "f").is_empty());
}

#[test]
fn a_new_box_says_that_it_waits_and_can_be_helped_without_a_browser() {
    let mut menu = console(RICH, image(), limited("waiting to be claimed"));
    let screen = picture(&menu, 80, 25);
    assert!(screen.contains("Waits for its owner") && screen.contains("k Make data partition"), "{screen}");
    assert!(press(&mut menu, "k\n").is_empty(), "Enter pressed twice does nothing");
    assert_eq!(press(&mut menu, "k>\n"), [Ask::Do(Deed::MakeData)]);
    for other in [running(), unclaimed(), down(), limited("waiting for a decision about its data")] {
        assert!(press(&mut console(RICH, image(), other), "k").is_empty());
    }
}

#[test]
fn a_support_bundle_goes_onto_a_stick_and_where_it_cannot_be_made_the_help_says_why() {
    let mut menu = console(RICH, image(), running());
    assert!(press(&mut menu, "b\n").is_empty(), "Enter pressed twice does nothing");
    press(&mut menu, "b");
    let screen = picture(&menu, 80, 25);
    assert!(screen.contains("Plug one in now") && screen.contains("what is on the stick stays"), "{screen}");
    assert_eq!(press(&mut menu, ">\n"), [Ask::Do(Deed::Support(BundlePlace::Stick))]);
    menu.take(Event::Deed(Came::Underway { message: "Looking for a USB stick".to_owned(), fraction: None }));
    assert!(picture(&menu, 80, 25).contains("Looking for a USB stick"));

    let here = BundlePlace::Folder("/home/ada".to_owned());
    let hosted = |bundle| Place { bundle, may_leave: true, ..Place::default() };
    let mut menu = console(RICH, hosted(Some(here.clone())), running());
    press(&mut menu, "b");
    assert!(picture(&menu, 80, 25).contains("written into /home/ada"));
    assert_eq!(press(&mut menu, ">\n"), [Ask::Do(Deed::Support(here))]);

    let by_hand = Place { bundle: None, may_leave: true, ..image() };
    for (place, facts, why) in [
        (image(), down(), "does not answer. Restart it first (x)"),
        (image(), unclaimed(), "has to be claimed first"),
        (image(), limited("waiting to be claimed"), "only where the box's data can be used"),
        (image(), Facts { supervisor: Supervisor::Refused("no".to_owned()), ..down() }, "may not ask it"),
        (by_hand, running(), "the box's own screen writes it onto a USB stick"),
        (hosted(None), running(), "no place here to write it to"),
    ] {
        let mut menu = console(RICH, place, facts);
        assert!(press(&mut menu, "b").is_empty());
        press(&mut menu, "?");
        let help = picture(&menu, 200, 40);
        assert!(help.contains("A support bundle: ") && help.contains(why), "{why}\n{help}");
    }
}

#[test]
fn an_update_that_made_apps_ill_is_kept_or_left_from_here() {
    let updates = json!({"proving": {"state": "asking", "version": "0.2.0", "before": "0.1.0", "may_go_back": true,
        "ends_at": "2026-11-24T12:30:00Z", "apps": [{"id": "shop", "name": "Shop", "said": "it does not answer"}]}});
    let asked = |updates: &serde_json::Value| {
        let mut facts = running();
        facts.read_updates(updates, |moment| moment[11..16].to_owned());
        console(RICH, image(), facts)
    };
    let mut menu = asked(&updates);
    assert!(menu.facts().issues[0].contains("u: keep it, g: go back. Without an answer it goes back at 12:30"));
    assert!(press(&mut menu, "u\n").is_empty(), "the first button is «Back»");
    assert_eq!(press(&mut menu, "u>\n"), [Ask::Do(Deed::KeepUpdate("0.2.0".to_owned()))]);
    let mut menu = asked(&updates);
    press(&mut menu, "g");
    let shown = picture(&menu, 80, 25);
    assert!(shown.contains("Shop: it does not answer"), "{shown}");
    assert_eq!(press(&mut menu, ">\n"), [Ask::Do(Deed::LeaveUpdate("0.2.0".to_owned()))]);

    let mut nowhere = updates.clone();
    nowhere["proving"]["may_go_back"] = json!(false);
    assert!(press(&mut asked(&nowhere), "g").is_empty(), "there is no way back");
    for quiet in [json!({"proving": null}), json!({"proving": {"state": "watching"}})] {
        assert!(press(&mut asked(&quiet), "u").is_empty());
    }
}
