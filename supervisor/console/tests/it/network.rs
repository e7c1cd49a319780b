//! Changing the network at the box: which card, how, and whether it stays.

use orbitr_console::{Came, Deed, Event, NetworkSetting, Shown};
use orbitr_model::Problem;
use serde_json::{Value, json};

use super::{pictures::both, *};

const MAC: &str = "52:54:00:12:34:56";

fn dhcp() -> Value {
    json!({"name": "eth0", "mac": MAC, "ipv4": {"method": "dhcp"}, "dns": [], "addresses": ["192.168.1.20/24", "fd12::1/64"]})
}

fn fixed() -> Value {
    json!({"mac": MAC, "dns": ["192.168.1.1"],
        "ipv4": {"method": "static", "address": "192.168.1.30", "prefix": 24, "gateway": "192.168.1.1"}})
}

/// What `GET /box/network` says on Orbitr OS with these cards.
fn network(cards: &[Value], trial: &Value) -> Value {
    json!({"host_name": "atlas", "mdns": {"name": "atlas.local", "answers": true},
        "gateways": [{"link": "eth0", "address": "192.168.1.1"}, {"link": "eth0", "address": "fe80::1"}],
        "name_servers": ["192.168.1.1"],
        "links": [{"name": "eth0", "carrier": true, "mac": MAC, "addresses": ["192.168.1.20/24", "fd12::1/64"]}],
        "ssh": {"available": true, "enabled": true, "keys": [{}]},
        "change": {"available": true, "reason": "", "cards": cards, "trial": trial, "last": null}})
}

fn trial(seconds_left: u64, applied: bool) -> Value {
    json!({"name": "eth0", "to": fixed(), "from": {"mac": MAC, "ipv4": {"method": "dhcp"}, "dns": []},
        "applied": applied, "seconds_left": seconds_left, "until": "2026-11-22T17:00:00Z"})
}

fn looking(answer: Value) -> Console {
    let mut menu = console(RICH, image(), running());
    assert_eq!(press(&mut menu, "n"), [Ask::Show(Shown::Network)]);
    menu.take(Event::Shown(Shown::Network, Ok(answer)));
    menu
}

fn trying(seconds_left: u64, applied: bool) -> Console {
    looking(network(&[dhcp()], &trial(seconds_left, applied)))
}

#[test]
fn every_screen_of_it() {
    let mut menu = looking(network(&[dhcp()], &Value::Null));
    both("network-to-change", &menu);
    press(&mut menu, "c");
    both("network-how", &menu);
    press(&mut menu, "\n");
    both("network-dhcp", &menu);
    press(&mut menu, "\u{1b}v\n");
    both("network-fixed", &menu);
    let mut menu = trying(97, true);
    both("network-keep", &menu);
    press(&mut menu, ">");
    let mut plain = console(PLAIN, image(), running());
    press(&mut plain, "n");
    plain.take(Event::Shown(Shown::Network, Ok(network(&[dhcp()], &trial(20, false)))));
    both("network-being-set", &plain);
}

#[test]
fn a_fixed_address_begins_with_what_the_card_has() {
    let mut menu = looking(network(&[dhcp()], &Value::Null));
    press(&mut menu, "cv\n");
    let setting = NetworkSetting {
        card: MAC.to_owned(),
        name: "eth0".to_owned(),
        address: Some("192.168.1.20/24".to_owned()),
        gateway: Some("192.168.1.1".to_owned()),
        dns: vec!["192.168.1.1".to_owned()],
    };
    assert_eq!(press(&mut menu, "\n\n\n"), [Ask::Do(Deed::SetNetwork(setting.clone()))]);
    // What the box does not take comes back to the form as it was typed.
    menu.take(Event::Deed(Came::Failed(Problem::field("gateway", "It is not in the network."))));
    assert!(picture(&menu, 80, 25).contains("gateway: It is not in the network."));
    press(&mut menu, "\u{1b}");
    assert!(picture(&menu, 80, 25).contains("192.168.1.20/24"));
    assert_eq!(setting.body()["method"], "static");
    assert_eq!(NetworkSetting::default().body()["method"], "dhcp");
}

#[test]
fn of_several_cards_one_is_chosen_first() {
    let other =
        json!({"name": "eth1", "mac": "52:54:00:12:34:57", "ipv4": {"method": "dhcp"}, "dns": [], "addresses": []});
    let mut menu = looking(network(&[dhcp(), other], &Value::Null));
    press(&mut menu, "cv\n\n");
    let asks = press(&mut menu, ">\n");
    assert!(
        matches!(&asks[..], [Ask::Do(Deed::SetNetwork(setting))] if setting.name == "eth1" && setting.address.is_none()),
        "{asks:?}"
    );
}

#[test]
fn nothing_is_kept_by_pressing_enter_once_too_often() {
    let mut menu = trying(97, true);
    assert!(press(&mut menu, "\n").is_empty(), "the first button is «Later»");
    for (keys, deed) in [
        (">\n", Deed::ConfirmNetwork),
        (">>\n", Deed::RevertNetwork),
        ("k", Deed::ConfirmNetwork),
        ("t", Deed::RevertNetwork),
    ] {
        assert_eq!(press(&mut trying(97, true), keys), [Ask::Do(deed)], "{keys:?}");
    }
    // What the machine does not have yet cannot be kept.
    assert!(press(&mut trying(97, false), "k").is_empty());
    assert_eq!(press(&mut trying(97, false), ">\n"), [Ask::Do(Deed::RevertNetwork)]);
}

#[test]
fn the_time_runs_out_on_the_screen_and_then_it_is_looked_at_anew() {
    let mut menu = trying(2, true);
    assert!(menu.counts_down() && menu.take(Event::Second).is_empty());
    assert!(picture(&menu, 80, 25).contains("comes back in 1 s"));
    assert_eq!(menu.take(Event::Second), [Ask::Show(Shown::Network)]);
    let last = json!({"name": "eth0", "to": fixed(), "end": "not-confirmed", "why": "", "at": "2026-11-22T17:00:00Z"});
    let mut answer = network(&[dhcp()], &Value::Null);
    answer["change"]["last"] = last;
    menu.take(Event::Shown(Shown::Network, Ok(answer)));
    assert!(!menu.counts_down() && picture(&menu, 80, 25).contains("nobody kept it"));
}

#[test]
fn what_somebody_else_confirms_is_seen_here() {
    let mut menu = trying(97, false);
    press(&mut menu, ">");
    assert_eq!(menu.take(Event::Facts(Box::new(running()))), [Ask::Show(Shown::Network)]);
    menu.take(Event::Shown(Shown::Network, Ok(network(&[dhcp()], &trial(90, true)))));
    assert!(picture(&menu, 80, 25).contains(">[ Take back ]"), "what is chosen stays chosen");
    menu.take(Event::Shown(Shown::Network, Ok(network(&[dhcp()], &Value::Null))));
    assert!(!menu.counts_down());
}

#[test]
fn a_setting_that_is_tried_brings_the_question() {
    let mut menu = looking(network(&[dhcp()], &Value::Null));
    press(&mut menu, "cv\n\n\n\n");
    menu.take(Event::Deed(Came::Tried(network(&[dhcp()], &trial(119, true)))));
    assert!(menu.counts_down() && picture(&menu, 80, 25).contains("1 min 59 s"));
    assert!(press(&mut menu, "\u{1b}").is_empty());
    assert!(picture(&menu, 80, 25).contains("Open in browser"), "and under it is the menu");
}

#[test]
fn where_it_cannot_be_changed_the_reason_stands_there() {
    let mut answer = network(&[], &Value::Null);
    answer["change"] = json!({"available": false, "reason": "In hosted mode the network belongs to somebody else.", "cards": [], "trial": null, "last": null});
    let mut menu = looking(answer);
    assert!(picture(&menu, 80, 25).contains("In hosted mode"));
    let before = picture(&menu, 80, 25);
    press(&mut menu, "c");
    assert_eq!(picture(&menu, 80, 25), before);
}
