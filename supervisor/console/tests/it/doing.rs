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
