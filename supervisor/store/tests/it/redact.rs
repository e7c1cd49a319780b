use std::borrow::Cow;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use orbitr_store::Redactor;
use proptest::prelude::*;

fn knowing(secrets: &[&str]) -> Redactor {
    let redactor = Redactor::default();
    secrets.iter().for_each(|secret| redactor.add(secret));
    redactor
}

#[test]
fn text_without_secrets_is_not_copied() {
    assert!(matches!(knowing(&["hunter2!"]).redact("nothing here"), Cow::Borrowed("nothing here")));
}

#[test]
fn a_short_secret_is_ignored() {
    assert_eq!(knowing(&["12345"]).redact("12345 apples"), "12345 apples");
}

#[test]
fn every_spelling_of_a_secret_is_found() {
    let secret = "p&ss <w\"rd>/ü+1";
    let redactor = knowing(&[secret]);
    for spelling in [
        secret.to_owned(),
        "p%26ss%20%3Cw%22rd%3E%2F%C3%BC%2B1".to_owned(),
        "p%26ss%20%3cw%22rd%3e%2f%c3%bc%2b1".to_owned(),
        "p%26ss+%3Cw%22rd%3E%2F%C3%BC%2B1".to_owned(),
        r#"p&ss <w\"rd>/ü+1"#.to_owned(),
        r#"p&ss <w\"rd>/\u00fc+1"#.to_owned(),
        r#"p\u0026ss \u003cw\"rd\u003e/ü+1"#.to_owned(),
        r#"p&ss <w\"rd>\/ü+1"#.to_owned(),
        BASE64.encode(secret.as_bytes()),
        BASE64URL_NOPAD.encode(secret.as_bytes()),
    ] {
        assert_eq!(redactor.redact(&format!("a {spelling} b")), "a «secret» b", "{spelling}");
    }
}

#[test]
fn a_password_inside_a_basic_authorization_header_is_found() {
    let redactor = knowing(&["correct-horse-battery"]);
    for user in ["a", "ab", "abc", "abcd"] {
        let header = BASE64.encode(format!("{user}:correct-horse-battery").as_bytes());
        let clean = redactor.redact(&header).into_owned();
        let left = clean.replace("«secret»", "");
        assert!(clean.contains("«secret»") && left.len() <= 10, "{header} became {clean}");
    }
}

#[test]
fn each_line_of_a_key_of_several_lines_is_found() {
    let redactor =
        knowing(&["-----BEGIN KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\nCCqGSM49AwEHBG0wawIBAQQg\n-----END KEY-----\n"]);
    assert_eq!(redactor.redact("log: CCqGSM49AwEHBG0wawIBAQQg"), "log: «secret»");
    assert_eq!(redactor.redact("-----BEGIN KEY-----"), "-----BEGIN KEY-----");
}

#[test]
fn overlapping_secrets_leave_nothing_between_them() {
    let redactor = knowing(&["abcdefgh", "efghijkl", "secret"]);
    assert_eq!(redactor.redact("x abcdefghijkl y"), "x «secret» y");
    assert_eq!(redactor.redact("abcdefghabcdefgh"), "«secret»«secret»");
    assert_eq!(redactor.redact("the secret is"), "the «secret» is");
}

#[test]
fn debug_output_shows_no_secret() {
    assert_eq!(format!("{:?}", knowing(&["hunter2!"])), "Redactor(«redacted»)");
}

proptest! {
    #[test]
    fn no_known_secret_survives(
        secrets in proptest::collection::vec("[ -~äöü\n]{6,24}", 1..4), around in "[ -~ä]{0,12}", picks in any::<[prop::sample::Index; 3]>(),
    ) {
        // A secret that the mark itself contains cannot be told from the mark.
        prop_assume!(secrets.iter().all(|secret| !"«secret»".contains(secret.trim())));
        let redactor = Redactor::default();
        secrets.iter().for_each(|secret| redactor.add(secret));
        let text: String = picks.iter().map(|pick| format!("{around}{}", pick.get(&secrets))).collect();
        let clean = redactor.redact(&text);
        for secret in &secrets {
            prop_assert!(!clean.replace("«secret»", "\u{1}").contains(secret.as_str()), "{:?} in {:?}", secret, clean);
        }
    }
}
