//! The authority and the leaf: what they say, what stays, what is renewed.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use orbitr_edge::{Certificates, Names};
use orbitr_model::Timestamp;
use tempfile::TempDir;

use crate::support::{built, moment, names};

const NOW: &str = "2026-11-10T12:00:00Z";

fn open(dir: &TempDir, names: &Names, now: &str) -> Certificates {
    Certificates::open(&dir.path().join("tls"), names, moment(now), built()).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_restart_keeps_the_authority_and_the_leaf() {
    let dir = TempDir::new().unwrap();
    let first = open(&dir, &names(), NOW);
    let again = open(&dir, &names(), "2026-12-01T00:00:00Z");
    assert_eq!(first.ca_pem(), again.ca_pem());
    assert_eq!(first.ca_fingerprint(), again.ca_fingerprint());
    assert_eq!(first.leaf_fingerprint(), again.leaf_fingerprint());
}

#[test]
fn private_keys_are_for_the_supervisor_only() {
    let dir = TempDir::new().unwrap();
    open(&dir, &names(), NOW);
    let tls = dir.path().join("tls");
    assert_eq!(mode(&tls), 0o700);
    assert_eq!(mode(&tls.join("ca.key")), 0o600);
    assert_eq!(mode(&tls.join("leaf.pem")), 0o600);
    fs::set_permissions(tls.join("ca.key"), fs::Permissions::from_mode(0o644)).unwrap();
    open(&dir, &names(), NOW);
    assert_eq!(mode(&tls.join("ca.key")), 0o600);
}

#[test]
fn the_leaf_lists_the_names_and_the_private_addresses_of_the_box() {
    let dir = TempDir::new().unwrap();
    let listed = open(&dir, &names(), NOW).leaf_names();
    let wanted =
        ["atlas", "atlas.home.arpa", "atlas.internal", "atlas.local", "localhost", "127.0.0.1", "192.168.1.20", "::1"];
    assert_eq!(listed, wanted);
}

#[test]
fn a_new_address_gives_a_new_leaf_and_a_lost_one_does_not() {
    let dir = TempDir::new().unwrap();
    let certificates = open(&dir, &names(), NOW);
    let (authority, leaf) = (certificates.ca_fingerprint(), certificates.leaf_fingerprint());
    assert!(!certificates.refresh(&names(), moment(NOW)).unwrap());
    let more = Names::new("atlas", ["192.168.1.20", "10.0.0.7"].map(|a| a.parse().unwrap()));
    assert!(certificates.refresh(&more, moment(NOW)).unwrap());
    assert_ne!(certificates.leaf_fingerprint(), leaf);
    assert_eq!(certificates.ca_fingerprint(), authority);
    assert!(certificates.leaf_names().contains(&"10.0.0.7".to_owned()));
    let leaf = certificates.leaf_fingerprint();
    assert!(!certificates.refresh(&names(), moment(NOW)).unwrap());
    assert_eq!(open(&dir, &more, NOW).leaf_fingerprint(), leaf);
}

#[test]
fn a_renamed_box_keeps_its_authority_and_gets_the_names_that_may_be_signed() {
    let dir = TempDir::new().unwrap();
    let authority = open(&dir, &names(), NOW).ca_fingerprint();
    let renamed = open(&dir, &Names::new("vega", []), NOW);
    assert_eq!(renamed.ca_fingerprint(), authority);
    let listed = renamed.leaf_names();
    assert!(listed.contains(&"vega.local".to_owned()));
    assert!(!listed.contains(&"vega".to_owned()), "the authority was made for a box called atlas");
}

#[test]
fn the_leaf_lives_397_days_and_is_renewed_after_two_thirds() {
    let dir = TempDir::new().unwrap();
    let certificates = open(&dir, &names(), NOW);
    let leaf = certificates.leaf_fingerprint();
    assert_eq!(certificates.leaf_expires(), moment("2027-12-11T12:00:00Z"));
    assert!(!certificates.refresh(&names(), moment("2027-07-31T00:00:00Z")).unwrap());
    assert!(certificates.refresh(&names(), moment("2027-08-01T12:00:00Z")).unwrap());
    assert_ne!(certificates.leaf_fingerprint(), leaf);
}

#[test]
fn a_clock_before_the_build_is_not_believed() {
    let dir = TempDir::new().unwrap();
    let certificates = open(&dir, &names(), "1970-01-02T00:00:00Z");
    assert_eq!(certificates.leaf_expires(), moment("2027-11-01T00:00:00Z"));
    let leaf = certificates.leaf_fingerprint();
    assert!(!certificates.refresh(&names(), moment(NOW)).unwrap());
    assert_eq!(certificates.leaf_fingerprint(), leaf);
}

#[test]
fn a_leaf_made_while_the_clock_was_ahead_is_replaced() {
    let dir = TempDir::new().unwrap();
    let ahead = open(&dir, &names(), "2029-01-01T00:00:00Z");
    let back = moment(NOW);
    assert!(ahead.refresh(&names(), back).unwrap());
    assert!(ahead.leaf_expires() < moment("2028-01-01T00:00:00Z"));
}

#[test]
fn the_authority_is_renewed_for_the_same_key_before_it_ends() {
    let dir = TempDir::new().unwrap();
    let certificates = open(&dir, &names(), NOW);
    let key = fs::read(dir.path().join("tls/ca.key")).unwrap();
    let authority = certificates.ca_fingerprint();
    assert!(certificates.refresh(&names(), moment("2036-10-20T00:00:00Z")).unwrap());
    assert_ne!(certificates.ca_fingerprint(), authority);
    assert_eq!(fs::read(dir.path().join("tls/ca.key")).unwrap(), key);
    assert!(certificates.leaf_names().contains(&"atlas".to_owned()), "what it may sign for stays");
}

#[test]
fn broken_files_are_put_aside_and_made_anew() {
    for (file, keeps_key) in [("ca.key", false), ("ca.pem", true), ("leaf.pem", true)] {
        let dir = TempDir::new().unwrap();
        let tls = dir.path().join("tls");
        open(&dir, &names(), NOW);
        let key = fs::read(tls.join("ca.key")).unwrap();
        fs::write(tls.join(file), b"\xff\x00 not a certificate").unwrap();
        let certificates = open(&dir, &names(), NOW);
        assert_eq!(fs::read(tls.join("ca.key")).unwrap() == key, keeps_key, "{file}");
        assert!(certificates.leaf_names().contains(&"atlas".to_owned()));
        assert_eq!(tls.join(format!("{file}.broken")).exists(), file != "leaf.pem", "{file}");
        assert_eq!(open(&dir, &names(), NOW).leaf_fingerprint(), certificates.leaf_fingerprint());
    }
}

#[test]
fn a_missing_certificate_is_made_for_the_key_that_is_there() {
    let dir = TempDir::new().unwrap();
    open(&dir, &names(), NOW);
    let key = fs::read(dir.path().join("tls/ca.key")).unwrap();
    fs::remove_file(dir.path().join("tls/ca.pem")).unwrap();
    open(&dir, &names(), NOW);
    assert_eq!(fs::read(dir.path().join("tls/ca.key")).unwrap(), key);
}

#[test]
fn left_overs_of_an_interrupted_write_do_no_harm() {
    let dir = TempDir::new().unwrap();
    let tls = dir.path().join("tls");
    fs::create_dir(&tls).unwrap();
    for file in ["ca.key.new", "ca.pem.new", "leaf.pem.new"] {
        fs::write(tls.join(file), "half").unwrap();
    }
    open(&dir, &names(), NOW);
    assert_eq!(mode(&tls.join("ca.key")), 0o600);
    assert!(!tls.join("ca.key.new").exists());
}

#[test]
fn the_fingerprint_is_printed_as_browsers_print_it() {
    let dir = TempDir::new().unwrap();
    let text = open(&dir, &names(), &Timestamp::now().to_string()).ca_fingerprint().to_string();
    assert_eq!(text.len(), 95);
    assert!(text.split(':').all(|pair| pair.len() == 2 && pair.bytes().all(|b| b"0123456789ABCDEF".contains(&b))));
}
