//! Answers: what is taken, what is refused and why.

use orbitr_sdk::{Answer, OnChange, Resolved};
use serde_json::json;

use crate::fixture::{answer, said, with_inputs};

#[test]
fn a_line_of_text_keeps_its_rules() {
    let manifest = with_inputs("x: {type: string, label: X, min_length: 2, max_length: 5, pattern: \"[a-z]+\"}");
    assert_eq!(said(&manifest, json!("abc")), "kept \"abc\"");
    assert_eq!(said(&manifest, json!("a")), "write at least 2 characters");
    assert_eq!(said(&manifest, json!("abcdef")), "write at most 5 characters");
    assert_eq!(said(&manifest, json!("ab1")), "it must match [a-z]+");
    assert_eq!(said(&manifest, json!("ab\ncd")), "write one line, without control characters");
    assert_eq!(said(&manifest, json!("")), "an answer is needed");
    assert_eq!(said(&manifest, json!({"a": 1})), "write a text");
}

#[test]
fn a_pattern_matches_the_whole_answer() {
    let manifest = with_inputs("x: {type: string, label: X, pattern: \"a|b\", message: Say a or b}");
    assert_eq!(said(&manifest, json!("a")), "kept \"a\"");
    assert_eq!(said(&manifest, json!("ab")), "Say a or b");
    assert_eq!(said(&manifest, json!("xa")), "Say a or b");
}

#[test]
fn long_text_has_plain_line_ends() {
    let manifest = with_inputs("x: {type: text, label: X}");
    assert_eq!(said(&manifest, json!("a\r\nb\tc")), "kept \"a\\nb\\tc\"");
    assert_eq!(said(&manifest, json!("a\u{0}b")), "leave out control characters");
    assert_eq!(said(&manifest, json!("x".repeat(20_000))), "write at most 16384 characters");
}

#[test]
fn a_password_is_made_when_nobody_gives_one_and_never_shown() {
    let manifest = with_inputs("x: {type: password, label: X, min_length: 10, generate: {length: 24}}");
    assert_eq!(said(&manifest, json!("correct horse")), "kept, not shown");
    assert_eq!(said(&manifest, json!("short")), "write at least 10 characters");
    let answers = answer(&manifest, &[]).unwrap();
    let Some(Answer::Secret(made)) = answers.answer("x") else { panic!("nothing was made") };
    assert_eq!(made.expose().len(), 24);
    assert!(!format!("{answers:?}").contains(made.expose()), "printing answers shows no password");
    assert!(answers.plain().is_empty(), "a password is not among the plain answers");
    assert_eq!(answers.secret()["x"].expose(), made.expose());
}

#[test]
fn a_refused_password_is_not_repeated() {
    let manifest = with_inputs("x: {type: password, label: X, pattern: \"[a-z]+\"}");
    assert_eq!(said(&manifest, json!("S3CRET-VALUE")), "it must match [a-z]+");
}

#[test]
fn numbers_keep_their_bounds() {
    let int = with_inputs("x: {type: int, label: X, min: 1, max: 9}");
    assert_eq!(said(&int, json!(5)), "kept 5");
    assert_eq!(said(&int, json!(" 5 ")), "kept 5");
    assert_eq!(said(&int, json!(0)), "1 is the least");
    assert_eq!(said(&int, json!("10")), "9 is the most");
    assert_eq!(said(&int, json!(1.5)), "write a whole number");
    let float = with_inputs("x: {type: float, label: X, max: 1.5}");
    assert_eq!(said(&float, json!(1)), "kept 1.0");
    assert_eq!(said(&float, json!("nan")), "write a number");
    let size = with_inputs("x: {type: size, label: X, min: 64Mi}");
    assert_eq!(said(&size, json!("1Gi")), "kept \"1Gi\"");
    assert_eq!(said(&size, json!("1Mi")), "64Mi is the least");
    assert_eq!(said(&size, json!("1.5Gi")), "write a whole number with a unit such as 512Mi or 2Gi");
    let span = with_inputs("x: {type: duration, label: X, max: 1h}");
    assert_eq!(said(&span, json!("90s")), "kept \"1m30s\"");
    assert_eq!(said(&span, json!("2h")), "1h is the most");
}

#[test]
fn a_box_is_ticked_or_not() {
    let manifest = with_inputs("x: {type: bool, label: X, default: true}");
    assert_eq!(said(&manifest, json!("on")), "kept true");
    assert_eq!(said(&manifest, json!("")), "kept false");
    assert_eq!(said(&manifest, json!(null)), "kept true");
    assert_eq!(said(&manifest, json!("maybe")), "write true or false");
}

#[test]
fn only_what_is_offered_can_be_chosen() {
    let one = with_inputs("x: {type: enum, label: X, options: [{value: a}, {value: b}], default: a}");
    assert_eq!(said(&one, json!("b")), "kept \"b\"");
    assert_eq!(said(&one, json!("c")), "choose one of a, b");
    let many = with_inputs("x: {type: multi, label: X, options: [{value: a}, {value: b}, {value: c}]}");
    assert_eq!(said(&many, json!(["c", "a"])), "kept [\"a\",\"c\"]");
    assert_eq!(said(&many, json!("c,b")), "kept [\"b\",\"c\"]");
    assert_eq!(said(&many, json!(["d"])), "choose one of a, b, c");
}

#[test]
fn addresses_have_their_forms() {
    let cases = [
        ("domain", "Cloud.example.org", "kept \"cloud.example.org\""),
        ("domain", "-a.org", "write a host name such as cloud.example.org"),
        ("domain", "*.a.org", "write a host name such as cloud.example.org"),
        ("url", "https://a.org:8443/x?y", "kept \"https://a.org:8443/x?y\""),
        ("url", "https://[::1]/", "kept \"https://[::1]/\""),
        ("url", "javascript:alert(1)", "write a web address such as https://example.org"),
        ("url", "https://a.org:99999", "write a web address such as https://example.org"),
        ("email", "a.b+c@example.org", "kept \"a.b+c@example.org\""),
        ("email", "a@b@c", "write a mail address such as name@example.org"),
        ("ip", "::1", "kept \"::1\""),
        ("ip", "1.2.3", "write an IP address such as 192.168.0.10"),
        ("cidr", "10.0.0.0/8", "kept \"10.0.0.0/8\""),
        ("cidr", "10.0.0.0/33", "write a range of addresses such as 192.168.0.0/24"),
        ("timezone", "America/Argentina/Salta", "kept \"America/Argentina/Salta\""),
        ("timezone", "../../etc/passwd", "write a time zone such as Europe/Berlin"),
        ("timezone", "Europe/Nowhere", "there is no time zone «Europe/Nowhere»"),
        ("locale", "pt_BR", "kept \"pt_BR\""),
        ("locale", "english", "write a language such as de or de_DE"),
        ("port", "70000", "write a port from 1 to 65535"),
        ("port", "8443", "kept 8443"),
    ];
    for (kind, given, expected) in cases {
        let manifest = with_inputs(&format!("x: {{type: {kind}, label: X}}"));
        assert_eq!(said(&manifest, json!(given)), expected, "{kind} {given}");
    }
    let wild = with_inputs("x: {type: domain, label: X, wildcard: true}");
    assert_eq!(said(&wild, json!("*.a.org")), "kept \"*.a.org\"");
}

#[test]
fn what_nobody_answered_comes_from_the_box() {
    let manifest = with_inputs(
        "a: {type: timezone, label: A}\nb: {type: locale, label: B}\nc: {type: port, label: C, preferred: 9000}",
    );
    let answers = answer(&manifest, &[]).unwrap();
    assert_eq!(json!(answers.plain()), json!({"a": "Europe/Berlin", "b": "de", "c": 9000}));
    assert_eq!(answers.ports()["web"], 8080, "an entry of ports gets its number too");
}

#[test]
fn a_question_whose_condition_does_not_hold_is_not_asked() {
    let manifest = with_inputs(
        "mail: {type: bool, label: Mail}\nhost: {type: domain, label: Host, when: input.mail}\nmode: {type: enum, label: Mode, when: \"input.mail and input.host != a.org\", options: [{value: x}]}",
    );
    let off = answer(&manifest, &[("host", json!("!!"))]).unwrap();
    assert_eq!(off.answer("host"), Some(&Answer::Unset), "what is not asked is not looked at");
    let missing = answer(&manifest, &[("mail", json!(true))]).unwrap_err();
    assert_eq!(missing[0].field, "inputs.host");
    assert_eq!(missing[0].message, "an answer is needed");
    let on = answer(&manifest, &[("mail", json!(true)), ("host", json!("a.org"))]).unwrap();
    assert_eq!(on.answer("mode"), Some(&Answer::Unset));
}

#[test]
fn a_choice_can_depend_on_another() {
    let manifest = with_inputs(
        "size: {type: enum, label: S, options: [{value: small}, {value: large}], default: small}\nmode: {type: enum, label: M, options: [{value: slow}, {value: fast, when: input.size == large}], default: slow}",
    );
    let refused = answer(&manifest, &[("mode", json!("fast"))]).unwrap_err();
    assert_eq!(refused[0].message, "«fast» cannot be chosen with the other answers");
    assert!(answer(&manifest, &[("mode", json!("fast")), ("size", json!("large"))]).is_ok());
}

#[test]
fn every_wrong_field_is_told_at_once() {
    let manifest = with_inputs("a: {type: int, label: A}\nb: {type: email, label: B}");
    let errors = answer(&manifest, &[("a", json!("x")), ("b", json!("x")), ("c", json!(1))]).unwrap_err();
    let told: Vec<_> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    assert_eq!(
        told,
        [
            "inputs.c: there is no such input",
            "inputs.a: write a whole number",
            "inputs.b: write a mail address such as name@example.org",
        ]
    );
}

#[test]
fn two_fields_cannot_have_one_port() {
    let manifest =
        with_inputs("a: {type: port, label: A, preferred: 9000}\nb: {type: port, label: B, preferred: 9001}");
    let errors = answer(&manifest, &[("b", json!(9000))]).unwrap_err();
    assert_eq!(errors[0].message, "port 9000 is already used by another field");
}

#[test]
fn what_is_kept_can_be_given_again() {
    let manifest = with_inputs(
        "a: {type: size, label: A, default: 1536Mi}\nb: {type: duration, label: B, default: 1h30m}\nc: {type: password, label: C, generate: {}}\nd: {type: multi, label: D, options: [{value: x}, {value: y}], default: [y]}\ne: {type: float, label: E, default: 0.1}\nf: {type: string, label: F, required: false}",
    );
    let first = answer(&manifest, &[]).unwrap();
    let kept: Vec<(String, serde_json::Value)> = first
        .plain()
        .into_iter()
        .chain(first.secret().into_iter().map(|(name, secret)| (name, json!(secret.expose()))))
        .collect();
    let kept: Vec<(&str, serde_json::Value)> =
        kept.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    assert_eq!(answer(&manifest, &kept).unwrap(), first);
}

#[test]
fn a_change_says_what_it_costs() {
    let manifest = with_inputs(
        "a: {type: int, label: A, default: 1, on_change: restart}\nb: {type: int, label: B, default: 1}\nc: {type: int, label: C, default: 1, on_change: first_install_only}\nd: {type: int, label: D, default: 1, on_change: none}",
    );
    let before = answer(&manifest, &[]).unwrap();
    let cost = |given: &[(&str, serde_json::Value)]| {
        let after: Resolved = answer(&manifest, given).unwrap();
        after.change_from(&before, &manifest)
    };
    assert_eq!(cost(&[]), Ok(None));
    assert_eq!(cost(&[("d", json!(2))]), Ok(Some(OnChange::None)));
    assert_eq!(cost(&[("a", json!(2)), ("d", json!(2))]), Ok(Some(OnChange::Restart)));
    assert_eq!(cost(&[("a", json!(2)), ("b", json!(2))]), Ok(Some(OnChange::Recreate)));
    assert_eq!(cost(&[("c", json!(2))]).unwrap_err()[0].field, "inputs.c");
}

#[test]
fn a_form_holds_all_that_a_page_needs() {
    let manifest = with_inputs(
        "x: {type: size, label: Upload, help: The largest., group: advanced, default: 16Gi, min: 64Mi, on_change: restart}",
    );
    insta::assert_yaml_snapshot!(manifest.form(), @r"
    fields:
      - name: x
        kind: size
        label: Upload
        help: The largest.
        group: ~
        advanced: true
        required: false
        secret: false
        generated: false
        reveal: false
        default: 16Gi
        example: ~
        unit: ~
        options: []
        min: 64Mi
        max: ~
        min_length: ~
        max_length: ~
        pattern: ~
        message: ~
        when: ~
        on_change: restart
    ");
}

#[test]
fn only_what_has_no_answer_of_its_own_must_be_answered() {
    let manifest = with_inputs(
        "a: {type: string, label: A}\nb: {type: string, label: B, default: x}\nc: {type: string, label: C, required: false}\nd: {type: password, label: D}\ne: {type: password, label: E, generate: {}}\nf: {type: bool, label: F}\ng: {type: port, label: G}",
    );
    let must: Vec<_> =
        manifest.form().fields.into_iter().filter(|field| field.required).map(|field| field.name).collect();
    assert_eq!(must, ["a", "d"]);
}
