//! Whole manifests, and the schema that other programs read them with.

use orbitr_sdk::{Manifest, lint, schema};

use crate::fixture::{SMALL, parse, shown};

pub(crate) const NEXTCLOUD: &str = include_str!("samples/nextcloud.yaml");

const CATALOG: [(&str, &str); 3] = [
    ("nginx", include_str!("../../../catalog/nginx/extension.yaml")),
    ("postgresql", include_str!("../../../catalog/postgresql/extension.yaml")),
    ("valkey", include_str!("../../../catalog/valkey/extension.yaml")),
];

fn as_json(text: &str) -> serde_json::Value {
    serde_saphyr::from_str(text).unwrap()
}

#[test]
fn the_whole_format_is_read() {
    let manifest = parse(NEXTCLOUD);
    assert_eq!(manifest.id(), "nextcloud");
    assert_eq!(manifest.text(), NEXTCLOUD, "Docker Compose reads the text as it was written");
}

#[test]
fn what_has_no_machinery_yet_is_named_and_nothing_else() {
    let found = parse(NEXTCLOUD).check_supported().unwrap_err();
    insta::assert_snapshot!(shown(&found), @r"
    extension.yaml:51:3: not supported yet: SYS_PROXY_CIDR
    extension.yaml:73:73: not supported yet: inputs.files.allow
    extension.yaml:73:114: not supported yet: inputs.files.owner
    extension.yaml:88:3: not supported yet: routes
    extension.yaml:97:27: not supported yet: volumes.html.owner
    extension.yaml:100:12: not supported yet: health.route
    extension.yaml:101:3: not supported yet: backup
    extension.yaml:122:3: not supported yet: first_run
    ");
    let mut messages: Vec<_> = found.iter().map(|found| found.message.as_str()).collect();
    messages.retain(|message| !message.starts_with("not supported yet: "));
    assert!(messages.is_empty());
    assert_eq!(parse(SMALL).check_supported(), Ok(()));
}

#[test]
fn the_large_sample_only_gets_told_what_is_true() {
    insta::assert_snapshot!(shown(&lint(&parse(NEXTCLOUD))), @r"
    extension.yaml:39:50: warning: services.cache.command: a secret stands in a process's arguments, where every process sees it; hand it over as a variable, a Compose secret or a Compose config
    extension.yaml:40:48: warning: services.cache.healthcheck: a secret stands in a process's arguments, where every process sees it; hand it over as a variable, a Compose secret or a Compose config
    ");
}

#[test]
fn the_committed_schema_is_the_one_that_the_types_make() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/extension.schema.json");
    let made = format!("{:#}\n", schema());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == made, "run this test with UPDATE_SCHEMA=1 and commit extension.schema.json");
}

#[test]
fn the_schema_takes_every_sample() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    for (name, text) in [("nextcloud", NEXTCLOUD), ("small", SMALL)].into_iter().chain(CATALOG) {
        let value = as_json(text);
        let wrong: Vec<_> =
            validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    let refused = [
        ("label: Greeting", "lable: Greeting"),
        ("label: Greeting, ", ""),
        ("{type: string,", "{type: strong,"),
        ("default: hello}", "default: hello, min: 3}"),
        ("version: \"1.2.3\"", "version: 1.2"),
        ("class: data", "class: date"),
        ("id: hello", "id: Hello"),
        ("    key: {}", "    key: {kind: md5}"),
        ("min: 64Mi", "min: lots"),
        ("  tests: {}\n", ""),
        ("tests: {}", "tests: {}\n  colour: red"),
    ];
    for (from, to) in refused {
        let text = crate::fixture::with(from, to);
        assert!(!validator.is_valid(&as_json(&text)), "the schema takes «{to}»");
        assert!(Manifest::parse(&text, "extension.yaml").is_err(), "the reader takes «{to}»");
    }
}
