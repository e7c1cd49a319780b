//! What the official extensions promise.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;

use orbitr_catalog::Catalog;
use orbitr_sdk::{Arch, EnvContext, Manifest, PortWish, ResolveContext, Resolved, SecretText, lint, system_random};

fn defaults(manifest: &Manifest) -> Resolved {
    let mut cx = ResolveContext {
        arch: Arch::Amd64,
        timezone: "Europe/Berlin",
        locale: "en",
        bindings: &orbitr_sdk::Bindings::new(),
        is_timezone: &|_| true,
        pick_port: &mut |wish: &PortWish<'_>| wish.preferred,
        random: &mut system_random,
    };
    manifest.resolve_inputs(&BTreeMap::new(), &mut cx).unwrap()
}

fn env(manifest: &Manifest, answers: &Resolved, secrets: &BTreeMap<String, SecretText>) -> BTreeMap<String, String> {
    let cx = EnvContext {
        app_id: "db",
        app_name: "Database",
        hostname: "box",
        timezone: "Europe/Berlin",
        locale: "en",
        arch: Arch::Amd64,
        secrets,
        bindings: &BTreeMap::new(),
        folder: &|input| format!("./data/{input}"),
    };
    manifest.env(answers, &cx).as_map().clone()
}

#[test]
fn the_official_extensions_are_there() {
    let catalog = Catalog::official();
    assert_eq!(catalog.problems(), []);
    let all: Vec<_> = catalog.list().map(|entry| format!("{} {}", entry.id, entry.manifest.version())).collect();
    let there =
        ["official/mariadb 11.8.9", "official/nginx 1.28.0", "official/postgresql 17.9", "official/valkey 8.1.3"];
    assert_eq!(all, there);
}

#[test]
fn each_can_be_installed_and_warns_of_missing_digests_only() {
    for entry in Catalog::official().list() {
        assert_eq!(entry.manifest.installable(), Ok(()), "{}", entry.id);
        for found in lint(&entry.manifest) {
            assert!(found.message.ends_with("the image has no digest"), "{found}");
        }
    }
}

#[test]
fn each_is_an_ordinary_app_that_asks_before_it_deletes() {
    for entry in Catalog::official().list() {
        assert_eq!(entry.manifest.score(), 6, "{}", entry.id);
        for used in entry.manifest.volumes() {
            assert_eq!(used.volume.unwrap().on_remove, orbitr_sdk::OnRemove::Ask, "{}: {}", entry.id, used.name);
        }
    }
}

#[test]
fn each_works_without_a_single_answer() {
    for entry in Catalog::official().list() {
        let manifest = &entry.manifest;
        assert!(manifest.form().fields.iter().all(|field| !field.required), "{}", entry.id);
        let answers = defaults(manifest);
        let secrets = manifest.generate_secrets(&answers, Arch::Amd64, &BTreeMap::new(), &mut system_random).unwrap();
        for (name, value) in env(manifest, &answers, &secrets) {
            assert!(
                !value.is_empty() || name == "SYS_PROXY_CIDR" || name.starts_with("GRANT_"),
                "{}: {name} is empty",
                entry.id
            );
        }
    }
}

#[test]
fn each_can_be_probed_from_outside() {
    for entry in Catalog::official().list() {
        assert!(entry.manifest.probed_port().is_some(), "{}", entry.id);
    }
}

#[test]
fn each_shows_a_picture_and_says_what_comes_next() {
    for entry in Catalog::official().list() {
        let icon = String::from_utf8(entry.icon().to_vec()).unwrap();
        assert!(icon.contains(r#"viewBox="0 0 24 24""#), "{}", entry.id);
        for forbidden in ["<script", "href", "style=", "onload", "<foreignObject"] {
            assert!(!icon.contains(forbidden), "{}: {forbidden}", entry.id);
        }
        assert!(entry.post_install().is_some_and(|text| text.starts_with("# ")), "{}", entry.id);
    }
}

#[test]
fn the_variables_of_a_database_are_plain_numbers_and_words() {
    let catalog = Catalog::official();
    let manifest = &catalog.get(&"official/postgresql".parse().unwrap()).unwrap().manifest;
    let mut env = env(manifest, &defaults(manifest), &BTreeMap::new());
    assert_eq!(env.insert("INPUT_PASSWORD".to_owned(), "(made)".to_owned()).unwrap().len(), 32);
    insta::assert_debug_snapshot!(env, @r#"
    {
        "APP_ID": "db",
        "APP_NAME": "Database",
        "APP_VERSION": "17.9",
        "GRANT_EXTENSIONS": "",
        "GRANT_HOST": "",
        "GRANT_NAME": "",
        "GRANT_PASSWORD": "",
        "GRANT_USER": "",
        "INPUT_DATABASE": "app",
        "INPUT_MEMORY": "536870912",
        "INPUT_PASSWORD": "(made)",
        "INPUT_PORT": "5432",
        "INPUT_USER": "app",
        "SYS_ARCH": "amd64",
        "SYS_HOSTNAME": "box",
        "SYS_LOCALE": "en",
        "SYS_PROXY_CIDR": "",
        "SYS_TIMEZONE": "Europe/Berlin",
    }
    "#);
}

#[test]
fn no_secret_reaches_the_arguments_of_a_process() {
    for entry in Catalog::official().list() {
        let arguments = lint(&entry.manifest).into_iter().filter(|found| found.message.contains("arguments")).count();
        assert_eq!(arguments, 0, "{}", entry.id);
    }
}
