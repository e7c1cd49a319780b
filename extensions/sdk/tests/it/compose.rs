//! Docker Compose itself reads what this crate writes. `ORBITR_TEST_COMPOSE` names its plugin's program; no engine is
//! needed.

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use orbitr_sdk::{Arch, Manifest, SecretText, system_random};

use crate::{
    fixture::{SMALL, answer, parse},
    samples::NEXTCLOUD,
    variables::{dotenv_of, env},
};

/// What Compose makes of a file with this `.env` beside it.
#[expect(clippy::disallowed_methods, reason = "Compose only reads files here, and the crate for processes lies above")]
fn config(compose: &str, dotenv: &str) -> serde_json::Value {
    let Some(program) = std::env::var_os("ORBITR_TEST_COMPOSE").map(PathBuf::from) else {
        panic!("ORBITR_TEST_COMPOSE must name the program of Docker Compose");
    };
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("compose.yaml"), compose).unwrap();
    std::fs::write(dir.path().join(".env"), dotenv).unwrap();
    let output = Command::new(program)
        .current_dir(dir.path())
        .env_clear()
        .args([
            "--project-name",
            "sample",
            "--file",
            "compose.yaml",
            "--env-file",
            ".env",
            "config",
            "--format",
            "json",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn compose_finds_exactly_the_values_in_the_file() {
    let hard = [
        "plain",
        "",
        " spaces at both ends ",
        "it's",
        "\"quoted\"",
        "a$b ${c} $$ $",
        "back\\slash \\n \\' \\\"",
        "ends with \\",
        "ends with \\\\",
        "'",
        "\\'",
        "two\nlines # no comment",
        "carriage\r\nreturn\r",
        "ümläut 日本 🐳",
        "`$(id)`; & | < > *",
        "'\\$\"\r\n\\\\'",
        "\\\\$x'",
        "=a=b",
    ];
    for value in hard {
        let read = config("services: {a: {image: b, environment: {V: \"${SECRET_KEY}\"}}}", &dotenv_of(value));
        // In its own output Compose doubles every dollar.
        let found = read["services"]["a"]["environment"]["V"].as_str().unwrap().replace("$$", "$");
        assert_eq!(found, value, "{}", dotenv_of(value));
    }
}

#[test]
fn compose_takes_every_manifest_as_it_is() {
    let rendered = |text: &str| {
        let manifest: Manifest = parse(text);
        let answers = answer(&manifest, &[]).unwrap();
        let secrets = manifest.generate_secrets(&answers, Arch::Amd64, &BTreeMap::new(), &mut system_random).unwrap();
        config(text, &env(&manifest, &answers, &secrets).dotenv())
    };
    let small = rendered(SMALL);
    assert_eq!(small["services"]["web"]["ports"][0]["published"], "8080");
    for text in [
        include_str!("../../../catalog/nginx/extension.yaml"),
        include_str!("../../../catalog/postgresql/extension.yaml"),
        include_str!("../../../catalog/valkey/extension.yaml"),
    ] {
        rendered(text);
    }
    config(NEXTCLOUD, &nextcloud_variables());
}

/// Bindings and routes have no machinery yet; any value lets Compose read the sample.
fn nextcloud_variables() -> String {
    let mut names: Vec<&str> = NEXTCLOUD.split("${").skip(1).filter_map(|rest| rest.split('}').next()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| format!("{name}='/1'\n")).collect()
}

#[test]
fn secrets_are_kept_out_of_what_is_printed() {
    let secrets = BTreeMap::from([("key".to_owned(), SecretText::new("hunter2".to_owned()))]);
    assert!(!format!("{secrets:?}").contains("hunter2"));
}
