//! The variables of an app and the file that Compose reads them from.

use std::collections::BTreeMap;

use orbitr_sdk::{Arch, Env, EnvContext, Manifest, Resolved, SecretText};
use proptest::prelude::*;
use serde_json::json;

use crate::fixture::{answer, parse, with, with_inputs};

pub(crate) fn env(manifest: &Manifest, answers: &Resolved, secrets: &BTreeMap<String, SecretText>) -> Env {
    let cx = EnvContext {
        app_id: "hello-2",
        app_name: "Hello",
        hostname: "box",
        timezone: "Europe/Berlin",
        locale: "de",
        arch: Arch::Arm64,
        secrets,
        bindings: &BTreeMap::new(),
        folder: &|input| format!("./data/{input}"),
    };
    manifest.env(answers, &cx)
}

/// The small manifest with one long text, and the `.env` that this answer to it makes.
pub(crate) fn dotenv_of(text: &str) -> String {
    let manifest = with_inputs("x: {type: text, label: X, required: false}");
    let answers = answer(&manifest, &[]).unwrap();
    // A given text loses its carriage returns, so a key shows what the file can hold.
    let secrets = BTreeMap::from([("key".to_owned(), SecretText::new(text.to_owned()))]);
    env(&manifest, &answers, &secrets).dotenv()
}

#[test]
fn each_namespace_has_its_values() {
    let text = with("    volumes: [\"data:/data\"]", "    volumes: [\"data:/data\", \"${PATH_FILES}:/files\"]");
    let text = text.replace("  secrets:\n", "    files: {type: path, label: Files, class: data}\n  secrets:\n");
    let manifest = parse(&text);
    let answers = answer(&manifest, &[("greeting", json!("it's $5"))]).unwrap();
    let secrets = BTreeMap::from([("key".to_owned(), SecretText::new("k3y".to_owned()))]);
    insta::assert_snapshot!(env(&manifest, &answers, &secrets).dotenv(), @r#"
    APP_ID='hello-2'
    APP_NAME='Hello'
    APP_VERSION='1.2.3'
    INPUT_GREETING="it's \$5"
    PATH_FILES='./data/files'
    PORT_WEB='8080'
    SECRET_KEY='k3y'
    SYS_ARCH='arm64'
    SYS_HOSTNAME='box'
    SYS_LOCALE='de'
    SYS_PROXY_CIDR=''
    SYS_TIMEZONE='Europe/Berlin'
    "#);
}

#[test]
fn values_are_plain_numbers_and_words() {
    let manifest = with_inputs(
        "a: {type: size, label: A, default: 16Gi}\nb: {type: duration, label: B, default: 1h30m}\nc: {type: bool, label: C}\nd: {type: multi, label: D, options: [{value: x}, {value: y}], default: [y, x]}\ne: {type: float, label: E, default: 2.5}\nf: {type: string, label: F, required: false}",
    );
    let answers = answer(&manifest, &[]).unwrap();
    let env = env(&manifest, &answers, &BTreeMap::new());
    let values: Vec<_> =
        ["A", "B", "C", "D", "E", "F"].map(|name| env.as_map()[&format!("INPUT_{name}")].as_str()).into();
    assert_eq!(values, ["17179869184", "5400", "false", "x,y", "2.5", ""]);
}

#[test]
fn printing_the_variables_shows_their_names_only() {
    let manifest = parse(crate::fixture::SMALL);
    let secrets = BTreeMap::from([("key".to_owned(), SecretText::new("hunter2".to_owned()))]);
    let shown = format!("{:?}", env(&manifest, &answer(&manifest, &[]).unwrap(), &secrets));
    assert!(shown.contains("SECRET_KEY") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_secret_that_is_a_file_is_not_a_variable() {
    let text = with("    key: {}", "    key: {deliver: file}")
        .replace("\n      KEY: ${SECRET_KEY}", "\n      KEY_FILE: /run/secrets/key");
    let text = text.replace("    healthcheck:", "    secrets: [key]\n    healthcheck:");
    let manifest =
        parse(&text.replace("volumes: {data: {}}", "volumes: {data: {}}\nsecrets: {key: {file: ./secrets/key}}"));
    let secrets = BTreeMap::from([("key".to_owned(), SecretText::new("hunter2".to_owned()))]);
    let env = env(&manifest, &answer(&manifest, &[]).unwrap(), &secrets);
    assert!(!env.as_map().contains_key("SECRET_KEY"));
    let files = manifest.secret_files(&secrets);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["secrets/key"]);
    assert_eq!(manifest.installable(), Ok(()));
}

/// Reads one value of an `.env` file by the rules of compose-go's package `dotenv`, written down independently of the
/// writer: CR LF is LF; single quotes are literal but for a backslash before a quote; double quotes know `\\`, `\"`,
/// `\$`, `\n`, `\r`, and `$` begins a variable.
fn read_value(file: &str, name: &str) -> String {
    let file = file.replace("\r\n", "\n");
    let start = file.find(&format!("{name}=")).unwrap() + name.len() + 1;
    let mut rest = file[start..].chars().peekable();
    let quote = rest.next().unwrap();
    let mut value = String::new();
    while let Some(c) = rest.next() {
        match c {
            c if c == quote => return value,
            '\\' if quote == '\'' => match rest.peek() {
                Some('\'') => value.push(rest.next().unwrap()),
                _ => value.push('\\'),
            },
            '\\' => match rest.next().unwrap() {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                c if "\\\"$".contains(c) => value.push(c),
                c => value.extend(['\\', c]),
            },
            '$' if quote == '"' => panic!("a variable would be put in here"),
            c => value.push(c),
        }
    }
    panic!("the value does not end");
}

proptest! {
    #[test]
    fn every_value_comes_back_as_it_was(value in "([\\\\'\"$`#= \n\r{}A-Z]|\\PC){0,40}") {
        prop_assert_eq!(read_value(&dotenv_of(&value), "SECRET_KEY"), value);
    }
}
