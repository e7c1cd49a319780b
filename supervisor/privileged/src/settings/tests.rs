#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Now, Rendered, render};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG0000000000000000000000000000000000000000000 ada@desk";

fn rendered(wanted: &Value) -> Rendered {
    render(wanted, &now(), &|zone| zone == "Europe/Berlin")
}

fn now() -> Now {
    Now { boot: "this-one".to_owned(), since_boot_ms: 60_000 }
}

#[test]
fn without_settings_everything_is_as_the_image_has_it() {
    assert_eq!(rendered(&Value::Null), Rendered::default());
    assert_eq!(rendered(&json!({"version": 1})), Rendered::default());
}

#[test]
fn a_box_with_everything() {
    let out = rendered(&json!({
        "version": 1, "host_name": "atlas", "time_zone": "Europe/Berlin", "ntp_servers": ["ntp.example.org", "192.168.1.1"],
        "network": [
            {"mac": "52:54:00:AA:bb:01", "ipv4": {"method": "static", "address": "192.168.1.20", "prefix": 24, "gateway": "192.168.1.1"}, "dns": ["192.168.1.1", "fd00::1"]},
            {"mac": "52:54:00:aa:bb:02", "ipv4": {"method": "dhcp"}, "dns": []},
        ],
        "ssh": {"enabled": true, "keys": [KEY]},
    }));
    assert!(out.ignored.is_empty(), "{:?}", out.ignored);
    assert_eq!((out.host_name.as_deref(), out.time_zone.as_deref()), (Some("atlas"), Some("Europe/Berlin")));
    insta::assert_snapshot!(out.timesyncd.unwrap(), @"
    # Written by Orbitr from the box's settings; lasts until shutdown.
    [Time]
    NTP=ntp.example.org 192.168.1.1
    ");
    assert_eq!(
        out.networks.keys().collect::<Vec<_>>(),
        ["10-orbitr-525400aabb01.network", "10-orbitr-525400aabb02.network"]
    );
    insta::assert_snapshot!(out.networks["10-orbitr-525400aabb01.network"], @"
    # Written by Orbitr from the box's settings; lasts until shutdown.
    [Match]
    PermanentMACAddress=52:54:00:aa:bb:01

    [Network]
    MulticastDNS=yes
    LLMNR=no
    DHCP=no
    LinkLocalAddressing=ipv6
    Address=192.168.1.20/24
    Gateway=192.168.1.1
    IPv6AcceptRA=yes
    DNS=192.168.1.1
    DNS=fd00::1

    [DHCPv4]
    UseDNS=no

    [DHCPv6]
    UseDNS=no

    [IPv6AcceptRA]
    UseDNS=no
    ");
    insta::assert_snapshot!(out.networks["10-orbitr-525400aabb02.network"], @"
    # Written by Orbitr from the box's settings; lasts until shutdown.
    [Match]
    PermanentMACAddress=52:54:00:aa:bb:02

    [Network]
    MulticastDNS=yes
    LLMNR=no
    DHCP=yes
    LinkLocalAddressing=yes
    IPv6AcceptRA=yes
    ");
    assert!(out.ssh.unwrap().ends_with(&format!("{KEY}\n")));
}

#[test]
fn one_wrong_value_costs_only_itself() {
    let out = rendered(&json!({
        "version": 1, "host_name": "atlas\nDNS=1", "time_zone": "../../etc/shadow", "ntp_servers": ["ok.example", "x\nFallbackNTP=y", 7],
        "network": [
            {"mac": "52:54:00:aa:bb:01", "ipv4": {"method": "static", "address": "10.0.0.5", "prefix": 24, "gateway": "10.0.1.1"}},
            {"mac": "*", "ipv4": {"method": "dhcp"}},
            {"mac": "52:54:00:aa:bb:02", "ipv4": {"method": "dhcp"}, "dns": ["10.0.0.1\nDNS=6.6.6.6"]},
            {"mac": "52:54:00:aa:bb:03", "ipv4": {"method": "dhcp"}},
        ],
        "ssh": {"enabled": true, "keys": ["command=\"sh\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA\nssh-rsa B", KEY]},
    }));
    assert_eq!((out.host_name, out.time_zone), (None, None));
    assert!(out.timesyncd.unwrap().ends_with("NTP=ok.example\n"));
    assert_eq!(out.networks.keys().collect::<Vec<_>>(), ["10-orbitr-525400aabb03.network"]);
    assert_eq!(out.ssh.unwrap().lines().count(), 2);
    assert_eq!(out.ignored.len(), 9, "{:#?}", out.ignored);
}

#[test]
fn ssh_without_a_key_stays_off() {
    let out = rendered(&json!({"version": 1, "ssh": {"enabled": true, "keys": ["nonsense"]}}));
    assert_eq!(out.ssh, None);
    assert_eq!(rendered(&json!({"version": 1, "ssh": {"enabled": false, "keys": [KEY]}})).ssh, None);
}

#[test]
fn a_setting_that_is_tried_counts_for_its_time_and_no_other_boot() {
    let fixed = json!({"mac": "52:54:00:aa:bb:01", "ipv4": {"method": "static", "address": "10.0.0.5", "prefix": 24, "gateway": null}});
    let with = |boot: &str, until_ms: u64, card: &Value| {
        json!({"version": 1, "network": [{"mac": "52:54:00:aa:bb:01", "ipv4": {"method": "dhcp"}}],
            "network_trial": {"boot": boot, "until_ms": until_ms, "card": card}})
    };
    let tried = rendered(&with("this-one", 60_001, &fixed));
    assert!(tried.trial && tried.ignored.is_empty());
    assert!(tried.networks["10-orbitr-525400aabb01.network"].contains("Address=10.0.0.5/24"));
    let broken = json!({"mac": "52:54:00:aa:bb:01", "ipv4": {"method": "static", "address": "10.0.0.0", "prefix": 24, "gateway": null}});
    for over in [
        with("this-one", 60_000, &fixed),
        with("another", 90_000, &fixed),
        with("", 90_000, &fixed),
        with("this-one", 90_000, &broken),
        with("this-one", 90_000, &Value::Null),
    ] {
        let out = rendered(&over);
        assert!(!out.trial && out.networks["10-orbitr-525400aabb01.network"].contains("DHCP=yes"), "{over}");
    }
}

proptest! {
    #[test]
    fn no_text_gets_a_line_of_its_own_into_a_file(text in "(?s).{0,80}", mac in "[0-9a-f:\\n+]{0,20}") {
        let out = render(&json!({
            "version": 1, "host_name": text, "time_zone": text, "ntp_servers": [text],
            "network": [{"mac": mac, "ipv4": {"method": "dhcp"}, "dns": [text]}],
            "ssh": {"enabled": true, "keys": [text, format!("ssh-ed25519 {text}"), format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA {text}")]},
        }), &now(), &|_| true);
        prop_assert!(out.host_name.is_none_or(|name| !name.contains(['\n', '.', '/', ' '])));
        prop_assert!(out.time_zone.is_none_or(|zone| !zone.contains("..") && !zone.starts_with('/') && !zone.contains('\0')));
        for text in out.timesyncd.iter() {
            prop_assert_eq!(text.lines().count(), 3);
        }
        for text in out.ssh.iter() {
            prop_assert!(text.lines().skip(1).all(|line| line.starts_with("ssh-ed25519 ")), "{}", text);
        }
        for (name, text) in &out.networks {
            prop_assert!(!name.contains('/'));
            prop_assert_eq!(text.lines().count(), 10, "{}", text);
        }
    }

    #[test]
    fn no_shape_breaks_it(text in "[\\[\\]{}:,\"a-z0-9]{0,60}") {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let _ = rendered(&json!({"version": 1, "host_name": value, "ntp_servers": value, "network": value, "ssh": value}));
        }
    }
}
